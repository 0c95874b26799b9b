"""Deadlines fire once, in time, and never while something that could prevent them is still under way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError
from prometheus_client import CollectorRegistry

from schemas.events import CustomerEvent, DeadlineReached, ShopEvent
from schemas.registry import Registry
from schemas.signals import CartAbandoned
from schemas.values import CustomerRef
from sources.debezium.state import Rules
from sources.debezium.tables import read
from streams.domain.fold import fold
from streams.domain.identity import key_of
from streams.domain.policy import Policy
from streams.engine import NotOwned
from streams.worker import app as worker_app
from streams.worker.app import Codecs
from streams.worker.changes import Feed
from streams.worker.deadlines import BURST, Deadlines
from streams.worker.envelopes import Envelopes
from streams.worker.fold import silence
from streams.worker.frontier import Frontier, Places
from streams.worker.metrics import WorkerMetrics
from streams.worker.row_metrics import RowMetrics
from streams.worker.stored import due_at, load, milliseconds, store
from tests.domain.story import BOB, HOUR, MINUTE, NOON, SECOND, added, clock, ordered, removed
from tests.worker.world import CUSTOMER_EVENTS, PARTITIONS, SHOP_EVENTS, Logs, Table, home, samples

GRACE = timedelta(seconds=5)
POLICY = Policy(stages=(HOUR,), grace=GRACE, expires_after=3 * HOUR)
BOBS = key_of("shop", BOB).encode()
P = home(BOBS)


@dataclass(slots=True)
class House:
    """One worker's deadlines, a clock that is moved, and a front door whose backlog is `door` minus `taken_in`.
    Whatever is appended to a customer's log is folded at once, unless the partition is `stuck`."""

    codecs: Codecs
    metrics: WorkerMetrics
    at: datetime = NOON
    policy: Policy = POLICY
    door: dict[int, int] = field(default_factory=lambda: dict.fromkeys(range(PARTITIONS), 0))
    taken_in: dict[int, int] = field(default_factory=dict)
    logs: Logs = field(default_factory=Logs)
    table: Table = field(default_factory=Table)
    folded: dict[int, int] = field(default_factory=dict)
    elsewhere: dict[int, int] = field(default_factory=dict)  # what the group has committed of the logs, if not all
    stuck: set[int] = field(default_factory=set)
    said: list[CartAbandoned] = field(default_factory=list)
    deadlines: Deadlines = field(init=False)

    def __post_init__(self) -> None:
        self.deadlines = self.worker()

    def worker(self) -> Deadlines:
        async def ends(*topics: str) -> Places:
            return {each: dict(self.door) if each == SHOP_EVENTS else self.logs.ends(each) for each in topics}

        async def committed(*topics: str) -> Places:
            folded = self.elsewhere or self.folded
            return {each: dict(self.taken_in if each == SHOP_EVENTS else folded) for each in topics}

        frontier = Frontier(
            [(SHOP_EVENTS,), (CUSTOMER_EVENTS,)], CUSTOMER_EVENTS, ends, committed,
            lambda partition: self.folded.get(partition, 0),
        )  # fmt: skip
        return Deadlines(
            self.table, partial(silence, self.codecs.customer_events, lambda shop: self.policy), self.logs,
            CUSTOMER_EVENTS, frontier, lambda: milliseconds(self.at), self.metrics,
        )  # fmt: skip

    async def own(self, *partitions: int) -> None:
        for partition in partitions:
            await self.deadlines.opened(partition)

    async def tell(self, *facts: ShopEvent) -> None:
        for fact in facts:
            entry = CustomerEvent(key=key_of(fact.shop, fact.customer), at=fact.occurred_at, fact=fact)
            key = entry.key.encode()
            self.logs.put(CUSTOMER_EVENTS, home(key), key, self.codecs.customer_events.encode(entry))
        await self.fold()

    async def fold(self) -> None:
        """What the fold does, without its batches."""
        for partition, log in self.logs.topics[CUSTOMER_EVENTS].items():
            for record in log[self.folded.get(partition, 0) :] if partition not in self.stuck else ():
                assert record.key is not None
                entry = self.codecs.customer_events.decode(record.value)
                done = fold(load(self.table.get(partition, record.key)), entry, self.policy, record.offset)
                self.said += [s.payload for s in done.signals if isinstance(s.payload, CartAbandoned)]
                if done.state is not None:
                    await self.table.put_many(partition, {record.key: store(done.state)})
                    self.deadlines.due(partition, record.key, due_at(store(done.state)))
                self.folded[partition] = record.offset + 1

    async def tick(self, at: datetime | str) -> int:
        """Looks at the deadlines at this time; answers how many were appended."""
        self.at = clock(at) if isinstance(at, str) else at
        before = len(self.reached())
        await self.deadlines.tick()
        await self.fold()
        return len(self.reached()) - before

    def reached(self) -> list[DeadlineReached]:
        facts = [self.codecs.customer_events.decode(value).fact for value in self.logs.values(CUSTOMER_EVENTS)]
        return [fact for fact in facts if isinstance(fact, DeadlineReached)]


