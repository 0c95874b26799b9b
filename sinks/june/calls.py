"""Signal → calls to JUNE, one short function for each line of the table in `sink.py`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import TypeVar, cast

from msgspec import structs

from schemas.signals import (
    Cart,
    CartAbandoned,
    CartChanged,
    Conclusion,
    CustomerChanged,
    OrderFulfilled,
    OrderPaid,
    OrderPlaced,
    OrderStatusChanged,
    Signal,
)
from schemas.values import LineItem, Order
from sinks.body import Fields, as_json, known, number
from sinks.contract import Call, CannotSay, Unaddressable
from sinks.june.config import JuneConfig
from sinks.lines import completed, worth

_URL = re.compile(r"https?://[^\s]+")

Payload = TypeVar("Payload", bound=Conclusion)


def _said(signal: Signal, kind: type[Payload]) -> Payload:
    """The table in `sink.py` has picked the function by this type."""
    return cast(Payload, signal.payload)


def customer(signal: Signal, config: JuneConfig) -> tuple[Call, ...]:
    ref, profile = signal.customer.ref, signal.customer.profile
    address = profile.address
    country = (address.country or address.country_code) if address else None
    about = known(
        firstname=profile.first_name,
        lastname=profile.last_name,
        store_id=profile.store_id,
        locale=profile.locale,
        geo_location=known(city=address.city if address else None, country=country) or None,
        guest=not ref.customer_id if profile.guest is None else profile.guest,
    )
    told = _call(signal, "customer", about, _names(signal, config))
    return (told,) if (first := _record(signal, config)) is None else (first, told)


def _record(signal: Signal, config: JuneConfig) -> Call | None:
    """The customer's record in the list, by the e-mail that what the shop tells is attached to. Another API of JUNE's:
    public, without the token."""
    email = signal.customer.ref.email
    if not config.record_url or not email or not _said(signal, CustomerChanged).new:
        return None
    headers = (("Content-Type", "application/json"), ("Accept-Version", "~1"))
    body, key = as_json({"email": email}), f"{signal.signal_id}:record"
    return Call("record", "POST", config.record_url, body, key, endpoint="records", headers=headers, bare=True)


def order(signal: Signal, config: JuneConfig) -> tuple[Call, ...]:
    return (_order(signal, config, _said(signal, OrderPlaced).order),)


def order_again(signal: Signal, config: JuneConfig) -> tuple[Call, ...]:
    """JUNE has no words for paid or for a status: the order is entered once more, which updates it."""
    placed = cast(OrderPaid | OrderStatusChanged, signal.payload).order
    return () if placed is None else (_order(signal, config, placed),)


def fulfillment(signal: Signal, config: JuneConfig) -> tuple[Call, ...]:
    said = _said(signal, OrderFulfilled)
    if said.order is None:
        raise CannotSay("order is required: JUNE takes a fulfilment only of an order it has, and we never saw this one")
    own_id = config.fulfillment_id == "shipment" and said.ordinal > 1
    # Under the order's id the last word counts: when all is sent, that word is the whole order.
    whole = not said.lines or (said.complete and not own_id)
    lines = said.order.lines if whole else completed(said.lines, said.order)
    total = said.order.total if whole else worth(lines)
    about = known(
        id=f"{said.order_id}_{said.fulfillment_id or said.ordinal}" if own_id else said.order_id,
        created_at=_time(signal.occurred_at, config),
        total=None if total is None else number(total),
        shipping=_amount(said.order.shipping) if whole else None,
        voucher=said.order.discount_code,
        tracking_code=said.tracking_code,
        products=_products(lines, "order.lines" if whole else "lines"),
    )
    call = _call(signal, "fulfillment", about, _names_with_id(signal, config))
    return (structs.replace(call, needs=f"order {said.order_id}"),)


def cart(signal: Signal, config: JuneConfig) -> tuple[Call, ...]:
    return _cart(signal, config, _said(signal, CartChanged).cart)


def abandoned_cart(signal: Signal, config: JuneConfig) -> tuple[Call, ...]:
    if config.abandoned_cart == "silent":
        return ()
    return _cart(signal, config, _said(signal, CartAbandoned).cart)


def _cart(signal: Signal, config: JuneConfig, of: Cart) -> tuple[Call, ...]:
    """The whole cart, every time."""
    if not of.lines and config.emptied_cart == "silent":
        return ()
    about = {"action": "update", "products": _products(of.lines, "cart.lines")}
    return (_call(signal, "cart", about, _names_with_id(signal, config)),)


def _order(signal: Signal, config: JuneConfig, of: Order) -> Call:
    about = known(
        id=_required(of.order_id, "order.order_id"),
        created_at=_time(of.placed_at or signal.occurred_at, config),
        total=number(of.total),
        shipping=_amount(of.shipping),
        voucher=of.discount_code,
        products=_products(of.lines, "order.lines"),
    )
    return structs.replace(_call(signal, "order", about, _names_with_id(signal, config)), opens=f"order {of.order_id}")


# -- who


def _names(signal: Signal, config: JuneConfig) -> Fields:
    """`id` and `email`, both when known. Raises `Unaddressable` when there is neither."""
    ref = signal.customer.ref
    guest_id = ref.email.lower() if ref.email and config.guest_id == "email" else None
    names = known(id=ref.customer_id or guest_id or None, email=ref.email or None)
    if not names:
        raise Unaddressable
    return names


def _names_with_id(signal: Signal, config: JuneConfig) -> Fields:
    names = _names(signal, config)
    if "id" not in names:
        raise Unaddressable
    return names


# -- what


def _products(lines: Iterable[LineItem], field: str) -> list[Fields]:
    return [_product(line, f"{field}[{position}]") for position, line in enumerate(lines)]


def _product(line: LineItem, field: str) -> Fields:
    if line.unit_price is None:
        raise CannotSay(f"{field}.unit_price is required by JUNE")
    return known(
        id=_required(line.product_id, f"{field}.product_id"),
        name=_required(line.name, f"{field}.name"),
        image=line.image_url if _is_url(line.image_url) else None,
        qty=number(line.quantity),
        price=number(line.unit_price),
        category=list(line.categories) or None,
        link=_link(line.url, f"{field}.url"),
    )


def _link(url: str | None, field: str) -> str:
    url = _required(url, field)
    if not _is_url(url):
        raise CannotSay(f"{field} must be a complete http or https address")
    return url


def _is_url(url: str | None) -> bool:
    return url is not None and _URL.fullmatch(url) is not None


def _required(value: str | None, field: str) -> str:
    if not value:
        raise CannotSay(f"{field} is required by JUNE")
    return value


def _amount(value: Decimal | None) -> Decimal | None:
    return None if value is None else number(value)


def _time(at: datetime, config: JuneConfig) -> str:
    """The pattern of the article has milliseconds and a zone without colon; its samples have neither."""
    if config.created_at_format == "sample":
        return at.isoformat(timespec="seconds")
    return at.isoformat(timespec="milliseconds").replace("+00:00", "+0000")


def _call(signal: Signal, kind: str, about: Fields, names: Fields) -> Call:
    body = as_json(names | {kind: about})
    return Call(says=kind, method="POST", path="", body=body, key=f"{signal.signal_id}:{kind}")
