"""The demo's hour through the real thinking, mapping and stand-ins, in exact simulated time: as the model says.

What is left out is what the demo itself is for: Kafka, processes and the wall clock. The sink's lane is the smallest
there can be: it speaks at once, holds everything while its platform is down, and takes its last look before a reminder.
"""

from __future__ import annotations

import json
import tomllib
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from schemas.events import CatalogEvent, CatalogPayload, CustomerEvent, ProductUpserted, ShopEvent
from schemas.known import KnownCustomer
from schemas.signals import AnySignal, CatalogSignal, OrderPlaced, ProductChanged, Signal
from shoprelay.certificate.asking import PutOn, asked, taken
from shoprelay.demo.compare import kept, received
from shoprelay.demo.play import by_platforms
from shoprelay.demo.reference import Expected, Told, difference, expected
from shoprelay.demo.simulate import EXPIRES, HOUR, OUTAGE, STAGES, STORIES, Hour, Step, simulate
from shoprelay.demo.stage import MORE
from sinks.contract import Sink, Unaddressable, Verdict, load
from sinks.fake import Received, Reply, StandIn
from sinks.joor.fake import SAMPLES, JoorStandIn
from sinks.june.fake import JuneStandIn
from sinks.klaviyo.fake import KlaviyoStandIn
from sinks.newstore.fake import NewStoreStandIn
from sinks.shopify.fake import ShopifyStandIn
from sinks.waymore.fake import WayMoreStandIn
from sources.contract import Request, Visit
from sources.contract import load as source_of
from streams.delivery.lastlook import withheld
from streams.delivery.token import put_on
from streams.domain import catalog
from streams.domain.customer import Customer
from streams.domain.fold import deadline_event, fold, next_deadline
from streams.domain.history import Orders
from streams.domain.history import known_customer as known_order
from streams.domain.identity import key_of, links_of
from streams.domain.known import known_customer
from streams.domain.policy import Policy
from streams.polling.asking import as_call
from tests.thorough import examples

pytestmark = pytest.mark.thorough

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
GRACE = timedelta(seconds=12)
POLICY = Policy(
    stages=tuple(timedelta(seconds=wait) for wait in STAGES), grace=GRACE, expires_after=timedelta(seconds=EXPIRES)
)
PEOPLE = 2 * len(STORIES)


def at(seconds: float) -> datetime:
    return START + timedelta(milliseconds=round(seconds * 1000))


@dataclass(slots=True)
class Platform:
    """One sink and its stand-in, up but for the outages. One lane for each customer."""

    name: str
    stand_in: StandIn
    outage: tuple[datetime, datetime] | None = None
    lanes: dict[str, deque[AnySignal]] = field(default_factory=dict)
    calls: list[dict[str, Any]] = field(default_factory=list)
    reminders: Counter[str] = field(default_factory=Counter)
    reminded: set[str] = field(default_factory=set)
    sink: Sink = field(init=False)
    config: Any = field(init=False)
    put: PutOn = field(init=False)

    def __post_init__(self) -> None:
        self.sink = load(self.name)
        more = tomllib.loads(MORE.get(self.name, ""))
        self.config = self.sink.config.model_validate({**self.stand_in.settings("http://platform.test"), **more})
        self.put = borrowed(self)

    def hears(self, signal: AnySignal, now: datetime) -> None:
        self.lanes.setdefault(log_of(signal), deque()).append(signal)
        if self.outage is None or not self.outage[0] <= now < self.outage[1]:
            self.speaks(now)

    def speaks(self, now: datetime) -> None:
        for lane in self.lanes.values():
            while lane:
                self._says(lane.popleft(), lane, now)

    def _says(self, signal: AnySignal, behind: deque[AnySignal], now: datetime) -> None:
        if isinstance(signal.payload, OrderPlaced):
            self.reminders["proved wrong"] += len(self.reminded.intersection(signal.payload.proved_wrong))
        says = {**self.sink.calls, **self.sink.catalog}.get(type(signal.payload))
        if says is None or (self.sink.mass is not None and signal.priority == "backfill"):
            return
        reminder = type(signal.payload) in self.sink.reminders
        try:
            calls = says(signal, self.config)
        except Unaddressable:
            self.reminders["unaddressable"] += reminder
            return
        if reminder and withheld(signal, behind, now):
            self.reminders["withheld"] += 1
            return
        if reminder and calls:
            self.reminders["sent"] += 1
            self.reminded.add(signal.signal_id)
        for call in calls:
            verdict, answer = taken(self.sink, self.config, Overheard(self), call, now.timestamp(), self.put)
            assert verdict is Verdict.DELIVERED, answer.body

    def is_told_all(self, house: House) -> None:
        """Kind by kind, in parts, as the mass load does it."""
        mass = self.sink.mass
        assert mass is not None
        people = [known for _, state in sorted(house.states.items()) if (known := known_customer(state))]
        known_of = {
            "customers": people,
            "products": [state.product for _, state in sorted(house.shelf.items()) if state and state.product],
            "orders": house.orders(),
        }
        for kind in mass.kinds(self.config):
            items = [item for known in known_of[kind.of] for item in kind.items(known, self.config)]
            for first in range(0, len(items), size := mass.part_items(self.config)):
                call = mass.join(kind, items[first : first + size], self.config)
                verdict, answer = taken(self.sink, self.config, Overheard(self), call, START.timestamp(), self.put)
                assert verdict is Verdict.DELIVERED, answer.body

    def took_in(self) -> Counter[Told]:
        told = received(self.name, {"calls": self.calls})
        return Counter({what: len(times) for what, times in told.items()}) + kept(self.name, self.stand_in.stored())


