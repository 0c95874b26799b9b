"""Products, and what is in stock of them. Each variant of a configurable product is a product of its own."""

from __future__ import annotations

from datetime import datetime

from schemas.events import ProductDeleted, ProductUpserted, ShopEvent, StockChanged
from schemas.values import Product
from sources import facts
from sources.webhooks.contract import NOTHING
from sources.webhooks.delivery import Delivery
from sources.webhooks.document import Document

ENABLED, INVISIBLE = "1", "1"


def told(delivery: Delivery, product: Document, event_at: datetime | None) -> tuple[ShopEvent, ...]:
    product_id = _number(product)
    at = product.moment("updated_at") or event_at or delivery.received
    price, special, sku = product.amount("price"), product.amount("special_price"), product.text("sku")
    reduced = price is not None and special is not None and 0 < special < price
    said = Product(
        product_id=product_id,
        title=product.needs("name"),
        description=product.text("description"),
        short_description=product.text("short_description"),
        currency=delivery.shop.currency,
        price=special if reduced else price,
        compare_at_price=price if reduced else None,
        published=product.text("status") in (None, ENABLED) and product.text("visibility") != INVISIBLE,
        properties={"sku": sku} if sku else {},
    )
    return (delivery.event(facts.product(product_id, at), at, ProductUpserted(product=said)),)


def deleted(
    delivery: Delivery, product: Document, event_id: str | None, event_at: datetime | None
) -> tuple[ShopEvent, ...]:
    product_id, at = _number(product), event_at or delivery.received
    gone = ProductDeleted(product_id=product_id)
    return (delivery.event(facts.product_deleted(product_id, event_id or at), at, gone),)


def stock(delivery: Delivery, item: Document, event_id: str | None, event_at: datetime | None) -> tuple[ShopEvent, ...]:
    """A stock item has no time: the event's own counts, and the event's id tells this change from the next."""
    quantity = item.amount("qty")
    if item.truth("manage_stock") is False:
        return NOTHING
    if quantity is None:
        if item.has("qty"):  # never counted so far
            return NOTHING
        raise item.missing("qty", "subscribe the event with the field `qty`")
    product_id, at = item.needs("product_id"), event_at or delivery.received
    changed = StockChanged(product_id=product_id, quantity=quantity, location=item.text("stock_id"))
    return (delivery.event(facts.stock(product_id, None, item.text("stock_id"), event_id or at), at, changed),)


def _number(product: Document) -> str:
    found = product.entity("entity_id") or product.entity("id")
    if found is None:
        raise product.missing("entity_id", "subscribe the event with the field `entity_id`")
    return found
