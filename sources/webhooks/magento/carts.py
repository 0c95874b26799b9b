"""Quotes: Magento's word for a cart. Each save is a picture of the whole cart."""

from __future__ import annotations

from datetime import datetime

from schemas.events import CartReplaced, ShopEvent
from schemas.values import CustomerRef
from sources import facts
from sources.webhooks.contract import NOTHING
from sources.webhooks.delivery import NO_CURRENCY, Delivery
from sources.webhooks.document import Document
from sources.webhooks.magento.orders import line


def quote(delivery: Delivery, told: Document, event_at: datetime | None) -> tuple[ShopEvent, ...]:
    """A quote that is no longer active became an order, which says so itself."""
    if told.truth("is_active") is False:
        return NOTHING
    items = list(told.parts("items"))
    inside = (each.entity("quote_id") for each in items)
    quote_id = told.entity("entity_id") or told.entity("id") or next((found for found in inside if found), None)
    if quote_id is None:
        raise told.missing("entity_id", "subscribe the event with the field `entity_id`")
    lines = [line(each, "qty") for each in items if each.entity("parent_item_id") is None]
    at = told.moment("updated_at") or event_at or delivery.received
    who = CustomerRef(customer_id=told.entity("customer_id"), email=told.text("customer_email"), cart_token=quote_id)
    replaced = CartReplaced(
        cart_id=quote_id,
        lines=tuple(each for each in lines if each.quantity > 0),
        currency=_currency(delivery, told, empty=not lines),
    )
    return (delivery.event(facts.cart(quote_id, at), at, replaced, who),)


def _currency(delivery: Delivery, told: Document, *, empty: bool) -> str:
    inside = told.part("currency")
    if inside is not None and inside.text("quote_currency_code"):
        return delivery.currency(inside, "quote_currency_code")
    if empty and not told.text("quote_currency_code"):
        return delivery.shop.currency or NO_CURRENCY
    return delivery.currency(told, "quote_currency_code")
