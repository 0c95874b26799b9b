"""Arbitrary signals, built from the classes of the language: any value the schema allows, with a liking for the odd."""

from __future__ import annotations

import types
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.signals import Conclusion, Customer, Signal

LATEST = datetime(2026, 11, 21, 12)  # the tests' present: stamps from the future never become signals

_TEXT = st.text(max_size=12)
_ODD: dict[str, list[str]] = {
    "email": ["ada@example.com", "Ada.L@Example.co.uk", "nobody", "a@b", "a b@example.com", ""],
    "phone": ["+4930123456", "030 123456", "+0", "", "+49 30 123456"],
    "currency": ["EUR", "EUR", "EUR", "USD", "XXX", "eur"],
    "locale": ["en-GB", "de_DE", "klingon", ""],
    "url": ["https://mugs.example/mug", "http://mugs.example", "/mug", "ftp://mugs.example/mug", ""],
    "image_url": ["https://mugs.example/mug.png", "mug.png"],
    "checkout_url": ["https://mugs.example/checkout"],
    "sku": ["MUG", "MUG_2", ""],
}


def _text(name: str) -> st.SearchStrategy[str]:
    return st.one_of(st.sampled_from(_ODD[name]), st.sampled_from(_ODD[name]), _TEXT) if name in _ODD else _TEXT


_LARGEST = Decimal(10) ** 16 - Decimal("0.0001")  # Avro: 20 digits, 4 of them after the point
_PLAIN: dict[Any, Callable[[str], st.SearchStrategy[Any]]] = {
    str: _text,
    int: lambda _: st.integers(0, 2**31 - 1),
    bool: lambda _: st.booleans(),
    type(None): lambda _: st.none(),
    datetime: lambda _: st.datetimes(datetime(1980, 1, 1), LATEST, timezones=st.just(UTC)),
    Decimal: lambda _: st.decimals(-_LARGEST, _LARGEST, places=4, allow_nan=False, allow_infinity=False),
}


@cache
def of(kind: Any, name: str = "") -> st.SearchStrategy[Any]:
    """Values of a type; `name` is the field's, because an e-mail address is not any text."""
    origin, args = get_origin(kind), get_args(kind)
    if kind in _PLAIN:
        return _PLAIN[kind](name)
    if origin in (Union, types.UnionType):
        return st.one_of(*[of(each, name) for each in args])
    if origin is Literal:
        return st.sampled_from(args)
    if origin is tuple:
        return st.lists(of(args[0], name), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(st.one_of(st.just("$consent"), _TEXT), _TEXT, max_size=3)
    assert issubclass(kind, msgspec.Struct), kind
    hints = get_type_hints(kind)
    return st.builds(kind, **{field: of(hints[field], field) for field in kind.__struct_fields__})


def _consistent(payload: Any) -> Any:
    """What is said about an order names the order it brings, and the first of its parcels is number 1."""
    placed = getattr(payload, "order", None)
    same = {"order_id": placed.order_id} if placed is not None and hasattr(payload, "order_id") else {}
    nth = {"ordinal": 1 + payload.ordinal % 3} if hasattr(payload, "ordinal") else {}
    return replace(payload, **same, **nth)


def signals(kind: type[Conclusion]) -> st.SearchStrategy[Signal]:
    """Signals with a payload of this class."""
    return st.builds(
        Signal,
        signal_id=st.uuids().map(str),
        shop=st.just("mugs"),
        occurred_at=of(datetime),
        priority=st.sampled_from(["live", "backfill"]),
        cause=st.just("e1"),
        customer=of(Customer),
        payload=of(kind).map(_consistent),
    )
