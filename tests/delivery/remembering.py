"""A platform that registers a shop once, hears its history once, and wants its token in every body. And its sink."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from msgspec import structs

from schemas import signals
from schemas.events import CustomerEvent, OrderPlaced, ShopEvent, ShopPayload
from schemas.known import KnownCustomer
from schemas.signals import Signal, StoreConnected, StoreDisconnected
from schemas.values import CustomerRef, Order, Product
from sinks.contract import Answer, Call, Kind, Mass, Token
from streams.domain import catalog
from streams.domain.customer import Customer
from streams.worker.stored import store
from tests.delivery.moved import NOON
from tests.delivery.said import MUGS, signal
from tests.delivery.sink import SINK, one_call
from tests.delivery.world import OK, Platform, World


def _leaves(signal: Signal, config: Any) -> tuple[Call, ...]:
    return (Call("Uninstall", "POST", "/events", b'{"id":"uninstall"}', signal.signal_id, "events"),)


def _with_token(call: Call, token: str) -> Call:
    return structs.replace(call, body=json.dumps({**json.loads(call.body), "uuid": token}).encode())


def _read(answer: Answer) -> tuple[str, float] | None:
    return (answer.at("uuid"), 0.0) if answer.at("uuid") else None


def people(known: KnownCustomer, config: Any) -> tuple[Mapping[str, Any], ...]:
    return ({"person": known.customer.ref.email},) if known.customer.ref.email else ()


def purchases(known: KnownCustomer, config: Any) -> tuple[Mapping[str, Any], ...]:
    return tuple({"purchase": told.order.order_id} for told in known.orders)


def things(product: Product, config: Any) -> tuple[Mapping[str, Any], ...]:
    return ({"thing": product.product_id},)


def join(kind: Kind, items: Sequence[Mapping[str, Any]], config: Any) -> Call:
    body = json.dumps({"kind": kind.name, "data": list(items)}).encode()
    return Call(f"Mass {kind.name}", "POST", "/data", body, f"mass-{kind.name}", "data")


KINDS = (
    Kind("people", "customers", people),
    Kind("things", "products", things),
    Kind("purchases", "orders", purchases),
)
TOKEN = Token(
    ask=lambda config: Call("Register", "POST", "/register", b"{}", "register", "register"),
    read=_read,
    onto=_with_token,
    once=True,
    given_back=frozenset({"Uninstall"}),
)
MASS = Mass(kinds=lambda config: KINDS, join=join, part_items=lambda config: 7)
REGISTERED = replace(SINK, token=TOKEN, calls={signals.OrderPlaced: one_call, StoreDisconnected: _leaves})
TELLING = replace(REGISTERED, mass=MASS)


class Club(Platform):
    """Gives a token to whoever asks, and takes what comes with one that is valid; who has left may say so again.
    `history` are the items of accepted parts; a part with one of the `unwelcome` is refused."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens: list[str] = []
        self.valid: set[str] = set()
        self.history: list[tuple[str, Any]] = []
        self.parts: list[bytes] = []  # accepted
        self.unwelcome: set[str] = set()
        self.used: Counter[str] = Counter()

    async def receive(self, call: Call) -> Answer:
        if call.says == "Register":
            answer = await super().receive(call)
            if answer is not OK:
                return answer
            self.tokens.append(f"uuid-{len(self.tokens) + 1}")
            self.valid.add(self.tokens[-1])
            return Answer(200, {}, json.dumps({"uuid": self.tokens[-1]}).encode())
        body = json.loads(call.body)
        if body.get("uuid") not in (self.tokens if call.says == "Uninstall" else self.valid):
            return Answer(401)
        self.used[body["uuid"]] += 1
        items = [(body["kind"], item[key]) for item in body["data"] for key in item] if "kind" in body else []
        if any(name in self.unwelcome for _, name in items):
            self.sent.append((0.0, call))
            return Answer(400, {}, b'{"message":"not this one"}')
        answer = await super().receive(call)
        if answer.status == 200:
            self.history += items
            if items:
                self.parts.append(call.body)
            if call.says == "Uninstall":
                self.valid.discard(body["uuid"])
        return answer

    def kinds_in_order(self) -> bool:
        """Whether no kind came after a later one."""
        names = [kind.name for kind in KINDS]
        came = [names.index(kind) for kind, _ in self.history]
        return came == sorted(came)


def club(**more: Any) -> tuple[World, Club]:
    world, platform = World(**more), Club()
    world.platform = platform
    return world, platform


def fill(world: World, customers: int = 40, products: int = 20) -> set[tuple[str, str]]:
    """The worker knows them; returns the items of history that they come to."""
    for n in range(customers):
        know(world, f"c{n}", orders=n % 3)
    for n in range(products):
        key = catalog.key_of("mugs", f"p{n}")
        world.log.know(
            "products", key, catalog.encode(catalog.ProductState(product=Product(product_id=f"p{n}", title="M")))
        )
    return (
        {("people", f"c{n}@example.com") for n in range(customers)}
        | {("things", f"p{n}") for n in range(products)}
        | {("purchases", f"c{n}-{o}") for n in range(customers) for o in range(n % 3)}
    )


def know(world: World, who: str, orders: int = 0, shop: str = "mugs", **more: Any) -> None:
    """State remembers no order any more: they were months ago. The log does."""
    key = f"{shop}/c:{who}"
    ref = CustomerRef(customer_id=who, email=f"{who}@example.com")
    world.log.know("customers", key, store(Customer(key=key, shop=shop, ref=ref, **more)))
    for n in range(orders):
        world.log.happen(happened(key, f"{who}-{n}", OrderPlaced(order=_order(f"{who}-{n}")), n, ref))


def happened(key: str, name: str, payload: ShopPayload, minutes: float, ref: CustomerRef) -> CustomerEvent:
    """An entry of a customer's log, so many minutes after long ago."""
    at = NOON - timedelta(days=200) + timedelta(minutes=minutes)
    fact = ShopEvent(
        event_id=f"{name}-{type(payload).__name__}", shop=key.partition("/")[0], occurred_at=at, customer=ref,
        payload=payload,
    )  # fmt: skip
    return CustomerEvent(key=key, at=at, fact=fact)


def _order(order_id: str) -> Order:
    return Order(order_id=order_id, currency="EUR", total=Decimal(15), lines=(MUGS,))


def leaves(number: int = 1, at: datetime = NOON) -> Signal:
    return signal("site", f"leaves-{number}", StoreDisconnected(), at)


def comes(number: int = 1, at: datetime = NOON) -> Signal:
    return signal("site", f"comes-{number}", StoreConnected(), at)
