"""What we are told: one frozen class for each record of `avro/shop_event.avsc` and `avro/customer_event.avsc`.

`ShopEvent` is the public front door. `CustomerEvent` is one entry of a customer's log: the same event plus the key
it was filed under and the time it counts for, or something only we write (`DeadlineReached`, `CartTransferred`).
`CatalogEvent` is the same for a product (`avro/catalog_event.avsc`).
"""

from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec

from schemas.values import CustomerRef, LineItem, Order, Payment, Product, Profile, Value

Priority = Literal["live", "backfill"]


class Payload(
    msgspec.Struct,
    frozen=True,
    omit_defaults=True,
    gc=False,
    tag_field="-type",
    tag=lambda name: "shoprelay.events." + name,
):
    """One branch of the payload union; the tag is its Avro full name."""


# -- person


class CustomerRegistered(Payload, frozen=True, kw_only=True):
    profile: Profile = Profile()


class CustomerUpdated(Payload, frozen=True, kw_only=True):
    """Fields that are set replace what was known; fields left out stay."""

    profile: Profile = Profile()


class CustomerErased(Payload, frozen=True, kw_only=True):
    reason: str | None = None


class IdentityLinked(Payload, frozen=True, kw_only=True):
    """The customer named in the header and `other` are one person."""

    other: CustomerRef
    reason: str | None = None


class NewsletterSubscribed(Payload, frozen=True, kw_only=True):
    list_id: str | None = None
    channel: Literal["email", "sms"] = "email"
    consented_at: datetime | None = None


class NewsletterUnsubscribed(Payload, frozen=True, kw_only=True):
    list_id: str | None = None
    channel: Literal["email", "sms"] = "email"


# -- browsing


class SessionActive(Payload, frozen=True, kw_only=True):
    url: str | None = None
    referrer: str | None = None


class ProductViewed(Payload, frozen=True, kw_only=True):
    item: LineItem
    currency: str | None = None


class Searched(Payload, frozen=True, kw_only=True):
    query: str
    results: int | None = None


class WishlistAdded(Payload, frozen=True, kw_only=True):
    item: LineItem
    currency: str | None = None


class WishlistRemoved(Payload, frozen=True, kw_only=True):
    item: LineItem


class BackInStockRequested(Payload, frozen=True, kw_only=True):
    product_id: str
    variant_id: str | None = None
    channel: Literal["email", "sms"] = "email"


# -- cart


class CartItemAdded(Payload, frozen=True, kw_only=True):
    """`item.quantity` more of this line; must be above zero."""

    cart_id: str | None = None
    item: LineItem
    currency: str
    checkout_url: str | None = None


class CartItemRemoved(Payload, frozen=True, kw_only=True):
    """`quantity` less of this line; left out means the whole line. Never below zero."""

    cart_id: str | None = None
    item: LineItem
    quantity: Decimal | None = None


class CartReplaced(Payload, frozen=True, kw_only=True):
    """The whole cart as it is now. No lines means it was emptied."""

    cart_id: str | None = None
    lines: tuple[LineItem, ...]
    currency: str
    checkout_url: str | None = None


class CheckoutStarted(Payload, frozen=True, kw_only=True):
    """Entering the checkout. With `lines` it is a snapshot of the cart as well."""

    cart_id: str | None = None
    checkout_id: str | None = None
    lines: tuple[LineItem, ...] = ()
    currency: str | None = None
    checkout_url: str | None = None


# -- order


class OrderPlaced(Payload, frozen=True, kw_only=True):
    order: Order
    cart_id: str | None = None


class OrderPaid(Payload, frozen=True, kw_only=True):
    order_id: str
    currency: str
    payment: Payment


class OrderStatusChanged(Payload, frozen=True, kw_only=True):
    order_id: str
    status: str
    previous: str | None = None


class OrderFulfilled(Payload, frozen=True, kw_only=True):
    """Sent to the customer. No lines means the whole order; several partial ones carry their own `fulfillment_id`."""

    order_id: str
    fulfillment_id: str | None = None
    lines: tuple[LineItem, ...] = ()
    tracking_code: str | None = None
    carrier: str | None = None


class OrderCancelled(Payload, frozen=True, kw_only=True):
    order_id: str
    reason: str | None = None


