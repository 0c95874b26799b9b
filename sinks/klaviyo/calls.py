"""Signal → events of Klaviyo, one short function for each line of the table in `sink.py`. Pure.

What becomes of people stands in `people.py`, what becomes of products in `catalog.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import TypeVar, cast

from schemas.signals import (
    CartAbandoned,
    CartChanged,
    CheckoutStarted,
    Conclusion,
    OrderCancelled,
    OrderFulfilled,
    OrderPaid,
    OrderPlaced,
    OrderRefunded,
    OrderStatusChanged,
    ProductViewed,
    Searched,
    Signal,
    WishlistAdded,
    WishlistRemoved,
)
from schemas.values import LineItem, Order
from sinks.body import Fields, known
from sinks.contract import Call
from sinks.klaviyo import properties
from sinks.klaviyo.config import KlaviyoConfig
from sinks.klaviyo.event import event, money
from sinks.klaviyo.profile import identifiers, person_of_event
from sinks.lines import completed, worth

Payload = TypeVar("Payload", bound=Conclusion)


def _said(signal: Signal, kind: type[Payload]) -> Payload:
    """The table in `sink.py` has picked the function by this type."""
    return cast(Payload, signal.payload)


# -- browsing


def active_on_site(signal: Signal, config: KlaviyoConfig) -> tuple[Call, ...]:
    return (event(signal, "Active on Site", signal.signal_id, person_of_event(signal), {}),)


def viewed_product(signal: Signal, config: KlaviyoConfig) -> tuple[Call, ...]:
    item = _said(signal, ProductViewed).item
    return (event(signal, "Viewed Product", signal.signal_id, person_of_event(signal), properties.viewed(item)),)


def searched(signal: Signal, config: KlaviyoConfig) -> tuple[Call, ...]:
    said = _said(signal, Searched)
    return _own_metric(signal, config.searched_metric, known(SearchTerm=said.query, ResultCount=said.results))


def wishlist_added(signal: Signal, config: KlaviyoConfig) -> tuple[Call, ...]:
    item = _said(signal, WishlistAdded).item
    return _own_metric(signal, config.wishlist_added_metric, properties.viewed(item))


def wishlist_removed(signal: Signal, config: KlaviyoConfig) -> tuple[Call, ...]:
    item = _said(signal, WishlistRemoved).item
    return _own_metric(signal, config.wishlist_removed_metric, properties.viewed(item))


def _own_metric(signal: Signal, metric: str, about: Fields) -> tuple[Call, ...]:
    """Metrics that Klaviyo has no name for: told when the operator has given them one."""
    return (event(signal, metric, signal.signal_id, person_of_event(signal), about),) if metric else ()


# -- cart


def added_to_cart(signal: Signal, config: KlaviyoConfig) -> tuple[Call, ...]:
    """Klaviyo has no word for taking something out."""
    said = _said(signal, CartChanged)
    if said.added is None:
        return ()
    about = properties.added(said.added) | properties.cart(said.cart)
    paid = money(said.cart.total, said.cart.currency, "cart.currency")
    return (event(signal, "Added to Cart", signal.signal_id, person_of_event(signal), about, paid),)


def started_checkout(signal: Signal, config: KlaviyoConfig) -> tuple[Call, ...]:
    """The time in the id lets a changed cart start the flow again."""
    cart = _said(signal, CheckoutStarted).cart
    unique_id = f"{cart.cart_id}_{int(signal.occurred_at.timestamp())}"
    paid = money(cart.total, cart.currency, "cart.currency")
    return (event(signal, "Started Checkout", unique_id, person_of_event(signal), properties.cart(cart), paid),)


def abandoned_cart(signal: Signal, config: KlaviyoConfig) -> tuple[Call, ...]:
    """A reminder for somebody known by a cookie alone would reach nobody."""
    said = _said(signal, CartAbandoned)
    about = properties.cart(said.cart) | {"CartID": said.cart.cart_id, "Stage": said.stage}
    who = person_of_event(signal, anonymous=False)
    paid = money(said.cart.total, said.cart.currency, "cart.currency")
    return (event(signal, config.abandoned_cart_metric, signal.signal_id, who, about, paid),)


# -- order


def placed_order(signal: Signal, config: KlaviyoConfig) -> tuple[Call, ...]:
    order = _said(signal, OrderPlaced).order
    who, paid = person_of_event(signal), money(order.total, order.currency, "order.currency")
    whole = event(signal, "Placed Order", order.order_id, who, properties.order(order), paid)
    names = identifiers(signal, anonymous=True)
    lines = [_ordered_product(signal, order, unique_id, names, line) for unique_id, line in _line_ids(order)]
    return (whole, *lines)


def _ordered_product(signal: Signal, order: Order, unique_id: str, who: Fields, line: LineItem) -> Call:
    paid = money(properties.row_total(line), order.currency, "order.currency")
    return event(signal, "Ordered Product", unique_id, who, properties.ordered(order.order_id, line), paid)


def _line_ids(order: Order) -> Iterator[tuple[str, LineItem]]:
    """`<order>_<sku>`; a second line with the same SKU is `<order>_<sku>_2`, in the order of the lines."""
    taken: set[str] = set()
    for line in order.lines:
        first = unique_id = f"{order.order_id}_{line.sku or line.variant_id or line.product_id}"
        count = 1
        while unique_id in taken:
            count += 1
            unique_id = f"{first}_{count}"
        taken.add(unique_id)
        yield unique_id, line


def paid_order(signal: Signal, config: KlaviyoConfig) -> tuple[Call, ...]:
    said = _said(signal, OrderPaid)
    if not config.order_paid_metric:
        return ()
    about = known(OrderId=said.order_id, PaymentMethod=said.payment.method)
    paid = money(said.payment.amount, said.currency, "currency")
    return (event(signal, config.order_paid_metric, signal.signal_id, person_of_event(signal), about, paid),)


def order_status(signal: Signal, config: KlaviyoConfig) -> tuple[Call, ...]:
    said = _said(signal, OrderStatusChanged)
    about = known(OrderId=said.order_id, Status=said.status, PreviousStatus=said.previous)
    return _own_metric(signal, config.order_status_metric, about)


def fulfilled_order(signal: Signal, config: KlaviyoConfig) -> tuple[Call, ...]:
    """The first fulfilment has the order's id, later ones their own: Klaviyo would drop them as repeats."""
    said = _said(signal, OrderFulfilled)
    at_once = not said.lines or (said.ordinal == 1 and said.complete)
    about = _order_or_part(said.order_id, said.order, () if at_once else said.lines)
    about |= known(TrackingCode=said.tracking_code, Carrier=said.carrier)
    unique_id = _nth(said.order_id, said.fulfillment_id, said.ordinal)
    sent = _total(said.order) if at_once else worth(completed(said.lines, said.order))
    paid = money(sent, said.order.currency if said.order else None, "order.currency")
    return (event(signal, "Fulfilled Order", unique_id, person_of_event(signal), about, paid),)


