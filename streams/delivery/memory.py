"""What is finished beyond the committed offset, written beside it, so that a restart does not do it again.

`1:` and then, in base64, the lengths of runs as variable-length numbers: so many unfinished from the committed offset
on, so many finished, so many unfinished, and so on. Kafka keeps 4,096 bytes of it (`offset.metadata.max.bytes`); what
does not fit is forgotten from the far end, and only costs repeats.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from collections.abc import Iterable, Iterator

VERSION = "1:"
MOST_BYTES = 3_000  # of runs; 4,000 in base64
MOST_OFFSETS = 1_000_000  # further ahead than any window reaches


def written(offset: int, finished: Iterable[int]) -> str:
    """`finished` are offsets above `offset`, rising. Empty when there are none."""
    told = bytearray()
    for gap, length in _runs(offset, finished):
        run = bytes((gap, length)) if gap < 0x80 > length else _number(gap) + _number(length)
        if len(told) + len(run) > MOST_BYTES:
            break
        told += run
    return VERSION + urlsafe_b64encode(told).decode() if told else ""


def read(offset: int, text: str) -> set[int]:
    """What `written` was told of. What cannot be read is nothing: then things are done once more."""
    finished: set[int] = set()
    if not text.startswith(VERSION):
        return finished
    try:
        lengths = list(_numbers(urlsafe_b64decode(text[len(VERSION) :])))
    except (Error, ValueError):
        return finished
    at = offset
    for gap, length in zip(lengths[::2], lengths[1::2], strict=False):
        if at + gap + length > offset + MOST_OFFSETS:
            break
        finished.update(range(at + gap, at + gap + length))
        at += gap + length
    return finished


def _runs(offset: int, finished: Iterable[int]) -> list[tuple[int, int]]:
    """(unfinished, finished) lengths, one after the other; no more of them than there is room for."""
    runs: list[tuple[int, int]] = []
    last = start = end = offset  # where the run before ended; the current one is start..end
    for each in finished:
        if each == end:
            end += 1
            continue
        if end > start:
            runs.append((start - last, end - start))
            if len(runs) * 2 > MOST_BYTES:
                return runs
            last = end
        start, end = each, each + 1
    if end > start:
        runs.append((start - last, end - start))
    return runs


def _number(value: int) -> bytes:
    told = bytearray()
    while value > 0x7F:
        told.append(value & 0x7F | 0x80)
        value >>= 7
    told.append(value)
    return bytes(told)


def _numbers(told: bytes) -> Iterator[int]:
    value = shift = 0
    for byte in told:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield value
            value = shift = 0
