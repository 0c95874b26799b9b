"""A shop's database in the worker: records become rows, rows of one order become events, wherever a process dies."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from schemas.events import OrderPaid, OrderPlaced, ShopEvent
from schemas.records import Refused
from schemas.registry import Registry
from schemas.values import CustomerRef
from sources.debezium.state import Rules
from sources.debezium.tables import read
from streams.worker import rowlog
from streams.worker.app import Codecs
from streams.worker.changes import Changes, Feed
from streams.worker.deadlines import Deadlines
from streams.worker.envelopes import Envelopes
from streams.worker.frontier import Frontier, Places
from streams.worker.metrics import WorkerMetrics
from streams.worker.refusal import Refusal
from streams.worker.row_metrics import RowMetrics
from streams.worker.rows import Rows, time_passed
from streams.worker.stored import milliseconds
from tests.domain.story import MINUTE, NOON, SECOND
from tests.sources.debezium.samples import COMMITTED, envelope, source
from tests.sources.debezium.shop import ORDER, REFERENCE, line
from tests.worker.test_ingest import Door
from tests.worker.world import PARTITIONS, REFUSED, Died, Logs, Seams, Table, Written, home, samples

ROWS = "row-changes"
PREFIX = "cdc.mugs.shop"
FEED = Feed("mugs", (f"{PREFIX}.orders", f"{PREFIX}.order_lines"), REFERENCE, Rules(shop="mugs"))
PAID = {**ORDER, "status": "paid", "paid_at": "2026-11-21T07:30:00Z", "updated_at": "2026-11-21T07:30:00Z"}


@dataclass(slots=True)
class Shop:
    """A database's topics, the two agents that read them, and a clock that is moved. One process after another may
    run on it; what was committed stays."""

    codecs: Codecs
    metrics: WorkerMetrics
    seams: Seams = field(default_factory=Seams)
    table: Table = field(default_factory=Table)
    told: RowMetrics = field(default_factory=lambda: RowMetrics(CollectorRegistry()))
    committed: dict[tuple[str, int], int] = field(default_factory=dict)
    feed: Feed = FEED
    door: Door = field(init=False)
    lsn: int = 1000

    def __post_init__(self) -> None:
        self.door = Door(self.codecs, self.metrics, NOON)
        self.logs.seams = self.table.seams = self.seams
        self.logs.now = self._now

    @property
    def logs(self) -> Logs:
        return self.door.logs

    def writes(self, table: str, op: str, row: dict[str, Any], partition: int = 0) -> Written:
        """The database commits one row more."""
        self.lsn += 1
        at = source(f"shop.{table}", self.lsn, ts_us=COMMITTED + self.lsn * 1000)
        return self.raw(f"{PREFIX}.{table}", json.dumps(envelope(op, row, at)).encode(), {"id": row["id"]}, partition)

    def raw(self, topic: str, value: bytes | None, key: Any = None, partition: int = 0) -> Written:
        return self.logs.put(topic, partition, json.dumps(key).encode(), value)

    # -- the process

    def process(self) -> tuple[Changes, Rows, Deadlines]:
        refuse = Refusal(self.codecs.refused, self.logs, REFUSED, PARTITIONS, lambda: 0, self.metrics)
        envelopes = Envelopes(Registry("http://none"))
        feeds = dict.fromkeys(self.feed.topics, self.feed)
        changes = Changes(feeds, envelopes, self.door.ingest, self.logs, refuse, home, ROWS, self.told)
        waits = Deadlines(self.table, time_passed, self.logs, ROWS, self.frontier(), self._now, self.told)
        rows = Rows(
            self.table, self.door.ingest, self.logs, refuse, lambda _: self.feed.rules, waits.due, home, ROWS
        )  # fmt: skip
        return changes, rows, waits

    def frontier(self) -> Frontier:
        async def ends(*topics: str) -> Places:
            return {topic: self.logs.ends(topic) for topic in topics}

        async def committed(*topics: str) -> Places:
            return {topic: {p: self.committed.get((topic, p), 0) for p in range(PARTITIONS)} for topic in topics}

        return Frontier(
            [self.feed.topics], ROWS, ends, committed, lambda partition: self.committed.get((ROWS, partition), 0)
        )

    def _now(self) -> int:
        return milliseconds(self.door.at)

    async def run(self, *seconds: float, chunk: int = 100) -> Shop:
        """A process from the last commits: reads what there is, lets time pass, and reads again. Raises `Died`."""
        changes, rows, waits = self.process()
        for partition in range(PARTITIONS):
            await waits.opened(partition)
        for pause in (0.0, *seconds):
            self.door.at += timedelta(seconds=pause)
            await self._read(changes, rows, chunk)
            await waits.tick()
            await self._read(changes, rows, chunk)
        return self

    async def _read(self, changes: Changes, rows: Rows, size: int) -> None:
        for topic in (*self.feed.topics, ROWS):
            for partition in range(PARTITIONS):
                while records := self._next(topic, partition, size):
                    if topic == ROWS:
                        await rows.chunk(partition, records)
                    else:
                        await changes.chunk(records)
                    self.seams.here()  # written, not committed
                    self.committed[topic, partition] = records[-1].offset + 1

    def _next(self, topic: str, partition: int, size: int) -> Sequence[Written]:
        done = self.committed.get((topic, partition), 0)
        return self.logs.topics[topic][partition][done : done + size]

    # -- what came of it

    def events(self) -> list[ShopEvent]:
        facts = [entry.fact for entry in self.door.entries()]
        return [
            fact for fact in facts if isinstance(fact, ShopEvent) and type(fact.payload).__name__ != "IdentityLinked"
        ]

    def once(self) -> dict[str, ShopEvent]:
        """By id, as it was told first; the log's fold knows the ids it has seen."""
        found: dict[str, ShopEvent] = {}
        for event in self.events():
            found.setdefault(event.event_id, event)
        return found

    def refused(self) -> list[Refused]:
        return [self.codecs.refused.decode(value) for value in self.logs.values(REFUSED)]


