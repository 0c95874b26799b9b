"""How values leave: JSON bytes that are the same on every attempt, numbers without a float on the way."""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Any

import msgspec

from sinks.contract import CannotSay

Fields = dict[str, Any]

# Wide enough for a quantity times a price (20 digits each): nothing is ever rounded here.
EXACT = Context(prec=64)
_encoder = msgspec.json.Encoder(decimal_format="number", order="deterministic")


def as_json(fields: Fields | list[Fields]) -> bytes:
    """Keys sorted at every depth; `Decimal` becomes a JSON number digit by digit."""
    return _encoder.encode(fields)


def number(value: Decimal) -> Decimal:
    """The same number in its shortest form: 19.9900 leaves as 19.99, 20.0000 as 20. Raises `CannotSay` for NaN."""
    if not value.is_finite():
        raise CannotSay("an amount or quantity is not a finite number: correct it at its source")
    whole = int(value)
    return Decimal(whole) if whole == value else value.normalize(EXACT)


def product(quantity: Decimal, price: Decimal) -> Decimal:
    return number(EXACT.multiply(quantity, price))


def known(**fields: Any) -> Fields:
    """Only what is known: a field left out is left alone by every platform, `null` would clear it."""
    return {name: value for name, value in fields.items() if value is not None}
