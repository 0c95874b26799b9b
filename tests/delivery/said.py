"""Small honest signals: Ada, two mugs, noon. And their bytes."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from schemas.codec import SchemaMissing, Undecodable
from schemas.records import Parked
from schemas.signals import (
    Cart,
    CartAbandoned,
    CartChanged,
    CatalogSignal,
    Customer,
    CustomerErased,
    NewsletterUnsubscribed,
    OrderPlaced,
    ProductChanged,
    Searched,
    SessionActive,
    Signal,
    SignalPayload,
)
from schemas.values import CustomerRef, LineItem, Order, Product
from tests.delivery.moved import NOON

MUGS = LineItem(product_id="mug", name="Mug", quantity=Decimal(2), unit_price=Decimal("7.50"))
encode = msgspec.json.Encoder().encode


class Plain:
    """A codec of JSON. Bytes that begin with `?` name a schema id that `fetch` has to be asked for."""

    def __init__(self, kind: Any = Signal) -> None:
        self._decode = msgspec.json.Decoder(kind).decode
        self.known: set[int] = set()
        self.away = 0  # how many times the registry does not answer

    def decode(self, framed: bytes) -> Any:
        if framed.startswith(b"?"):
            if 7 not in self.known:
                raise SchemaMissing(7)
            framed = framed[1:]
        try:
            return self._decode(framed)
        except msgspec.DecodeError:
            raise Undecodable("not-framed", None, "no signal") from None

    async def fetch(self, schema_id: int) -> None:
        from schemas.registry import RegistryUnavailable

        if self.away:
            self.away -= 1
            raise RegistryUnavailable("nobody answers")
        self.known.add(schema_id)


def parked_of(value: bytes) -> Parked:
    return msgspec.json.decode(value, type=Parked)


class PlainParked:
    """A codec of parked records, in JSON."""

    encode = staticmethod(encode)

    def decode(self, framed: bytes) -> Parked:
        try:
            return parked_of(framed)
        except msgspec.DecodeError:
            raise Undecodable("not-framed", None, "no parked record") from None

    async def fetch(self, schema_id: int) -> None: ...


def signal(
    who: str, name: str, payload: SignalPayload, at: datetime = NOON, *, backfill: bool = False, shop: str = "mugs"
) -> Signal:
    return Signal(
        signal_id=f"{who}-{name}",
        shop=shop,
        occurred_at=at,
        priority="backfill" if backfill else "live",
        cause=f"event-{who}-{name}",
        customer=Customer(key=f"mugs:{who}", ref=CustomerRef(email=f"{who}@example.com")),
        payload=payload,
    )


def cart(version: int = 1, *, cart_id: str = "basket", lines: tuple[LineItem, ...] = (MUGS,)) -> Cart:
    return Cart(
        cart_id=cart_id, version=version, currency="EUR", lines=lines, total=Decimal(15), changed_at=NOON
    )  # fmt: skip


def abandoned(
    who: str = "ada", *, version: int = 1, stage: int = 1, cart_id: str = "basket", expires_in: float = 3 * 3600
) -> Signal:
    due = NOON
    payload = CartAbandoned(
        cart=cart(version, cart_id=cart_id), stage=stage, due_at=due, expires_at=due + timedelta(seconds=expires_in)
    )
    return signal(who, f"abandoned-{cart_id}-{version}-{stage}", payload)


def changed(who: str = "ada", *, version: int = 2, cart_id: str = "basket", empty: bool = False) -> Signal:
    lines = () if empty else (MUGS,)
    return signal(who, f"changed-{cart_id}-{version}", CartChanged(cart=cart(version, cart_id=cart_id, lines=lines)))


def ordered(
    who: str = "ada",
    number: str = "1",
    *,
    closed: tuple[str, ...] = ("basket",),
    wrong: tuple[str, ...] = (),
    at: datetime = NOON,
) -> Signal:
    order = Order(order_id=number, currency="EUR", total=Decimal(15), lines=(MUGS,))
    return signal(who, f"ordered-{number}", OrderPlaced(order=order, closed_carts=closed, proved_wrong=wrong), at)


def searched(who: str, number: int) -> Signal:
    return signal(who, f"searched-{number}", Searched(query="mug"))


def active(who: str, number: int) -> Signal:
    """A signal that the test sink does not tell."""
    return signal(who, f"active-{number}", SessionActive())


def described(product: str, nth: int = 1, *, shop: str = "mugs") -> CatalogSignal:
    """What became of a product, for the `nth` time."""
    return CatalogSignal(
        signal_id=f"{product}-{nth}",
        shop=shop,
        occurred_at=NOON,
        cause=f"event-{product}-{nth}",
        payload=ProductChanged(product=Product(product_id=product, title="Mug"), new=nth == 1),
    )


def erased(who: str = "ada") -> Signal:
    return signal(who, "erased", CustomerErased())


def unsubscribed(who: str = "ada") -> Signal:
    return signal(who, "unsubscribed", NewsletterUnsubscribed())
