"""JSON documents of a file, one after the other: a list of them, one under the other, one on each line, or inside a
page as an interface gave it out (`{"orders": [...]}`). Never more than one is held.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, BinaryIO

from sources.backfill.format import Row, Unreadable

CHUNK = 1 << 18
MAX_DOCUMENT = 16 << 20  # characters
_BETWEEN = re.compile(r"[\s,\[\]}]*")
_PAGE = re.compile(r'\s*\{\s*"[a-z_]+"\s*:\s*(?=\[)')
NO_CHARACTER = ("holds half of a character", "write the file once more, in UTF-8")
NO_JSON = ("is no JSON from here on", "write the file once more, or cut it here")


def _exact(number: str) -> Decimal:
    """Some numbers are JSON, and no decimal can hold them."""
    try:
        return Decimal(number)
    except InvalidOperation:
        raise ValueError("is a number beyond all numbers") from None


_DECODER = json.JSONDecoder(parse_float=_exact)


class Documents:
    """`file` stands at its beginning. What follows a document that cannot be read cannot be read either."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._text, self._at, self._line = file, "", 0, 1
        self._decode = codecs.getincrementaldecoder("utf-8-sig")(errors="replace").decode
        self._ended = False

    def __iter__(self) -> Iterator[Row | Unreadable]:
        self._more()
        if page := _PAGE.match(self._text):
            self._pass(page.end())
        while self._next_begins():
            line = self._line
            found = self._document()
            if not isinstance(found, Unreadable):
                yield Row(line, found)
                continue
            yield found
            if found.problem == NO_JSON[0]:
                return

    def _next_begins(self) -> bool:
        while True:
            between = _BETWEEN.match(self._text, self._at)
            assert between is not None
            self._pass(between.end())
            if self._at < len(self._text):
                return True
            if not self._more():
                return False

    def _document(self) -> Any:
        while True:
            try:
                found, end = _DECODER.raw_decode(self._text, self._at)
            except (ValueError, RecursionError) as wrong:
                if self._cut_off(wrong) and len(self._text) - self._at < MAX_DOCUMENT and self._more():
                    continue
                return Unreadable(self._line, "", *NO_JSON)
            line, said = self._line, self._text[self._at : end]
            self._pass(end)
            return found if _can_be_written(found, said) else Unreadable(line, "", *NO_CHARACTER)

    def _cut_off(self, wrong: Exception) -> bool:
        """Whether more text may make it a document."""
        if not isinstance(wrong, json.JSONDecodeError):
            return False
        return wrong.msg.startswith("Unterminated") or wrong.pos >= len(self._text) - 32

    def _pass(self, end: int) -> None:
        self._line += self._text.count("\n", self._at, end)
        self._at = end

    def _more(self) -> bool:
        """Twice as much as is held, so that a large document is not begun again and again."""
        if self._ended:
            return False
        chunk = self._file.read(max(CHUNK, len(self._text) - self._at))
        self._ended = not chunk
        self._text = self._text[self._at :] + self._decode(chunk, final=not chunk)
        self._at = 0
        return bool(chunk)


def parsed(line: bytes) -> Any:
    """One document. Raises `ValueError`."""
    try:
        found = json.loads(line, parse_float=_exact)
    except RecursionError:
        raise ValueError("is nested too deep") from None
    if not _can_be_written(found, line.decode()):
        raise ValueError(NO_CHARACTER[0])
    return found


def _can_be_written(found: Any, said: str) -> bool:
    """JSON can say half of a character, and nobody can write it."""
    if "\\ud" not in said and "\\uD" not in said:
        return True
    try:
        json.dumps(found, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        return False
    return True


def flat(document: Any) -> list[Any]:
    """The documents of a page or of a list; otherwise the one there is."""
    if isinstance(document, dict) and len(document) == 1:
        ((_, inside),) = document.items()
        if isinstance(inside, list | dict):
            return flat(inside)
    return document if isinstance(document, list) else [document]
