"""What the tests of WayMore speak about: Ada, her mug, and a site that is registered with the stand-in."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson

from schemas import signals
from schemas.signals import Cart, CatalogSignal, Customer, Signal
from schemas.values import CustomerRef, LineItem, Order, Product, Profile
from shoprelay.certificate.asking import asked
from sinks.contract import Answer, Call, load
from sinks.fake import StandIn
from sinks.waymore.config import WayMoreConfig
from sinks.waymore.envelope import with_uuid
from sinks.waymore.fake import WayMoreStandIn
from tests.sinks.folders import body, config, said

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ADA = CustomerRef(customer_id="42", email="ada@example.com")
GUEST = CustomerRef(email="ada@example.com")
COOKIE = CustomerRef(anonymous_id="k1")
NOBODY = Profile()
MUG = LineItem(product_id="1111", variant_id="v1", name="Mug", quantity=Decimal(2), unit_price=Decimal("9.9900"))
ORDER = Order(order_id="1234", currency="EUR", total=Decimal("24.9700"), lines=(MUG,))
PRODUCT = Product(product_id="778", title="Mug", price=Decimal("9.99"))
SINK = load("waymore")
BASE = "http://127.0.0.1"


def customer(ref: CustomerRef = ADA, profile: Profile = NOBODY) -> Customer:
    return Customer(key="mugs:42", ref=ref, profile=profile)


def calls(payload: Any, ref: CustomerRef = ADA, profile: Profile = NOBODY, **settings: Any) -> tuple[Call, ...]:
    """What becomes of a signal about a customer, or about a product."""
    signal: Signal | CatalogSignal
    if type(payload) in SINK.catalog:
        signal = CatalogSignal(signal_id="s1", shop="mugs", occurred_at=NOON, cause="e1", payload=payload)
    else:
        who = customer(ref, profile)
        signal = Signal(signal_id="s1", shop="mugs", occurred_at=NOON, cause="e1", customer=who, payload=payload)
    return said(signal, config("waymore", **settings), "waymore")


def data(call: Call) -> Any:
    return body(call)["data"]


def cart(*lines: LineItem, url: str | None = None) -> signals.CartChanged:
    told = Cart(
        cart_id="c9", version=1, currency="EUR", lines=lines, total=Decimal(0), checkout_url=url, changed_at=NOON
    )
    return signals.CartChanged(cart=told)


def sandbox(**changes: Any) -> WayMoreConfig:
    """Settings that lead to the stand-in."""
    return WayMoreConfig(**{**WayMoreStandIn().settings(BASE), **changes})


class Registered:
    """A site that the stand-in knows."""

    def __init__(self) -> None:
        self.stand_in: StandIn = WayMoreStandIn()
        self.config = sandbox()
        assert SINK.token is not None
        lent = SINK.token.read(asked(SINK, self.config, self.stand_in, SINK.token.ask(self.config), 0))
        assert lent is not None
        self.uuid, self.seconds = lent

    def tell(self, call: Call) -> Answer:
        return asked(SINK, self.config, self.stand_in, with_uuid(call, self.uuid), 0)

    @property
    def stored(self) -> dict[str, Any]:
        (site,) = orjson.loads(orjson.dumps(self.stand_in.stored()))["sites"]
        return dict(site)