@pytest.fixture
async def house(codecs: Codecs, metrics: WorkerMetrics) -> House:
    made = House(codecs, metrics)
    await made.own(*range(PARTITIONS))
    return made


# -- when


async def test_a_cart_nobody_touches_is_due_after_an_hour_and_the_grace(house: House) -> None:
    await house.tell(added(who=BOB))

    assert await house.tick("13:00:04") == 0
    assert await house.tick("13:00:05") == 1
    assert [(fact.stage, fact.due_at) for fact in house.said] == [(1, clock("13:00"))]


async def test_it_fires_once(house: House) -> None:
    await house.tell(added(who=BOB))

    assert [await house.tick(clock("13:01") + n * MINUTE) for n in range(3)] == [1, 0, 0]
    assert len(house.said) == 1


async def test_removing_one_of_two_puts_the_deadline_off(house: House) -> None:
    await house.tell(added(who=BOB, quantity=2), removed(at="12:40", who=BOB))

    assert await house.tick("13:39:59") == 0
    assert await house.tick("13:40:05") == 1
    assert [fact.due_at for fact in house.said] == [clock("13:40")]


@pytest.mark.parametrize(
    "prevents", [removed(at="12:30", who=BOB), ordered("12:59:59", who=BOB)], ids=["emptied", "bought"]
)
async def test_a_cart_that_is_gone_is_due_no_more(house: House, prevents: ShopEvent) -> None:
    await house.tell(added(who=BOB), prevents)

    assert await house.tick("15:00") == 0
    assert house.said == []


async def test_every_stage_has_its_own_deadline(house: House) -> None:
    house.policy = Policy(stages=(HOUR, 2 * HOUR), grace=GRACE)
    await house.tell(added(who=BOB))

    assert [await house.tick(at) for at in ("13:01", "13:59", "14:01")] == [1, 0, 1]
    assert [fact.stage for fact in house.said] == [1, 2]


async def test_the_grace_is_the_policys_of_that_moment(house: House) -> None:
    await house.tell(added(who=BOB))
    house.policy = Policy(stages=(HOUR,), grace=10 * MINUTE)

    assert await house.tick("13:09:59") == 0
    assert await house.tick("13:10") == 1


# -- what is under way


async def test_nothing_fires_while_the_front_door_has_a_backlog(house: House) -> None:
    """12:00 add; 14:00 order; both read at 14:05 after an outage."""
    await house.tell(added(who=BOB))
    house.door[2] = 1  # the order, in a partition of whichever worker

    assert [await house.tick(at) for at in ("14:05", "14:06", "18:00")] == [0, 0, 0]

    await house.tell(ordered("14:00", who=BOB))
    house.taken_in[2] = 1
    await house.tick("18:01")
    assert house.reached() == []  # the order has let time pass up to itself
    assert [fact.due_at for fact in house.said] == [clock("13:00")]


