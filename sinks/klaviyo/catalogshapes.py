"""What Klaviyo's OpenAPI (revision 2026-07-15) says of items, variants and categories, and of those who wait for one.

As in `shapes.py`, unknown fields are refused.
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal

from pydantic import AfterValidator, Field

from sinks.klaviyo.rules import METADATA_BYTES
from sinks.klaviyo.shapes import Attributes, Document, Email, Inner, Kind, Number, Phone, Resource, Shape

PREFIX = "$custom:::$default:::"


def _compound(text: str) -> str:
    if not text.startswith(PREFIX) or text == PREFIX:
        raise ValueError(f"must be a compound id, {PREFIX}<external id>")
    return text


def _flat(metadata: dict[str, Any]) -> dict[str, Any]:
    if any(isinstance(value, dict | list) for value in metadata.values()):
        raise ValueError("must be flat")
    if sum(len(name.encode()) + len(str(value).encode()) for name, value in metadata.items()) > METADATA_BYTES:
        raise ValueError("must not be larger than 100 KB")
    return metadata


CompoundId = Annotated[str, AfterValidator(_compound)]
Metadata = Annotated[dict[str, Any], AfterValidator(_flat)]


class Named(Shape, Generic[Kind]):
    """A reference to another resource; in a delete job, all that is said."""

    type: Kind
    id: CompoundId


class Changed(Shape, Generic[Kind, Attributes]):
    """An update says which one it is of."""

    type: Kind
    id: CompoundId
    attributes: Attributes


class Own(Shape):
    """What only a create says."""

    external_id: Annotated[str, Field(min_length=1)]
    integration_type: Literal["$custom"] | None = None
    catalog_type: Literal["$default"] | None = None


class Pictured(Shape):
    image_full_url: str | None = None
    image_thumbnail_url: str | None = None
    images: list[str] | None = None
    custom_metadata: Metadata | None = None
    published: bool | None = None


# -- items


class ItemChanges(Pictured):
    title: str | None = None
    price: Number | None = None
    description: str | None = None
    url: str | None = None


class ItemAttributes(Own, Pictured):
    title: str
    price: Number | None = None
    description: str
    url: str


class InCategories(Shape):
    categories: Document[list[Named[Literal["catalog-category"]]]] | None = None


class NewItem(Resource[Literal["catalog-item"], ItemAttributes]):
    relationships: InCategories | None = None


class ChangedItem(Changed[Literal["catalog-item"], ItemChanges]):
    relationships: InCategories | None = None


# -- variants


Policy = Literal[0, 1, 2]


class VariantChanges(Pictured):
    title: str | None = None
    description: str | None = None
    sku: str | None = None
    inventory_policy: Policy | None = None
    inventory_quantity: Number | None = None
    price: Number | None = None
    url: str | None = None


class VariantAttributes(Own, Pictured):
    title: str
    description: str
    sku: str
    inventory_policy: Policy | None = None
    inventory_quantity: Number
    price: Number
    url: str


class OfItem(Shape):
    item: Document[Named[Literal["catalog-item"]]]


class NewVariant(Resource[Literal["catalog-variant"], VariantAttributes]):
    relationships: OfItem


ChangedVariant = Changed[Literal["catalog-variant"], VariantChanges]


# -- categories


class CategoryAttributes(Own):
    name: str


NewCategory = Resource[Literal["catalog-category"], CategoryAttributes]


# -- many at once


class Items(Shape, Generic[Inner]):
    items: Document[list[Inner]]


class Variants(Shape, Generic[Inner]):
    variants: Document[list[Inner]]


JOBS: dict[str, type[Document[Any]]] = {
    "catalog-item-bulk-create-job": Document[Resource[Literal["catalog-item-bulk-create-job"], Items[NewItem]]],
    "catalog-item-bulk-update-job": Document[Resource[Literal["catalog-item-bulk-update-job"], Items[ChangedItem]]],
    "catalog-item-bulk-delete-job": Document[
        Resource[Literal["catalog-item-bulk-delete-job"], Items[Named[Literal["catalog-item"]]]]
    ],
    "catalog-variant-bulk-create-job": Document[
        Resource[Literal["catalog-variant-bulk-create-job"], Variants[NewVariant]]
    ],
    "catalog-variant-bulk-update-job": Document[
        Resource[Literal["catalog-variant-bulk-update-job"], Variants[ChangedVariant]]
    ],
    "catalog-variant-bulk-delete-job": Document[
        Resource[Literal["catalog-variant-bulk-delete-job"], Variants[Named[Literal["catalog-variant"]]]]
    ],
}


# -- who waits


class Waiting(Shape):
    email: Email | None = None
    phone_number: Phone | None = None
    external_id: str | None = None


class WaitingProfile(Shape):
    type: Literal["profile"]
    id: str | None = None
    attributes: Waiting


class BackInStockAttributes(Shape):
    channels: Annotated[list[Literal["EMAIL", "PUSH", "SMS", "WHATSAPP"]], Field(min_length=1)]
    profile: Document[WaitingProfile] | None = None


class VariantName(Shape):
    type: Literal["catalog-variant"]
    id: Annotated[str, Field(pattern=r"^[^:]+:::[^:]+:::[\s\S]+$")]


class ForVariant(Shape):
    variant: Document[VariantName]


class BackInStock(Resource[Literal["back-in-stock-subscription"], BackInStockAttributes]):
    relationships: ForVariant
