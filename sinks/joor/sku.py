"""A product of the shop in JOOR's words: a style, its SKUs of colour and size, and their prices. Pure."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from itertools import product as combinations
from typing import Any

from schemas.values import Product, Variant
from sinks.body import EXACT, known, number
from sinks.contract import CannotSay
from sinks.joor.config import JoorConfig

CENT = Decimal("0.01")


def color_of(variant: Variant, config: JoorConfig) -> str:
    return variant.options.get(config.color_option) or config.one_color


def size_of(variant: Variant, config: JoorConfig) -> str:
    return variant.options.get(config.size_option) or config.one_size


def upc_of(variant: Variant, config: JoorConfig) -> str | None:
    return (variant.variant_id if config.upc == "variant_id" else variant.barcode) or None


def style_plan(product: Product, config: JoorConfig) -> dict[str, Any]:
    """All that JOOR is to hear of a product, in the order it must: the product, its SKUs, their prices by the SKU's
    `external_id`; and what is needed to ask for ids."""
    if not product.product_id or not product.title.strip():
        raise CannotSay("product.product_id and product.title are required by JOOR")
    style = known(
        name=product.title,
        external_id=product.product_id,
        product_identifier=product.product_id,
        description=product.description or None,
        category_ids=list(config.category_ids) or None,
    )
    return {
        "account": config.account,
        "lookup": config.product_lookup,
        "price_type_id": config.price_type_id,
        "product": style,
        "skus": _skus(product, config),
        "prices": _prices(product, config) if config.prices else {},
    }


def _skus(product: Product, config: JoorConfig) -> list[dict[str, Any]]:
    """Raises `CannotSay` where JOOR would refuse them all: it wants every colour in every size, once."""
    if any(not variant.variant_id for variant in product.variants):
        raise CannotSay("product.variants: variant_id is required by JOOR")
    pairs = [(color_of(v, config), size_of(v, config)) for v in product.variants]
    ids = {variant.variant_id for variant in product.variants}
    if len(set(pairs)) < len(pairs) or len(ids) < len(pairs):
        raise CannotSay("product.variants: two of them have the same id, or the same colour and size")
    if set(combinations({color for color, _ in pairs}, {size for _, size in pairs})) != set(pairs):
        raise CannotSay("product.variants: JOOR takes a style only with every colour in every size")
    return [_sku(variant, config) for variant in product.variants]


def _sku(variant: Variant, config: JoorConfig) -> dict[str, Any]:
    color, size, upc = color_of(variant, config), size_of(variant, config), upc_of(variant, config)
    return known(
        external_id=variant.variant_id,
        sku_identifier=variant.sku or variant.variant_id,
        trait_values=[
            {"trait_id": config.color_trait_id, "value": color, "external_id": color},
            {"trait_id": config.size_trait_id, "value": size, "external_id": size},
        ],
        identifiers=[{"type": "upc", "value": upc}] if upc else None,
    )


def _prices(product: Product, config: JoorConfig) -> dict[str, dict[str, str]]:
    """In the one currency only: others are kept in JOOR."""
    if product.currency not in (None, config.currency):
        return {}
    prices = {v.variant_id: v.price if v.price is not None else product.price for v in product.variants}
    return {sku: _price(price, config) for sku, price in prices.items() if price is not None}


def _price(price: Decimal, config: JoorConfig) -> dict[str, str]:
    if number(price) < 0:
        raise CannotSay("product.variants: a price is below zero")
    wholesale = EXACT.divide(EXACT.multiply(price, config.wholesale_percent), Decimal(100))
    return {"wholesale_value": _cents(wholesale), "retail_value": _cents(price)}


def _cents(amount: Decimal) -> str:
    return str(amount.quantize(CENT, ROUND_HALF_EVEN, EXACT))
