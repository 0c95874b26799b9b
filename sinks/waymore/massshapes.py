"""What WayMore's documents and plugin show of what is told at the beginning. In the order they want it in."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from sinks.waymore.shapes import Customer, Id, InWords, Product, Shape, Who


class CartLine(Shape):
    product_id: Id
    quantity: InWords


class Filled(Shape):
    cart_products: list[CartLine] = Field(min_length=1)


class Empty(Shape):
    """`{}`."""


class KnownCustomer(Customer):
    cart: Filled | Empty


class Subscription(Shape):
    id: Who
    id_shop: Id
    id_shop_group: Id
    email: Id
    newsletter_date_add: str
    ip_registration_newsletter: str
    http_referer: str
    active: int


class Subscriber(Shape):
    subscriber: Subscription


class Wishlist(Shape):
    customer_id: Id
    product_id: list[Id] = Field(min_length=1)


class KnownOrderDetails(Shape):
    customer_id: Who
    order_id: Id
    order_status: Id
    shipping_method: str
    payment_method: str
    total_price: InWords
    order_create_date: str = Field("", pattern=r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")


class KnownOrder(Shape):
    order_details: KnownOrderDetails
    order_products: list[CartLine]


KINDS: Mapping[str, type[Shape]] = {
    "customers": KnownCustomer,
    "subscribers": Subscriber,
    "products": Product,
    "wishlist": Wishlist,
    "orders": KnownOrder,
}
ALSO_CALLED = {"wishlists": "wishlist"}
