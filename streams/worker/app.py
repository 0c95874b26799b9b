"""The worker put together: its agents and their clocks on the engine. The only place that knows which topic feeds what.

webhooks ──► Webhooks ──┐
shop-events ──► Ingest ──► customer-events ──► Fold ──► customer-signals
                  │   └──► catalog-events ──► Catalog ──► catalog-signals
                  │              ▲ Deadlines
cdc.* ──► Changes ──► row-changes ──► Rows ──► customer-events, catalog-events
                            ▲ Deadlines
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from aiokafka.errors import KafkaError

from schemas.codec import Codec
from schemas.events import CatalogEvent, CustomerEvent, ShopEvent
from schemas.records import Refused
from schemas.signals import CatalogSignal, Signal
from sources.debezium.state import Rules
from streams.domain import catalog
from streams.engine import EngineSettings, Mirror, NotOwned, chunks, create_app, partition_of
from streams.worker.catalog import Catalog
from streams.worker.changes import Changes, Feed, Reads
from streams.worker.deadlines import Deadlines
from streams.worker.fold import Fold, silence
from streams.worker.frontier import Asked, Frontier, Places
from streams.worker.ingest import Ingest
from streams.worker.metrics import WorkerMetrics
from streams.worker.ports import Milliseconds, Outbox, Policies, Refuse
from streams.worker.refusal import Refusal
from streams.worker.row_metrics import RowMetrics
from streams.worker.rows import Rows, time_passed
from streams.worker.webhooks import Hooks, Webhooks

log = structlog.get_logger("shoprelay.worker")


@dataclass(frozen=True, slots=True)
class Codecs:
    """One per topic the worker reads or writes."""

    shop_events: Codec[ShopEvent]
    customer_events: Codec[CustomerEvent]
    catalog_events: Codec[CatalogEvent]
    signals: Codec[Signal]
    catalog_signals: Codec[CatalogSignal]
    refused: Codec[Refused]


@dataclass(frozen=True, slots=True)
class Names:
    """Topics by role, prefix included; all of them have `partitions` partitions but `refused`."""

    shop_events: str
    webhooks: str
    customer_events: str
    customer_signals: str
    catalog_events: str
    catalog_signals: str
    customers_changelog: str
    catalog_changelog: str
    row_changes: str
    rows_changelog: str
    refused: str
    partitions: int
    refused_partitions: int


@dataclass(frozen=True, slots=True)
class Databases:
    """Which shops' databases are read, and how a record of them is. None: then their topics need not be there."""

    feeds: tuple[Feed, ...]
    read: Reads
    metrics: RowMetrics

    @property
    def topics(self) -> tuple[str, ...]:
        return tuple(sorted({topic for feed in self.feeds for topic in feed.topics}))


def build(
    engine: EngineSettings,
    names: Names,
    codecs: Codecs,
    policies: Policies,
    now: Milliseconds,
    metrics: WorkerMetrics,
    tick_seconds: float,
    hooks: Hooks,
    databases: Databases | None = None,
) -> Any:
    """A Faust app, ready for `faust.Worker`."""
    app = create_app(engine)
    customers = app.Table(
        "customers", partitions=names.partitions, topic=names.customer_events, changelog=names.customers_changelog
    )
    products = app.Table(
        "catalog", partitions=names.partitions, topic=names.catalog_events, changelog=names.catalog_changelog
    )
    copy = app.engine.follow(Mirror(engine, names.catalog_changelog))
    outbox = Sender(app)
    refuse = Refusal(codecs.refused, outbox, names.refused, names.refused_partitions, now, metrics)

    def home(key: bytes) -> int:
        return partition_of(key, names.partitions)

    def product(shop: str, product_id: str) -> catalog.ProductState | None:
        stored = copy.get(catalog.key_of(shop, product_id).encode())
        return None if stored is None else catalog.decode(stored)

    ingest = Ingest(
        codecs.shop_events, codecs.customer_events, codecs.catalog_events, outbox, refuse, policies, now, product, home,
        names.customer_events, names.catalog_events, metrics,
    )  # fmt: skip
    deadlines = Deadlines(
        customers,
        partial(silence, codecs.customer_events, policies),
        outbox,
        names.customer_events,
        Frontier(_stages(names, databases), names.customer_events, *_reach(app, names.customer_events)),
        now,
        metrics,
    )
    fold = Fold(
        codecs.customer_events, codecs.signals, customers, outbox, refuse, policies, deadlines.due, home,
        names.customer_signals, names.customer_events, metrics, names.row_changes if databases else None,
    )  # fmt: skip
    shelves = Catalog(
        codecs.catalog_events, codecs.catalog_signals, products, outbox, refuse, names.catalog_signals, metrics
    )
    customers.on_opened(deadlines.opened)
    customers.on_closed(deadlines.closed)
    _agents(app, names, ingest, fold, shelves, Webhooks(ingest, refuse, hooks))
    clocks = [deadlines]
    if databases is not None:
        clocks.append(_databases(app, names, databases, ingest, refuse, outbox, now))
    _clock(app, clocks, tick_seconds)
    return app


