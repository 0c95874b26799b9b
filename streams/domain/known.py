"""What is known about one customer, from state, for a platform that wants to hear history."""

from schemas.known import KnownCustomer, KnownOrder
from streams.domain.cart import as_told, is_open
from streams.domain.customer import Customer, OrderState
from streams.domain.evolve_wishes import wished
from streams.domain.order import body_of
from streams.domain.step import known


def known_customer(state: Customer) -> KnownCustomer | None:
    """`None` for a log that forwards to another one, and for the shop's own."""
    ref = state.ref
    if state.link is not None or not (ref.customer_id or ref.email or ref.phone or ref.anonymous_id or ref.cart_token):
        return None
    orders = sorted(state.orders.values(), key=lambda order: order.at)
    return KnownCustomer(
        customer=known(state),
        carts=tuple(as_told(cart_id, cart) for cart_id, cart in state.carts.items() if is_open(cart)),
        orders=tuple(told for order in orders if (told := known_order(order)) is not None),
        wishlist=tuple(wished(state)),
        subscribed=tuple(channel for channel, consent in state.consents.items() if consent.given),
        unsubscribed=tuple(channel for channel, consent in state.consents.items() if not consent.given),
    )


def known_order(state: OrderState) -> KnownOrder | None:
    """`None` when it was placed before we listened: there is nothing to tell but its number."""
    if (order := body_of(state)) is None:
        return None
    return KnownOrder(
        order=order,
        status=state.status,
        paid=state.paid is not None and state.paid >= order.total,
        cancelled=state.cancelled,
        fulfilled=state.complete,
    )
