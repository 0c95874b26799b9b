"""What became of the calls that were sent on their second way, as the parked topic tells it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from shoprelay.parked.rows import Row
from shoprelay.parked.selection import Family


@dataclass(frozen=True, slots=True)
class Counts:
    gone: int
    again: int
    waiting: int
    open: int

    @property
    def all_gone(self) -> bool:
        return not (self.again or self.waiting or self.open)


class Tally:
    """Starts with `rows` as they were parked before. `gone` from the topic: delivered, or dropped; parked `again`:
    tried once more, and not taken; `waiting`: not tried, since it waits behind one that is parked."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._before = {row.parked_id: row for row in rows}
        self._family = Family(self._before.values())
        self._gone: set[str] = set()
        self._again: dict[str, Row] = {}

    def __contains__(self, parked_id: str) -> bool:
        return parked_id in self._before

    def heard(self, parked_id: str, row: Row | None) -> None:
        """The newest record of this id: None where there is nothing any more. The last word counts."""
        before = self._before.get(parked_id)
        if before is None:
            return
        if row is None:
            self._again.pop(parked_id, None)
            self._gone.add(parked_id)
        elif (row.attempts, row.last_at, row.reason) != (before.attempts, before.last_at, before.reason):
            self._gone.discard(parked_id)
            self._again[parked_id] = row

    @property
    def again(self) -> list[Row]:
        return [row for row in self._again.values() if not row.behind]

    def counts(self) -> Counts:
        again = {row.parked_id for row in self.again}
        behind = self._family.behind(self._before[name] for name in again)
        waiting = (behind.keys() | self._again.keys()) - self._gone - again
        left = len(self._before) - len(self._gone) - len(again) - len(waiting)
        return Counts(len(self._gone), len(again), len(waiting), left)
