"""Products with their variants, and what is in stock of each."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from schemas.events import ProductDeleted, ProductUpserted, ShopEvent, StockChanged
from schemas.values import Product, Variant
from sources import facts
from sources.webhooks.contract import NOTHING
from sources.webhooks.delivery import Delivery
from sources.webhooks.document import Document


def product(delivery: Delivery, told: Document, triggered: datetime, domain: str | None) -> tuple[ShopEvent, ...]:
    """The whole product; prices are in the shop's currency, which only the settings know."""
    product_id = told.needs("id")
    at = told.moment("updated_at") or triggered
    variants = list(told.parts("variants"))
    first = variants[0] if variants else Document({})
    handle, image = told.text("handle"), told.part("image")
    images = tuple(src for each in told.parts("images") if (src := each.text("src")))
    kind = told.text("product_type")
    status = told.text("status")
    said = Product(
        product_id=product_id,
        title=told.needs("title"),
        description=told.text("body_html"),
        url=f"https://{domain}/products/{handle}" if domain and handle else None,
        image_url=(image.text("src") if image else None) or (images[0] if images else None),
        images=images,
        brand=told.text("vendor"),
        categories=(kind,) if kind else (),
        currency=delivery.shop.currency,
        price=first.amount("price"),
        compare_at_price=first.amount("compare_at_price"),
        published=told.moment("published_at") is not None and status in (None, "active"),
        variants=tuple(_variant(told, each) for each in variants),
    )
    upserted = delivery.event(facts.product(product_id, at), at, ProductUpserted(product=said))
    return (upserted, *(event for each in variants for event in _stock(delivery, each, product_id, at)))


def _variant(of: Document, told: Document) -> Variant:
    names = [each.text("name") or "" for each in of.parts("options")]
    values = [told.text(f"option{n}") for n in range(1, 4)]
    photos = {each.entity("id"): each.text("src") for each in of.parts("images")}
    return Variant(
        variant_id=told.needs("id"),
        sku=told.text("sku"),
        barcode=told.text("barcode"),
        title=told.text("title"),
        options={name: value for name, value in zip(names, values, strict=False) if name and value},
        price=told.amount("price"),
        compare_at_price=told.amount("compare_at_price"),
        image_url=photos.get(image) if (image := told.entity("image_id")) else None,
        quantity=_counted(told),
    )


def _counted(variant: Document) -> Decimal | None:
    """None where the shop does not count this variant. Newer API versions leave out who counts it."""
    if variant.has("inventory_management") and variant.text("inventory_management") is None:
        return None
    return variant.amount("inventory_quantity")


def _stock(delivery: Delivery, variant: Document, product_id: str, at: datetime) -> tuple[ShopEvent, ...]:
    """Of all places together."""
    quantity = _counted(variant)
    if quantity is None:
        return NOTHING
    variant_id = variant.needs("id")
    changed = StockChanged(product_id=product_id, variant_id=variant_id, sku=variant.text("sku"), quantity=quantity)
    return (delivery.event(facts.stock(product_id, variant_id, None, at), at, changed),)


def variant_stock(delivery: Delivery, told: Document, triggered: datetime) -> tuple[ShopEvent, ...]:
    """`variants/in_stock` and `variants/out_of_stock`: the variant alone."""
    return _stock(delivery, told, told.needs("product_id"), told.moment("updated_at") or triggered)


def deleted(delivery: Delivery, told: Document, triggered: datetime) -> tuple[ShopEvent, ...]:
    """Names the product and nothing else, so it happened when it was triggered."""
    product_id = told.needs("id")
    gone = ProductDeleted(product_id=product_id)
    return (delivery.event(facts.product_deleted(product_id, triggered), triggered, gone),)