@dataclass(slots=True)
class Overheard:
    """The stand-in, with what it is told written down as its records show it."""

    platform: Platform

    def answer(self, request: Received) -> Reply:
        reply = self.platform.stand_in.answer(request)
        try:
            told = json.loads(request.body)
        except ValueError:  # nothing, a form, a file
            told = request.body.decode(errors="replace")
        self.platform.calls.append(
            {"at": request.at, "method": request.method, "path": request.path, "body": told, "verdict": reply.verdict}
        )
        return reply


def borrowed(platform: Platform) -> PutOn:
    """A token that the stand-in lends, for good."""
    sink, config, token = platform.sink, platform.config, platform.sink.token
    if token is None:
        return lambda call: call
    lent = token.read(asked(sink, config, platform.stand_in, token.ask(config), START.timestamp()))
    assert lent is not None
    return lambda call: call if call.bare or not token.wanted(call) else put_on(token, call, lent[0])


def log_of(signal: AnySignal) -> str:
    return signal.customer.key if isinstance(signal, Signal) else signal.cause.partition("/")[0] + product_of(signal)


def product_of(signal: CatalogSignal) -> str:
    told = signal.payload
    return told.product.product_id if isinstance(told, ProductChanged) else told.product_id


@dataclass(slots=True)
class House:
    """Everybody's log and state, folded in the order of what happens, deadlines at the very moment they may fire."""

    platforms: tuple[Platform, ...]
    states: dict[str, Customer] = field(default_factory=dict)
    shelf: dict[str, catalog.ProductState | None] = field(default_factory=dict)
    log: list[CustomerEvent] = field(default_factory=list)
    now: datetime = START

    def orders(self) -> list[KnownCustomer]:
        """As they stand in the log."""
        orders = Orders()
        for entry in self.log:
            orders.learn(entry)
        return [known_order(value) for _, value in sorted(orders.news().items()) if value is not None]

    def hears(self, event: ShopEvent) -> None:
        if isinstance(event.payload, CatalogPayload):
            payload = event.payload
            product = payload.product.product_id if isinstance(payload, ProductUpserted) else payload.product_id
            entry = CatalogEvent(product_id=product, at=event.occurred_at, fact=event)
            self.shelf[product], said = catalog.fold(self.shelf.get(product), entry)
            for signal in said:
                for platform in self.platforms:
                    platform.hears(signal, self.now)
            return
        known = catalog.enrich(event.payload, self.shelf.get)
        if known is not event.payload:
            event = replace(event, payload=known)
        home = CustomerEvent(key=key_of(event.shop, event.customer), at=event.occurred_at, fact=event)
        self.files(home, *links_of(event, event.occurred_at))

    def files(self, *entries: CustomerEvent) -> None:
        waiting = deque(entries)
        while waiting:
            entry = waiting.popleft()
            self.log.append(entry)
            folded = fold(self.states.get(entry.key), entry, POLICY)
            if folded.state is not None:
                self.states[entry.key] = folded.state
            waiting.extend(folded.appends)
            for signal in folded.signals:
                for platform in self.platforms:
                    platform.hears(signal, self.now)

    def time_passes(self, until: datetime) -> None:
        """Up to `until`: deadlines with their grace, and platforms that come back."""
        while happens := min(self._coming(until), default=None):
            self.now, what = happens
            if what in self.states:
                self.files(deadline_event(self.states[what]))
            else:
                for platform in self.platforms:
                    platform.speaks(self.now)
        self.now = until

    def _coming(self, until: datetime) -> Iterator[tuple[datetime, str]]:
        for platform in self.platforms:
            if platform.outage and self.now < platform.outage[1] <= until:
                yield platform.outage[1], ""
        for key, state in self.states.items():
            if (due := next_deadline(state)) and due + GRACE <= until:
                yield due + GRACE, key


