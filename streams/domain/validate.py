"""Is this event something we can stand by? What a schema cannot say, said at the front door, once, with a remedy.

Only what would lead to a wrong statement later is refused; anything merely incomplete is taken as it is.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import ClassVar, get_args

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
CENT = Decimal("0.01")
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
    return (
        _identifier("event_id", event.event_id)
        or _identifier("shop", event.shop)
        or _header(event)
        or _customer(event)
        or _payload(event.payload)
    )


def _header(event: ShopEvent) -> Problem | None:
    if "/" in event.shop:
        return Problem("shop", "contains a slash", "use a short name of letters, digits, dots and dashes")
    if event.source == OURS:
        return Problem("source", f"is {OURS!r}, which is reserved", "name the system that tells the event")
    if event.occurred_at < EARLIEST:
        year = event.occurred_at.year
        return Problem("occurred_at", f"lies in {year}, before 2000", "send milliseconds since 1970, UTC; not seconds")
    return None


def _identifier(field: str, value: str, of: str = "") -> Problem | None:
    """`of` is the path in front of `field`; it is put together only when there is something to tell."""
    if 0 < len(value) <= MAX_ID and not value.isspace():
        return None
    if len(value) > MAX_ID:
        return Problem(of + field, f"has {len(value)} characters, at most {MAX_ID} are taken", "send a shorter one")
    return Problem(of + field, "is blank", "give it a value, or leave it out where the schema allows that")


def _first(problems: Iterable[Problem | None]) -> Problem | None:
    return next((problem for problem in problems if problem), None)


# -- who


_NEEDS_NOBODY = (
    events.ProductUpserted,
    events.ProductDeleted,
    events.StockChanged,
    events.WholesaleOrderApproved,
    events.StoreConnected,
    events.StoreDisconnected,
)


def _customer(event: ShopEvent) -> Problem | None:
    payload = event.payload
    if problem := _ref("customer.", event.customer):
        return problem
    if isinstance(payload, _NEEDS_NOBODY):
        return None
    if not _names_somebody(event.customer):
        return Problem("customer", "names nobody", _NAME_SOMEBODY)
    if isinstance(payload, events.IdentityLinked):
        if problem := _ref("payload.other.", payload.other):
            return problem
        if not _names_somebody(payload.other):
            return Problem("payload.other", "names nobody", _NAME_SOMEBODY)
    return None


_NAME_SOMEBODY = "set at least one of customer_id, email, anonymous_id and cart_token"


def _names_somebody(ref: CustomerRef) -> bool:
    return bool(ref.customer_id or ref.email or ref.anonymous_id or ref.cart_token)


def _ref(of: str, ref: CustomerRef) -> Problem | None:
    for name in ("customer_id", "email", "phone", "anonymous_id", "cart_token"):
        value = getattr(ref, name)
        if value is not None and (problem := _identifier(name, value, of)):
            return problem
    if ref.email is not None and not _is_address(ref.email):
        return Problem(f"{of}email", "is not an e-mail address", "send name@host, or leave it out")
    return None


def _is_address(email: str) -> bool:
    email = email.strip()
    name, at, host = email.rpartition("@")
    return bool(name and at and host) and len(email.split(None, 1)) == 1


# -- what


_IDENTIFIERS = ("cart_id", "checkout_id", "order_id", "product_id", "variant_id", "fulfillment_id", "refund_id")
_IDENTIFIERS_OF = {
    payload: tuple(name for name in payload.__struct_fields__ if name in _IDENTIFIERS)
    for payload in get_args(ShopPayload)
}


def _payload(payload: ShopPayload) -> Problem | None:
    """Blank ids, currencies, amounts and lines, wherever a payload has them."""
    for name in _IDENTIFIERS_OF[type(payload)]:
        value = getattr(payload, name)
        if value is not None and (problem := _identifier(name, value, "payload.")):
            return problem
    return _currency("payload.currency", getattr(payload, "currency", None)) or _content(payload)


def _content(payload: ShopPayload) -> Problem | None:
    match payload:
        case events.CartItemAdded():
            return _line("payload.item", payload.item)
        case events.CartItemRemoved():
            return _identifier("product_id", payload.item.product_id, "payload.item.") or (
                None if payload.quantity is None else _quantity("payload.quantity", payload.quantity)
            )
        case events.ProductViewed() | events.WishlistAdded() | events.WishlistRemoved():
            return _identifier("product_id", payload.item.product_id, "payload.item.")
        case events.CartReplaced() | events.OrderFulfilled():
            return _lines("payload.lines", payload.lines)
        case events.CheckoutStarted():
            if payload.lines and payload.currency is None:
                missing = Problem(
                    "payload.currency", "is missing beside lines", "send the ISO 4217 code of their prices"
                )
                return _lines("payload.lines", payload.lines) or missing
            return _lines("payload.lines", payload.lines)
        case events.OrderPlaced() | events.WholesaleOrderApproved():
            return _order(payload.order)
        case events.OrderPaid():
            return _amount("payload.payment.amount", payload.payment.amount)
        case events.OrderStatusChanged():
            return _identifier("payload.status", payload.status)
        case events.OrderRefunded():
            return _amount("payload.amount", payload.amount) or _lines("payload.lines", payload.lines)
        case events.ProductUpserted():
            return _product(payload.product)
        case events.StockChanged():
            return _places("payload.quantity", payload.quantity)
        case events.Searched():
            return _text("payload.query", payload.query)
    return None


def _order(order: Order) -> Problem | None:
    return (
        _identifier("payload.order.order_id", order.order_id)
        or _currency("payload.order.currency", order.currency)
        or _amount("total", order.total, "payload.order.")
        or _amount("subtotal", order.subtotal, "payload.order.")
        or _amount("shipping", order.shipping, "payload.order.")
        or _amount("shipping_tax", order.shipping_tax, "payload.order.")
        or _amount("tax", order.tax, "payload.order.")
        or (None if order.discount is None else _places("payload.order.discount", order.discount))
        or _lines("payload.order.lines", order.lines, may_be_zero=True)
        or _first(_amount(f"payload.order.payments[{n}].amount", each.amount) for n, each in enumerate(order.payments))
    )


def _product(product: Product) -> Problem | None:
    return (
        _identifier("payload.product.product_id", product.product_id)
        or _currency("payload.product.currency", product.currency)
        or _amount("payload.product.price", product.price)
        or _first(
            _identifier("variant_id", variant.variant_id, f"payload.product.variants[{n}].")
            or _amount("price", variant.price, f"payload.product.variants[{n}].")
            for n, variant in enumerate(product.variants)
        )
    )


def _lines(field: str, lines: tuple[LineItem, ...], may_be_zero: bool = False) -> Problem | None:
    if len(lines) > MAX_LINES:
        return Problem(field, f"has {len(lines)} lines, at most {MAX_LINES} are taken", "split it, or leave lines out")
    for n, line in enumerate(lines):
        if problem := _line("", line, may_be_zero):
            return msgspec.structs.replace(problem, field=f"{field}[{n}]{problem.field}")
    return None


def _line(of: str, line: LineItem, may_be_zero: bool = False) -> Problem | None:
    if problem := _identifier(".product_id", line.product_id, of):
        return problem
    # an order that was edited keeps its lines
    if not (may_be_zero and not line.quantity) and (problem := _quantity(".quantity", line.quantity, of)):
        return problem
    return (
        _amount(".unit_price", line.unit_price, of)
        or _amount(".tax", line.tax, of)
        or _amount(".discount", line.discount, of)
        or _fraction(".tax_rate", line.tax_rate, of)
        or (None if line.name is None else _text(".name", line.name, of))
    )


def _fraction(field: str, value: Decimal | None, of: str = "") -> Problem | None:
    if value is None or (value.is_finite() and 0 <= value <= 1):
        return None
    return Problem(of + field, f"is {value}", "send a fraction: 0.19 for nineteen percent")


def _quantity(field: str, value: Decimal, of: str = "") -> Problem | None:
    if not value.is_finite() or value <= 0:
        return Problem(of + field, f"is {value}", "send a number above zero; what is taken out has an event of its own")
    if value > MAX_QUANTITY:
        return Problem(of + field, f"is {value}, at most {MAX_QUANTITY} are taken", "check the unit")
    return _places(field, value, of)


def _amount(field: str, value: Decimal | None, of: str = "") -> Problem | None:
    if value is None:
        return None
    if not value.is_finite() or value < 0:
        return Problem(of + field, f"is {value}", "send zero or more; what is given back has an event of its own")
    if value >= MAX_AMOUNT:
        return Problem(of + field, "has more than twelve digits before the point", "send major units, not minor ones")
    return _places(field, value, of)


def _places(field: str, value: Decimal, of: str = "") -> Problem | None:
    if value.same_quantum(CENT):  # nearly all are, and taking a decimal apart costs
        return None
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int):
        return Problem(of + field, "is not a number", "send a decimal")
    if exponent < PLACES and any(value.as_tuple().digits[exponent - PLACES :]):
        return Problem(of + field, f"has {-exponent} decimal places, at most {-PLACES} are taken", "round it")
    return None


def _currency(field: str, value: str | None) -> Problem | None:
    if value is None or value in CURRENCIES:
        return None
    shown = value if len(value) <= 8 else f"{value[:8]}…"
    return Problem(field, f"is {shown!r}", "send the ISO 4217 code in capitals, for example EUR")


def _text(field: str, value: str, of: str = "") -> Problem | None:
    if len(value) <= MAX_TEXT:
        return None
    return Problem(of + field, f"has {len(value)} characters, at most {MAX_TEXT} are taken", "send a shorter one")
