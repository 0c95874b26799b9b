"""Products, and what is in stock of them and of their variations.

A product lists its variations by number only, and a variation is no product: of it we tell the stock, where it counts
its own.
"""

from __future__ import annotations

import re
from datetime import datetime
from html import unescape

from schemas.events import ProductDeleted, ProductUpserted, ShopEvent, StockChanged
from schemas.values import Product
from sources import facts
from sources.webhooks.contract import NOTHING
from sources.webhooks.delivery import Delivery
from sources.webhooks.document import Document


def told(delivery: Delivery, product: Document) -> tuple[ShopEvent, ...]:
    at = product.moment("date_modified_gmt") or product.moment("date_created_gmt") or delivery.received
    if (parent := _parent_of(product)) is not None:
        return _stock(delivery, product, parent, product.needs("id"), at)
    product_id = product.needs("id")
    images = tuple(src for each in product.parts("images") if (src := each.text("src")))
    brands = [name for each in product.parts("brands") if (name := each.text("name"))]
    price, regular = product.amount("price"), product.amount("regular_price")
    said = Product(
        product_id=product_id,
        title=unescape(product.needs("name")),
        description=product.text("description"),
        short_description=product.text("short_description"),
        url=product.text("permalink"),
        image_url=images[0] if images else None,
        images=images,
        brand=brands[0] if brands else None,
        categories=tuple(unescape(name) for each in product.parts("categories") if (name := each.text("name"))),
        currency=delivery.shop.currency,
        price=price,
        compare_at_price=regular if regular is not None and price is not None and regular > price else None,
        published=(product.text("status") or "publish") == "publish",
    )
    upserted = delivery.event(facts.product(product_id, at), at, ProductUpserted(product=said))
    return (upserted, *_stock(delivery, product, product_id, None, at))


def _parent_of(product: Document) -> str | None:
    """Of a variation: its product. `parent_id` of a product that is none means a group, and is left alone."""
    if product.text("type") == "variation":
        return product.entity("parent_id")
    links = product.raw("_links")
    up = links.get("up") if isinstance(links, dict) else None
    href = up[0].get("href") if isinstance(up, list) and up and isinstance(up[0], dict) else None
    found = re.search(r"/products/(\d{1,20})/?$", href) if isinstance(href, str) else None
    return found[1] if found and not product.has("name") else None


def _stock(
    delivery: Delivery, product: Document, product_id: str, variant_id: str | None, at: datetime
) -> tuple[ShopEvent, ...]:
    """Only where this very product or variation counts its stock; `manage_stock` may also be `parent`."""
    quantity = product.amount("stock_quantity")
    if quantity is None or product.raw("manage_stock") is not True:
        return NOTHING
    changed = StockChanged(product_id=product_id, variant_id=variant_id, sku=product.text("sku"), quantity=quantity)
    return (delivery.event(facts.stock(product_id, variant_id, None, at), at, changed),)


def deleted(delivery: Delivery, product: Document, delivery_id: str | None) -> tuple[ShopEvent, ...]:
    """Names the product and no time, so the delivery tells this deletion from the next."""
    product_id = product.needs("id")
    event_id = facts.product_deleted(product_id, delivery_id or delivery.received)
    return (delivery.event(event_id, delivery.received, ProductDeleted(product_id=product_id)),)
