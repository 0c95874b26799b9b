"""A product as Klaviyo's catalog has it: one item, its variants, its categories. Pure.

Klaviyo's id of a thing is made of the integration, the catalog and the shop's own id.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from urllib.parse import quote

from schemas.values import Product, Variant
from sinks.body import Fields, as_json, known, number
from sinks.contract import CannotSay
from sinks.klaviyo.config import KlaviyoConfig

PREFIX = "$custom:::$default:::"  # the only integration and the only catalog there are
METADATA_BYTES = 100_000


def compound(external_id: str) -> str:
    return PREFIX + external_id


def path_of(resource: str, external_id: str) -> str:
    return f"/api/{resource}/{quote(compound(external_id), safe='')}"


def item(product: Product, config: KlaviyoConfig) -> Fields:
    """All that a create and an update have in common. What is not known is left out, and left alone."""
    if not product.title:
        raise CannotSay("product.title is required")
    return known(
        title=product.title,
        description=_description(product),
        url=_url(product, config),
        price=_number(product.price),
        image_full_url=_image(product),
        images=list(product.images) or None,
        custom_metadata=_item_metadata(product),
        published=product.published,
    )


def variants_of(product: Product) -> tuple[Variant, ...]:
    """Each id once. A product that is told without variants has one of its own, by the product's id: stock, and whoever
    waits for it, belong to variants. Without a price there is none: Klaviyo takes no variant without one."""
    if product.variants:
        return tuple({variant.variant_id: variant for variant in product.variants}.values())
    return (Variant(variant_id=product.product_id),) if product.price is not None else ()


def variant(product: Product, told: Variant, config: KlaviyoConfig) -> Fields:
    """What a variant does not say of itself, its product says. Its quantity is left out while nobody has told it."""
    if not told.variant_id:
        raise CannotSay("product.variants: each needs a variant_id")
    if (price := _number(told.price if told.price is not None else product.price)) is None:
        raise CannotSay("product.variants: each needs a price, or the product has to have one")
    if not (title := told.title or product.title):
        raise CannotSay("product.title is required")
    return known(
        title=title,
        description=_description(product),
        sku=told.sku or told.variant_id,
        price=price,
        url=told.url or _url(product, config),
        image_full_url=told.image_url or _image(product),
        inventory_quantity=_number(told.quantity),
        inventory_policy=config.inventory_policy,
        custom_metadata=_variant_metadata(told),
        published=product.published,
    )


def categories_of(product: Product) -> tuple[str, ...]:
    """Each once, in the product's order. A category's name is its id: shops tell nothing else of it."""
    return tuple(dict.fromkeys(category for category in product.categories if category))


def related(categories: Iterable[str]) -> Fields:
    return {"categories": {"data": [{"type": "catalog-category", "id": compound(each)} for each in categories]}}


def _description(product: Product) -> str:
    """Klaviyo requires one, and its own plugins send an empty one where there is none."""
    return product.description or product.short_description or ""


def _url(product: Product, config: KlaviyoConfig) -> str:
    if not (product.url or config.product_url):
        raise CannotSay("product.url is required; the setting product_url can make one of the product's id")
    return product.url or config.product_url.replace("{product_id}", quote(product.product_id, safe=""))


def _image(product: Product) -> str | None:
    return product.image_url or next(iter(product.images), None)


def _number(value: Decimal | None) -> Decimal | None:
    return None if value is None else number(value)


def _item_metadata(product: Product) -> Fields | None:
    """Flat. The shop's own properties come last and replace nothing."""
    ours = known(
        brand=product.brand,
        currency=product.currency,
        compare_at_price=_number(product.compare_at_price),
        short_description=product.short_description,
    )
    return _fitting({**product.properties, **ours}, "product.properties")


def _variant_metadata(told: Variant) -> Fields | None:
    ours = known(barcode=told.barcode, compare_at_price=_number(told.compare_at_price))
    return _fitting({**told.options, **ours}, "product.variants: options")


def _fitting(metadata: Fields, field: str) -> Fields | None:
    if len(as_json(metadata)) > METADATA_BYTES:
        raise CannotSay(f"{field} is larger than 100 KB")
    return metadata or None
