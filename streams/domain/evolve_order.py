"""Remember what happens to orders, and which carts a purchase ends.

Every function changes the copy it is given and returns a reason word when something was out of the ordinary, "" if not.
"""

from datetime import datetime

from msgspec.structs import replace

from schemas import events
from schemas.events import ShopEvent
from streams.domain import abandonment, order
from streams.domain.cart import NO_CURRENCY, find, is_open, same_quantities, with_purchase
from streams.domain.customer import CartState, Customer, EarlyFact, OrderState
from streams.domain.evolve_cart import UNNAMED, keep_cart
from streams.domain.policy import Policy


def order_placed(after: Customer, fact: ShopEvent, at: datetime, policy: Policy) -> str:
    payload = fact.payload
    assert isinstance(payload, events.OrderPlaced)
    order_id = payload.order.order_id
    state = order.placed(after.orders.get(order_id), payload.order, payload.cart_id, at)
    if policy.is_purchase(state.status):
        state = _counted(after, state, policy)
    after.orders = order.with_order(after.orders, order_id, state, policy)
    return ""


def wholesale_approved(after: Customer, fact: ShopEvent, at: datetime, policy: Policy) -> str:
    """A wholesale order: known from now on, so that its fulfilments are told with it. It buys no cart."""
    payload = fact.payload
    assert isinstance(payload, events.WholesaleOrderApproved)
    order_id = payload.order.order_id
    state = order.placed(after.orders.get(order_id), payload.order, None, at)
    after.orders = order.with_order(after.orders, order_id, replace(state, bought=True), policy)
    return ""


def order_fact(after: Customer, fact: ShopEvent, at: datetime, policy: Policy) -> str:
    payload = fact.payload
    assert isinstance(payload, order.OrderFact)
    known = after.orders.get(payload.order_id)
    if known is None:
        after.early = (*after.early, EarlyFact(payload.order_id, at, at + policy.order_wait, fact))
        return "early_fact"
    state = order.with_fact(known, payload, at)
    repeated = state is known and not isinstance(payload, events.OrderStatusChanged)
    pays = isinstance(payload, events.OrderPaid) or (
        isinstance(payload, events.OrderStatusChanged) and policy.is_purchase(state.status)
    )
    if pays and not repeated:
        state = _counted(after, state, policy)
    after.orders = {**after.orders, payload.order_id: state}
    return "repeated" if repeated else ""


def _counted(after: Customer, state: OrderState, policy: Policy) -> OrderState:
    """The order counts as a purchase: it ends the carts as they were when it was placed."""
    if state.bought:
        return state
    if state.cart_id is None:
        after.bought_at = state.at if after.bought_at is None else max(after.bought_at, state.at)
        ended = set(after.carts)
    else:
        # A name that no event has used may be the shop's unnamed cart.
        named = find(after.carts, state.cart_id)
        ended = {named} if named in after.carts else {named, UNNAMED}
    for cart_id in sorted(ended):
        keep_cart(after, cart_id, _bought(after, cart_id, state.at), policy)
    return replace(state, bought=True)


def _bought(after: Customer, cart_id: str, at: datetime) -> CartState:
    before = after.carts.get(cart_id)
    if before is None:  # remembered, so that what was put in before the purchase stays bought when it is heard of
        before = CartState(version=0, currency=NO_CURRENCY, changed_at=at, closed_at=after.bought_at)
    cart = with_purchase(before, at)
    if not same_quantities(before, cart):
        cart = replace(cart, version=before.version + 1)
    return cart if is_open(cart) else abandonment.disarmed(cart)