async def test_an_order_that_waits_at_the_door_prevents_the_reminder(house: House) -> None:
    await house.tell(added(who=BOB))
    house.door[0] = 1
    await house.tick("13:30")
    await house.tell(ordered("12:59", who=BOB))
    house.taken_in[0] = 1
    await house.tick("13:31")

    assert house.said == []


async def test_what_is_ingested_must_be_folded_too(house: House) -> None:
    await house.tell(added(who=BOB))
    house.stuck = {P}
    await house.tell(ordered("12:59", who=BOB))

    assert await house.tick("13:30") == 0
    house.stuck = set()
    await house.fold()
    assert await house.tick("13:31") == 0
    assert house.said == []


async def test_a_partition_that_lags_here_holds_only_its_own_deadlines(house: House) -> None:
    """The group has committed it all (a former owner has); only this worker still restores one of the two."""
    other = next(who for n in range(99) if home(key_of("shop", who := CustomerRef(customer_id=f"c{n}")).encode()) != P)
    await house.tell(added(who=BOB), added(who=other))
    house.stuck = {P}
    await house.tell(added(at="12:30", who=BOB))
    house.elsewhere = house.logs.ends(CUSTOMER_EVENTS)

    assert await house.tick("13:30") == 1
    assert [fact.due_at for fact in house.said] == [clock("13:00")]


async def test_under_steady_lag_the_clock_is_late_by_the_lag(house: House) -> None:
    await house.tell(added(who=BOB))
    fired = []
    for minute in range(57, 70):  # one event a minute; it is taken in two minutes later
        house.door[0] = minute
        house.taken_in[0] = minute - 2
        fired.append(await house.tick(NOON + minute * MINUTE))

    assert fired.index(1) == 63 - 57  # 13:00 and the grace, seen at 13:01, known at 13:03


async def test_a_stamp_from_the_future_moves_nobody_elses_clock(house: House) -> None:
    await house.tell(added(who=BOB), added(at=NOON + 4 * SECOND, who=CustomerRef(customer_id="zoe")))

    assert await house.tick("12:59") == 0


# -- whose


async def test_a_new_owner_rebuilds_the_heap_from_what_is_remembered(house: House) -> None:
    await house.tell(added(who=BOB))
    house.deadlines = house.worker()
    await house.own(P)

    assert await house.tick("13:01") == 1
    assert len(house.said) == 1


async def test_a_restart_between_appended_and_folded_says_it_once(house: House) -> None:
    await house.tell(added(who=BOB))
    house.stuck = {P}
    assert await house.tick("13:01") == 1
    house.deadlines = house.worker()
    await house.own(P)
    await house.tick("13:02")  # the log has an entry that is not folded: nothing may fire
    house.stuck = set()
    await house.fold()
    await house.tick("13:03")

    assert (len(house.reached()), len(house.said)) == (1, 1)


async def test_a_partition_given_back_fires_nothing(house: House) -> None:
    await house.tell(added(who=BOB))
    house.deadlines.closed(P)
    house.deadlines.due(P, BOBS, milliseconds(clock("13:00")))  # the last chunk was still being remembered

    assert await house.tick("14:00") == 0


async def test_what_stands_in_the_heap_is_counted(house: House, registry: CollectorRegistry) -> None:
    await house.tell(added(who=BOB))
    await house.tick("12:30")
    assert samples(registry, "shoprelay_deadlines_pending") == {(): 1}

    await house.tick("13:00:08")
    assert samples(registry, "shoprelay_deadlines_fired_total") == {(): 1}
    assert samples(registry, "shoprelay_deadline_lateness_seconds_sum") == {(): 8.0}


async def test_a_customer_who_was_forgotten_meanwhile_is_skipped(house: House) -> None:
    await house.tell(added(who=BOB))
    await house.table.put_many(P, {BOBS: None})

    assert await house.tick("13:01") == 0


