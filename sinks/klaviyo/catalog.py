"""Catalog signal → calls to Klaviyo: categories, then the item, then its variants. Pure.

A call of a new product creates, any other updates; `follow.py` turns the one into the other where Klaviyo knows more or
less than we thought.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import cast

from schemas.signals import CatalogSignal, ProductChanged, ProductDeleted, StockChanged
from schemas.values import Product
from sinks.body import Fields, as_json, number
from sinks.contract import Call, CannotSay
from sinks.klaviyo.config import KlaviyoConfig
from sinks.klaviyo.product import categories_of, compound, item, path_of, related, variant, variants_of

REQUEST_BYTES = 5_000_000
_CUSTOM: Fields = {"integration_type": "$custom", "catalog_type": "$default"}


def product(signal: CatalogSignal, config: KlaviyoConfig) -> tuple[Call, ...]:
    said = cast(ProductChanged, signal.payload)
    if not config.catalog:
        return ()
    _named(said.product.product_id)
    write = _created if said.new else _updated
    return (*_categories(signal, said.product, config), *write(signal, said.product, config), *_gone(signal, said))


def deleted(signal: CatalogSignal, config: KlaviyoConfig) -> tuple[Call, ...]:
    """Its variants first: whether they go with their item is not documented."""
    said = cast(ProductDeleted, signal.payload)
    if not config.catalog:
        return ()
    _named(said.product_id)
    variants = variants_of(said.product) if said.product else ()
    ids = [known.variant_id for known in variants if known.variant_id] or [said.product_id]
    return (
        *(_delete(signal, "variant", variant_id) for variant_id in ids),
        _delete(signal, "item", said.product_id),
    )


def stock(signal: CatalogSignal, config: KlaviyoConfig) -> tuple[Call, ...]:
    """Nothing of a variant that was never told: Klaviyo does not know it either, and learns of it with its product."""
    said = cast(StockChanged, signal.payload)
    left = stocked(said, config)
    if not config.catalog or left is None or said.product is None:
        return ()
    if (variant_id := meant(said, said.product)) is None:
        return ()
    attributes: Fields = {"inventory_quantity": number(left)}
    return (
        _update(signal, "variant", variant_id, attributes, product_id=said.product.product_id, says="Update Stock"),
    )


def stocked(said: StockChanged, config: KlaviyoConfig) -> Decimal | None:
    """Klaviyo has one quantity for a variant: that of all places, or of the one that is set. `None`: of another one."""
    if config.stock_location:
        return said.quantity if said.location == config.stock_location else None
    return said.quantity if said.total is None else said.total


def meant(said: StockChanged, told: Product) -> str | None:
    """Which variant this is the stock of: by variant, else by SKU, else the only one there is."""
    variants = [each for each in variants_of(told) if each.variant_id]
    by_id = [each for each in variants if each.variant_id == said.variant_id]
    by_sku = [each for each in variants if said.sku and each.sku == said.sku and not said.variant_id]
    only = variants if len(variants) == 1 and not (said.variant_id or said.sku) else []
    own = variants if not told.variants and said.variant_id in (None, "", told.product_id) else []
    return next((each.variant_id for each in (*by_id, *by_sku, *only, *own)), None)


# -- what becomes of a product


def _categories(signal: CatalogSignal, told: Product, config: KlaviyoConfig) -> Iterator[Call]:
    """An item can only be in categories that exist."""
    for name in categories_of(told) if config.catalog_categories else ():
        attributes: Fields = {"external_id": name, "name": name, **_CUSTOM}
        yield _call(signal, "create", "category", name, {"attributes": attributes})


def _created(signal: CatalogSignal, told: Product, config: KlaviyoConfig) -> Iterator[Call]:
    """A quantity nobody has told is 0, and a create that turns out to be a repeat leaves a 0 out: it may mean just
    that. So a 0 that was told is told once more."""
    categories = categories_of(told) if config.catalog_categories else ()
    data: Fields = {"attributes": {"external_id": told.product_id, **_CUSTOM, **item(told, config)}}
    if categories:
        data["relationships"] = related(categories)
    yield _call(signal, "create", "item", told.product_id, data, opens=_item(told.product_id))
    belongs = {"item": {"data": {"type": "catalog-item", "id": compound(told.product_id)}}}
    empty = []
    for each in variants_of(told):
        attributes = {"external_id": each.variant_id, **_CUSTOM, "inventory_quantity": 0, **variant(told, each, config)}
        data = {"attributes": attributes, "relationships": belongs}
        yield _call(signal, "create", "variant", each.variant_id, data, needs=_item(told.product_id))
        if each.quantity == 0:
            empty.append(each.variant_id)
    for variant_id in empty:
        none: Fields = {"inventory_quantity": 0}
        yield _update(signal, "variant", variant_id, none, product_id=told.product_id, says="Update Stock")


def _updated(signal: CatalogSignal, told: Product, config: KlaviyoConfig) -> Iterator[Call]:
    data: Fields = {"id": compound(told.product_id), "attributes": item(told, config)}
    if config.catalog_categories:
        data["relationships"] = related(categories_of(told))
    yield _call(signal, "update", "item", told.product_id, data, opens=_item(told.product_id))
    for each in variants_of(told):
        attributes = variant(told, each, config)
        yield _update(signal, "variant", each.variant_id, attributes, product_id=told.product_id)


def _gone(signal: CatalogSignal, said: ProductChanged) -> Iterator[Call]:
    there = {each.variant_id for each in variants_of(said.product)}
    for variant_id in dict.fromkeys(said.gone):
        if variant_id and variant_id not in there:
            yield _delete(signal, "variant", variant_id)


# -- calls


def _item(product_id: str) -> str:
    """What an item opens and its variants need. `follow.py` reads the product's id out of it."""
    return f"item {product_id}"


def _named(product_id: str) -> None:
    if not product_id:
        raise CannotSay("product_id is required")


def _update(
    signal: CatalogSignal, kind: str, external_id: str, attributes: Fields, *, product_id: str, says: str = ""
) -> Call:
    data = {"id": compound(external_id), "attributes": attributes}
    return _call(signal, "update", kind, external_id, data, needs=_item(product_id), says=says)


def _delete(signal: CatalogSignal, kind: str, external_id: str) -> Call:
    return _call(signal, "delete", kind, external_id, None)


_METHODS = {"create": "POST", "update": "PATCH", "delete": "DELETE"}
_RESOURCES = {"item": "catalog-items", "variant": "catalog-variants", "category": "catalog-categories"}


def _call(
    signal: CatalogSignal,
    verb: str,
    kind: str,
    external_id: str,
    data: Fields | None,
    *,
    opens: str = "",
    needs: str = "",
    says: str = "",
) -> Call:
    resource = _RESOURCES[kind]
    body = b"" if data is None else as_json({"data": {"type": f"catalog-{kind}", **data}})
    if len(body) > REQUEST_BYTES:
        raise CannotSay("product is larger than 5 MB")
    endpoint = f"{verb}-catalog-{kind}"
    return Call(
        says=says or f"{verb.title()} Catalog {kind.title()}",
        method=_METHODS[verb],
        path=f"/api/{resource}" if verb == "create" else path_of(resource, external_id),
        body=body,
        key=f"{signal.signal_id}:{says.lower().replace(' ', '-') or endpoint}:{external_id}",
        endpoint=endpoint,
        opens=opens,
        needs=needs,
    )