@pytest.fixture
def shop(codecs: Codecs, metrics: WorkerMetrics) -> Shop:
    return Shop(codecs, metrics)


def whole_order(shop: Shop) -> Shop:
    """Two lines stand in another partition than their order; later it is paid."""
    shop.writes("order_lines", "c", line(1), partition=1)
    shop.writes("orders", "c", ORDER)
    shop.writes("order_lines", "c", line(2, quantity="2"), partition=2)
    return shop


async def test_rows_of_three_partitions_become_one_order(shop: Shop) -> None:
    await whole_order(shop).run(1.0)
    assert shop.events() == []

    await shop.run(1.5)
    (placed,) = [event.payload for event in shop.events() if isinstance(event.payload, OrderPlaced)]
    assert [(each.line_id, each.quantity) for each in placed.order.lines] == [("1", 1), ("2", 2)]
    assert shop.refused() == []


def passed(shop: Shop) -> int:
    """How often time was said to have passed."""
    return sum(isinstance(rowlog.decode(value), rowlog.TimePassed) for value in shop.logs.values(ROWS))


async def test_nothing_is_whole_while_rows_of_its_table_wait_to_be_read(shop: Shop) -> None:
    """The worker was away: one table's rows are read, the other's are behind, and the wall clock has long run on."""
    shop.writes("orders", "c", ORDER)
    shop.writes("order_lines", "c", line(1))
    changes, rows, waits = shop.process()
    await waits.opened(home(b"mugs/order:1001"))
    await changes.chunk(shop.logs.topics[f"{PREFIX}.orders"][0])
    await changes.chunk(shop.logs.topics[f"{PREFIX}.order_lines"][0])
    shop.committed[f"{PREFIX}.orders", 0] = 1  # of the other nothing is committed
    partition = home(b"mugs/order:1001")
    await rows.chunk(partition, shop.logs.topics[ROWS][partition])
    shop.committed[ROWS, partition] = 2
    shop.door.at += MINUTE
    await waits.tick()
    assert passed(shop) == 0

    shop.committed[f"{PREFIX}.order_lines", 0] = 1
    shop.committed[ROWS, partition] = len(shop.logs.topics[ROWS][partition])
    await waits.tick()
    assert passed(shop) == 1


async def test_a_part_that_does_not_come_is_named_and_told_when_it_comes(shop: Shop) -> None:
    shop.writes("orders", "c", ORDER)
    await shop.run(30.0, 31.0)
    (refused,) = shop.refused()
    assert (refused.topic, refused.reason, refused.field) == (ROWS, "not-understood", "order")
    assert "no row of order_lines after 60 s" in refused.problem
    assert refused.key == b"mugs/order:1001"

    shop.writes("order_lines", "c", line(1))
    await shop.run(3.0)
    assert [type(event.payload) for event in shop.events()] == [OrderPlaced]


