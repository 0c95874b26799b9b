"""How an input is changed: it is lines, most of them JSON, and one part of one line becomes something else.

Bytes that libFuzzer changes blindly are no JSON soon, and then only the decoder is asked. So most changes keep a line
what it is, and put odd values where a source reads; every fifth is blind.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from tests.sources.webhooks.test_any_json import places, put

VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2, 8, 10**15, 10**30, -(10**18), 20455, 1767323045678901, 1795245651000,
    Decimal("0.5"), Decimal("1e400"), Decimal("1e-400"), Decimal("-0.0"), Decimal("12.34565"), Decimal("1e30"),
    Decimal("1e999999999"), "", " ", "0", "-1", "1e5", "1e400", "NaN", "sNaN", "Infinity", "12,50", "1_000", "9" * 40,
    "9" * 5_000, "B8Y=", "1234", "99999999999999999999999999999.12345", "2026-11-25T10:00:00",
    "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "9999-12-31 23:59:59", "EUR", "true", "a@b",
    "processing", "completed", "\x00", "ü☕", "x" * 600, "\ufeff", "__debezium_unavailable_value",
    [], {}, [None], [{}], {"": None}, {"id": 1}, [[[[]]]],
    {"scale": 3, "value": "BGU="}, {"scale": 10**9, "value": "BGU="}, {"schema": None, "payload": {}},
]  # fmt: skip
_number = msgspec.json.Encoder(decimal_format="number")
_document = msgspec.json.Decoder(float_hook=Decimal)
Blind = Callable[[bytes, int], bytes]


def changed(data: bytes, most: int, seed: int, blind: Blind) -> bytes:
    """One change; the same for the same seed, but for what `blind` does."""
    draw = random.Random(seed)
    lines = data.split(b"\n")
    n = draw.randrange(len(lines))
    kind = draw.random()
    if kind < 0.2:
        lines[n] = blind(lines[n], len(lines[n]) + 64)
    elif kind < 0.3:
        _moved(lines, draw)
    else:
        lines[n] = _part_changed(lines[n], draw, blind)
    return b"\n".join(lines)[:most]


def _moved(lines: list[bytes], draw: random.Random) -> None:
    """Lines told again, out of order, or not at all; the first stays."""
    n = draw.randrange(len(lines))
    other = draw.randrange(len(lines))
    match draw.randrange(3):
        case 0:
            lines.insert(other, lines[n])
        case 1:
            lines[n], lines[other] = lines[other], lines[n]
        case _ if n > 0:
            del lines[n]


def _part_changed(line: bytes, draw: random.Random, blind: Blind) -> bytes:
    try:
        document = _document.decode(line)
        there = places(document)
        place = draw.choice(there)
        return _number.encode(put(document, place, _value(document, place, there, draw, blind)))
    except (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError):
        return blind(line, len(line) + 64)


def _value(
    document: Any, place: tuple[Any, ...], there: list[tuple[Any, ...]], draw: random.Random, blind: Blind
) -> Any:
    """An odd value, what stands elsewhere in the document, or what stood there with some of it changed."""
    if draw.random() < 0.5:
        return draw.choice(VALUES)
    old = _at(document, place if draw.random() < 0.6 else draw.choice(there))
    if isinstance(old, str):
        return blind(old.encode(), len(old) + 16).decode(errors="replace")
    if isinstance(old, list) and old:
        return old[1:] if draw.random() < 0.4 else [*old, draw.choice(old)]
    if isinstance(old, dict) and old:
        gone = draw.choice(list(old))
        return {name: value for name, value in old.items() if name != gone}
    if isinstance(old, int | Decimal) and not isinstance(old, bool) and abs(old) < 10**18:
        return draw.choice([-old, old + 1, str(old), old * 1000])
    return old


def _at(document: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        document = document[key]
    return document
