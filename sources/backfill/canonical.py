"""Our own words as JSON lines: one `ShopEvent` a line, the payload's kind in `-type`. Pure.

    {"event_id": "order-placed:17", "occurred_at": "2024-05-01T10:00:00Z", "customer": {"customer_id": "C1"},
     "payload": {"-type": "OrderCancelled", "order_id": "17"}}

`-type` may be the full name (`shoprelay.events.OrderCancelled`), `shop` may be left out, amounts are numbers or texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from schemas.events import ShopEvent, ShopPayload
from schemas.values import CustomerRef
from sources.backfill.format import Fact, Format, Found, Row, Telling, Unreadable


class _Told(msgspec.Struct, gc=False):
    """A `ShopEvent` before it is known whose it is."""

    event_id: str
    occurred_at: datetime
    payload: ShopPayload
    shop: str | None = None
    source: str = "canonical"
    customer: CustomerRef = CustomerRef()


_decoder = msgspec.json.Decoder(_Told)
_SHORT = re.compile(rb'("-type"\s*:\s*")(?!shoprelay\.)')
_PLACE = re.compile(r"(.*?)(?: - at `\$\.?(.*)`)?$", re.DOTALL)


def tell(rows: Sequence[Row], telling: Telling) -> Iterator[Found]:
    for row in rows:
        yield _one(row, telling)


def _one(row: Row, telling: Telling) -> Fact | Unreadable:
    try:
        told = _decoder.decode(_SHORT.sub(rb"\1shoprelay.events.", row.said))
    except msgspec.ValidationError as wrong:
        return _unreadable(row.line, str(wrong))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Unreadable(row.line, "", "is no JSON", "write one event as JSON on each line, in UTF-8")
    if told.shop not in (None, telling.shop):
        return Unreadable(row.line, "shop", "is another shop's", "tell each shop's history by itself, with its --shop")
    if told.occurred_at.tzinfo is None:
        return Unreadable(row.line, "occurred_at", "names no offset", "write it as 2024-05-01T10:00:00Z")
    event = ShopEvent(
        event_id=told.event_id,
        shop=telling.shop,
        occurred_at=told.occurred_at,
        source=told.source,
        priority="backfill",
        customer=told.customer,
        payload=told.payload,
    )
    return Fact(row.line, event)


def _unreadable(line: int, said: str) -> Unreadable:
    """In the decoder's own words, which name types and fields; the one value it repeats is that of `-type`."""
    found = _PLACE.match(said)
    assert found is not None
    problem, field = found[1][:80], found[2] or ""
    return Unreadable(line, field, problem[:1].lower() + problem[1:], "see the field's doc in shop_event.avsc")


FORMAT = Format(
    name="jsonl",
    kind="lines",
    says="JSON lines in our own words, one ShopEvent each",
    tell=tell,
)
