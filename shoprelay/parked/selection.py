"""What is chosen, what has to come along, and in which order it goes. Pure.

A call that is parked only because another one is (`behind` names what that one `opens`) never goes without it, and
whoever waits behind a chosen call goes after it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from shoprelay.parked.rows import Row

Opened = tuple[str, str]  # a customer's key, and the name of what a call of theirs makes known


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Nothing set: everything. `ids` are beginnings of ids, `reason` the beginning of a reason; `since` is about the
    last attempt."""

    ids: tuple[str, ...] = ()
    reason: str | None = None
    customer: str | None = None
    since: datetime | None = None
    limit: int | None = None

    def matches(self, row: Row) -> bool:
        return (
            (not self.ids or row.parked_id.startswith(self.ids))
            and (self.reason is None or row.reason.startswith(self.reason))
            and (self.customer is None or row.customer_key == self.customer)
            and (self.since is None or row.last_at >= self.since)
        )


@dataclass(frozen=True, slots=True)
class Selection:
    """`rows` in the order in which they go: a customer's together, the opener before its dependants. `along` are those
    of them that were not asked for. `stranded` are pairs of a chosen call and the one it waits behind, which stays:
    such a selection must not go.
    """

    rows: tuple[Row, ...]
    along: frozenset[str] = frozenset()
    stranded: tuple[tuple[Row, Row], ...] = ()


class Family:
    """Who waits behind whom."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._openers: dict[Opened, list[Row]] = defaultdict(list)
        self._dependants: dict[Opened, list[Row]] = defaultdict(list)
        for row in rows:
            if row.opens:
                self._openers[row.customer_key, row.opens].append(row)
            if row.behind:
                self._dependants[row.customer_key, row.behind].append(row)

    def openers(self, row: Row) -> list[Row]:
        """What this call waits behind, as far as it is still parked."""
        found = self._openers.get((row.customer_key, row.behind), []) if row.behind else []
        return [each for each in found if each.parked_id != row.parked_id]

    def dependants(self, row: Row) -> list[Row]:
        """Who waits behind this call itself."""
        found = self._dependants.get((row.customer_key, row.opens), []) if row.opens else []
        return [each for each in found if each.parked_id != row.parked_id]

    def behind(self, rows: Iterable[Row]) -> dict[str, Row]:
        """Everybody who waits behind one of these, directly or not; these themselves only if they do."""
        found: dict[str, Row] = {}
        look = list(rows)
        while look:
            for each in self.dependants(look.pop()):
                if each.parked_id not in found:
                    found[each.parked_id] = each
                    look.append(each)
        return found

    def ahead(self, rows: Iterable[Row]) -> dict[str, Row]:
        """Everybody whom one of these waits behind, directly or not."""
        found: dict[str, Row] = {}
        look = list(rows)
        while look:
            for each in self.openers(look.pop()):
                if each.parked_id not in found:
                    found[each.parked_id] = each
                    look.append(each)
        return found

    def order(self, row: Row) -> tuple[str, str, int, int, int]:
        """Sorts a customer's calls as they were meant to go; calls of one signal by who waits behind whom."""
        return row.customer_key, row.topic, row.offset, len(self.ahead([row])), row.place


def newest(rows: Iterable[Row], wanted: Wanted) -> list[Row]:
    """For looking at: the last attempt first; all that match, whatever the limit."""
    return sorted((row for row in rows if wanted.matches(row)), key=lambda row: row.last_at, reverse=True)


def select(rows: Collection[Row], wanted: Wanted, *, with_openers: bool = False) -> Selection:
    """For sending. `wanted.limit` takes those that have waited longest, and does not count who comes along."""
    family = Family(rows)
    asked = {row.parked_id: row for row in rows if wanted.matches(row)}
    if wanted.limit is not None:
        heads = [row for row in asked.values() if not any(each.parked_id in asked for each in family.openers(row))]
        heads.sort(key=lambda row: (row.last_at, row.parked_id))
        asked = {row.parked_id: row for row in heads[: wanted.limit]}
    chosen = dict(asked)
    while more := _tied(family, chosen.values(), with_openers).keys() - chosen.keys():
        chosen |= {row.parked_id: row for row in rows if row.parked_id in more}
    return Selection(
        tuple(sorted(chosen.values(), key=family.order)),
        frozenset(chosen.keys() - asked.keys()),
        tuple((row, stays) for row in asked.values() for stays in family.openers(row) if stays.parked_id not in chosen),
    )


def _tied(family: Family, rows: Collection[Row], with_openers: bool) -> dict[str, Row]:
    return family.behind(rows) | (family.ahead(rows) if with_openers else {})


def beginning(rows: Iterable[Row], start: str) -> list[Row]:
    """Those whose id begins so; one whose id is exactly this is the only one."""
    found = [row for row in rows if row.parked_id.startswith(start)]
    exact = [row for row in found if row.parked_id == start]
    return exact or found


class Line:
    """Calls are read in any order and leave in the order of `rows`: each is kept until those of the same customer
    before it have left. Little is kept, since what was parked earlier stands earlier."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._waiting: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            self._waiting[row.customer_key].append(row)
        for line in self._waiting.values():
            line.reverse()
        self._kept: dict[str, bytes] = {}

    def arrived(self, row: Row, value: bytes) -> Iterator[tuple[Row, bytes]]:
        """Whatever may leave now."""
        self._kept[row.parked_id] = value
        line = self._waiting[row.customer_key]
        while line and line[-1].parked_id in self._kept:
            first = line.pop()
            yield first, self._kept.pop(first.parked_id)

    def rest(self) -> Iterator[tuple[Row, bytes]]:
        """At the end: what is kept, though something before it has gone from the topic meanwhile."""
        for line in self._waiting.values():
            for row in reversed(line):
                if (value := self._kept.pop(row.parked_id, None)) is not None:
                    yield row, value
