"""What becomes of a product, as import files of one item or a few. Pure. How jobs go: `imports.py`.

A product shows up only with product data and a price: first the one is told, then the other, and whoever deletes it
takes it offline, because only a full import deletes.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import cast

from schemas.signals import CatalogSignal, ProductChanged, ProductDeleted, StockChanged
from schemas.values import Product, Variant
from sinks.body import Fields, known, number
from sinks.contract import Call, CannotSay
from sinks.newstore.amounts import CURRENCIES
from sinks.newstore.config import NewStoreConfig
from sinks.newstore.imports import upload
from sinks.newstore.texts import product_id, stamp

PRODUCT_ID = 255  # in a catalog; an order's items take no more than 64
EARLIER = timedelta(seconds=1)
FOREVER = "2999-12-31T00:00:00.000Z"  # what was taken offline and comes back would stay offline


def product(signal: CatalogSignal, config: NewStoreConfig) -> tuple[Call, ...]:
    said = cast(ProductChanged, signal.payload)
    if not config.files_url:
        return ()
    offline = stamp(signal.occurred_at - EARLIER)
    items = [_item(said.product, variant, config) for variant in _sold(said.product)]
    told = {item["product_id"] for item in items}
    for variant_id in said.gone if config.product_id == "variant" else ():
        if (gone := product_id(variant_id, "gone", PRODUCT_ID)) not in told:
            items.append({"product_id": gone, "is_published": False, "online_to": offline})
    calls = [upload(signal, "products", _head(config), items, config)] if "products" in config.imports else []
    if "prices" in config.imports and (prices := _prices(said.product, config)):
        head = {"shop": config.shop, "locale": config.locale, "currency": _currency(said.product)}
        calls.append(upload(signal, "prices", {**head, "pricebook": config.pricebook}, prices, config))
    return tuple(calls)


def deleted(signal: CatalogSignal, config: NewStoreConfig) -> tuple[Call, ...]:
    said = cast(ProductDeleted, signal.payload)
    if not config.files_url or "products" not in config.imports:
        return ()
    if said.product is None:
        if config.product_id == "sku":
            raise CannotSay("product is required: NewStore knows it by its SKU, which we do not")
        items = [{"product_id": product_id(said.product_id, "product_id", PRODUCT_ID)}]
    else:
        items = [_item(said.product, variant, config) for variant in _sold(said.product)]
    offline = {"is_published": False, "online_to": stamp(signal.occurred_at - EARLIER)}
    return (upload(signal, "products", _head(config), [item | offline for item in items], config),)


def stock(signal: CatalogSignal, config: NewStoreConfig) -> tuple[Call, ...]:
    said = cast(StockChanged, signal.payload)
    if not config.files_url or config.is_inventory_master or "stock" not in config.imports:
        return ()
    if not said.quantity.is_finite() or said.quantity != int(said.quantity):
        raise CannotSay("quantity must be a whole number of pieces")
    if not (node := said.location or config.fulfillment_node):
        raise CannotSay("location is required: NewStore keeps stock by location")
    name = {"sku": said.sku, "variant": said.variant_id or said.product_id}.get(config.product_id, said.product_id)
    item = {
        "product_id": product_id(name, "sku" if config.product_id == "sku" else "product_id", PRODUCT_ID),
        "fulfillment_node_id": node,
        config.stock_field: max(Decimal(0), number(said.quantity)),  # sold more than there was: there is none
    }
    return (upload(signal, "stock", {"shop": config.shop, "locale": config.locale}, [item], config),)


# -- items


def _head(config: NewStoreConfig) -> Fields:
    return {"catalog": config.shop, "shop": config.shop, "locale": config.locale}


def _sold(of: Product) -> tuple[Variant | None, ...]:
    """What is sold of it: its variants, or the thing itself."""
    return of.variants or (None,)


def _name(of: Product, variant: Variant | None, config: NewStoreConfig) -> str:
    if config.product_id == "sku":
        return product_id(variant.sku if variant else None, "product.variants.sku", PRODUCT_ID)
    if config.product_id == "variant" and variant is not None:
        return product_id(variant.variant_id, "product.variants.variant_id", PRODUCT_ID)
    return product_id(of.product_id, "product.product_id", PRODUCT_ID)


def _item(of: Product, variant: Variant | None, config: NewStoreConfig) -> Fields:
    images = dict.fromkeys(filter(None, (variant and variant.image_url, of.image_url, *of.images)))
    identifiers = {"sku": variant.sku, config.barcode_type: variant.barcode} if variant else {}
    return known(
        product_id=_name(of, variant, config),
        variant_group_id=product_id(of.product_id, "product.product_id", PRODUCT_ID) if variant else None,
        title=of.title or None,
        caption=of.short_description or None,
        description=of.description or None,
        brand=of.brand or None,
        is_published=of.published,
        online_to=FOREVER,
        images=[{"url": url, "is_main": not at} for at, url in enumerate(images)] or None,
        categories=[{"path": path, "is_main": not at} for at, path in enumerate(filter(None, of.categories))] or None,
        external_identifiers=[{"type": kind, "value": value} for kind, value in identifiers.items() if value] or None,
        extended_attributes=[{"name": name, "value": value} for name, value in _attributes(of, variant)] or None,
    )


def _attributes(of: Product, variant: Variant | None) -> list[tuple[str, str]]:
    named = of.properties | (variant.options if variant else {})
    return [(name, value) for name, value in named.items() if name and value]


def _prices(of: Product, config: NewStoreConfig) -> list[Fields]:
    found = []
    for variant in _sold(of):
        price = variant.price if variant and variant.price is not None else of.price
        if price is not None:
            if not price.is_finite() or price < 0:
                raise CannotSay("product.price must be 0 or more")
            found.append({"product_id": _name(of, variant, config), config.price_field: number(price)})
    return found


def _currency(of: Product) -> str:
    if of.currency not in CURRENCIES:
        raise CannotSay("product.currency is required beside a price, as one that NewStore knows")
    return str(of.currency)
