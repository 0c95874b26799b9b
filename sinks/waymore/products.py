"""A product as WayMore writes it, in events and at the beginning. Pure."""

from __future__ import annotations

from decimal import Decimal

from schemas.values import Product, Variant
from sinks.body import EXACT, Fields, known, number
from sinks.waymore.config import WayMoreConfig
from sinks.waymore.forms import amount, required, text


def product(of: Product, config: WayMoreConfig) -> Fields:
    """The whole of it, with an option for each variant. Prices and stock only where they are known."""
    return {
        "product_id": required(of.product_id, "product.product_id"),
        "name": text(of.title),
        "description": text(of.description),
        "short_description": text(of.short_description),
        "categories": list(of.categories),
        **known(stock_quantity=_stock(of)),
        **_price(of.price, of.compare_at_price),
        "product_options": [_option(each, f"product.variants[{nth}]", config) for nth, each in enumerate(of.variants)],
        "image_link": text(of.image_url),
        "product_link": text(of.url),
    }


def _option(of: Variant, field: str, config: WayMoreConfig) -> Fields:
    return {
        "option_id": required(of.variant_id, f"{field}.variant_id"),
        "size": _named(of, config.size_option),
        "color": _named(of, config.color_option),
        **known(stock_quantity=None if of.quantity is None else number(of.quantity)),
        **_price(of.price, of.compare_at_price),
    }


def _named(of: Variant, wanted: str) -> str:
    return next((value for name, value in of.options.items() if name.casefold() == wanted.casefold()), "")


def _stock(of: Product) -> Decimal | None:
    """All options together; `None` when one of them has not said."""
    total = Decimal(0)
    for variant in of.variants:
        if variant.quantity is None:
            return None
        total = EXACT.add(total, variant.quantity)
    return number(total) if of.variants else None


def _price(now: Decimal | None, before: Decimal | None) -> Fields:
    """`price` is the usual one, `discount.price` what is asked now. From when until when is nothing we are told."""
    if now is None:
        return {"discount": {}}
    if before is None or before <= now:
        return {"price": amount(now), "discount": {}}
    reduced = {"price": amount(now), "date_start": "", "date_end": "", "quantity": None}
    return {"price": amount(before), "discount": reduced}