class OrderRefunded(Payload, frozen=True, kw_only=True):
    """Money given back. No amount means the whole order; several partial ones carry their own `refund_id`."""

    order_id: str
    refund_id: str | None = None
    currency: str | None = None
    amount: Decimal | None = None
    lines: tuple[LineItem, ...] = ()
    reason: str | None = None


# -- catalog


class ProductUpserted(Payload, frozen=True, kw_only=True):
    product: Product


class ProductDeleted(Payload, frozen=True, kw_only=True):
    product_id: str


class StockChanged(Payload, frozen=True, kw_only=True):
    """`quantity` is what is available now, never a difference."""

    product_id: str
    variant_id: str | None = None
    sku: str | None = None
    quantity: Decimal
    location: str | None = None


# -- wholesale and site


class WholesaleOrderApproved(Payload, frozen=True, kw_only=True):
    order: Order
    account_code: str | None = None
    account_name: str | None = None


class StoreConnected(Payload, frozen=True, kw_only=True):
    system: str | None = None
    url: str | None = None


class StoreDisconnected(Payload, frozen=True, kw_only=True):
    reason: str | None = None


CatalogPayload = ProductUpserted | ProductDeleted | StockChanged

ShopPayload = (
    CustomerRegistered
    | CustomerUpdated
    | CustomerErased
    | IdentityLinked
    | NewsletterSubscribed
    | NewsletterUnsubscribed
    | SessionActive
    | ProductViewed
    | Searched
    | WishlistAdded
    | WishlistRemoved
    | BackInStockRequested
    | CartItemAdded
    | CartItemRemoved
    | CartReplaced
    | CheckoutStarted
    | OrderPlaced
    | OrderPaid
    | OrderStatusChanged
    | OrderFulfilled
    | OrderCancelled
    | OrderRefunded
    | ProductUpserted
    | ProductDeleted
    | StockChanged
    | WholesaleOrderApproved
    | StoreConnected
    | StoreDisconnected
)


class ShopEvent(Payload, frozen=True, kw_only=True):
    """A fact a shop tells us. `event_id` is unique in `shop` and the same every time the fact is told again."""

    event_id: str
    shop: str
    occurred_at: datetime
    source: str = "canonical"
    priority: Priority = "live"
    customer: CustomerRef = CustomerRef()
    payload: ShopPayload


# -- what only we write into a customer's log


class DeadlineReached(Payload, frozen=True, kw_only=True):
    """Time has become a fact: the cart's current deadline `due_at` lies behind everything we were told."""

    event_id: str
    shop: str
    cart_id: str
    due_at: datetime


class TransferredCart(Value, frozen=True, kw_only=True):
    cart_id: str
    currency: str
    lines: tuple[LineItem, ...]
    checkout_url: str | None = None
    last_change: datetime


class TransferredWish(Value, frozen=True, kw_only=True):
    product_id: str
    at: datetime


class TransferredConsent(Value, frozen=True, kw_only=True):
    channel: Literal["email", "sms"] = "email"
    at: datetime
    given: bool


class CartTransferred(Payload, frozen=True, kw_only=True):
    """Answer of a weaker identity's log to a link: its carts, recent views, wishes and consents move to the customer
    of this log."""

    event_id: str
    shop: str
    occurred_at: datetime
    priority: Priority = "live"
    from_key: str
    origins: tuple[str, ...] = ()
    ref: CustomerRef
    profile: Profile = Profile()
    carts: tuple[TransferredCart, ...] = ()
    views: tuple[LineItem, ...] = ()
    wishes: tuple[TransferredWish, ...] = ()
    consents: tuple[TransferredConsent, ...] = ()


class CustomerEvent(Value, frozen=True, kw_only=True):
    """One entry of a customer's log. `at` is the time it counts for: `occurred_at`, but never after it was received."""

    key: str
    at: datetime
    fact: ShopEvent | DeadlineReached | CartTransferred


# -- a product's log


class CatalogEvent(Value, frozen=True, kw_only=True):
    """One entry of a product's log; `fact.payload` is a `CatalogPayload`. `at` as in `CustomerEvent`."""

    product_id: str
    at: datetime
    fact: ShopEvent
