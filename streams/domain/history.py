"""Every order in the customers' logs and what has become of it, for a platform that wants to hear history.

State is no memory of orders: it lets go of finished ones, and keeps only so many. The log is. What an order is and what
a fact makes of it are the rules of `order`; here is only who placed it, and in which log it is told.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec.structs import replace

from schemas import events, signals
from schemas.events import CartTransferred, CustomerErased, CustomerEvent, IdentityLinked, ShopEvent
from schemas.known import KnownCustomer
from schemas.values import CustomerRef
from streams.domain.customer import OrderState
from streams.domain.dedupe import digest, known, remember
from streams.domain.identity import is_guest, is_stronger, key_of, recognised, ref_of, strongest_of
from streams.domain.known import known_order
from streams.domain.links import is_better, target_of
from streams.domain.order import OrderFact, is_finished, placed, with_fact, with_order
from streams.domain.policy import Policy

Placing = events.OrderPlaced | events.WholesaleOrderApproved
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OPEN = OrderState(at=_EPOCH)  # as little as there can be: all that counts is whether it is finished
_DONE = replace(_OPEN, complete=True)


class _Value(msgspec.Struct, frozen=True, array_like=True):
    key: str
    ref: CustomerRef
    order: OrderState


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Value).decode


@dataclass(slots=True)
class _Person:
    """One log. `orders` are those told here, by their id, with the key they stand under. `state` are those that the
    worker's state of this log holds: what a link takes with it. `early` are facts about orders not heard of yet.
    `link` is who this is now, `forwards` the log that what is new goes on to."""

    ref: CustomerRef
    seen_at: datetime | None = None
    recent: bytes = b""
    orders: dict[str, bytes] = field(default_factory=dict)
    state: dict[str, OrderState] = field(default_factory=dict)
    early: dict[str, list[tuple[datetime, OrderFact]]] = field(default_factory=dict)
    link: str | None = None
    forwards: str | None = None


class Orders:
    """Learns one partition of the log, in its order. Each order stands under a key of its own that never changes: the
    log it is told in, when it was placed, its id. Those of one customer are beside each other, the oldest first."""

    def __init__(self, policy: Policy = Policy()) -> None:  # noqa: B008  (frozen)
        self._policy = policy
        self._people: dict[str, _Person] = {}
        self._values: dict[bytes, bytes] = {}
        self._news: dict[bytes, bytes | None] = {}

    def news(self) -> dict[bytes, bytes | None]:
        """What has changed since this was asked last, for `known_customer`; `None` is told here no longer."""
        news, self._news = self._news, {}
        return news

    def learn(self, event: CustomerEvent) -> None:
        """The same event twice is once."""
        fact, person = event.fact, self._people.get(event.key)
        if isinstance(fact, CartTransferred):
            if person is not None:
                person.ref = recognised(person.ref, fact.ref, overrides=False)
                _time_passes(person, event, self._policy)
        elif isinstance(fact, ShopEvent):
            if isinstance(fact.payload, CustomerErased):
                self._erase(event.key)
            elif person is not None or _is_of_use(event.key, fact):
                self._hear(self._people.setdefault(event.key, _Person(ref_of(event.key))), event, fact)

    def _erase(self, key: str) -> None:
        if (person := self._people.pop(key, None)) is not None:
            for order_id in list(person.orders):
                self._drop(person, order_id)

    def _hear(self, person: _Person, event: CustomerEvent, fact: ShopEvent) -> None:
        target = target_of(fact, event.key)
        if target is not None and target == person.forwards:
            return  # every event that carries two identities says so again
        newest = person.seen_at is None or event.at >= person.seen_at
        _time_passes(person, event, self._policy)
        named_here = key_of(fact.shop, fact.customer) == event.key
        person.ref = recognised(person.ref, fact.customer, overrides=newest and named_here)
        if not isinstance(fact.payload, Placing | OrderFact | IdentityLinked):
            return
        entry = digest(fact.event_id)
        if known(person.recent, entry):
            return
        person.recent = remember(person.recent, entry, self._policy.remembered_events)
        match fact.payload:
            case IdentityLinked():
                self._link(person, event.key, fact, fact.payload, target)
            case events.OrderPlaced() | events.WholesaleOrderApproved():
                self._place(person, event, fact.payload)
            case _:
                self._befall(person, event, fact.payload)

    # -- orders

    def _place(self, person: _Person, event: CustomerEvent, told: Placing) -> None:
        order_id = told.order.order_id
        if person.forwards and order_id not in person.orders:
            return
        state = placed(self._order(person, order_id), told.order, None, event.at)
        for at, fact in sorted(person.early.pop(order_id, ()), key=lambda each: each[0]):
            state = with_fact(state, fact, at)
        self._keep(person, event.key, order_id, state)
        if not person.forwards:
            person.state = with_order(person.state, order_id, _DONE if is_finished(state) else _OPEN, self._policy)

    def _befall(self, person: _Person, event: CustomerEvent, fact: OrderFact) -> None:
        order_id = fact.order_id
        if (old := self._order(person, order_id)) is None:
            if not person.forwards:
                person.early.setdefault(order_id, []).append((event.at, fact))
            return
        state = with_fact(old, fact, event.at)
        self._keep(person, event.key, order_id, state)
        if order_id in person.state and is_finished(state):
            person.state = {**person.state, order_id: _DONE}

    def _order(self, person: _Person, order_id: str) -> OrderState | None:
        entry = person.orders.get(order_id)
        return None if entry is None else _decode(self._values[entry]).order

    def _keep(self, person: _Person, key: str, order_id: str, state: OrderState) -> None:
        entry = person.orders.get(order_id) or _entry(key, order_id, state.at)
        person.orders[order_id] = entry
        self._values[entry] = self._news[entry] = _encode(_Value(person.link or key, person.ref, state))

    def _drop(self, person: _Person, order_id: str) -> None:
        entry = person.orders.pop(order_id)
        del self._values[entry]
        self._news[entry] = None

    # -- whose they are

    def _link(self, person: _Person, key: str, fact: ShopEvent, told: IdentityLinked, target: str | None) -> None:
        """The link takes along what is still under way, and that log tells it. What stays is told here, under who they
        are now: whoever was recognised first, unless somebody better known was."""
        if target is None:
            person.ref = recognised(person.ref, told.other, overrides=False)
            return
        if person.forwards is None:
            for order_id, order in person.state.items():
                if not is_finished(order):
                    self._drop(person, order_id)
            person.state, person.early = {}, {}
        person.forwards = target if is_better(person.forwards, target) else person.forwards
        if person.link is None or is_stronger(target, person.link):
            person.link, person.ref = target, recognised(person.ref, strongest_of(fact), overrides=True)
            for order_id, entry in person.orders.items():
                self._keep(person, key, order_id, _decode(self._values[entry]).order)


def known_customer(value: bytes) -> KnownCustomer:
    """One order, and by whom it was placed as the events name them."""
    told = _decode(value)
    order = known_order(told.order)
    customer = signals.Customer(key=told.key, ref=told.ref)
    return KnownCustomer(customer=customer, orders=() if order is None else (order,))


def log_of(entry: bytes) -> bytes:
    """The key of the log that an order is told in."""
    return entry.partition(b"\0")[0]


def _entry(key: str, order_id: str, at: datetime) -> bytes:
    milliseconds = max(at - _EPOCH, timedelta()) // timedelta(milliseconds=1)
    return f"{key}\0{milliseconds:015d}\0{order_id}".encode()


def _is_of_use(key: str, fact: ShopEvent) -> bool:
    """Whether a log that was not heard of is to be remembered from here on: of the many who only look, nothing is."""
    return not is_guest(key) or isinstance(fact.payload, Placing | OrderFact | IdentityLinked)


def _time_passes(person: _Person, event: CustomerEvent, policy: Policy) -> None:
    """What the state of this log lets go of when its customer was quiet, as `passing` has it."""
    if person.seen_at is not None:
        quiet = event.at - person.seen_at
        if quiet > policy.rest_after:
            person.state = {order_id: order for order_id, order in person.state.items() if not is_finished(order)}
        if quiet > (policy.guest_ttl if is_guest(event.key) and not person.forwards else policy.ttl):
            person.state, person.forwards = {}, None
    person.seen_at = event.at if person.seen_at is None else max(person.seen_at, event.at)
