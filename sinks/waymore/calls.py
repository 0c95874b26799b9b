"""Signal → events for WayMore, one short function for each line of the table in `sink.py`. Pure."""

from __future__ import annotations

from typing import TypeVar, cast

from schemas.signals import (
    Cart,
    CartAbandoned,
    CartChanged,
    Conclusion,
    CustomerChanged,
    NewsletterSubscribed,
    NewsletterUnsubscribed,
    OrderCancelled,
    OrderFulfilled,
    OrderPaid,
    OrderPlaced,
    OrderRefunded,
    OrderStatusChanged,
    Searched,
    Signal,
    WishlistAdded,
    WishlistRemoved,
)
from schemas.values import Address, LineItem, Order
from sinks.body import Fields
from sinks.contract import Call, Unaddressable
from sinks.waymore import people
from sinks.waymore.config import WayMoreConfig
from sinks.waymore.envelope import event
from sinks.waymore.forms import amount, customer_id, day, required, text

Payload = TypeVar("Payload", bound=Conclusion)
NOWHERE = Address()


def _said(signal: Signal, kind: type[Payload]) -> Payload:
    """The table in `sink.py` has picked the function by this type."""
    return cast(Payload, signal.payload)


# -- person


def customer(signal: Signal, config: WayMoreConfig) -> tuple[Call, ...]:
    name = "CustomerAdd" if _said(signal, CustomerChanged).new else "CustomerUpdate"
    return (event(name, people.customer(signal.customer), signal.signal_id),)


def newsletter(signal: Signal, config: WayMoreConfig) -> tuple[Call, ...]:
    """Of the newsletter that comes by e-mail: WayMore's event has no other channel."""
    said = cast(NewsletterSubscribed | NewsletterUnsubscribed, signal.payload)
    if said.channel != "email":
        return ()
    ref = signal.customer.ref
    if not ref.email:
        raise Unaddressable
    subscribed = isinstance(said, NewsletterSubscribed)
    about = {"customer_id": customer_id(ref), "email": ref.email, "subscription": subscribed}
    return (event("Newsletter", about, signal.signal_id),)


# -- browsing


def searched(signal: Signal, config: WayMoreConfig) -> tuple[Call, ...]:
    if config.search == "silent":
        return ()
    ref = signal.customer.ref
    who = customer_id(ref) if config.guest_in_search == "zero" else text(ref.customer_id)
    about = {"customer_id": who, "search_string": _said(signal, Searched).query}
    return (event("Search", about, signal.signal_id),)


def wishlist_added(signal: Signal, config: WayMoreConfig) -> tuple[Call, ...]:
    return _wishlist(signal, "WishlistAdd", _said(signal, WishlistAdded).item)


def wishlist_removed(signal: Signal, config: WayMoreConfig) -> tuple[Call, ...]:
    return _wishlist(signal, "WishlistDelete", _said(signal, WishlistRemoved).item)


def _wishlist(signal: Signal, name: str, item: LineItem) -> tuple[Call, ...]:
    """A guest's wishlist is nobody's: the documents give guests no id here."""
    who = people.member(signal.customer)
    about = {"product_id": required(item.product_id, "item.product_id"), "customer_id": who}
    return (event(name, about, signal.signal_id),)


# -- cart


def cart(signal: Signal, config: WayMoreConfig) -> tuple[Call, ...]:
    return _cart(signal, _said(signal, CartChanged).cart, config)


def abandoned_cart(signal: Signal, config: WayMoreConfig) -> tuple[Call, ...]:
    if config.abandoned_cart == "silent":
        return ()
    return _cart(signal, _said(signal, CartAbandoned).cart, config)


def _cart(signal: Signal, of: Cart, config: WayMoreConfig) -> tuple[Call, ...]:
    """The whole cart, every time; an emptied one has no products."""
    about: Fields = {
        "customer_id": customer_id(signal.customer.ref),
        "cart_products": people.lines(of.lines, "cart.lines"),
        "cart_url": of.checkout_url or config.cart_url,
    }
    return (event("CartUpdate", [about] if config.cart_and_stock_data == "array" else about, signal.signal_id),)


# -- order


def order(signal: Signal, config: WayMoreConfig) -> tuple[Call, ...]:
    placed = _said(signal, OrderPlaced).order
    about = {
        "customer_id": customer_id(signal.customer.ref),
        "order_details": _details(signal, placed, config),
        "order_products": people.lines(placed.lines, "order.lines"),
    }
    return (event("OrderAdd", about, signal.signal_id, opens=_name(placed.order_id)),)


def _details(signal: Signal, of: Order, config: WayMoreConfig) -> Fields:
    """Whether the customer has the newsletter is told by `Newsletter` alone: an order does not know."""
    ref, profile = signal.customer.ref, signal.customer.profile
    address = of.billing_address or of.shipping_address or profile.address or NOWHERE
    return {
        "order_id": required(of.order_id, "order.order_id"),
        "order_status": of.status or config.placed_status,
        "shipping_method": text(of.shipping_method),
        "payment_method": text(next((paid.method for paid in of.payments if paid.method), None)),
        "total_price": amount(of.total),
        "lastname": text(profile.last_name or address.last_name),
        "firstname": text(profile.first_name or address.first_name),
        "birthday": day(profile.birthday),
        "email": text(ref.email),
        "company": address.company or None,
        "newsletter": None,
        "website": None,
        "address1": text(address.address1),
        "address2": text(address.address2),
        "postcode": text(address.zip),
        "phone": text(ref.phone or address.phone),
        "phone_mobile": "",
        "city": text(address.city),
        "country": people.country(address),
    }


def paid_order(signal: Signal, config: WayMoreConfig) -> tuple[Call, ...]:
    order_id = _said(signal, OrderPaid).order_id
    about = {"customer_id": customer_id(signal.customer.ref), "order_id": required(order_id, "order_id")}
    return (event("OrderPaymentConfirmed", about, signal.signal_id, needs=_name(order_id)),)


def order_status(signal: Signal, config: WayMoreConfig) -> tuple[Call, ...]:
    said = _said(signal, OrderStatusChanged)
    return _status(signal, said.order_id, required(said.status, "status"))


def fulfilled_order(signal: Signal, config: WayMoreConfig) -> tuple[Call, ...]:
    said = _said(signal, OrderFulfilled)
    return _status(signal, said.order_id, config.fulfilled_status if said.complete else config.partly_fulfilled_status)


def cancelled_order(signal: Signal, config: WayMoreConfig) -> tuple[Call, ...]:
    return _status(signal, _said(signal, OrderCancelled).order_id, config.cancelled_status)


def refunded_order(signal: Signal, config: WayMoreConfig) -> tuple[Call, ...]:
    said = _said(signal, OrderRefunded)
    return _status(signal, said.order_id, config.refunded_status if said.complete else config.partly_refunded_status)


def _status(signal: Signal, order_id: str, status: str) -> tuple[Call, ...]:
    """The only words there are for what becomes of an order. A status without a word is not told."""
    if not status:
        return ()
    about = {
        "customer_id": customer_id(signal.customer.ref),
        "order_id": required(order_id, "order_id"),
        "order_status": status,
    }
    return (event("OrderStatusUpdate", about, signal.signal_id, needs=_name(order_id)),)


def _name(order_id: str) -> str:
    return f"order {order_id}"


# -- site


def uninstall(signal: Signal, config: WayMoreConfig) -> tuple[Call, ...]:
    """The last word under this UUID."""
    return (event("Uninstall", {}, signal.signal_id),)
