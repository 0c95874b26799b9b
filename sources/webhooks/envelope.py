"""The envelope of the contracts that are ours: hooks of a shop's own post `{"type", "id", "time", "data"}`, signed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from schemas.events import ShopEvent
from sources.webhooks.contract import Headers, Signature, Told
from sources.webhooks.delivery import Delivery
from sources.webhooks.document import Document, Unfit

SIGNATURE = Signature("x-shoprelay-signature")
DELIVERY = "x-shoprelay-delivery"


@dataclass(frozen=True, slots=True)
class Envelope:
    """`id` is the same when the delivery is sent again; `at` is when it happened."""

    type: str
    id: str
    at: datetime
    data: Document


Tell = Callable[[Delivery, Envelope], tuple[ShopEvent, ...]]
"""What one type of the contract says."""


def told(types: Mapping[str, Tell], headers: Headers, body: object, delivery: Delivery) -> Told:
    """The events of the type that was posted; a refusal where it is none of the contract, or unfit."""
    try:
        envelope = opened(headers, Document.of(body))
        tell = types.get(envelope.type)
        if tell is None:
            raise Unfit("type", "is none of the contract", f"send one of: {', '.join(types)}")
        return tell(delivery, envelope)
    except Unfit as unfit:
        return unfit.refusal


def opened(headers: Headers, document: Document) -> Envelope:
    data, at = document.part("data"), document.moment("time")
    if data is None:
        raise document.missing("data", "post type, id, time and data")
    if at is None:
        raise document.missing("time", "say when it happened, in UTC: 2026-11-25T10:00:00Z")
    return Envelope(document.needs("type"), document.text("id") or headers.get(DELIVERY) or str(at), at, data)


def entity_of(document: object, *names: str) -> str | None:
    """The first of these that `data` names: what is the same order, cart or customer goes the same way."""
    data = document.get("data") if isinstance(document, dict) else None
    if not isinstance(data, dict):
        return None
    return next(
        (f"{name}:{data[name]}" for name in names if isinstance(data.get(name), str | int) and data[name]), None
    )