# -- many at once


async def burst(house: House, count: int) -> None:
    """So many carts, all due at 13:00, all in Bob's partition."""
    state = fold(None, CustomerEvent(key="shop/c:x", at=NOON, fact=added(who=BOB)), POLICY).state
    assert state is not None
    for n in range(count):
        state.key = f"shop/c:x{n}"
        house.table.kept[P][state.key.encode()] = store(state)
    await house.own(P)
    house.stuck = {P}


async def test_a_burst_leaves_in_batches_and_each_of_it_once(house: House) -> None:
    await burst(house, 5_000)

    assert await house.tick("13:01") == 5_000
    assert [count for _, count in house.logs.sends] == [BURST, BURST, 5_000 - 2 * BURST]
    assert len({record.key for record in house.logs.read(CUSTOMER_EVENTS)}) == 5_000
    assert await house.tick("13:02") == 0


async def test_what_could_not_be_sent_is_fired_by_the_next_tick(house: House, registry: CollectorRegistry) -> None:
    await burst(house, BURST + 5)
    house.logs.refuses = [KafkaConnectionError("the leader is away")]
    with pytest.raises(KafkaConnectionError):
        await house.tick("13:01")
    assert samples(registry, "shoprelay_deadlines_fired_total") == {}

    assert await house.tick("13:02") == BURST + 5
    assert samples(registry, "shoprelay_deadlines_fired_total") == {(): BURST + 5}


async def test_of_a_burst_that_breaks_off_only_the_rest_is_fired_again(house: House) -> None:
    await burst(house, BURST + 5)
    send = house.logs.send_spread

    async def once(topic: str, items: Any) -> None:
        await send(topic, items)
        house.logs.refuses = [KafkaTimeoutError("no ack")]

    object.__setattr__(house.deadlines, "outbox", SimpleNamespace(send_spread=once))
    with pytest.raises(KafkaTimeoutError):
        await house.tick("13:01")
    object.__setattr__(house.deadlines, "outbox", house.logs)
    await house.tick("13:02")
    keys = [record.key for record in house.logs.read(CUSTOMER_EVENTS)]

    assert len(keys) == len(set(keys)) == BURST + 5


async def test_a_partition_that_goes_in_the_middle_of_a_burst_leaves_the_rest_to_its_next_owner(house: House) -> None:
    await burst(house, BURST + 5)
    send = house.logs.send_spread

    def not_ours(partition: int, key: bytes) -> bytes | None:
        raise NotOwned(f"partition {partition}")

    async def revoked(topic: str, items: Any) -> None:
        await send(topic, items)
        house.deadlines.closed(P)
        object.__setattr__(house.deadlines, "table", SimpleNamespace(get=not_ours))

    object.__setattr__(house.deadlines, "outbox", SimpleNamespace(send_spread=revoked))
    with pytest.raises(NotOwned):
        await house.tick("13:01")

    house.deadlines = house.worker()
    await house.own(P)
    assert len(house.deadlines.heaps[P]) == BURST + 5
    assert await house.tick("13:02") == 0  # what the former owner has appended is not folded yet
    house.stuck = set()
    await house.fold()
    assert await house.tick("13:03") == 5
    assert len({fact.event_id for fact in house.reached()}) == len(house.said) == BURST + 5


# -- the loop that calls it, and what it asks the broker


