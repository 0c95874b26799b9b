"""Things that events and signals speak about: lines, addresses, orders, profiles, products. Frozen, no behaviour.

Every class here mirrors one Avro record `shoprelay.<ClassName>`; `tests/schemas` compares them field by field.
Amounts are `Decimal` in major units with at most four places; their currency stands beside them, on the record that
holds the lines. Times are aware UTC with millisecond precision.
"""

from datetime import datetime
from decimal import Decimal

import msgspec


class Value(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Configuration only: immutable, cheap to build and to compare.

    Each class says `frozen` (for type checkers) and `kw_only` (not inherited) again.
    """


class CustomerRef(Value, frozen=True, kw_only=True):
    """Every name the source knew for this customer at that moment. At least one must be set."""

    customer_id: str | None = None
    email: str | None = None
    phone: str | None = None
    anonymous_id: str | None = None
    cart_token: str | None = None


class Address(Value, frozen=True, kw_only=True):
    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    region: str | None = None
    region_code: str | None = None
    country: str | None = None
    country_code: str | None = None
    zip: str | None = None
    phone: str | None = None


class Profile(Value, frozen=True, kw_only=True):
    """What is known about a person beside their identities. `None` means not known, never "clear it"."""

    first_name: str | None = None
    last_name: str | None = None
    locale: str | None = None
    store_id: str | None = None
    guest: bool | None = None
    address: Address | None = None
    tags: tuple[str, ...] = ()
    properties: dict[str, str] = {}
    birthday: str | None = None


class LineItem(Value, frozen=True, kw_only=True):
    """One line of a cart or an order. Two lines are the same line when `line_key` (streams.domain) says so."""

    line_id: str | None = None
    product_id: str
    variant_id: str | None = None
    sku: str | None = None
    name: str | None = None
    quantity: Decimal = Decimal(1)
    unit_price: Decimal | None = None
    compare_at_price: Decimal | None = None
    url: str | None = None
    image_url: str | None = None
    brand: str | None = None
    categories: tuple[str, ...] = ()
    options: dict[str, str] = {}
    tax: Decimal | None = None
    tax_rate: Decimal | None = None
    discount: Decimal | None = None


class Payment(Value, frozen=True, kw_only=True):
    payment_id: str | None = None
    method: str | None = None
    amount: Decimal
    paid_at: datetime | None = None
    processor: str | None = None
    captured: bool | None = None


class Order(Value, frozen=True, kw_only=True):
    """An order as placed. `total` includes shipping, tax and discounts; a line's `unit_price` includes none of them."""

    order_id: str
    number: str | None = None
    placed_at: datetime | None = None
    currency: str
    total: Decimal
    subtotal: Decimal | None = None
    shipping: Decimal | None = None
    tax: Decimal | None = None
    discount: Decimal | None = None
    discount_code: str | None = None
    status: str | None = None
    note: str | None = None
    url: str | None = None
    lines: tuple[LineItem, ...]
    payments: tuple[Payment, ...] = ()
    billing_address: Address | None = None
    shipping_address: Address | None = None
    shipping_method: str | None = None
    shipping_tax: Decimal | None = None
    prices_include_tax: bool | None = None
    properties: dict[str, str] = {}


class Variant(Value, frozen=True, kw_only=True):
    variant_id: str
    sku: str | None = None
    barcode: str | None = None
    title: str | None = None
    options: dict[str, str] = {}
    price: Decimal | None = None
    compare_at_price: Decimal | None = None
    image_url: str | None = None
    url: str | None = None
    quantity: Decimal | None = None


class Product(Value, frozen=True, kw_only=True):
    product_id: str
    title: str
    description: str | None = None
    url: str | None = None
    image_url: str | None = None
    images: tuple[str, ...] = ()
    brand: str | None = None
    categories: tuple[str, ...] = ()
    currency: str | None = None
    price: Decimal | None = None
    compare_at_price: Decimal | None = None
    published: bool = True
    variants: tuple[Variant, ...] = ()
    short_description: str | None = None
    properties: dict[str, str] = {}
