"""What we conclude and tell: one frozen class for each record of `avro/signal.avsc` and `avro/catalog_signal.avsc`.

A signal is complete in itself: the customer as known, the cart or order with its lines. A sink needs no state to speak.
"""

from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec

from schemas.events import Priority
from schemas.values import CustomerRef, LineItem, Order, Payment, Product, Profile, Value


class Conclusion(
    msgspec.Struct,
    frozen=True,
    omit_defaults=True,
    gc=False,
    tag_field="-type",
    tag=lambda name: "shoprelay.signals." + name,
):
    """One branch of the signal union; the tag is its Avro full name."""


class Customer(Value, frozen=True, kw_only=True):
    """The customer as known when the signal was said. `key` is the key of the log, `ref` all known identities."""

    key: str
    ref: CustomerRef
    profile: Profile = Profile()


class Cart(Value, frozen=True, kw_only=True):
    """`version` rises with every change of this cart; `total` is the sum of quantity times unit price."""

    cart_id: str
    version: int
    currency: str
    lines: tuple[LineItem, ...]
    total: Decimal
    checkout_url: str | None = None
    changed_at: datetime


# -- person


class CustomerChanged(Conclusion, frozen=True, kw_only=True):
    new: bool = False


class CustomerErased(Conclusion, frozen=True, kw_only=True):
    reason: str | None = None


class NewsletterSubscribed(Conclusion, frozen=True, kw_only=True):
    list_id: str | None = None
    channel: Literal["email", "sms"] = "email"
    consented_at: datetime | None = None


class NewsletterUnsubscribed(Conclusion, frozen=True, kw_only=True):
    list_id: str | None = None
    channel: Literal["email", "sms"] = "email"


# -- browsing


class SessionActive(Conclusion, frozen=True, kw_only=True):
    url: str | None = None


class ProductViewed(Conclusion, frozen=True, kw_only=True):
    item: LineItem
    currency: str | None = None


class Searched(Conclusion, frozen=True, kw_only=True):
    query: str
    results: int | None = None


class WishlistAdded(Conclusion, frozen=True, kw_only=True):
    item: LineItem
    currency: str | None = None


class WishlistRemoved(Conclusion, frozen=True, kw_only=True):
    item: LineItem


class BackInStockRequested(Conclusion, frozen=True, kw_only=True):
    product_id: str
    variant_id: str | None = None
    channel: Literal["email", "sms"] = "email"


# -- cart


class CartChanged(Conclusion, frozen=True, kw_only=True):
    """`added` is set when this change put something in; an emptied cart has no lines."""

    cart: Cart
    added: LineItem | None = None


class CheckoutStarted(Conclusion, frozen=True, kw_only=True):
    cart: Cart
    checkout_id: str | None = None


class CartAbandoned(Conclusion, frozen=True, kw_only=True):
    """A fact, not yet a reminder: nothing changed until `due_at`. No reminder may leave at or after `expires_at`."""

    cart: Cart
    stage: int
    due_at: datetime
    expires_at: datetime


# -- order


class OrderPlaced(Conclusion, frozen=True, kw_only=True):
    """`closed_carts` are the carts this purchase ended; `proved_wrong` the ids of `CartAbandoned` signals that an
    earlier knowledge of this purchase would have prevented."""

    order: Order
    closed_carts: tuple[str, ...] = ()
    proved_wrong: tuple[str, ...] = ()


class OrderPaid(Conclusion, frozen=True, kw_only=True):
    order_id: str
    currency: str
    payment: Payment
    order: Order | None = None


class OrderStatusChanged(Conclusion, frozen=True, kw_only=True):
    order_id: str
    status: str
    previous: str | None = None
    order: Order | None = None


class OrderFulfilled(Conclusion, frozen=True, kw_only=True):
    """`ordinal` counts the fulfilments of this order from 1; `complete` when nothing is left to send. `order` is the
    order as placed, or `None` when it was placed before we listened."""

    order_id: str
    fulfillment_id: str | None = None
    ordinal: int
    complete: bool
    lines: tuple[LineItem, ...] = ()
    tracking_code: str | None = None
    carrier: str | None = None
    order: Order | None = None


class OrderCancelled(Conclusion, frozen=True, kw_only=True):
    order_id: str
    reason: str | None = None
    order: Order | None = None


class OrderRefunded(Conclusion, frozen=True, kw_only=True):
    """`amount` is what this refund gave back, `complete` when nothing is left of the order's total."""

    order_id: str
    refund_id: str | None = None
    ordinal: int
    complete: bool
    currency: str | None = None
    amount: Decimal | None = None
    lines: tuple[LineItem, ...] = ()
    reason: str | None = None
    order: Order | None = None


# -- wholesale and site


class WholesaleOrderApproved(Conclusion, frozen=True, kw_only=True):
    order: Order
    account_code: str | None = None
    account_name: str | None = None


class StoreConnected(Conclusion, frozen=True, kw_only=True):
    system: str | None = None
    url: str | None = None


class StoreDisconnected(Conclusion, frozen=True, kw_only=True):
    reason: str | None = None


SignalPayload = (
    CustomerChanged
    | CustomerErased
    | NewsletterSubscribed
    | NewsletterUnsubscribed
    | SessionActive
    | ProductViewed
    | Searched
    | WishlistAdded
    | WishlistRemoved
    | BackInStockRequested
    | CartChanged
    | CheckoutStarted
    | CartAbandoned
    | OrderPlaced
    | OrderPaid
    | OrderStatusChanged
    | OrderFulfilled
    | OrderCancelled
    | OrderRefunded
    | WholesaleOrderApproved
    | StoreConnected
    | StoreDisconnected
)


class Signal(Value, frozen=True, kw_only=True):
    """`signal_id` is derived from the event that caused it, so a repeat carries the same id and the same bytes.

    `occurred_at` is the time of the fact; a signal holds no processing time, on purpose.
    """

    signal_id: str
    shop: str
    occurred_at: datetime
    priority: Priority = "live"
    cause: str
    customer: Customer
    payload: SignalPayload


# -- products


class ProductChanged(Conclusion, frozen=True, kw_only=True):
    product: Product
    new: bool = False
    gone: tuple[str, ...] = ()


class ProductDeleted(Conclusion, frozen=True, kw_only=True):
    product_id: str
    product: Product | None = None


class StockChanged(Conclusion, frozen=True, kw_only=True):
    """What is available now, at `location` when given; `total` at all places together, as far as they were told.
    `out_of_stock` when this change brought the last one to zero."""

    product_id: str
    variant_id: str | None = None
    sku: str | None = None
    quantity: Decimal
    location: str | None = None
    out_of_stock: bool = False
    product: Product | None = None
    total: Decimal | None = None


CatalogSignalPayload = ProductChanged | ProductDeleted | StockChanged


class CatalogSignal(Value, frozen=True, kw_only=True):
    """What changed about one product; keyed by product id."""

    signal_id: str
    shop: str
    occurred_at: datetime
    priority: Priority = "live"
    cause: str
    payload: CatalogSignalPayload


AnySignal = Signal | CatalogSignal