class App:
    """Of Faust's app, what the clock and the positions use."""

    def __init__(self, ticks: int) -> None:
        self.left = ticks
        self.tasks: list[Callable[[], Awaitable[None]]] = []
        self.acked: dict[tuple[str, int], int] = {}
        self.consumer = SimpleNamespace(acked=self.acked.get)
        self.engine = SimpleNamespace(
            end_offsets=self.answer(dict.fromkeys(range(PARTITIONS), 7)),
            committed=self.answer({0: 7, 1: None, 2: None, 3: 3}),
            first_offsets=self.answer({0: 0, 1: 0, 2: 7, 3: 5}),
        )

    def answer(self, offsets: dict[int, Any]) -> Callable[..., Awaitable[dict[str, dict[int, Any]]]]:
        async def asked(*topics: str) -> dict[str, dict[int, Any]]:
            return dict.fromkeys(topics, offsets)

        return asked

    def task(self, run: Callable[[], Awaitable[None]]) -> None:
        self.tasks.append(run)

    @property
    def should_stop(self) -> bool:
        self.left -= 1
        return self.left < 0


@pytest.mark.parametrize("error", [KafkaConnectionError("away"), NotOwned("partition 3")], ids=["broker", "partition"])
async def test_the_clock_goes_on_when_the_broker_is_away_or_a_partition_leaves(error: Exception) -> None:
    ticks: list[str] = []

    async def tick() -> None:
        ticks.append("tick")
        raise error

    app = App(ticks=3)
    worker_app._clock(app, [SimpleNamespace(tick=tick)], 0.0)  # type: ignore[list-item]
    await app.tasks[0]()

    assert len(ticks) == 3


async def test_anything_else_ends_the_process() -> None:
    async def tick() -> None:
        raise ValueError("a mistake of ours")

    app = App(ticks=3)
    worker_app._clock(app, [SimpleNamespace(tick=tick)], 0.0)  # type: ignore[list-item]
    with pytest.raises(ValueError, match="mistake"):
        await app.tasks[0]()


async def test_a_partition_never_committed_counts_from_the_first_record_there_still_is() -> None:
    """1: seven records, none taken in. 2: seven records, all gone by retention. 3: the next two are gone."""
    ends, committed, position = worker_app._reach(App(0), CUSTOMER_EVENTS)

    assert await ends(SHOP_EVENTS) == {SHOP_EVENTS: dict.fromkeys(range(PARTITIONS), 7)}
    assert await committed(SHOP_EVENTS) == {SHOP_EVENTS: {0: 7, 1: 0, 2: 7, 3: 5}}
    assert position(0) == 0  # not open yet: nothing is known of it


async def test_the_position_is_that_of_the_last_chunk_acked() -> None:
    app = App(0)
    app.acked[CUSTOMER_EVENTS, 2] = 9
    *_, position = worker_app._reach(app, CUSTOMER_EVENTS)

    assert (position(2), position(1)) == (9, 0)


NAMES = worker_app.Names(
    SHOP_EVENTS, "webhooks", CUSTOMER_EVENTS, "customer-signals", "catalog-events", "catalog-signals",
    "customers-changelog", "catalog-changelog", "row-changes", "rows-changelog", "refused", PARTITIONS, PARTITIONS,
)  # fmt: skip


def test_a_purchase_is_followed_from_wherever_it_comes_in() -> None:
    feed = Feed("shop", ("cdc.shop.orders",), read({"preset": "reference"}), Rules(shop="shop"))
    databases = worker_app.Databases((feed,), Envelopes(Registry("http://none")), RowMetrics(CollectorRegistry()))

    assert worker_app._stages(NAMES, None) == [(SHOP_EVENTS, "webhooks"), (CUSTOMER_EVENTS,)]
    assert worker_app._stages(NAMES, databases) == [
        (SHOP_EVENTS, "webhooks", "cdc.shop.orders"), ("row-changes",), (CUSTOMER_EVENTS,)
    ]  # fmt: skip


async def test_a_log_that_another_worker_has_not_folded_holds_every_clock(house: House) -> None:
    """It may hold a purchase under a cookie, to be handed on to the very customer who would be reminded."""
    await house.tell(added(who=BOB))
    house.elsewhere = house.folded | {P: house.folded[P] - 1}

    assert await house.tick("13:01") == 0

    house.elsewhere = {}
    assert await house.tick("13:02") == 1
