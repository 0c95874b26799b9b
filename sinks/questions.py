"""What a shop may ask about stock, delivery, customers and orders, and what it is told. Our own words, no platform's.

These models are the public API of `shoprelay gateway`, version 1: its OpenAPI document is made from them. A field may
be added; none is renamed, none leaves. A description is written as what to give, because a refusal repeats it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

KEYS = 2_000  # pairs of product and place in one question
LINES = 100  # of one cart
PAGE = 50  # orders


class Asked(BaseModel):
    """A question. Equal questions are the same question: they share an answer."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Told(BaseModel):
    """Part of an answer: every field is there, and null where the platform does not say."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, json_schema_serialization_defaults_required=True
    )


Name = Annotated[str, Field(min_length=1, max_length=255)]
Amount = Annotated[str, Field(pattern=r"^-?\d+(\.\d+)?$", description="a decimal number as text, such as 12.50")]


class Money(Told):
    amount: Amount
    currency: str | None = Field(None, description="ISO 4217")


# -- stock


class ProductAtPlace(Asked):
    product_id: Name = Field(description="the product's id, as in the catalog")
    place_id: Name = Field(description="the id of a store or warehouse")


class AvailabilityAsked(Asked):
    """How many of each product can be promised at each place."""

    items: tuple[ProductAtPlace, ...] = Field(
        min_length=1, max_length=KEYS, description=f"1 to {KEYS:,} pairs of product and place"
    )


class AvailabilityQuery(Asked):
    """Every one of these products at every one of these places."""

    product: tuple[Name, ...] = Field(min_length=1, max_length=KEYS, description="a product's id; repeat it for more")
    place: tuple[Name, ...] = Field(
        min_length=1, max_length=KEYS, description="the id of a store or warehouse; repeat it for more"
    )


class Stock(Told):
    product_id: str
    place_id: str
    available: int | None = Field(None, description="how many can be promised; null: no such pair is known")


class Availability(Told):
    items: tuple[Stock, ...]


# -- delivery and pickup


class Wanted(Asked):
    product_id: Name = Field(description="the product's id, as in the catalog")
    quantity: int = Field(ge=1, le=9_999, description="how many, 1 or more")


class Address(Asked):
    country: str = Field(pattern=r"^[A-Z]{2}$", description="the country, ISO 3166 alpha-2, such as DE")
    zip_code: str | None = Field(None, max_length=32, description="the postal code")
    city: str | None = Field(None, max_length=128, description="the city")
    state: str | None = Field(None, max_length=128, description="the state or province")
    address_line_1: str | None = Field(None, max_length=128, description="street and number")


class DeliveryAsked(Asked):
    """How this cart could be delivered to this address."""

    items: tuple[Wanted, ...] = Field(min_length=1, max_length=LINES, description=f"1 to {LINES} lines of the cart")
    address: Address = Field(description="where to, at least the country")


class Point(Asked):
    latitude: float = Field(ge=-90, le=90, allow_inf_nan=False, description="degrees, -90 to 90")
    longitude: float = Field(ge=-180, le=180, allow_inf_nan=False, description="degrees, -180 to 180")


class PickupAsked(Asked):
    """In which stores this cart could be picked up, the nearest first."""

    items: tuple[Wanted, ...] = Field(min_length=1, max_length=LINES, description=f"1 to {LINES} lines of the cart")
    near: Point = Field(description="where the customer is: latitude and longitude")
    within_km: float | None = Field(None, gt=0, le=20_000, allow_inf_nan=False, description="kilometres, above 0")
    at_most: int | None = Field(None, ge=1, le=100, description="how many stores, 1 to 100")
    without_stock: bool = Field(False, description="true to be told of stores that have not everything, too")


class DeliveryOption(Told):
    shipping_offer_token: str = Field(description="hand it over with the order, unchanged")
    service_level: str | None = None
    place_id: str | None = Field(None, description="where it would be sent from")
    price: Money | None = None
    delivery_time: JsonValue = Field(None, description="as the platform says it")


class DeliveryOptions(Told):
    options: tuple[DeliveryOption, ...]


class Store(Told):
    store_id: str | None = None
    name: str | None = None
    phone: str | None = None
    address: dict[str, JsonValue] = Field({}, description="as the platform has it")
    business_hours: JsonValue = Field(None, description="as the platform has it")


class PickupOption(Told):
    place_id: str
    has_stock: bool = Field(description="whether everything is there")
    shipping_offer_token: str | None = Field(
        None, description="hand it over with the order, unchanged; null where nothing can be picked up"
    )
    price: Money | None = None
    delivery_time: JsonValue = Field(None, description="as the platform says it")
    store: Store


class PickupOptions(Told):
    options: tuple[PickupOption, ...] = Field(description="the nearest first")


# -- customers and orders


class CustomerAsked(Asked):
    """Who has this e-mail address."""

    email: str = Field(
        min_length=3, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$", description="the whole e-mail address"
    )


class Customer(Told):
    customer_id: str
    email: str
    first_name: str | None = None
    last_name: str | None = None
    full_name: str | None = None
    phone: str | None = None
    store_id: str | None = None
    attributes: dict[str, str] = {}
    created_at: datetime | None = None
    updated_at: datetime | None = None


class OrdersAsked(Asked):
    """A customer's orders, the newest first, in-store orders among them."""

    customer_id: Name = Field(description="the platform's id of the customer")
    offset: int = Field(0, ge=0, le=1_000_000, description="how many orders to pass over, 0 or more")
    count: int = Field(10, ge=1, le=PAGE, description=f"how many orders, 1 to {PAGE}")


class OrderAsked(Asked):
    """How one order stands."""

    order_number: str = Field(min_length=1, max_length=64, description="the shop's own order number")


class OrderItem(Told):
    item_id: str
    product_id: str | None = None
    name: str | None = None
    status: str | None = Field(None, description="the platform's word: pending, in_fulfillment, on_hold, complete, …")
    price: Amount | None = Field(None, description="gross, in the order's currency")


class Order(Told):
    order_number: str
    platform_id: str | None = Field(None, description="the order's id at the platform it was entered in")
    status: str = Field(description="the platform's word: open, on_hold, closed, failed, created_for_blind_return")
    placed_at: datetime
    currency: str
    channel: str | None = Field(None, description="web or store")
    fulfillment: str | None = Field(None, description="the platform's word: traditional, in_store_pickup, multiple, …")
    total: Amount | None = Field(None, description="null in a history: the platform gives it with a single order")
    items: tuple[OrderItem, ...]


class Orders(Told):
    orders: tuple[Order, ...]
    next_offset: int | None = Field(None, description="the offset of the next page; null when this one is the last")


def known(document: Any) -> dict[str, Any]:
    """What a document says, without its nulls: for calls made from a question."""
    return {name: value for name, value in document.items() if value is not None}
