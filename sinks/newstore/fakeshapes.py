"""What an order must look like to be injected, field by field. Unknown fields are refused: the documents list all."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from sinks.newstore.amounts import CURRENCIES


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("must be a number")
    return Decimal(value)


def _time(value: str) -> str:
    if "T" not in value or datetime.fromisoformat(value).tzinfo is None:
        raise ValueError("must be RFC 3339, with a time zone")
    return value


def _product(value: str) -> str:
    if "=" in value or "%" in value:
        raise ValueError("must not hold = or %")
    return value


def _currency(value: str) -> str:
    if value not in CURRENCIES:
        raise ValueError("is no currency")
    return value


Amount = Annotated[Decimal, BeforeValidator(_number), Field(ge=0)]
Rate = Annotated[Decimal, BeforeValidator(_number), Field(ge=0, le=1)]
Time = Annotated[str, AfterValidator(_time)]
Id = Annotated[str, Field(min_length=1, max_length=64)]
ProductId = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_product)]
Text32 = Annotated[str, Field(max_length=32)]
Text64 = Annotated[str, Field(max_length=64)]
Text256 = Annotated[str, Field(max_length=256)]


class Shape(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Attribute(Shape):
    name: Annotated[str, Field(min_length=1, max_length=100)]
    value: Annotated[str, Field(max_length=8192)]


class Discount(Shape):
    type: Literal["fixed", "percentage"]
    original_value: Amount
    price_adjustment: Amount
    discount_ref: Annotated[str, Field(min_length=1, max_length=256)]
    coupon_code: Text64 | None = None
    description: Annotated[str, Field(max_length=1024)] | None = None


class TaxLine(Shape):
    amount: Amount
    rate: Rate
    name: str
    country_code: Annotated[str, Field(max_length=2)] | None = None


class Price(Shape):
    item_price: Amount
    item_list_price: Amount
    item_tax_lines: list[TaxLine]
    item_discount_info: Annotated[list[Discount], Field(max_length=1)] = []
    item_order_discount_info: Annotated[list[Discount], Field(max_length=1)] = []
    pricebook: Text64 | None = None
    group_ref: Text64 | None = None


class Item(Shape):
    external_item_id: Id
    product_id: ProductId
    price: Price
    gift_wrapping: dict[str, Any] | None = None
    extended_attributes: Annotated[list[Attribute], Field(max_length=100)] = []
    addon_parent_external_item_id: Id | None = None


class Option(Shape):
    service_level_identifier: Annotated[str, Field(min_length=1)] | None = None
    shipping_offer_token: Annotated[str, Field(min_length=1, max_length=8192)] | None = None
    price: Amount
    tax: Amount
    discount_info: Annotated[list[Discount], Field(max_length=1)] = []
    routing_strategy: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.service_level_identifier is None) == (self.shipping_offer_token is None):
            raise ValueError("exactly one of service_level_identifier and shipping_offer_token")
        return self


class Shipment(Shape):
    items: Annotated[list[Item], Field(min_length=1)]
    shipping_option: Option


class Address(Shape):
    address_line_1: Annotated[str, Field(min_length=1, max_length=128)]
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")]
    address_line_2: Text256 | None = None
    city: Text64 | None = None
    state: Text32 | None = None
    zip_code: Text32 | None = None
    first_name: Text64 | None = None
    last_name: Text64 | None = None
    phone: Annotated[str, Field(max_length=128)] | None = None
    salutation: Text32 | None = None
    title: Text32 | None = None
    suffix: Text32 | None = None


class Payment(Shape):
    type: Literal["authorized", "captured"]
    amount: Annotated[Decimal, BeforeValidator(_number), Field(gt=0, multiple_of=Decimal("0.01"))]
    method: Id
    processor: Annotated[str, Field(min_length=1, max_length=32)]
    processed_at: Time
    correlation_ref: Annotated[str, Field(min_length=1, max_length=128)]
    wallet: Id | None = None
    metadata: Annotated[dict[str, Any], Field(max_length=100)] = {}


class Order(Shape):
    external_id: Id
    shop: Annotated[str, Field(min_length=1, max_length=128)]
    shop_locale: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]+)*$")]
    channel_type: Literal["web", "mobile", "store"]
    channel_name: Id
    currency: Annotated[str, AfterValidator(_currency)]
    shipments: Annotated[list[Shipment], Field(min_length=1, max_length=10)]
    placed_at: Time | None = None
    price_method: Literal["tax_included", "tax_excluded"] | None = None
    customer_name: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    customer_email: Id | None = None
    customer_language: Annotated[str, Field(pattern="^[a-z]{2}$")] | None = None
    external_customer_id: Text64 | None = None
    ip_address: str | None = None
    shipping_address: Address | None = None
    billing_address: Address | None = None
    payments: Annotated[list[Payment], Field(max_length=40)] = []
    extended_attributes: Annotated[list[Attribute], Field(max_length=100)] = []
    notification_blacklist: list[str] = []
    is_preconfirmed: bool = False
    is_fulfilled: bool = False
    is_offline: bool = False
    is_historical: bool = False
    store_id: Text256 | None = None
    associate_id: Text256 | None = None