def cancelled_order(signal: Signal, config: KlaviyoConfig) -> tuple[Call, ...]:
    said = _said(signal, OrderCancelled)
    about = _order_or_part(said.order_id, said.order, ()) | known(Reason=said.reason)
    paid = money(_total(said.order), said.order.currency if said.order else None, "order.currency")
    return (event(signal, "Cancelled Order", said.order_id, person_of_event(signal), about, paid),)


def refunded_order(signal: Signal, config: KlaviyoConfig) -> tuple[Call, ...]:
    """Only the first refund can share the Placed Order's id, by which Klaviyo takes it off the customer's value."""
    said = _said(signal, OrderRefunded)
    about = _order_or_part(said.order_id, said.order, said.lines) | known(Reason=said.reason)
    unique_id = _nth(said.order_id, said.refund_id, said.ordinal)
    paid = money(said.amount, said.currency, "currency")
    return (event(signal, "Refunded Order", unique_id, person_of_event(signal), about, paid),)


def _nth(order_id: str, own_id: str | None, ordinal: int) -> str:
    return order_id if ordinal == 1 else f"{order_id}_{own_id or ordinal}"


def _order_or_part(order_id: str, order: Order | None, lines: Iterable[LineItem]) -> Fields:
    """Without lines of its own it is about the whole order."""
    lines = completed(lines, order)
    if order is None:
        return properties.part(order_id, lines)
    return properties.order(order, lines or None)


def _total(order: Order | None) -> Decimal | None:
    return order.total if order else None
