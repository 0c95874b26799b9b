"""The lines that were refused, in a file: line, field, problem, remedy. None of a line's own content is in it."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO, cast

from sources.backfill.format import Unreadable

HEAD = ("line", "field", "problem", "remedy")


class Report:
    """Made when the first line is refused. `begin(size)` cuts off what was written after the last saved place."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: TextIO | None = None

    def begin(self, size: int) -> None:
        if size == 0 or not self.path.exists():
            self.path.unlink(missing_ok=True)
            return
        self._open("r+")
        assert self._file is not None
        self._file.truncate(size)
        self._file.seek(size)

    def write(self, lines: Iterable[Unreadable]) -> None:
        for line in lines:
            if self._file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._open("w")
                assert self._file is not None
                csv.writer(self._file).writerow(HEAD)
            csv.writer(self._file).writerow((line.line, line.field, line.problem, line.remedy))

    def size(self) -> int:
        """In bytes, all of them on disk."""
        if self._file is None:
            return 0
        self._file.flush()
        return self._file.tell()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self, mode: str) -> None:
        self._file = cast(TextIO, self.path.open(mode, encoding="utf-8", newline=""))
