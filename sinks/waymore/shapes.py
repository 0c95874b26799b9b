"""What WayMore's documents show of each request, as shapes that refuse anything else.

The documents let extra data through; the stand-in does not: it is to see what we send by mistake.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class Shape(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


def _day(text: str) -> str:
    if text:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            raise ValueError("must be YYYY-MM-DD or empty")
        date.fromisoformat(text)
    return text


Id = Annotated[str, Field(min_length=1)]
Day = Annotated[str, AfterValidator(_day)]
Number = int | Annotated[float, Field(allow_inf_nan=False)]
InWords = Annotated[str, Field(pattern=r"^-?\d+(\.\d+)?$")]
Who = Id | Literal[0]  # 0 is a guest


class Registration(Shape):
    username: Id
    password: Id
    source: Id
    type: Id
    version: Id
    plugin_version: Id
    domain: Id


class Envelope(Shape):
    event: Id
    uuid: Id
    data: Any


class Entry(Shape):
    name: Id
    description: Id
    object: list[dict[str, Any]] = Field(min_length=1)


class MassEnvelope(Shape):
    uuid: Id
    data: list[Entry] = Field(min_length=1)


# -- people


class Person(Shape):
    id: Id
    lastname: str
    firstname: str
    birthday: Day
    email: str
    phone: str


class Address(Shape):
    country: str
    city: str
    address1: str
    postcode: str
    company: str


class Customer(Shape):
    customer: Person
    addresses: list[Address]


class Newsletter(Shape):
    customer_id: Who
    email: Id
    subscription: bool


class Search(Shape):
    customer_id: Id | Literal["", 0]
    search_string: str


class Wish(Shape):
    product_id: Id
    customer_id: Id


# -- carts and orders


class Line(Shape):
    product_id: Id
    option_id: Id | None
    quantity: InWords


class Cart(Shape):
    customer_id: Who
    cart_products: list[Line]
    cart_url: str


class OrderDetails(Shape):
    order_id: Id
    order_status: Id
    shipping_method: str
    payment_method: str
    total_price: Number
    lastname: str
    firstname: str
    birthday: Day
    email: str
    company: str | None
    newsletter: bool | None
    website: str | None
    address1: str
    address2: str
    postcode: str
    phone: str
    phone_mobile: str
    city: str
    country: str


class Order(Shape):
    customer_id: Who
    order_details: OrderDetails
    order_products: list[Line]


class OrderStatus(Shape):
    customer_id: Who
    order_id: Id
    order_status: Id


class OrderPayment(Shape):
    customer_id: Who
    order_id: Id


# -- products


class Reduced(Shape):
    price: Number
    date_start: Day
    date_end: Day
    quantity: Number | Literal[""] | None


class NotReduced(Shape):
    """`{}`."""


class Priced(Shape):
    stock_quantity: Number | None = None
    price: Number | None = None
    discount: Reduced | NotReduced = NotReduced()


class Option(Priced):
    option_id: Id
    size: str
    color: str


class Product(Priced):
    product_id: Id
    name: str
    description: str
    short_description: str
    categories: list[str]
    product_options: list[Option]
    image_link: str
    product_link: str


class Stock(Shape):
    product_id: Id
    option_id: Id | None
    stock_quantity: Number | None = None


class OutOfStock(Shape):
    product_id: Id


class Nothing(Shape):
    """`{}`."""


# The names are exact: the list in the documents has `ProductoutOfStock`, their sample and their plugin this one.
EVENTS: Mapping[str, type[Shape]] = {
    "CustomerAdd": Customer,
    "CustomerUpdate": Customer,
    "CartUpdate": Cart,
    "ProductAdd": Product,
    "ProductUpdate": Product,
    "ProductStockUpdate": Stock,
    "ProductOutOfStock": OutOfStock,
    "OrderAdd": Order,
    "OrderStatusUpdate": OrderStatus,
    "OrderPaymentConfirmed": OrderPayment,
    "WishlistAdd": Wish,
    "WishlistDelete": Wish,
    "Newsletter": Newsletter,
    "Search": Search,
    "Uninstall": Nothing,
}
IN_AN_ARRAY = ("CartUpdate", "ProductStockUpdate")  # their plugin sends these so
