"""Time passes: what is due is said in order of due time, whoever noticed that it is due.

Three things can be due: a stage of an armed cart, the end of the wait for an order, and the rest of a customer who has
been quiet for long.
"""

from copy import copy
from datetime import datetime
from typing import NamedTuple

from schemas.events import CustomerEvent, DeadlineReached
from schemas.signals import Signal
from streams.domain import abandonment
from streams.domain.cart import is_open
from streams.domain.customer import Customer
from streams.domain.identity import is_guest
from streams.domain.order import is_finished
from streams.domain.policy import Policy
from streams.domain.react import has_address
from streams.domain.step import known, tell_without_order

_WAIT, _STAGE, _TIDY = 0, 1, 2  # what comes first when due at the same instant


class Passed(NamedTuple):
    """`state` is `None` when the customer was forgotten, and the very object that was given when nothing was due."""

    state: Customer | None
    signals: list[Signal]
    notes: list[str]


class Due(NamedTuple):
    at: datetime
    kind: int
    name: str


def next_deadline(state: Customer) -> datetime | None:
    """The earliest moment at which something is due, without any grace."""
    first = state.tidy_at
    for cart in state.carts.values():
        if cart.due is not None and (first is None or cart.due < first):
            first = cart.due
    for early in state.early:
        if first is None or early.until < first:
            first = early.until
    return first


def deadline_event(state: Customer) -> CustomerEvent:
    """The entry that lets time pass up to the earliest deadline. Its id is the same whoever makes it.
    Raises `LookupError` when nothing is due."""
    due = _next(state)
    if due is None:
        raise LookupError("deadline: nothing is due for this customer; ask next_deadline first")
    cart_id = due.name if due.kind == _STAGE else ""
    cart = state.carts[cart_id] if cart_id else None
    version, stage = (cart.version, cart.stage) if cart else (0, 0)
    event_id = abandonment.deadline_id(state.key, cart_id, due.at, version, stage)
    reached = DeadlineReached(event_id=event_id, shop=state.shop, cart_id=cart_id, due_at=due.at)
    return CustomerEvent(key=state.key, at=due.at, fact=reached)


def let_time_pass(state: Customer, until: datetime, policy: Policy, inclusive: bool = False) -> Passed:
    """Says everything that is due before `until`, with `inclusive` at `until` too."""
    passed = Passed(state, [], [])
    first = next_deadline(state)
    if first is None or first > until or (first == until and not inclusive):
        return passed
    after, due = copy(state), _next(state)
    while due is not None and (due.at < until or (inclusive and due.at == until)):
        if due.kind == _STAGE:
            _abandoned(after, due.name, policy, passed)
        elif due.kind == _WAIT:
            tell_without_order(after, due.name, policy, passed.signals)
        elif after.resting:
            passed.notes.append("expired_state")
            return passed._replace(state=None)
        else:
            _rest(after, policy)
        due = _next(after)
    return passed._replace(state=after)


def _next(state: Customer) -> Due | None:
    """What is due first; only asked when something is, because `next_deadline` costs less and nearly always says no."""
    due = None if state.tidy_at is None else Due(state.tidy_at, _TIDY, "")
    for cart_id, cart in state.carts.items():
        if cart.due is not None and (due is None or (cart.due, _STAGE, cart_id) < due):
            due = Due(cart.due, _STAGE, cart_id)
    for early in state.early:
        if due is None or (early.until, _WAIT, early.order_id) < due:
            due = Due(early.until, _WAIT, early.order_id)
    return due


def _abandoned(after: Customer, cart_id: str, policy: Policy, passed: Passed) -> None:
    armed = after.carts[cart_id]
    fired = abandonment.fired(armed, policy)
    passed.signals.append(abandonment.signal(after, cart_id, armed, fired.told[-1], policy, known(after)))
    if not has_address(after.ref):
        passed.notes.append("unaddressed")
    after.carts = {**after.carts, cart_id: fired}


# -- the quiet customer


def keep_awake(after: Customer, at: datetime, policy: Policy) -> None:
    """Called for every event: the customer was seen at `at`, so rest is put off."""
    if after.seen_at is None or at > after.seen_at:
        after.seen_at = at
    after.resting = False
    after.tidy_at = after.seen_at + policy.rest_after


def _rest(after: Customer, policy: Policy) -> None:
    """What is only needed while things move is dropped: event ids, views, finished orders, carts long empty."""
    assert after.seen_at is not None
    after.resting = True
    after.recent, after.views = b"", ()
    after.wishlist = {name: wish for name, wish in after.wishlist.items() if wish.wanted}
    after.carts = {cart_id: cart for cart_id, cart in after.carts.items() if is_open(cart)}
    after.orders = {order_id: order for order_id, order in after.orders.items() if not is_finished(order)}
    forgotten_after = policy.guest_ttl if is_guest(after.key) and not after.link else policy.ttl
    after.tidy_at = after.seen_at + forgotten_after
