"""Rows that belong together, in one pass: consecutive ones of the same order, say. Nothing else is kept. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from shoprelay.backfill.reading import START, Read, Spot
from sources.backfill.format import Format, Row, Unreadable

MAX_TOGETHER = 5_000  # what a damaged file would make one endless order is refused beyond this
TORN = ("has a line in it that cannot be read", "correct that line, then tell the file again")
ENDLESS = (f"is one of more than {MAX_TOGETHER} that belong together", "look at what names the order on these lines")


@dataclass(slots=True)
class Group:
    """What is told together. When all of it is durable, the file may be gone on with at `after`."""

    rows: list[Row] = field(default_factory=list)
    refused: list[Unreadable] = field(default_factory=list)
    after: Spot = START


@dataclass(slots=True)
class _Open:
    name: str
    rows: list[Row]
    beside: list[Unreadable] = field(default_factory=list)  # behind the last row so far
    within: list[Unreadable] = field(default_factory=list)
    more: int = 0

    def takes(self, row: Row) -> None:
        self.within += self.beside
        self.beside = []
        if len(self.rows) < MAX_TOGETHER:
            self.rows.append(row)
        else:
            self.more += 1

    def closed(self, after: Spot) -> Group:
        """With a line in it that cannot be read it is refused whole: what it adds up to would be wrong."""
        if not self.within and not self.more:
            return Group(self.rows, self.beside, after)
        problem, remedy = ENDLESS if self.more else TORN
        refused = [Unreadable(row.line, "", problem, remedy) for row in self.rows]
        return Group([], [*refused, *self.within, *self.beside], after)


def groups(reads: Iterable[Read], format: Format) -> Iterator[Group]:
    """A line that cannot be read stands with the group before it."""
    current: _Open | None = None
    last = START
    for row, after in reads:
        if isinstance(row, Unreadable):
            if current is None:
                yield Group([], [row], after)
            else:
                current.beside.append(row)
        elif format.group is None:
            yield Group([row], [], after)
        elif current is not None and (name := format.group(row)) and name == current.name:
            current.takes(row)
        else:
            if current is not None:
                yield current.closed(last)
            current = _Open(format.group(row), [row])
        last = after
    if current is not None:
        yield current.closed(last)