async def test_told_again_by_a_connector_that_began_anew_it_says_nothing_more(shop: Shop) -> None:
    await whole_order(shop).run(3.0)
    shop.lsn -= 3
    await whole_order(shop).run(3.0)

    assert [type(event.payload) for event in shop.events()] == [OrderPlaced]


async def test_what_cannot_be_read_is_put_aside_with_its_bytes_and_its_neighbours_go_on(
    shop: Shop, registry: CollectorRegistry
) -> None:
    topic = f"{PREFIX}.orders"
    flat = json.dumps(ORDER).encode()  # what a transform makes of an envelope
    no_total = json.dumps(envelope("c", {**ORDER, "total": None}, source("shop.orders", 5))).encode()
    for bad in (b"{", flat, no_total, b"\x00\x00"):
        shop.raw(topic, bad, {"id": 1001})
    shop.raw(topic, None, {"id": 1001})
    shop.raw(topic, json.dumps({"ts_ms": 1}).encode())
    await whole_order(shop).run(3.0)

    refused = shop.refused()
    assert [each.value for each in refused] == [b"{", flat, no_total, b"\x00\x00"]
    assert {each.topic for each in refused} == {topic}
    assert [type(event.payload) for event in shop.events()] == [OrderPlaced]


async def test_an_order_that_may_not_be_is_refused_by_its_field(shop: Shop) -> None:
    shop.writes("orders", "c", {**ORDER, "total": "-1"})
    shop.writes("order_lines", "c", line(1))
    await shop.run(3.0)

    (refused,) = shop.refused()
    assert (refused.reason, refused.field) == ("invalid", "payload.order.total")
    assert shop.events() == []


async def test_what_is_no_row_of_ours_is_refused(shop: Shop) -> None:
    shop.logs.put(ROWS, 1, b"mugs/order:1", b"\x93\x01")
    await shop.run()

    (refused,) = shop.refused()
    assert (refused.topic, refused.problem) == (ROWS, "is no row of ours")


async def test_nothing_is_kept_of_what_has_been_quiet_for_long(shop: Shop) -> None:
    await whole_order(shop).run(3.0)
    assert any(shop.table.kept.values())
    shop.door.at += FEED.rules.forget
    await shop.run(1.0, 1.0)

    assert not any(shop.table.kept.values())


EVENT = {"type": "Searched", "occurred_at": "2026-11-21T07:00:00Z", "customer": {"customer_id": "7"},
         "payload": {"query": "blue mug"}}  # fmt: skip
OUTBOX = read({"preset": "reference", "outbox": {"table": "outbox", "columns": {"id": "id", "payload": "payload"}}})


async def test_what_stands_in_an_outbox_is_filed_as_the_shops_own_and_once_read_or_routed(shop: Shop) -> None:
    topics = (f"{PREFIX}.orders", f"{PREFIX}.outbox", "outbox.event.search")
    shop.feed = Feed("mugs", topics, OUTBOX, Rules(shop="mugs"), frozenset({"outbox.event.search"}))
    shop.writes("outbox", "c", {"id": "a-1", "payload": json.dumps(EVENT)})
    shop.writes("outbox", "d", {"id": "a-1", "payload": None})
    shop.writes("outbox", "c", {"id": "a-2", "payload": json.dumps({**EVENT, "type": "Sought"})})
    routed = shop.raw("outbox.event.search", json.dumps(json.dumps(EVENT)).encode())
    routed.headers = (("id", b'"a-1"'),)
    shop.raw("outbox.event.search", b"no JSON")
    await shop.run()

    assert [(each.event_id, each.source) for each in shop.events()] == [("a-1", "debezium")] * 2
    assert {(each.topic, each.field) for each in shop.refused()} == {
        (f"{PREFIX}.outbox", "type"), ("outbox.event.search", "payload")
    }  # fmt: skip


async def survived(codecs: Codecs, metrics: WorkerMetrics, at: int | None, chunk: int) -> Shop:
    """Placed, then paid, then the second line again; with a death at seam `at`, and a process that goes on."""
    shop = Shop(codecs, metrics, Seams(at))

    async def live(step: int) -> None:
        if step == 1:
            whole_order(shop)
        elif step == 2:
            shop.writes("orders", "u", PAID)
        else:
            shop.writes("order_lines", "u", line(2, quantity="3"), partition=2)
        try:
            await shop.run(3.0, chunk=chunk)
        except Died:
            shop.door.at += 7 * SECOND
            await shop.run(3.0, 3.0, chunk=chunk)

    for step in (1, 2, 3):
        await live(step)
    return shop


