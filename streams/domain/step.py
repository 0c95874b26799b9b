"""One event, applied: remembered, then spoken of, with what it sets free of the facts that were held back for it."""

from collections.abc import Iterator
from copy import copy
from datetime import datetime

from schemas import events, signals
from schemas.events import CartTransferred, ShopEvent
from schemas.signals import Signal
from streams.domain import abandonment
from streams.domain.customer import Customer, OrderState
from streams.domain.evolve import evolve
from streams.domain.identity import OURS
from streams.domain.order import with_order
from streams.domain.policy import Policy
from streams.domain.react import has_address, react


def step(after: Customer, fact: ShopEvent | CartTransferred, at: datetime, policy: Policy, said: list[Signal]) -> str:
    """Changes `after`, which is the fold's own copy, adds to `said`, and returns a reason word or ""."""
    before = copy(after)
    note = evolve(after, fact, at, policy)
    if isinstance(fact, CartTransferred) or fact.source != OURS:
        payloads = react(before, after, fact, at)
        if payloads:
            said.extend(_signals(after, fact, at, payloads))
            if isinstance(payloads[-1], signals.OrderPlaced) and payloads[-1].proved_wrong:
                note = "late_purchase"
    if before.ref is not after.ref and after.carts and has_address(after.ref) and not has_address(before.ref):
        said.extend(_told_again(before, after, at, policy))
    if isinstance(fact, ShopEvent) and after.early:
        _release(after, fact, policy, said)
    return note


def _signals(
    customer: Customer, fact: ShopEvent | CartTransferred, at: datetime, payloads: tuple[signals.SignalPayload, ...]
) -> Iterator[Signal]:
    who = known(customer)
    counts: dict[str, int] = {}
    for payload in payloads:
        kind = type(payload).__name__
        counts[kind] = nth = counts.get(kind, 0) + 1
        yield Signal(
            signal_id=f"{customer.shop}:{_name(fact, payload)}:{kind}" + (f":{nth}" if nth > 1 else ""),
            shop=customer.shop,
            occurred_at=at,
            priority=fact.priority,
            cause=fact.event_id,
            customer=who,
            payload=payload,
        )


def _name(fact: ShopEvent | CartTransferred, payload: signals.SignalPayload) -> str:
    """A later picture of an order that this log does not know (any more) says a purchase that may have been said
    before, here or under another name: it has the id of then, as docs/event-ids.md names it."""
    if isinstance(payload, signals.OrderPlaced):
        order = payload.order
        if order.placed_at is not None and order.placed_at < fact.occurred_at:
            return f"order-placed:{order.order_id}"
    return fact.event_id


def known(customer: Customer) -> signals.Customer:
    return signals.Customer(key=customer.key, ref=customer.ref, profile=customer.profile)


# -- a cart that nobody could be told of


def _told_again(before: Customer, after: Customer, at: datetime, policy: Policy) -> Iterator[Signal]:
    """An address became known: what was said without one and is still true is said again, under the same id."""
    for cart_id, cart in before.carts.items():
        if not cart.told or after.carts.get(cart_id) != cart or cart.told[-1].version != cart.version:
            continue
        told = cart.told[-1]
        if at < told.due + policy.expires_after:
            yield abandonment.signal(after, cart_id, cart, told, policy, known(after))


# -- facts that come before their order


def _release(after: Customer, fact: ShopEvent, policy: Policy, said: list[Signal]) -> None:
    if isinstance(fact.payload, events.OrderPlaced | events.WholesaleOrderApproved):
        tell_held(after, fact.payload.order.order_id, policy, said)
    while len(after.early) > policy.max_early:
        tell_without_order(after, after.early[0].order_id, policy, said)


def tell_held(after: Customer, order_id: str, policy: Policy, said: list[Signal]) -> None:
    """Says what was held back for this order, in order of time."""
    held = sorted((early for early in after.early if early.order_id == order_id), key=lambda early: early.at)
    if held:
        after.early = tuple(early for early in after.early if early.order_id != order_id)
    for early in held:
        step(after, early.fact, early.at, policy, said)


def tell_without_order(after: Customer, order_id: str, policy: Policy, said: list[Signal]) -> None:
    """The order did not come: its facts are said without it, and those still to come need not wait."""
    first = min(early.at for early in after.early if early.order_id == order_id)
    after.orders = with_order(after.orders, order_id, OrderState(at=first), policy)
    tell_held(after, order_id, policy, said)
