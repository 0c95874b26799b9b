"""Orders: what was placed, paid, sent, given back; each counted once, whatever source tells it how often."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

import msgspec
from msgspec.structs import replace

from schemas import events
from schemas.values import LineItem, Order
from streams.domain.cart import ZERO, line_key
from streams.domain.customer import OrderState
from streams.domain.dedupe import digest, known, remember
from streams.domain.policy import Policy

REMEMBERED = 32  # payments, fulfilments and refunds of one order that are recognised when told again

OrderFact = (
    events.OrderPaid | events.OrderStatusChanged | events.OrderFulfilled | events.OrderCancelled | events.OrderRefunded
)
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Order)


def body_of(state: OrderState) -> Order | None:
    """The order as placed; `None` when it was placed before we listened."""
    return _decoder.decode(state.body) if state.body else None


def placed(old: OrderState | None, order: Order, cart_id: str | None, at: datetime) -> OrderState:
    """A first telling, or a later picture of the same order: the newer one counts."""
    body = _encoder.encode(order)
    if old is None:
        return OrderState(at=at, body=body, status=order.status, status_at=at, cart_id=cart_id)
    newer = not old.body or at >= (old.status_at or old.at)
    return replace(
        old,
        at=old.at if old.body else at,
        body=body if newer else old.body,
        status=order.status if newer and order.status else old.status,
        status_at=at if newer else old.status_at,
        cart_id=old.cart_id or cart_id,
    )


def with_order(
    orders: dict[str, OrderState], order_id: str, order: OrderState, policy: Policy
) -> dict[str, OrderState]:
    """Bounded: the oldest finished order goes first, then the oldest."""
    orders = {**orders, order_id: order}
    while len(orders) > policy.max_orders:
        others = [known_id for known_id in orders if known_id != order_id]
        done = [known_id for known_id in others if is_finished(orders[known_id])]
        del orders[(done or others)[0]]
    return orders


def is_finished(order: OrderState) -> bool:
    return order.cancelled or order.complete


def with_fact(order: OrderState, payload: OrderFact, at: datetime) -> OrderState:
    """The order after a payment, status, fulfilment, cancellation or refund; the same object when it was known."""
    if (name := _name(payload)) is not None:
        entry = digest(*name)
        if known(order.told, entry):
            return order
        order = replace(order, told=remember(order.told, entry, REMEMBERED))
    match payload:
        case events.OrderPaid():
            return replace(order, paid=(order.paid or ZERO) + payload.payment.amount)
        case events.OrderStatusChanged():
            return _with_status(order, payload.status, at)
        case events.OrderFulfilled():
            return _with_fulfilment(order, payload.lines)
        case events.OrderCancelled():
            return order if order.cancelled else replace(order, cancelled=True)
        case events.OrderRefunded():
            given_back = (order.refunded or ZERO) + (refund_amount(order, payload) or ZERO)
            return replace(order, refunds=order.refunds + 1, refunded=given_back)


def _name(payload: OrderFact) -> tuple[str, str] | None:
    match payload:
        case events.OrderPaid(payment=payment) if payment.payment_id:
            return "payment", payment.payment_id
        case events.OrderFulfilled(fulfillment_id=name) if name:
            return "fulfilment", name
        case events.OrderRefunded(refund_id=name) if name:
            return "refund", name
    return None


def _with_status(order: OrderState, status: str, at: datetime) -> OrderState:
    if order.status_at is not None and at < order.status_at:
        return order
    return replace(order, status=status, status_at=at)


# -- fulfilments


def _with_fulfilment(order: OrderState, lines: tuple[LineItem, ...]) -> OrderState:
    ordinal = order.fulfilments + 1
    if not lines:
        return replace(order, fulfilments=ordinal, complete=True)
    placed_order = body_of(order)
    ordered = placed_order.lines if placed_order else ()
    fulfilled = dict(order.fulfilled)
    for line in lines:
        key = _ordered_key(ordered, line)
        fulfilled[key] = fulfilled.get(key, ZERO) + line.quantity
    complete = order.complete or (bool(ordered) and _all_sent(ordered, fulfilled))
    return replace(order, fulfilments=ordinal, fulfilled=fulfilled, complete=complete)


def _ordered_key(ordered: Iterable[LineItem], line: LineItem) -> str:
    """The key of the order's line that `line` means: by line id, else as the same line, else by product and variant."""
    same_product = None
    for candidate in ordered:
        if line.line_id and candidate.line_id == line.line_id:
            return line_key(candidate)
        if candidate.product_id == line.product_id and candidate.variant_id == line.variant_id:
            same_product = same_product or line_key(candidate)
    own = line_key(line)
    return own if same_product is None or any(line_key(c) == own for c in ordered) else same_product


def _all_sent(ordered: Iterable[LineItem], fulfilled: dict[str, Decimal]) -> bool:
    wanted: dict[str, Decimal] = {}
    for line in ordered:
        wanted[line_key(line)] = wanted.get(line_key(line), ZERO) + line.quantity
    return all(fulfilled.get(key, ZERO) >= quantity for key, quantity in wanted.items())


# -- refunds


def refund_amount(order: OrderState, payload: events.OrderRefunded) -> Decimal | None:
    """What this refund gives back: as told, else the worth of its lines, else all that is left; `None` if unknown."""
    if payload.amount is not None:
        return payload.amount
    placed_order = body_of(order)
    if payload.lines:
        return _worth(payload.lines, placed_order)
    if placed_order is None:
        return None
    return max(placed_order.total - (order.refunded or ZERO), ZERO)


def _worth(lines: tuple[LineItem, ...], placed_order: Order | None) -> Decimal | None:
    ordered = placed_order.lines if placed_order else ()
    prices = {line_key(line): line.unit_price for line in ordered}
    worth = ZERO
    for line in lines:
        price = line.unit_price if line.unit_price is not None else prices.get(_ordered_key(ordered, line))
        if price is None:
            return None
        worth += line.quantity * price
    return worth


def all_refunded(order: OrderState, payload: events.OrderRefunded) -> bool:
    placed_order = body_of(order)
    if payload.amount is None and not payload.lines:
        return True
    return placed_order is not None and (order.refunded or ZERO) >= placed_order.total
