"""Our own JSON: one event, or `{"events": [...]}`. Each is a `ShopEvent` with its kind in `type`.

    {"event_id": "cart-17-1", "type": "CartItemAdded", "occurred_at": "2026-11-25T10:00:00Z",
     "customer": {"customer_id": "C1"}, "payload": {"item": {"product_id": "P1"}, "currency": "EUR"}}

A delivery is taken whole or not at all. Pure.
"""

import re
from datetime import UTC, datetime
from typing import Any, get_args

import msgspec

from schemas.events import ShopEvent, ShopPayload
from sources.webhooks.contract import Headers, ShopSettings, Told
from sources.webhooks.document import Document, Unfit

SOURCE_NAME = "generic"
MOST_EVENTS = 500
KINDS = {kind.__name__: kind for kind in get_args(ShopPayload)}
_OWN = frozenset({"event_id", "type", "occurred_at", "source", "priority", "customer", "payload", "shop"})
_SEE = "see /v1/schema.json"


def normalize(headers: Headers, body: object, shop: ShopSettings, received: datetime) -> Told:
    """The events as they stand. Their ids are the shop's own: the same every time the fact is told again."""
    try:
        several = body.get("events") if isinstance(body, dict) else None
        if several is None:
            return (_event(Document.of(body), shop),)
        if not isinstance(several, list) or not 0 < len(several) <= MOST_EVENTS:
            raise Unfit("events", "is no list of events", f"send one to {MOST_EVENTS} events, or one without `events`")
        return tuple(_event(Document.of(each, f"events[{n}]"), shop) for n, each in enumerate(several))
    except Unfit as unfit:
        return unfit.refusal


def entity_of(document: object) -> str | None:
    """Whoever the first event is about: what concerns one customer stays in order."""
    first = document
    if isinstance(document, dict) and isinstance(several := document.get("events"), list) and several:
        first = several[0]
    who = first.get("customer") if isinstance(first, dict) else None
    if not isinstance(who, dict):
        return None
    names = (who.get(name) for name in ("customer_id", "email", "anonymous_id", "cart_token"))
    return next((name for name in names if isinstance(name, str) and name), None)


def _event(told: Document, shop: ShopSettings) -> ShopEvent:
    kind = told.needs("type", f"name the event, for example CartItemAdded; {_SEE}")
    if kind not in KINDS:
        raise Unfit(told.at("type"), "is no event there is", _SEE)
    if told.has("shop") and told.raw("shop") != shop.shop:
        raise Unfit(told.at("shop"), "is another shop than the address says", "leave it out")
    fields = told.fields()
    if unknown := sorted(fields.keys() - _OWN):
        raise Unfit(
            told.at(unknown[0] if unknown[0].isidentifier() and len(unknown[0]) < 40 else "document"),
            "is no field of an event",
            f"put it into `payload`, or leave it out; {_SEE}",
        )
    payload = told.part("payload") or Document({}, told.at("payload."))
    given: dict[str, Any] = {"source": SOURCE_NAME, **fields, "shop": shop.shop}
    given["payload"] = payload.fields() | {"-type": f"shoprelay.events.{kind}"}
    given.pop("type")
    try:
        event = msgspec.convert(given | {"-type": "shoprelay.events.ShopEvent"}, ShopEvent)
    except msgspec.ValidationError as wrong:
        raise _unfit(str(wrong), told.path) from None
    except (ValueError, OverflowError, RecursionError):
        raise Unfit(told.at("payload"), "holds a value that fits no field", _SEE) from None
    at = event.occurred_at
    if at.tzinfo is None:
        raise Unfit(told.at("occurred_at"), "has no zone", "write it in UTC: 2026-11-25T10:00:00Z")
    try:
        return msgspec.structs.replace(event, occurred_at=at.astimezone(UTC))
    except OverflowError:
        raise Unfit(told.at("occurred_at"), "lies outside the years 1 to 9999", "send the time it happened") from None


def _unfit(said: str, path: str) -> Unfit:
    """msgspec's sentence as field, problem and remedy. It names types and fields, but it may quote a value it read."""
    problem, _, place = said.partition(" - at `$.")
    field = f"{path}{place.rstrip('`')}" if place else path.rstrip(".") or "document"
    missing = re.search(r"missing required field `(\w+)`", problem)
    if missing:
        return Unfit(f"{field}.{missing[1]}".removeprefix("document."), "is missing", _SEE)
    expected = re.match(r"Expected `([^`]+)`", problem)
    return Unfit(field, f"is not {expected[1]}" if expected else "is not what belongs there", _SEE)
