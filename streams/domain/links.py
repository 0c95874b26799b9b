"""Logs of weaker identities: what is there moves to the stronger one, and whatever still comes is forwarded.

Merging is events like everything else: no log ever reads another one's state.
"""

from collections.abc import Iterator
from datetime import datetime

from msgspec.structs import replace

from schemas import events
from schemas.events import (
    CartTransferred,
    CustomerEvent,
    IdentityLinked,
    ShopEvent,
    ShopPayload,
    TransferredCart,
    TransferredConsent,
    TransferredWish,
)
from schemas.values import CustomerRef, LineItem, Order
from streams.domain.cart import is_open, line_key, lines_of
from streams.domain.customer import Customer, OrderState
from streams.domain.dedupe import derived_id
from streams.domain.identity import OURS, is_stronger, key_of, names, recognised, strongest_of
from streams.domain.order import body_of, is_finished


def target_of(fact: ShopEvent, key: str) -> str | None:
    """The log that this log shall forward to from now on; `None` when the event is no link to a stronger one."""
    if not isinstance(fact.payload, IdentityLinked):
        return None
    target = key_of(fact.shop, strongest_of(fact))
    return target if is_stronger(target, key) else None


def is_better(link: str | None, target: str) -> bool:
    """Whoever was recognised last is who it is (a shared computer), but never somebody known less well."""
    return link is None or (link != target and not is_stronger(link, target))


def is_nothing_new(state: Customer, fact: ShopEvent) -> bool:
    """Nobody wrote to this log yet, and its name is no news either: a link of our own stands beside an event of the
    stronger log that carries the same names (`identity.links_of`). So there is nothing to move."""
    return state.seen_at is None and fact.source == OURS


def moved(state: Customer, fact: ShopEvent, target: str, at: datetime) -> tuple[CustomerEvent, ...]:
    """Everything in `state` as entries of the log `target`: orders, then carts, views, wishes and consents, then what
    was held back."""
    carts = CartTransferred(
        event_id="transfer-" + derived_id(fact.event_id, state.key),
        shop=state.shop,
        occurred_at=at,
        priority=fact.priority,
        from_key=state.key,
        origins=state.origins,
        ref=recognised(state.ref, fact.customer, overrides=False),
        profile=state.profile,
        carts=tuple(_moved_carts(state)),
        views=state.views,
        wishes=tuple(TransferredWish(product_id=name, at=w.at) for name, w in state.wishlist.items() if w.wanted),
        consents=tuple(_moved_consents(state)),
    )
    orders = [
        entry
        for order_id, order in state.orders.items()
        if not is_finished(order)
        for entry in _moved_order(state, order_id, order, target, fact)
    ]
    held = [CustomerEvent(key=target, at=early.at, fact=early.fact) for early in state.early]
    return (*orders, CustomerEvent(key=target, at=at, fact=carts), *held)


def _moved_carts(state: Customer) -> Iterator[TransferredCart]:
    for cart_id, cart in state.carts.items():
        if is_open(cart):
            yield TransferredCart(
                cart_id=cart_id,
                currency=cart.currency,
                lines=lines_of(cart),
                checkout_url=cart.checkout_url,
                last_change=cart.changed_at,
            )


def _moved_consents(state: Customer) -> Iterator[TransferredConsent]:
    for channel, consent in state.consents.items():
        yield TransferredConsent(channel="sms" if channel == "sms" else "email", at=consent.at, given=consent.given)


def _moved_order(
    state: Customer, order_id: str, order: OrderState, target: str, fact: ShopEvent
) -> Iterator[CustomerEvent]:
    """An order was told where it was placed; the stronger log learns it in silence, with what was sent and refunded."""
    placed = body_of(order)
    if placed is None:
        return
    payloads: list[ShopPayload] = [
        events.OrderPlaced(order=replace(placed, status=order.status), cart_id=order.cart_id)
    ]
    if order.fulfilled:
        payloads.append(events.OrderFulfilled(order_id=order_id, lines=_sent(placed, order)))
    if order.refunded:
        payloads.append(events.OrderRefunded(order_id=order_id, amount=order.refunded))
    for payload in payloads:
        yield CustomerEvent(key=target, at=order.at, fact=_ours(state, fact, order.at, order_id, payload))


def _sent(placed: Order, order: OrderState) -> tuple[LineItem, ...]:
    lines = {line_key(line): line for line in placed.lines}
    return tuple(
        replace(lines[key], quantity=quantity) for key, quantity in order.fulfilled.items() if key in lines and quantity
    )


def _ours(state: Customer, fact: ShopEvent, at: datetime, name: str, payload: ShopPayload) -> ShopEvent:
    return ShopEvent(
        event_id="moved-" + derived_id(fact.event_id, state.key, name, type(payload).__name__),
        shop=state.shop,
        occurred_at=at,
        source=OURS,
        priority=fact.priority,
        customer=CustomerRef(),
        payload=payload,
    )


# -- erasure


def erased_everywhere(state: Customer, fact: ShopEvent, at: datetime) -> tuple[CustomerEvent, ...]:
    """The same erasure for every weaker log that moved here or whose name is known. Those say nothing and pass it on
    to nobody."""
    known = [key_of(state.shop, name) for ref in (state.ref, fact.customer) for name in names(ref)]
    keys = dict.fromkeys(key for key in (*state.origins, *known) if is_stronger(state.key, key))
    return tuple(
        CustomerEvent(
            key=key, at=at, fact=_ours(state, fact, at, key, events.CustomerErased(reason="known under another name"))
        )
        for key in keys
    )
