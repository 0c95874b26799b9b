"""Ada's order of two mugs for NewStore, and a stand-in that is asked without HTTP."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from msgspec import structs
from msgspec.structs import replace

from schemas import signals
from schemas.signals import CatalogSignal, Customer, Signal
from schemas.values import Address, CustomerRef, LineItem, Order, Payment, Profile
from shoprelay.certificate.asking import asked, taken
from sinks.contract import Answer, Call, Verdict, load
from sinks.newstore.fake import NewStoreStandIn
from tests.sinks.folders import config, said

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
AT = NOON.timestamp() + 60
ADA = CustomerRef(customer_id="42", email="Ada@Example.com", phone="+442071234567")
HOME = Address(
    first_name="Ada", last_name="Lovelace", address1="12 St James's Square", city="London", country_code="GB"
)
MUG = LineItem(line_id="a", product_id="mug", variant_id="mug-blue", quantity=Decimal(2), unit_price=Decimal("9.99"))
PAID = Payment(
    payment_id="pay_1", method="credit_card", processor="stripe", amount=Decimal("24.97"), captured=True, paid_at=NOON
)
ORDER = Order(
    order_id="1234",
    currency="EUR",
    total=Decimal("24.97"),
    shipping=Decimal("4.99"),
    prices_include_tax=True,
    placed_at=NOON,
    shipping_address=HOME,
    lines=(MUG,),
    payments=(PAID,),
)
SINK = load("newstore")
SETTINGS: dict[str, Any] = {"service_level": "standard"}


def order(**changes: Any) -> Order:
    return replace(ORDER, **changes)


def paid(amount: str, **changes: Any) -> Payment:
    return replace(PAID, amount=Decimal(amount), **changes)


def signal(payload: Any, nth: str = "s1", ref: CustomerRef = ADA, **more: Any) -> Signal:
    customer = Customer(key="mugs:42", ref=ref, profile=more.pop("profile", Profile(first_name="Ada")))
    return Signal(signal_id=nth, shop="mugs", occurred_at=NOON, cause="e1", customer=customer, payload=payload, **more)


def of_product(payload: Any, nth: str = "s1") -> CatalogSignal:
    return CatalogSignal(signal_id=nth, shop="mugs", occurred_at=NOON, cause="e1", payload=payload)


def calls(payload: Any, nth: str = "s1", **settings: Any) -> tuple[Call, ...]:
    return said(signal(payload, nth), config("newstore", **SETTINGS | settings), "newstore")


def injection(placed: Order = ORDER, **settings: Any) -> Call:
    (call,) = calls(signals.OrderPlaced(order=placed), **settings)
    return call


def items(call: Call) -> list[dict[str, Any]]:
    document = json.loads(call.body, parse_float=Decimal)
    return [item for shipment in document["shipments"] for item in shipment["items"]]


class Tenant:
    """A stand-in with a token, and a clock that goes on by a minute with every call."""

    def __init__(self, stand_in: NewStoreStandIn | None = None) -> None:
        self.stand_in = stand_in or NewStoreStandIn()
        self.config: Any = SINK.config(**self.stand_in.settings("http://127.0.0.1"))
        self.at = AT
        self.asked: list[Call] = []
        self._token = ""

    def put(self, call: Call) -> Call:
        assert SINK.token is not None
        if not self._token:
            lent = SINK.token.read(asked(SINK, self.config, self.stand_in, SINK.token.ask(self.config), self.at))
            assert lent is not None
            self._token = lent[0]
        self.asked.append(call)
        headers = () if call.bare else tuple(SINK.token.headers(self._token).items())
        return structs.replace(call, headers=(*call.headers, *headers))

    def takes(self, call: Call) -> Verdict:
        """Followed to its end."""
        self.at += 60
        return taken(SINK, self.config, self.stand_in, call, self.at, self.put)[0]

    def answers(self, call: Call) -> Answer:
        """To this call alone."""
        self.at += 60
        return asked(SINK, self.config, self.stand_in, self.put(call), self.at)

    @property
    def told(self) -> list[str]:
        """What it was asked, method and path."""
        return [f"{call.method} {call.path.partition('?')[0]}" for call in self.asked]