def played(hour: Hour, outage: tuple[datetime, datetime] | None = (at(OUTAGE[0]), at(OUTAGE[1]))) -> list[Platform]:
    """Klaviyo, which has the outage, and everybody else; what was before is told first."""
    platforms = (
        Platform("klaviyo", KlaviyoStandIn(limits=()), outage),
        Platform("june", JuneStandIn()),
        Platform("waymore", WayMoreStandIn()),
        Platform("joor", JoorStandIn(*SAMPLES)),
        Platform("shopify", ShopifyStandIn()),
        Platform("newstore", NewStoreStandIn(limits=())),
    )
    house = House(platforms, shelf={product.product_id: None for product in hour.products})
    for n, step in enumerate(hour.before):
        house.hears(told(n, step, "long-ago"))
    platforms[2].is_told_all(house)
    for event in orders_at_joor(platforms[3]):
        house.hears(event)
    for n, step in enumerate(hour.steps):
        house.time_passes(at(step.told))
        for _ in range(2 if n in hour.repeats else 1):
            house.hears(told(n, step))
    house.time_passes(at(2 * HOUR))
    return list(platforms)


def told(n: int, step: Step, run: str = "demo") -> ShopEvent:
    return ShopEvent(
        event_id=f"{run}-{n:05d}", shop="demo", occurred_at=at(step.at), customer=step.ref, payload=step.payload,
        priority="backfill" if step.at < 0 else "live",
    )  # fmt: skip


def orders_at_joor(joor: Platform) -> list[ShopEvent]:
    """One round of the poller."""
    source = source_of("joor")
    config = source.config(base_url=joor.config.base_url, token=joor.config.token, history_days=3650)
    visit = Visit("demo", datetime(2026, 12, 1, tzinfo=UTC))
    request: Request | None = source.begin(visit, config)
    events: list[ShopEvent] = []
    while request is not None:
        answer = asked(joor.sink, joor.config, joor.stand_in, as_call(request), START.timestamp())
        polled = source.read(visit, request, answer, config)
        events += polled.events
        request = polled.next
    return events


def differences(should: Expected, *platforms: Platform) -> list[tuple[str, Told, int]]:
    did: Counter[Told] = Counter()
    for platform in platforms:
        did += platform.took_in()
    return list(difference(by_platforms(should), did))  # nobody's backend asks anything here


@pytest.mark.parametrize("seed", range(examples(20)))
def test_what_comes_out_is_what_the_model_says(seed: int) -> None:
    hour = simulate(seed, PEOPLE)
    should = expected(hour)
    klaviyo, *others = played(hour)

    assert differences(should, klaviyo, *others) == []
    assert klaviyo.reminders == should.reminders
    for other in others:
        assert other.reminders.total() - other.reminders["proved wrong"] == 0


def test_the_hour_of_the_demo_itself() -> None:
    hour = simulate(7, 130)
    should = expected(hour)
    klaviyo, *others = played(hour)

    assert differences(should, klaviyo, *others) == []
    assert klaviyo.reminders == should.reminders
    assert min(should.reminders.values()) >= 5, "every outcome of a reminder is in the hour"


def test_a_last_look_that_is_not_taken_shows_as_a_difference() -> None:
    """The comparison is worth something: a reminder that leaves before the purchase behind it is known is found."""
    hour = simulate(1, PEOPLE)
    found = differences(expected(hour), *played(hour, outage=None))

    assert {(kind, what[1]) for kind, what, _ in found} == {("too many", "Abandoned Cart")}
    assert sum(times for *_, times in found) == expected(hour).reminders["withheld"] > 0
