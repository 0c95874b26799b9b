"""One event as Klaviyo takes it, inside Klaviyo's limits. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from schemas.signals import Signal
from sinks.body import Fields, as_json, number
from sinks.contract import Call, CannotSay

PAYLOAD_BYTES = 5_000_000
STRING_BYTES = 100_000
PROPERTIES = 400
LIST_ITEMS = 4_000
_SMALL = 3 * LIST_ITEMS  # bytes; in less than this neither a list nor a string can be over its limit

_CURRENCY = re.compile(r"[A-Z]{3}")
_NO_CURRENCY = "XXX"  # ISO 4217 for "none"


def event(
    signal: Signal, metric: str, unique_id: str, who: Fields, properties: Fields, money: Fields | None = None
) -> Call:
    """Klaviyo keeps one event per profile, metric and `unique_id`; the call's key is made of the same words."""
    if not unique_id:
        raise CannotSay("order_id is required: without it Klaviyo would keep one event a second")
    attributes: Fields = {
        "metric": {"data": {"type": "metric", "attributes": {"name": metric}}},
        "profile": {"data": {"type": "profile", "attributes": who}},
        "properties": properties,
        "time": _time(signal),
        "unique_id": unique_id,
        **(money or {}),
    }
    if signal.priority == "backfill":
        attributes["backfill"] = True  # recorded, and starts no flow
    body = as_json({"data": {"type": "event", "attributes": attributes}})
    _check(body, attributes)
    key = f"{signal.shop}:{metric}:{unique_id}"
    return Call(says=metric, method="POST", path="/api/events", body=body, key=key, endpoint="events")


def money(amount: Decimal | None, currency: str | None, field: str) -> Fields:
    """`value` with its currency; nothing when either is not known. `field` is where the currency stands."""
    if amount is None or currency is None or currency == _NO_CURRENCY:
        return {}
    if not _CURRENCY.fullmatch(currency):
        raise CannotSay(f"{field} must be an ISO 4217 code such as EUR")
    return {"value": number(amount), "value_currency": currency}


def _time(signal: Signal) -> str:
    """Klaviyo cuts times to whole seconds."""
    if signal.occurred_at.year <= 1990:
        raise CannotSay("occurred_at must be after the year 1990; Klaviyo takes nothing older")
    return signal.occurred_at.isoformat(timespec="seconds")


def _check(body: bytes, attributes: Fields) -> None:
    properties = attributes["properties"]
    if len(properties) > PROPERTIES:
        raise CannotSay(f"properties has more than {PROPERTIES} entries")
    if len(body) < _SMALL:
        return
    for field, value in _leaves(attributes, ""):
        if isinstance(value, list) and len(value) > LIST_ITEMS:
            raise CannotSay(f"{field} has more than {LIST_ITEMS} items")
        if isinstance(value, str) and len(value.encode()) > STRING_BYTES:
            raise CannotSay(f"{field} is longer than 100 KB")
    if len(body) > PAYLOAD_BYTES:
        largest = max(properties, key=lambda name: len(as_json({name: properties[name]})))
        raise CannotSay(f"the event is larger than 5 MB; most of it is properties.{largest}")


def _leaves(value: Any, field: str) -> Iterator[tuple[str, Any]]:
    """Every list and string, with the way to it. Lists come before what is in them."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{field}.{name}" if field else name)
    elif isinstance(value, list):
        yield field, value
        for position, inner in enumerate(value):
            yield from _leaves(inner, f"{field}[{position}]")
    elif isinstance(value, str):
        yield field, value