@pytest.mark.parametrize("chunk", [100, pytest.param(1, marks=pytest.mark.thorough)])
async def test_a_death_at_any_seam_changes_neither_what_is_said_nor_what_is_known(
    codecs: Codecs, metrics: WorkerMetrics, chunk: int
) -> None:
    undisturbed = await survived(codecs, metrics, None, chunk)
    kinds = [type(event.payload) for event in undisturbed.events()]
    pictures = {event.event_id for event in undisturbed.events() if isinstance(event.payload, OrderPlaced)}
    assert kinds[0] is OrderPlaced and OrderPaid in kinds and len(pictures) == 3

    for seam in range(undisturbed.seams.passed):
        shop = await survived(codecs, metrics, seam, chunk)
        assert shop.once() == undisturbed.once(), f"seam {seam}"
        assert shop.refused() == [], f"seam {seam}"


async def erase(shop: Shop) -> None:
    """What the fold appends when a customer is erased, whoever told it."""
    for key in rowlog.keys_of("mugs", CustomerRef(customer_id="7", email="Ada@mugs.example ")):
        await shop.logs.send_spread(ROWS, {home(key): [(key, rowlog.encode(rowlog.Erased()))]})


def kept(shop: Shop) -> bytes:
    return b"".join(key + value for of in shop.table.kept.values() for key, value in of.items())


async def test_with_a_customer_everything_that_is_kept_of_their_orders_is_forgotten(shop: Shop) -> None:
    await whole_order(shop).run(3.0)
    shop.writes("orders", "c", {**ORDER, "id": 1002, "number": "M-1002", "customer_id": 8, "email": "bob@mugs.example"})
    shop.writes("order_lines", "c", line(9, 1002))
    await shop.run(3.0)
    assert b"ada@mugs.example" in kept(shop) and b"1001" in kept(shop)

    await erase(shop)
    await shop.run(1.0)
    assert b"ada@" not in kept(shop) and b"1001" not in kept(shop)
    assert b"bob@mugs.example" in kept(shop), "nobody else's"


async def test_a_guest_is_forgotten_by_the_address_and_what_comes_later_starts_anew(shop: Shop) -> None:
    shop.writes("orders", "c", {**ORDER, "customer_id": None})
    shop.writes("order_lines", "c", line(1))
    await shop.run(3.0)
    await erase(shop)
    await shop.run(1.0)
    assert b"ada@" not in kept(shop)

    shop.writes("orders", "u", {**PAID, "customer_id": None, "email": "new@mugs.example"})
    shop.writes("order_lines", "u", line(1, quantity="2"))
    await shop.run(3.0)
    assert b"new@mugs.example" in kept(shop)


async def test_no_name_stands_in_the_key_of_a_person(shop: Shop) -> None:
    await whole_order(shop).run(3.0)
    persons = [key for of in shop.table.kept.values() for key in of if rowlog.is_person(key)]

    assert len(persons) == 2 and not [key for key in persons if b"ada" in key or key.endswith(b":7")]


async def test_what_is_read_is_counted_by_what_it_says(codecs: Codecs, metrics: WorkerMetrics) -> None:
    registry = CollectorRegistry()
    shop = Shop(codecs, metrics, told=RowMetrics(registry))
    await whole_order(shop).run(3.0)
    shop.raw(f"{PREFIX}.orders", None, {"id": 1001})
    await shop.run()

    assert samples(registry, "shoprelay_changes_read_total") == {
        (f"{PREFIX}.orders", "created"): 1,
        (f"{PREFIX}.orders", "tombstone"): 1,
        (f"{PREFIX}.order_lines", "created"): 2,
    }
    assert samples(registry, "shoprelay_rows_known") == {(): 3}, "the order, and its owner by account and address"
    assert samples(registry, "shoprelay_rows_waited_total") == {(): 1}


async def test_an_amount_that_went_through_a_double_is_named_once(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        shop.told.doubles("mugs", ["shop.orders.total"])
    assert capsys.readouterr().out.count("shop.orders.total") == 1
