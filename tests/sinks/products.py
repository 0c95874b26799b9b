"""Two mugs and what becomes of them, for the tests of a catalog."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from schemas import signals
from schemas.signals import CatalogSignal
from schemas.values import Product, Variant

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SMALL = Variant(variant_id="P1-S", sku="MUG-S", title="Small", price=Decimal("12.50"), quantity=Decimal(4))
LARGE = Variant(variant_id="P1-L", sku="MUG-L", title="Large", price=Decimal(14), quantity=Decimal(0))
MUG = Product(
    product_id="P1",
    title="Blue Mug",
    url="https://mugs.example/p1",
    categories=("Kitchen", "Gifts"),
    price=Decimal("12.50"),
    variants=(SMALL, LARGE),
)
PLAIN = Product(product_id="P2", title="Green Mug", url="https://mugs.example/p2", price=Decimal(9))


def signal(payload: Any, signal_id: str = "s1", **more: Any) -> CatalogSignal:
    return CatalogSignal(signal_id=signal_id, shop="mugs", occurred_at=NOON, cause="e1", payload=payload, **more)


def new(product: Product = MUG, **more: Any) -> CatalogSignal:
    return signal(signals.ProductChanged(product=product, new=True), **more)


def changed(product: Product = MUG, gone: tuple[str, ...] = (), **more: Any) -> CatalogSignal:
    return signal(signals.ProductChanged(product=product, gone=gone), **more)


def deleted(product: Product | None = MUG, product_id: str = "P1", **more: Any) -> CatalogSignal:
    return signal(signals.ProductDeleted(product_id=product_id, product=product), **more)


def stock(quantity: int, product: Product | None = MUG, **more: Any) -> CatalogSignal:
    product_id = product.product_id if product else "P9"
    return signal(signals.StockChanged(product_id=product_id, quantity=Decimal(quantity), product=product, **more))
