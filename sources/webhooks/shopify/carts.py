"""Carts and checkouts: whole pictures of a cart, and that the checkout was entered.

A cart's webhook names nobody: it is filed under its token, which the checkout and the order tie to the customer.
"""

from __future__ import annotations

from datetime import datetime

from schemas.events import CartReplaced, CheckoutStarted, ShopEvent
from schemas.values import CustomerRef, LineItem
from sources import facts
from sources.webhooks.contract import NOTHING
from sources.webhooks.delivery import NO_CURRENCY, Delivery
from sources.webhooks.document import Document
from sources.webhooks.shopify.lines import line
from sources.webhooks.shopify.orders import who_of


def cart(delivery: Delivery, told: Document, triggered: datetime) -> tuple[ShopEvent, ...]:
    """`occurred_at` is `updated_at`: of two pictures the later one counts, whichever comes first."""
    token = told.first("token", "id")
    if token is None:
        raise told.missing("token")
    at = told.moment("updated_at") or triggered
    replaced = CartReplaced(cart_id=token, lines=_lines(told), currency=_currency(delivery, told))
    return (delivery.event(facts.cart(token, at), at, replaced, CustomerRef(cart_token=token)),)


def checkout(delivery: Delivery, told: Document, triggered: datetime) -> tuple[ShopEvent, ...]:
    """The cart as it lies in the checkout, now with a name to it. A completed checkout says nothing: it is an order,
    and a picture of it would be taken for a new cart."""
    token = told.needs("token")
    if told.moment("completed_at") is not None:
        return NOTHING
    cart_id = told.text("cart_token") or token
    who = who_of(told)
    if not who.cart_token:
        who = CustomerRef(customer_id=who.customer_id, email=who.email, phone=who.phone, cart_token=cart_id)
    at = told.moment("updated_at") or triggered
    url, currency = told.text("abandoned_checkout_url"), _currency(delivery, told)
    replaced = CartReplaced(cart_id=cart_id, lines=_lines(told), currency=currency, checkout_url=url)
    started = CheckoutStarted(cart_id=cart_id, checkout_id=token, currency=currency, checkout_url=url)
    return (
        delivery.event(facts.checkout(token, at), at, replaced, who),
        delivery.event(facts.checkout_started(token), told.moment("created_at") or at, started, who),
    )


def _lines(told: Document) -> tuple[LineItem, ...]:
    return tuple(each for each in map(line, told.parts("line_items")) if each.quantity > 0)


def _currency(delivery: Delivery, told: Document) -> str:
    """A checkout says its currency, a cart only that of its prices, and an empty cart none."""
    if told.text("currency"):
        return delivery.currency(told, "currency")
    empty = True
    for item in told.parts("line_items"):
        empty = False
        for name in ("original_line_price_set", "line_price_set", "price_set", "discounted_price_set"):
            money = (item.part(name) or Document({})).part("shop_money")
            if money is not None and money.text("currency_code"):
                return delivery.currency(money, "currency_code")
    return (delivery.shop.currency or NO_CURRENCY) if empty else delivery.currency(told, "currency")
