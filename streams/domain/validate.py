"""Is this event something we can stand by? What a schema cannot say, said at the front door, once, with a remedy.

Only what would lead to a wrong statement later is refused; anything merely incomplete is taken as it is.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import ClassVar

import msgspec

from schemas import events
from schemas.events import ShopEvent, ShopPayload
from schemas.values import CustomerRef, LineItem, Order, Product
from streams.domain.currencies import CURRENCIES
from streams.domain.identity import OURS
from streams.domain.policy import Policy

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
MAX_ID = 512
MAX_TEXT = 8192
MAX_LINES = 1000
MAX_QUANTITY = Decimal(1_000_000)
MAX_AMOUNT = Decimal(10) ** 12
PLACES = -4  # amounts and quantities have at most four


class Problem(msgspec.Struct, frozen=True):
    """`field` is the dotted path, `problem` and `remedy` are sentences; none of them holds personal data."""

    reason: ClassVar[str] = "invalid"

    field: str
    problem: str
    remedy: str


def counted_at(occurred_at: datetime, received_at: datetime, policy: Policy) -> datetime:
    """The time an event counts for: its own, but a stamp from the future counts as received just now. Clocks that are
    a few seconds ahead (`future_tolerance`) are believed, so that what they tell stays in order."""
    return occurred_at if occurred_at <= received_at + policy.future_tolerance else received_at


def problem_of(event: ShopEvent, policy: Policy) -> Problem | None:
    """The first thing that is wrong, or `None`. Total."""
    return next(_problems(event), None)


def _problems(event: ShopEvent) -> Iterator[Problem]:
    yield from _identifier("event_id", event.event_id)
    yield from _identifier("shop", event.shop)
    if "/" in event.shop:
        yield Problem("shop", "contains a slash", "use a short name of letters, digits, dots and dashes")
    if event.source == OURS:
        yield Problem("source", f"is {OURS!r}, which is reserved", "name the system that tells the event")
    if event.occurred_at < EARLIEST:
        year = event.occurred_at.year
        yield Problem("occurred_at", f"lies in {year}, before 2000", "send milliseconds since 1970, UTC; not seconds")
    yield from _customer(event)
    yield from _payload(event.payload)


def _identifier(field: str, value: str) -> Iterator[Problem]:
    if not value.strip():
        yield Problem(field, "is blank", "give it a value, or leave it out where the schema allows that")
    elif len(value) > MAX_ID:
        yield Problem(field, f"has {len(value)} characters, at most {MAX_ID} are taken", "send a shorter one")


# -- who


_NEEDS_NOBODY = (
    events.ProductUpserted,
    events.ProductDeleted,
    events.StockChanged,
    events.WholesaleOrderApproved,
    events.StoreConnected,
    events.StoreDisconnected,
)


def _customer(event: ShopEvent) -> Iterator[Problem]:
    yield from _ref("customer", event.customer)
    if isinstance(event.payload, _NEEDS_NOBODY):
        return
    if not _names_somebody(event.customer):
        yield Problem("customer", "names nobody", "set at least one of customer_id, email, anonymous_id and cart_token")
    if isinstance(event.payload, events.IdentityLinked):
        yield from _ref("payload.other", event.payload.other)
        if not _names_somebody(event.payload.other):
            yield Problem(
                "payload.other", "names nobody", "set at least one of customer_id, email, anonymous_id and cart_token"
            )


def _names_somebody(ref: CustomerRef) -> bool:
    return bool(ref.customer_id or ref.email or ref.anonymous_id or ref.cart_token)


def _ref(field: str, ref: CustomerRef) -> Iterator[Problem]:
    for name in ("customer_id", "email", "phone", "anonymous_id", "cart_token"):
        value = getattr(ref, name)
        if value is not None:
            yield from _identifier(f"{field}.{name}", value)
    if ref.email is not None and not _is_address(ref.email):
        yield Problem(f"{field}.email", "is not an e-mail address", "send name@host, or leave it out")


def _is_address(email: str) -> bool:
    name, at, host = email.strip().rpartition("@")
    return bool(name and at and host) and not any(character.isspace() for character in email.strip())


# -- what


def _payload(payload: ShopPayload) -> Iterator[Problem]:
    """Blank ids, currencies, amounts and lines, wherever a payload has them."""
    for name in ("cart_id", "checkout_id", "order_id", "product_id", "variant_id", "fulfillment_id", "refund_id"):
        value = getattr(payload, name, None)
        if value is not None:
            yield from _identifier(f"payload.{name}", value)
    yield from _currency("payload.currency", getattr(payload, "currency", None))
    match payload:
        case events.CartItemAdded():
            yield from _line("payload.item", payload.item)
        case events.CartItemRemoved():
            yield from _identifier("payload.item.product_id", payload.item.product_id)
            if payload.quantity is not None:
                yield from _quantity("payload.quantity", payload.quantity)
        case events.ProductViewed() | events.WishlistAdded() | events.WishlistRemoved():
            yield from _identifier("payload.item.product_id", payload.item.product_id)
        case events.CartReplaced():
            yield from _lines("payload.lines", payload.lines)
        case events.CheckoutStarted():
            yield from _lines("payload.lines", payload.lines)
            if payload.lines and payload.currency is None:
                yield Problem("payload.currency", "is missing beside lines", "send the ISO 4217 code of their prices")
        case events.OrderPlaced() | events.WholesaleOrderApproved():
            yield from _order(payload.order)
        case events.OrderPaid():
            yield from _amount("payload.payment.amount", payload.payment.amount)
        case events.OrderStatusChanged():
            yield from _identifier("payload.status", payload.status)
        case events.OrderFulfilled():
            yield from _lines("payload.lines", payload.lines)
        case events.OrderRefunded():
            yield from _amount("payload.amount", payload.amount)
            yield from _lines("payload.lines", payload.lines)
        case events.ProductUpserted():
            yield from _product(payload.product)
        case events.StockChanged():
            yield from _places("payload.quantity", payload.quantity)
        case events.Searched():
            yield from _text("payload.query", payload.query)


def _order(order: Order) -> Iterator[Problem]:
    yield from _identifier("payload.order.order_id", order.order_id)
    yield from _currency("payload.order.currency", order.currency)
    for name in ("total", "subtotal", "shipping", "tax"):
        yield from _amount(f"payload.order.{name}", getattr(order, name))
    if order.discount is not None:
        yield from _places("payload.order.discount", order.discount)
    yield from _lines("payload.order.lines", order.lines, may_be_zero=True)
    for n, payment in enumerate(order.payments):
        yield from _amount(f"payload.order.payments[{n}].amount", payment.amount)


def _product(product: Product) -> Iterator[Problem]:
    yield from _identifier("payload.product.product_id", product.product_id)
    yield from _currency("payload.product.currency", product.currency)
    yield from _amount("payload.product.price", product.price)
    for n, variant in enumerate(product.variants):
        yield from _identifier(f"payload.product.variants[{n}].variant_id", variant.variant_id)
        yield from _amount(f"payload.product.variants[{n}].price", variant.price)


def _lines(field: str, lines: Iterable[LineItem], may_be_zero: bool = False) -> Iterator[Problem]:
    lines = tuple(lines)
    if len(lines) > MAX_LINES:
        yield Problem(field, f"has {len(lines)} lines, at most {MAX_LINES} are taken", "split it, or leave lines out")
        return
    for n, line in enumerate(lines):
        yield from _line(f"{field}[{n}]", line, may_be_zero)


def _line(field: str, line: LineItem, may_be_zero: bool = False) -> Iterator[Problem]:
    yield from _identifier(f"{field}.product_id", line.product_id)
    if not (may_be_zero and line.quantity == 0):  # an order that was edited keeps its lines
        yield from _quantity(f"{field}.quantity", line.quantity)
    if line.unit_price is not None:
        yield from _amount(f"{field}.unit_price", line.unit_price)
    if line.name is not None:
        yield from _text(f"{field}.name", line.name)


def _quantity(field: str, value: Decimal) -> Iterator[Problem]:
    if not value.is_finite() or value <= 0:
        yield Problem(field, f"is {value}", "send a number above zero; what is taken out has an event of its own")
    elif value > MAX_QUANTITY:
        yield Problem(field, f"is {value}, at most {MAX_QUANTITY} are taken", "check the unit")
    else:
        yield from _places(field, value)


def _amount(field: str, value: Decimal | None) -> Iterator[Problem]:
    if value is None:
        return
    if not value.is_finite() or value < 0:
        yield Problem(field, f"is {value}", "send zero or more; what is given back has an event of its own")
    elif value >= MAX_AMOUNT:
        yield Problem(field, "has more than twelve digits before the point", "send major units, not minor ones")
    else:
        yield from _places(field, value)


def _places(field: str, value: Decimal) -> Iterator[Problem]:
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int):
        yield Problem(field, "is not a number", "send a decimal")
    elif exponent < PLACES and value != round(value, -PLACES):
        yield Problem(field, f"has {-exponent} decimal places, at most {-PLACES} are taken", "round it")


def _currency(field: str, value: str | None) -> Iterator[Problem]:
    if value is not None and value not in CURRENCIES:
        shown = value if len(value) <= 8 else f"{value[:8]}…"
        yield Problem(field, f"is {shown!r}", "send the ISO 4217 code in capitals, for example EUR")


def _text(field: str, value: str) -> Iterator[Problem]:
    if len(value) > MAX_TEXT:
        yield Problem(field, f"has {len(value)} characters, at most {MAX_TEXT} are taken", "send a shorter one")
