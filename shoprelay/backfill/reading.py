"""Rows of a file, one after the other, however large it is: CSV, JSON lines, or documents; plain or `.gz`.

Every row comes with a `Spot`: where the next one begins. A reader that starts at a spot gives exactly the rows
after it. No more than one row is held, and no row is larger than `MAX_ROW` bytes.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from shoprelay.backfill.documents import Documents, flat, parsed
from sources.backfill.format import Format, Row, Unreadable, head_problem, named

MAX_ROW = 1 << 20
MAX_QUOTED = 200  # lines of one CSV row; a quote that nobody closes would swallow the file
_QUOTE = b'"'
BOM = b"\xef\xbb\xbf"


class Unusable(Exception):
    """The file is not of this format; the message is a sentence with its remedy."""


class Spot(NamedTuple):
    """`line` lines and `offset` bytes lie before the next row; `documents` were read from a dump of documents."""

    line: int = 0
    offset: int = 0
    documents: int = 0


START = Spot()


class Read(NamedTuple):
    row: Row | Unreadable
    after: Spot


@dataclass(slots=True)
class Source:
    """An open file, to be used with `with`. `place` is how far it was read in bytes on disk, of `size`."""

    path: Path
    size: int = field(init=False)
    _disk: BinaryIO = field(init=False)
    _lines: BinaryIO = field(init=False)

    def __post_init__(self) -> None:
        self._disk = self.path.open("rb")
        self.size = self.path.stat().st_size
        zipped = self._disk.read(2) == b"\x1f\x8b"
        self._disk.seek(0)
        self._lines = cast(BinaryIO, gzip.GzipFile(fileobj=self._disk)) if zipped else self._disk

    @property
    def place(self) -> int:
        return self._disk.tell()

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()
        self._disk.close()

    def rows(self, format: Format, start: Spot = START) -> Iterator[Read]:
        """Raises `Unusable`."""
        match format.kind:
            case "csv":
                yield from self._csv(format, start)
            case "lines":
                yield from self._json_lines(start)
            case "documents":
                one_on_each = self._one_on_each_line()
                yield from self._documents_on_lines(start) if one_on_each else self._documents(start)

    # -- lines

    def _from(self, spot: Spot) -> Lines:
        self._lines.seek(spot.offset)  # in a .gz this reads again what lies before
        return Lines(self._lines, spot.line, spot.offset)

    def _json_lines(self, start: Spot) -> Iterator[Read]:
        lines = self._from(start)
        while line := lines.next():
            if line.isspace():
                continue
            if len(line) > MAX_ROW:
                yield Read(_too_long(lines.number), lines.spot)
            else:
                yield Read(Row(lines.number, line), lines.spot)

    # -- documents

    def _one_on_each_line(self) -> bool:
        """JSON lines, where a broken one costs only itself, and where it can be gone on with at once."""
        first = self._from(START).next()
        while first.isspace():
            first = self._lines.readline(MAX_ROW)
        try:
            return isinstance(parsed(first.removeprefix(BOM)), dict)
        except ValueError:
            return False

    def _documents_on_lines(self, start: Spot) -> Iterator[Read]:
        before = start
        for row, after in self._json_lines(start):
            found = [row] if isinstance(row, Unreadable) else _documents_of(row)
            for n, each in enumerate(found, 1):
                yield Read(each, after if n == len(found) else before)
            before = after

    def _documents(self, start: Spot) -> Iterator[Read]:
        """Gone on with by their number: what lies before is read once more."""
        self._lines.seek(0)
        for number, found in enumerate(Documents(self._lines), 1):
            if number > start.documents:
                yield from self._each(found, Spot(found.line, 0, number))

    def _each(self, found: Row | Unreadable, after: Spot) -> Iterator[Read]:
        if isinstance(found, Unreadable):
            yield Read(found, after)
            return
        for document in flat(found.said):
            yield Read(Row(found.line, document), after)

    # -- CSV

    def _csv(self, format: Format, start: Spot) -> Iterator[Read]:
        lines = self._from(START)
        head = _cells(lines.next().removeprefix(BOM)) or []
        if problem := head_problem(format, head):
            raise Unusable(f"{self.path.name}: {problem}; --format {format.name} reads {format.says}")
        names = named(format, head)
        if start.offset:
            lines = self._from(start)
        while line := lines.next():
            if line.isspace():
                continue
            number = lines.number
            yield Read(_row(number, _whole(line, lines), names), lines.spot)


@dataclass(slots=True)
class Lines:
    """Lines of bytes with their numbers. A line may be given back, to be read again by itself."""

    file: BinaryIO
    number: int
    offset: int
    _back: list[bytes] = field(default_factory=list)

    @property
    def spot(self) -> Spot:
        return Spot(self.number, self.offset)

    def next(self) -> bytes:
        """Empty at the end. Of a line that is longer than a row may be, the rest is passed over."""
        line = self._back.pop() if self._back else self.file.readline(MAX_ROW + 1)
        if not line:
            return line
        self.number += 1
        self.offset += len(line)
        if len(line) > MAX_ROW and not line.endswith(b"\n"):
            self._pass_over()
        return line

    def _pass_over(self) -> None:
        while rest := self.file.readline(MAX_ROW):
            self.offset += len(rest)
            if rest.endswith(b"\n"):
                return

    def give_back(self, lines: list[bytes]) -> None:
        for line in reversed(lines):
            self._back.append(line)
            self.number -= 1
            self.offset -= len(line)


def _documents_of(row: Row) -> list[Row | Unreadable]:
    try:
        return [Row(row.line, document) for document in flat(parsed(row.said.removeprefix(BOM)))]
    except ValueError:
        return [Unreadable(row.line, "", "is no JSON", "write one document on each line, in UTF-8")]


def _whole(line: bytes, lines: Lines) -> bytes | None:
    """The row that begins with this line, over as many lines as its quotes need. `None` when they are never closed:
    then the following lines are rows of their own."""
    if line.count(_QUOTE) % 2 == 0:
        return line
    more: list[bytes] = []
    quotes, size = line.count(_QUOTE), len(line)
    while quotes % 2 and len(more) < MAX_QUOTED and size <= MAX_ROW and (following := lines.next()):
        more.append(following)
        quotes += following.count(_QUOTE)
        size += len(following)
    if quotes % 2 == 0:
        return b"".join((line, *more))
    lines.give_back(more)
    return None


def _row(number: int, line: bytes | None, names: list[str]) -> Row | Unreadable:
    if line is None:
        return Unreadable(number, "", "has a quote that is not closed", "close it, or write it twice inside a field")
    if len(line) > MAX_ROW:
        return _too_long(number)
    cells = _cells(line)
    if cells is None:
        return Unreadable(number, "", "is no line of CSV", "separate fields by commas, and quote those that hold some")
    if len(cells) > len(names):
        return Unreadable(number, "", f"has {len(cells)} fields, the head has {len(names)}", "quote fields with commas")
    return Row(number, dict(zip(names, cells, strict=False)))


def _cells(line: bytes) -> list[str] | None:
    try:
        text = line.decode()
    except UnicodeDecodeError:
        text = line.decode("cp1252", "replace")  # what spreadsheets write where it is not UTF-8
    try:
        return next(csv.reader((text,)), [])
    except csv.Error:
        return None


def _too_long(number: int) -> Unreadable:
    return Unreadable(number, "", f"is longer than {MAX_ROW >> 20} MiB", "leave out what no event needs")
