"""What the tests of JOOR share: a stand-in, calls that are followed to their end there, and signals."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from schemas.signals import CatalogSignal, Customer, CustomerChanged, ProductChanged, Signal, StockChanged
from schemas.values import CustomerRef, Product, Profile, Variant
from shoprelay.certificate.asking import asked, taken
from sinks.contract import Answer, Call, Verdict
from sinks.fake import Received, Reply
from sinks.joor.config import JoorConfig
from sinks.joor.fake import LENT, JoorStandIn
from sinks.joor.sink import SINK
from streams.delivery.token import put_on

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
BASE = "https://joor.example"


def config(**changes: Any) -> JoorConfig:
    return JoorConfig(**{**JoorStandIn().settings(BASE), **changes})


def customer(*tags: str, number: str | None = "42", name: str = "Ada", signal_id: str = "s1") -> Signal:
    profile = Profile(first_name=name, last_name="Lovelace", tags=tags)
    who = Customer(key=f"mugs/c:{number}", ref=CustomerRef(customer_id=number), profile=profile)
    return Signal(
        signal_id=signal_id, shop="mugs", occurred_at=NOON, cause="e1", customer=who, payload=CustomerChanged()
    )


def mug(*variants: Variant, **more: Any) -> Product:
    some = variants or (Variant(variant_id="1001", price=Decimal("10.00")),)
    return Product(**{"product_id": "P1", "title": "Mug", "currency": "EUR", "variants": some, **more})


def variant(number: str, color: str = "Blue", size: str = "S", **more: Any) -> Variant:
    return Variant(variant_id=number, options={"Color": color, "Size": size}, price=Decimal("10.00"), **more)


def product(of: Product, signal_id: str = "p1") -> CatalogSignal:
    return CatalogSignal(
        signal_id=signal_id, shop="mugs", occurred_at=NOON, cause="e2", payload=ProductChanged(product=of)
    )


def stock(quantity: str, signal_id: str = "t1", **more: Any) -> CatalogSignal:
    payload = StockChanged(**{"product_id": "P1", "variant_id": "1001", "quantity": Decimal(quantity), **more})
    return CatalogSignal(signal_id=signal_id, shop="mugs", occurred_at=NOON, cause="e3", payload=payload)


def calls(signal: Any, settings: JoorConfig | None = None) -> tuple[Call, ...]:
    table: Any = SINK.calls if isinstance(signal, Signal) else SINK.catalog
    made: tuple[Call, ...] = table[type(signal.payload)](signal, settings or config())
    return made


def lent(call: Call) -> Call:
    assert SINK.token is not None
    return put_on(SINK.token, call, LENT) if SINK.token.wanted(call) and not call.bare else call


def told(
    stand_in: JoorStandIn, signal: Any, settings: JoorConfig | None = None, heard: list[Call] | None = None
) -> Verdict:
    """The verdict of the last of its calls; `heard` gets what was asked on the way."""
    settings, verdict = settings or config(), Verdict.DELIVERED
    for call in calls(signal, settings):
        verdict, _ = taken(SINK, settings, stand_in, call, NOON.timestamp(), lent, heard)
    return verdict


def answered(stand_in: JoorStandIn, call: Call, at: float = 0.0) -> Answer:
    return asked(SINK, config(), stand_in, lent(call), NOON.timestamp() + at)


def ask(
    stand_in: JoorStandIn, path: str, document: Any = None, method: str | None = None, at: float = 0.0, **headers: str
) -> Reply:
    """One request as it stands, with what it must have unless `headers` say otherwise."""
    token = JoorStandIn.secrets[1]
    given = {
        "content-type": "application/json",
        "authorization": f"Bearer {LENT}" if path.startswith("/v4") else f"OAuth2 {token}",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    body = document if isinstance(document, bytes) else b"" if document is None else json.dumps(document).encode()
    verb = method or ("GET" if document is None else "POST")
    return stand_in.answer(Received(NOON.timestamp() + at, verb, path, given, body))


def scripted(stand_in: JoorStandIn, change: Callable[[Received, Reply], Reply]) -> JoorStandIn:
    """The same stand-in, except for what `change` makes of its replies."""
    own = stand_in.answer

    def answer(request: Received) -> Reply:
        return change(request, own(request))

    stand_in.answer = answer  # type: ignore[method-assign]
    return stand_in


def says(heard: Sequence[Call]) -> list[str]:
    return [call.says for call in heard]
