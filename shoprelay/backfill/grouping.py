"""Rows that belong together, in one pass: consecutive ones of the same order, say. Nothing else is kept. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from shoprelay.backfill.reading import START, Read, Spot
from sources.backfill.format import Format, Row, Unreadable

MAX_TOGETHER = 5_000  # what a damaged file would make one endless order is refused beyond this
TORN = ("has a line in it that cannot be read", "correct that line, then tell the file again")
SCATTERED = ("belongs to an order that was told further up", "put the lines of an order together: sort the file by it")
REMEMBERED = 20_000  # names of orders, so that one whose lines lie apart is found
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
    scattered: bool = False
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
        if not self.within and not self.more and not self.scattered:
            return Group(self.rows, self.beside, after)
        problem, remedy = SCATTERED if self.scattered else ENDLESS if self.more else TORN
        refused = [Unreadable(row.line, "", problem, remedy) for row in self.rows]
        return Group([], [*refused, *self.within, *self.beside], after)


class _Names:
    """The last names there were."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def knows(self, name: str) -> bool:
        """Whether it came before; from now on it did. Blank names are nobody's."""
        if not name or name in self._names:
            return bool(name)
        self._names[name] = None
        if len(self._names) > REMEMBERED:
            del self._names[next(iter(self._names))]
        return False


def groups(reads: Iterable[Read], format: Format) -> Iterator[Group]:
    """A line that cannot be read stands with the group before it."""
    current: _Open | None = None
    last, names = START, _Names()
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
            name = format.group(row)
            current = _Open(name, [row], format.once and names.knows(name))
        last = after
    if current is not None:
        yield current.closed(last)
