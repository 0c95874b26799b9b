"""Signal → calls to Acme. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast
from urllib.parse import quote

from schemas.signals import CartAbandoned, CatalogSignal, OrderFulfilled, OrderPlaced, ProductChanged, Searched, Signal
from schemas.values import Order
from sinks.body import Fields, as_json, known, number
from sinks.contract import Answer, Ask, Call, CannotSay, Unaddressable, Verdict
from tests.certificate.acme.config import AcmeConfig


def searched(signal: Signal, config: AcmeConfig) -> tuple[Call, ...]:
    return (_event(signal, "searched", {"query": cast(Searched, signal.payload).query}),)


def abandoned_cart(signal: Signal, config: AcmeConfig) -> tuple[Call, ...]:
    if not config.reminders:
        return ()
    cart = cast(CartAbandoned, signal.payload).cart
    return (_event(signal, "abandoned", {"worth": number(cart.total)}),)


def order(signal: Signal, config: AcmeConfig) -> tuple[Call, ...]:
    """The order, and that it was placed."""
    placed = cast(OrderPlaced, signal.payload).order
    body = as_json({"email": _email(signal), "id": _order_id(placed), "total": number(placed.total)})
    key = f"{signal.shop}:order:{placed.order_id}"
    whole = Call("order", "POST", "/orders", body, key, endpoint="orders", opens=f"order {placed.order_id}")
    return (whole, _event(signal, "placed", {}))


def parcel(signal: Signal, config: AcmeConfig) -> tuple[Call, ...]:
    said = cast(OrderFulfilled, signal.payload)
    if said.order is None:
        raise CannotSay("order is required: Acme takes parcels only of orders it has")
    path = f"/orders/{quote(_order_id(said.order), safe='')}/parcels"
    body = as_json({"email": _email(signal), "number": said.ordinal, **known(tracking=said.tracking_code or None)})
    key = f"{signal.shop}:parcel:{said.order_id}:{said.ordinal}"
    return (Call("parcel", "POST", path, body, key, endpoint="orders", needs=f"order {said.order_id}"),)


def product(signal: CatalogSignal, config: AcmeConfig) -> tuple[Call, ...]:
    """Taken in at once, and worked on for a while: `follow` asks how it goes."""
    told = cast(ProductChanged, signal.payload).product
    if not told.product_id:
        raise CannotSay("product.product_id is required")
    body = as_json({"id": told.product_id, "title": told.title})
    return (Call("product", "PUT", "/products", body, f"{signal.signal_id}:product", endpoint="products"),)


def follow(call: Call, answers: Sequence[Answer]) -> Ask | Verdict | None:
    begun, last = answers[0], answers[-1]
    if last.at("state") == "refused":
        return Verdict.REJECTED
    if begun.status != 202 or not isinstance(job := begun.at("job"), str) or last.at("state") == "done":
        return None
    return Ask(Call("job", "GET", f"/jobs/{quote(job, safe='')}", b"", f"{call.key}:job", endpoint="jobs"), seconds=5)


def _event(signal: Signal, kind: str, about: Fields) -> Call:
    body = as_json({"id": signal.signal_id, "kind": kind, "email": _email(signal), **about})
    return Call(kind, "POST", "/events", body, f"{signal.signal_id}:{kind}", endpoint="events")


def _email(signal: Signal) -> str:
    email = signal.customer.ref.email
    if not email or "@" not in email:
        raise Unaddressable
    return email


def _order_id(order: Order) -> str:
    if not order.order_id:
        raise CannotSay("order.order_id is required")
    return order.order_id