@dataclass(frozen=True, slots=True)
class Sender:
    """`Outbox` on the app's producer, which Faust makes only when the app starts."""

    app: Any

    async def send_spread(self, topic: str, items: Any) -> None:
        await self.app.producer.send_spread(topic, items)


def _agents(app: Any, names: Names, ingest: Ingest, fold: Fold, shelves: Catalog, webhooks: Webhooks) -> None:
    @app.agent(chunks(app, names.shop_events), name="ingest")
    async def ingesting(stream: Any) -> None:
        async for event in stream.noack().events():
            await ingest.chunk(event.value)
            await stream.ack(event)

    @app.agent(chunks(app, names.webhooks), name="webhooks")
    async def understanding(stream: Any) -> None:
        async for event in stream.noack().events():
            await webhooks.chunk(event.value)
            await stream.ack(event)

    @app.agent(chunks(app, names.customer_events), name="fold")
    async def folding(stream: Any) -> None:
        async for event in stream.noack().events():
            await fold.chunk(event.message.partition, event.value)
            await stream.ack(event)

    @app.agent(chunks(app, names.catalog_events), name="catalog")
    async def shelving(stream: Any) -> None:
        async for event in stream.noack().events():
            await shelves.chunk(event.message.partition, event.value)
            await stream.ack(event)


def _databases(
    app: Any, names: Names, databases: Databases, ingest: Ingest, refuse: Refuse, outbox: Outbox, now: Milliseconds
) -> Deadlines:
    """Two agents more; answers the clock by which rows wait for one another."""
    table = app.Table("rows", partitions=names.partitions, topic=names.row_changes, changelog=names.rows_changelog)
    reach = _reach(app, names.row_changes)
    frontier = Frontier([databases.topics], names.row_changes, *reach)
    waits = Deadlines(table, time_passed, outbox, names.row_changes, frontier, now, databases.metrics)
    rules = {feed.shop: feed.rules for feed in databases.feeds}
    feeds = {topic: feed for feed in databases.feeds for topic in feed.topics}
    changes = Changes(
        feeds, databases.read, ingest, outbox, refuse, ingest.partition_of, names.row_changes, databases.metrics
    )  # fmt: skip
    rows = Rows(
        table, ingest, outbox, refuse, lambda shop: rules.get(shop) or Rules(shop=shop), waits.due, ingest.partition_of,
        names.row_changes,
    )  # fmt: skip
    table.on_opened(waits.opened)
    table.on_closed(waits.closed)

    @app.agent(chunks(app, *databases.topics), name="changes")
    async def reading(stream: Any) -> None:
        async for event in stream.noack().events():
            await changes.chunk(event.value)
            await stream.ack(event)

    @app.agent(chunks(app, names.row_changes), name="rows")
    async def joining(stream: Any) -> None:
        async for event in stream.noack().events():
            await rows.chunk(event.message.partition, event.value)
            await stream.ack(event)

    return waits


def _clock(app: Any, clocks: Sequence[Deadlines], tick_seconds: float) -> None:
    @app.task
    async def let_time_pass() -> None:
        while not app.should_stop:
            try:
                for deadlines in clocks:
                    await deadlines.tick()
            except (KafkaError, NotOwned) as exc:  # the broker is away, or a partition is just leaving: next tick
                log.warning("deadlines wait", error=repr(exc))
            await asyncio.sleep(tick_seconds)


def _stages(names: Names, databases: Databases | None) -> list[tuple[str, ...]]:
    """What comes of one stands in the next. The customers' logs are a stage, too: one may hand a purchase on to
    another."""
    doors = names.shop_events, names.webhooks
    if databases is None:
        return [doors, (names.customer_events,)]
    return [(*doors, *databases.topics), (names.row_changes,), (names.customer_events,)]


def _reach(app: Any, log: str) -> tuple[Asked, Asked, Callable[[int], int]]:
    """Where a topic ends, what the group has committed of it, and how far this worker's own part of the log is."""

    async def ends(*topics: str) -> Places:
        found: Places = await app.engine.end_offsets(*topics)
        return found

    async def passed(*topics: str) -> Places:
        known = await app.engine.committed(*topics)
        firsts = await app.engine.first_offsets(*topics)  # what retention has taken will never be committed
        return {
            topic: {partition: max(offset or 0, firsts[topic][partition]) for partition, offset in of.items()}
            for topic, of in known.items()
        }

    def position(partition: int) -> int:
        return app.consumer.acked((log, partition)) or 0

    return ends, passed, position
