"""Catalog signal → events for WayMore. Pure."""

from __future__ import annotations

from typing import cast

from schemas.signals import CatalogSignal, ProductChanged, ProductDeleted, StockChanged
from sinks.body import Fields, number
from sinks.contract import Call
from sinks.waymore.config import WayMoreConfig
from sinks.waymore.envelope import event
from sinks.waymore.forms import required
from sinks.waymore.products import product


def changed(signal: CatalogSignal, config: WayMoreConfig) -> tuple[Call, ...]:
    said = cast(ProductChanged, signal.payload)
    name = "ProductAdd" if said.new else "ProductUpdate"
    return (event(name, product(said.product, config), signal.signal_id),)


def deleted(signal: CatalogSignal, config: WayMoreConfig) -> tuple[Call, ...]:
    if config.deleted_product == "silent":
        return ()
    return (_out_of_stock(signal, cast(ProductDeleted, signal.payload).product_id),)


def stock(signal: CatalogSignal, config: WayMoreConfig) -> tuple[Call, ...]:
    """What is there now; and that nothing is left, when this brought the last of the product to zero."""
    said = cast(StockChanged, signal.payload)
    left = said.quantity if said.total is None or config.stock_location else said.total
    if said.location and config.stock_location not in ("", said.location):
        return ()
    about: Fields = {
        "product_id": required(said.product_id, "product_id"),
        "option_id": said.variant_id or None,
        "stock_quantity": number(left),
    }
    told = event("ProductStockUpdate", [about] if config.cart_and_stock_data == "array" else about, signal.signal_id)
    if not said.out_of_stock or (_is_one_of_several(said) and config.sold_out_option == "silent"):
        return (told,)
    return (told, _out_of_stock(signal, said.product_id))


def _is_one_of_several(said: StockChanged) -> bool:
    """Then the product is not sold out with it. Of a product that was never told we cannot know."""
    return bool(said.variant_id) and (said.product is None or len(said.product.variants) > 1)


def _out_of_stock(signal: CatalogSignal, product_id: str) -> Call:
    return event("ProductOutOfStock", {"product_id": required(product_id, "product_id")}, signal.signal_id)
