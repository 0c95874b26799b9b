"""The catalog as a file for Klaviyo to fetch: a custom catalog feed, instead of the catalog API. Pure.

Klaviyo takes one of the two, fetches a feed every six hours, and knows no variants there. Sources: README.md beside
this. `FEED` is what `shoprelay feed` finds here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from schemas.signals import StockChanged
from schemas.values import Product, Variant
from sinks.body import EXACT, Fields, number
from sinks.contract import CannotSay
from sinks.feed import Feed, LeftOut
from sinks.klaviyo.catalog import meant, stocked
from sinks.klaviyo.config import KlaviyoConfig
from sinks.klaviyo.product import item, variants_of

MOST_BYTES = 100_000_000  # of one file; Klaviyo recommends at most half of it


def entries(
    product: Product, stocks: Sequence[StockChanged], config: KlaviyoConfig, *, variants: bool = False
) -> tuple[Fields, ...]:
    """One for the product, or one for each of its variants. None for a hidden product. `stocks` are the latest told of
    each variant and place. Raises `LeftOut` where a required field would be blank."""
    if not product.published:
        return ()
    try:
        told = item(product, config)
    except CannotSay as reason:
        raise LeftOut(str(reason)) from None
    quantities = _quantities(product, stocks, config)
    if not variants or not product.variants:
        return (_entry(product.product_id, told, _sum(quantities.values()), product, config),)
    return tuple(_of_variant(product, each, told, quantities.get(each.variant_id), config) for each in product.variants)


def _of_variant(
    product: Product, each: Variant, told: Fields, quantity: Decimal | None, config: KlaviyoConfig
) -> Fields:
    own = {"price": each.price, "url": each.url, "image_full_url": each.image_url}
    title = f"{product.title} - {each.title}" if each.title and each.title != product.title else product.title
    known = {name: value for name, value in own.items() if value is not None}
    return _entry(each.variant_id, {**told, **known, "title": title}, quantity, product, config)


def _entry(name: str, told: Fields, quantity: Decimal | None, product: Product, config: KlaviyoConfig) -> Fields:
    """As Klaviyo's sample has it."""
    entry: Fields = {
        "id": name,
        "title": told["title"],
        "link": told["url"],
        "description": told["description"] or told["title"],
        "image_link": told.get("image_full_url"),
    }
    if blank := [field for field, value in entry.items() if not value]:
        raise LeftOut(f"{blank[0]} is required")
    if (price := told.get("price")) is not None:
        entry["price"] = number(price)
    if product.categories:
        entry["categories"] = list(product.categories)
    if quantity is not None:
        entry |= {"inventory_quantity": number(quantity), "inventory_policy": config.inventory_policy}
    return entry


def _quantities(product: Product, stocks: Sequence[StockChanged], config: KlaviyoConfig) -> dict[str, Decimal]:
    """What is there of each variant: as last told by itself, else with the product."""
    there = {each.variant_id: each.quantity for each in variants_of(product) if each.quantity is not None}
    for said in stocks:
        left, variant_id = stocked(said, config), meant(said, product)
        if variant_id is not None and left is not None:
            there[variant_id] = left
    return there


def _sum(quantities: Iterable[Decimal]) -> Decimal | None:
    """`None` when none is told."""
    total: Decimal | None = None
    for quantity in quantities:
        total = quantity if total is None else EXACT.add(total, quantity)
    return total


FEED = Feed(entries=entries, most_bytes=MOST_BYTES)
