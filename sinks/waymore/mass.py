"""What is told at the beginning: five kinds, one after the other. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from schemas.known import KnownCustomer, KnownOrder
from schemas.values import Product
from sinks.body import Fields
from sinks.contract import Call, CannotSay, Kind
from sinks.waymore import people
from sinks.waymore.config import WayMoreConfig
from sinks.waymore.envelope import whole
from sinks.waymore.forms import customer_id, in_words, text
from sinks.waymore.products import product


def kinds(config: WayMoreConfig) -> tuple[Kind, ...]:
    """In the order WayMore wants them in."""
    return (
        Kind(_named("customers", config), "customers", customers),
        Kind(_named("subscribers", config), "customers", subscribers),
        Kind(_named("products", config), "products", products),
        Kind(_named(config.wishlist_kind, config), "customers", wishlists),
        Kind(_named("orders", config), "orders", orders),
    )


def join(kind: Kind, items: Sequence[Mapping[str, Any]], config: WayMoreConfig) -> Call:
    """The same part has the same key, whenever it is told: the key is made of what is in it."""
    name = kind.name.lower()
    body = whole([{"name": kind.name, "description": f"shop {name}", "object": [dict(item) for item in items]}])
    key = f"mass:{name}:{sha256(body).hexdigest()}"
    return Call(f"Mass {name.capitalize()}", "POST", config.data_url, body, key, endpoint="data")


def part_items(config: WayMoreConfig) -> int:
    return config.part_items


def customers(known: KnownCustomer, config: WayMoreConfig) -> tuple[Fields, ...]:
    """Guests are none: WayMore's customers have an id."""
    if not known.customer.ref.customer_id:
        return ()
    return ({**people.customer(known.customer), "cart": _cart(known)},)


def subscribers(known: KnownCustomer, config: WayMoreConfig) -> tuple[Fields, ...]:
    """Who has the newsletter by e-mail, guests too. When they asked for it, and from where, is nothing we are told."""
    ref = known.customer.ref
    if "email" not in known.subscribed or not ref.email:
        return ()
    about = {
        "id": customer_id(ref),
        "id_shop": config.shop_id,
        "id_shop_group": config.shop_id,
        "email": ref.email,
        "newsletter_date_add": "",
        "ip_registration_newsletter": "N/A",
        "http_referer": "N/A",
        "active": 1,
    }
    return ({"subscriber": about},)


def products(known: Product, config: WayMoreConfig) -> tuple[Fields, ...]:
    try:
        return (product(known, config),)
    except CannotSay:
        return ()


def wishlists(known: KnownCustomer, config: WayMoreConfig) -> tuple[Fields, ...]:
    wanted = [product_id for product_id in known.wishlist if product_id]
    if not wanted or not known.customer.ref.customer_id:
        return ()
    return ({"customer_id": known.customer.ref.customer_id, "product_id": wanted},)


def orders(known: KnownCustomer, config: WayMoreConfig) -> tuple[Fields, ...]:
    who = customer_id(known.customer.ref)
    return tuple(_order(placed, who, config) for placed in known.orders if placed.order.order_id)


def _order(known: KnownOrder, who: str | int, config: WayMoreConfig) -> Fields:
    placed = known.order
    details = {
        "customer_id": who,
        "order_id": placed.order_id,
        "order_status": _status(known, config),
        "shipping_method": text(placed.shipping_method),
        "payment_method": text(next((paid.method for paid in placed.payments if paid.method), None)),
        "total_price": in_words(placed.total),
    }
    if placed.placed_at is not None:
        details["order_create_date"] = placed.placed_at.strftime("%Y-%m-%d %H:%M:%S")
    lines = [
        {"product_id": line.product_id, "quantity": in_words(line.quantity)} for line in placed.lines if line.product_id
    ]
    return {"order_details": details, "order_products": lines}


def _status(known: KnownOrder, config: WayMoreConfig) -> str:
    """What ends an order first, then the shop's own last word."""
    ends = (config.cancelled_status if known.cancelled else "", config.fulfilled_status if known.fulfilled else "")
    return next(filter(None, (*ends, known.status, known.order.status)), config.placed_status)


def _cart(known: KnownCustomer) -> Fields:
    """The one that changed last: there is room for one."""
    filled = [cart for cart in known.carts if any(line.product_id for line in cart.lines)]
    if not filled:
        return {}
    last = max(filled, key=lambda cart: cart.changed_at)
    lines = [
        {"product_id": line.product_id, "quantity": in_words(line.quantity)} for line in last.lines if line.product_id
    ]
    return {"cart_products": lines}


def _named(kind: str, config: WayMoreConfig) -> str:
    return kind.capitalize() if config.kind_case == "capital" else kind
