"""Our own words as JSON lines: one `ShopEvent` a line, in the form our own webhook takes. Pure.

    {"event_id": "order-cancelled:17", "type": "OrderCancelled", "occurred_at": "2024-05-01T10:00:00Z",
     "customer": {"customer_id": "C1"}, "payload": {"order_id": "17"}}

Where `type` is left out, `-type` in the payload says it (`OrderCancelled`, or `shoprelay.events.OrderCancelled`).
`shop` may be left out, and amounts are numbers or texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, get_args

import msgspec

from schemas.events import ShopEvent, ShopPayload
from schemas.values import CustomerRef
from sources.backfill.format import Fact, Format, Found, Row, Telling, Unreadable

SEE = "see the field's doc in shop_event.avsc"
NO_JSON = ("is no JSON", "write one event as JSON on each line, in UTF-8")
_PREFIX = "shoprelay.events."
_PLACE = re.compile(r"(.*?)(?: - at `\$\.?(.*)`)?$", re.DOTALL)


class _Told(msgspec.Struct, gc=False, forbid_unknown_fields=True, rename={"whole": "-type"}):
    """A `ShopEvent` before it is known whose it is, and of which kind."""

    event_id: str
    occurred_at: datetime
    payload: msgspec.Raw = msgspec.Raw(b"{}")
    type: str | None = None
    shop: str | None = None
    source: str = "canonical"
    priority: str | None = None
    customer: CustomerRef = CustomerRef()
    whole: str | None = None


class _Kind(msgspec.Struct, rename={"name": "-type"}):
    name: str | None = None


class _NoKind(Exception):
    pass


_told = msgspec.json.Decoder(_Told)
_kind = msgspec.json.Decoder(_Kind)
_payloads: dict[str, msgspec.json.Decoder[Any]] = {
    kind.__name__: msgspec.json.Decoder(kind) for kind in get_args(ShopPayload)
}
_SHORT = re.compile(rb'("-type"\s*:\s*")(?!shoprelay\.)')


def tell(rows: Sequence[Row], telling: Telling) -> Iterator[Found]:
    for row in rows:
        yield _one(row, telling)


def _one(row: Row, telling: Telling) -> Fact | Unreadable:
    try:
        told = _told.decode(row.said)
    except msgspec.ValidationError as wrong:
        return _unreadable(row.line, "", wrong)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Unreadable(row.line, "", *NO_JSON)
    if told.shop not in (None, telling.shop):
        return Unreadable(row.line, "shop", "is another shop's", "tell each shop's history by itself, with its --shop")
    if told.occurred_at.tzinfo is None:
        return Unreadable(row.line, "occurred_at", "names no offset", "write it as 2024-05-01T10:00:00Z")
    try:
        payload = _payload(told)
    except msgspec.ValidationError as wrong:
        return _unreadable(row.line, "payload", wrong)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # a part is not decoded before it is asked for
        return Unreadable(row.line, "payload", *NO_JSON)
    except _NoKind:
        return Unreadable(row.line, "type", "is no event there is", "name one of the payloads in shop_event.avsc")
    event = ShopEvent(
        event_id=told.event_id,
        shop=telling.shop,
        occurred_at=told.occurred_at,
        source=told.source,
        priority="backfill",
        customer=told.customer,
        payload=payload,
    )
    return Fact(row.line, event)


def _payload(told: _Told) -> Any:
    body = bytes(told.payload)
    kind = (told.type or _kind.decode(body).name or "").removeprefix(_PREFIX)
    if kind not in _payloads:
        raise _NoKind
    return _payloads[kind].decode(_SHORT.sub(rb"\1shoprelay.events.", body))


def _unreadable(line: int, under: str, wrong: msgspec.ValidationError) -> Unreadable:
    """In the decoder's own words, which name types and fields, and no values."""
    found = _PLACE.match(str(wrong))
    assert found is not None
    field = ".".join(part for part in (under, found[2] or "") if part)
    return Unreadable(line, field, f"{found[1][:1].lower()}{found[1][1:80]}", SEE)


FORMAT = Format(
    name="jsonl",
    kind="lines",
    says="JSON lines in our own words, one event each",
    tell=tell,
)
