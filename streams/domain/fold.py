"""The one entry: what we knew and an event in; what we know and what we conclude out.

    fold(state, event) = let time pass up to the event (passing), then remember (evolve) and speak (react)

Time passes by events alone. A deadline fires before an event that lies *after* it: an order at the very instant of the
deadline still prevents it. `DeadlineReached` lets time pass up to and including its own due time, so a deadline
that was put off in the meantime does not fire. What a deadline says, and under which id, does not depend on what made
it fire.
"""

from copy import copy
from typing import NamedTuple

from schemas import signals
from schemas.events import CartTransferred, CustomerErased, CustomerEvent, DeadlineReached, ShopEvent
from schemas.signals import Signal
from streams.domain import links
from streams.domain.customer import Customer
from streams.domain.dedupe import digest, known, remember
from streams.domain.identity import OURS, recognised
from streams.domain.passing import deadline_event, keep_awake, let_time_pass, next_deadline
from streams.domain.policy import Policy
from streams.domain.step import known as known_customer
from streams.domain.step import step

__all__ = ["Folded", "deadline_event", "fold", "let_time_pass", "next_deadline"]


class Folded(NamedTuple):
    """What one entry of the log comes to.

    `state` is the very object given when nothing is to be written, `None` when the customer is gone. `signals` are in
    the order in which they must be told. `appends` go to other customers' logs. `notes` are words for metrics, of:
    repeated, late_item, late_snapshot, late_profile, late_purchase, early_fact, unaddressed, linked, forwarded, erased,
    expired_state.
    """

    state: Customer | None
    signals: tuple[Signal, ...] = ()
    appends: tuple[CustomerEvent, ...] = ()
    notes: tuple[str, ...] = ()


def fold(state: Customer | None, event: CustomerEvent, policy: Policy, offset: int | None = None) -> Folded:
    """Total and pure: never raises on an event that was accepted, never changes what it is given. `offset` is the
    record's place in the log; one that was folded already does nothing."""
    fact = event.fact
    if state is not None and offset is not None and state.offset is not None and offset <= state.offset:
        return Folded(state, notes=("repeated",))
    if isinstance(fact, DeadlineReached):
        return _deadline(state, fact, policy, offset)
    target = links.target_of(fact, event.key) if isinstance(fact, ShopEvent) else None
    if state is not None and target is not None and state.link == target:
        return Folded(state)  # every event that carries two identities says so again
    entry = digest(fact.event_id)
    if state is not None and known(state.recent, entry):
        return Folded(state, notes=("repeated",))
    said: list[Signal] = []
    notes: list[str] = []
    if state is not None:
        state, said, notes = let_time_pass(state, event.at, policy)
    after = Customer(key=event.key, shop=fact.shop) if state is None else copy(state)
    after.recent = remember(after.recent, entry, policy.remembered_events)
    if offset is not None:
        after.offset = offset
    if target is not None and isinstance(fact, ShopEvent):
        return _link(after, event, fact, target, policy, said, notes)
    return _take(after, event, fact, policy, said, notes)


def _deadline(state: Customer | None, fact: DeadlineReached, policy: Policy, offset: int | None) -> Folded:
    if state is None:
        return Folded(None)
    passed = let_time_pass(state, fact.due_at, policy, inclusive=True)
    if passed.state is not None and passed.state is not state and offset is not None:
        passed.state.offset = offset
    return Folded(passed.state, tuple(passed.signals), (), tuple(passed.notes))


def _take(
    after: Customer,
    event: CustomerEvent,
    fact: ShopEvent | CartTransferred,
    policy: Policy,
    said: list[Signal],
    notes: list[str],
) -> Folded:
    if isinstance(fact, ShopEvent) and isinstance(fact.payload, CustomerErased):
        return _erase(after, event, fact, said, notes)
    if after.link is not None:
        keep_awake(after, event.at, policy)
        forwarded = CustomerEvent(key=after.link, at=event.at, fact=fact)
        return Folded(after, tuple(said), (forwarded,), (*notes, "forwarded"))
    note = step(after, fact, event.at, policy, said)
    keep_awake(after, event.at, policy)
    return Folded(after, tuple(said), (), (*notes, note) if note else tuple(notes))


def _link(
    after: Customer,
    event: CustomerEvent,
    fact: ShopEvent,
    target: str,
    policy: Policy,
    said: list[Signal],
    notes: list[str],
) -> Folded:
    appends: tuple[CustomerEvent, ...] = ()
    if after.link is None and not links.is_nothing_new(after, fact):
        appends = links.moved(after, fact, target, event.at)
    left = Customer(
        key=after.key,
        shop=after.shop,
        recent=after.recent,
        seen_at=after.seen_at,
        offset=after.offset,
        link=target if links.is_better(after.link, target) else after.link,
    )
    keep_awake(left, event.at, policy)
    return Folded(left, tuple(said), appends, (*notes, "linked"))


def _erase(after: Customer, event: CustomerEvent, fact: ShopEvent, said: list[Signal], notes: list[str]) -> Folded:
    """The state goes; a log that forwards hands the erasure on, and the log that knows the person says it."""
    notes = [*notes, "erased"]
    if fact.source == OURS:
        return Folded(None, tuple(said), (), tuple(notes))
    if after.link is not None:
        forwarded = CustomerEvent(key=after.link, at=event.at, fact=fact)
        return Folded(None, tuple(said), (forwarded,), tuple(notes))
    after.ref = recognised(after.ref, fact.customer, overrides=False)
    assert isinstance(fact.payload, CustomerErased)
    gone = Signal(
        signal_id=f"{after.shop}:{fact.event_id}:CustomerErased",
        shop=after.shop,
        occurred_at=event.at,
        priority=fact.priority,
        cause=fact.event_id,
        customer=known_customer(after),
        payload=signals.CustomerErased(reason=fact.payload.reason),
    )
    return Folded(None, (*said, gone), links.erased_everywhere(after, fact, event.at), tuple(notes))
