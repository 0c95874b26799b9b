"""Made-up signals: whatever the language can say, with a liking for the odd. The same for the same `Random`. Pure."""

from __future__ import annotations

import types
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from random import Random
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec.structs import replace

from schemas.signals import AnySignal, CatalogSignal, CatalogSignalPayload, Conclusion, Customer, Signal

Struct = TypeVar("Struct", bound=msgspec.Struct)

LATEST = datetime(2026, 11, 21, 12, tzinfo=UTC)  # stamps from the future never become signals
EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)
SPAN = int((LATEST - EARLIEST).total_seconds()) * 1000

_ODD: dict[str, tuple[str, ...]] = {
    "email": ("ada@example.com", "Ada.L@Example.co.uk", "nobody", "a@b", "a b@example.com", ""),
    "phone": ("+4930123456", "030 123456", "+0", "", "+49 30 123456"),
    "currency": ("EUR", "EUR", "EUR", "USD", "XXX", "eur"),
    "locale": ("en-GB", "de_DE", "klingon", ""),
    "url": ("https://mugs.example/mug", "http://mugs.example", "/mug", "ftp://mugs.example/mug", ""),
    "image_url": ("https://mugs.example/mug.png", "mug.png"),
    "checkout_url": ("https://mugs.example/checkout",),
    "sku": ("MUG", "MUG_2", ""),
}
_LETTERS = "abcXYZ 019-_/\\\"'&<>{}%äß€漢🙂\u200b\n\t\x00"


def signal(kind: type[Conclusion], random: Random) -> AnySignal:
    """One with a payload of this class."""
    if kind in get_args(CatalogSignalPayload):
        return CatalogSignal(
            signal_id=f"{random.getrandbits(64):016x}",
            shop="mugs",
            occurred_at=_moment(random),
            priority=random.choice(("live", "backfill")),
            cause="e1",
            payload=_of_one_product(_value(kind, "", random)),
        )
    return Signal(
        signal_id=f"{random.getrandbits(64):016x}",
        shop="mugs",
        occurred_at=_moment(random),
        priority=random.choice(("live", "backfill")),
        cause="e1",
        customer=_value(Customer, "", random),
        payload=_consistent(_value(kind, "", random)),
    )


def value(kind: type[Struct], random: Random) -> Struct:
    """Any one of this class."""
    made: Struct = _value(kind, "", random)
    return made


@cache
def signals(kind: type[Conclusion], count: int) -> tuple[AnySignal, ...]:
    """The same ones every time."""
    random = Random(kind.__name__)
    return tuple(signal(kind, random) for _ in range(count))


def _text(name: str, random: Random) -> str:
    if name in _ODD and random.random() < 0.8:
        return random.choice(_ODD[name])
    return "".join(random.choice(_LETTERS) for _ in range(random.randrange(13)))


def _moment(random: Random) -> datetime:
    return EARLIEST + timedelta(milliseconds=random.randrange(SPAN))


_PLAIN: dict[Any, Callable[[str, Random], Any]] = {
    str: _text,
    int: lambda name, random: random.choice((0, 1, 2, random.randrange(2**31))),
    bool: lambda name, random: random.random() < 0.5,
    type(None): lambda name, random: None,
    datetime: lambda name, random: _moment(random),
    # Avro: 20 digits, 4 of them after the point
    Decimal: lambda name, random: (
        Decimal(random.randrange(-(10 ** random.randrange(1, 20)), 10**20)).scaleb(-4)
        if random.random() < 0.3
        else Decimal(random.randrange(100_000_000)).scaleb(-4)
    ),
}


@cache
def _hints(kind: type[msgspec.Struct]) -> dict[str, Any]:
    return {field: get_type_hints(kind)[field] for field in kind.__struct_fields__}


def _value(kind: Any, name: str, random: Random) -> Any:
    """`name` is the field's: an e-mail address is not any text."""
    if (plain := _PLAIN.get(kind)) is not None:
        return plain(name, random)
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _value(random.choice(args), name, random)
    if origin is Literal:
        return random.choice(args)
    if origin is tuple:
        return tuple(_value(args[0], name, random) for _ in range(random.randrange(4)))
    if origin is dict:
        names = (random.choice(("$consent", _text("", random))) for _ in range(random.randrange(4)))
        return {key: _text(name, random) for key in names}
    return kind(**{field: _value(hint, field, random) for field, hint in _hints(kind).items()})


def _consistent(payload: Any) -> Any:
    """What is said about an order names the order it brings, and the first of its parcels is number 1."""
    placed = getattr(payload, "order", None)
    same = {"order_id": placed.order_id} if placed is not None and hasattr(payload, "order_id") else {}
    nth = {"ordinal": 1 + payload.ordinal % 3} if hasattr(payload, "ordinal") else {}
    return replace(payload, **same, **nth)


def _of_one_product(payload: Any) -> Any:
    """What is said about a product names the product it brings."""
    product = getattr(payload, "product", None)
    same = {"product_id": product.product_id} if product is not None and hasattr(payload, "product_id") else {}
    return replace(payload, **same)
