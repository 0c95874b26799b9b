"""The worker put together: four agents and a clock on the engine. The only place that knows which topic feeds what.

webhooks ──► Webhooks ──┐
shop-events ──► Ingest ──► customer-events ──► Fold ──► customer-signals
                      └──► catalog-events ──► Catalog ──► catalog-signals
                                 ▲ Deadlines
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka.errors import KafkaError

from schemas.codec import Codec
from schemas.events import CatalogEvent, CustomerEvent, ShopEvent
from schemas.records import Refused
from schemas.signals import CatalogSignal, Signal
from streams.domain import catalog
from streams.engine import EngineSettings, Mirror, NotOwned, chunks, create_app, partition_of
from streams.worker.catalog import Catalog
from streams.worker.deadlines import Deadlines, Offsets
from streams.worker.fold import Fold
from streams.worker.ingest import Ingest
from streams.worker.metrics import WorkerMetrics
from streams.worker.ports import Milliseconds, Policies
from streams.worker.refusal import Refusal
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
    refused: str
    partitions: int
    refused_partitions: int


def build(
    engine: EngineSettings,
    names: Names,
    codecs: Codecs,
    policies: Policies,
    now: Milliseconds,
    metrics: WorkerMetrics,
    tick_seconds: float,
    hooks: Hooks,
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
        codecs.customer_events,
        customers,
        outbox,
        policies,
        now,
        *_positions(app, names),
        names.customer_events,
        metrics,
    )
    fold = Fold(
        codecs.customer_events, codecs.signals, customers, outbox, refuse, policies, deadlines.due, home,
        names.customer_signals, names.customer_events, metrics,
    )  # fmt: skip
    shelves = Catalog(
        codecs.catalog_events, codecs.catalog_signals, products, outbox, refuse, names.catalog_signals, metrics
    )
    customers.on_opened(deadlines.opened)
    customers.on_closed(deadlines.closed)
    _agents(app, names, ingest, fold, shelves, Webhooks(ingest, refuse, hooks))
    _clock(app, deadlines, tick_seconds)
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


def _clock(app: Any, deadlines: Deadlines, tick_seconds: float) -> None:
    @app.task
    async def let_time_pass() -> None:
        while not app.should_stop:
            try:
                await deadlines.tick()
            except (KafkaError, NotOwned) as exc:  # the broker is away, or a partition is just leaving: next tick
                log.warning("deadlines wait", error=repr(exc))
            await asyncio.sleep(tick_seconds)


def _positions(
    app: Any, names: Names
) -> tuple[Callable[[], Any], Callable[[], Any], Callable[[], Any], Callable[[int], int]]:
    """How far everybody is: the ends of the front doors, what the group has committed there and in the customers' logs,
    the ends of those, and how far this worker's fold has come."""
    doors = names.shop_events, names.webhooks

    async def front_ends() -> dict[str, Offsets]:
        return {topic: await app.engine.end_offsets(topic) for topic in doors}

    async def committed() -> dict[str, Offsets]:
        return {topic: await passed(topic) for topic in (*doors, names.customer_events)}

    async def passed(topic: str) -> Offsets:
        known = await app.engine.committed(topic)
        firsts = await app.engine.first_offsets(topic)  # what retention has taken will never be committed
        return {partition: max(known[partition] or 0, firsts[partition]) for partition in known}

    async def log_ends() -> Offsets:
        ends: Offsets = await app.engine.end_offsets(names.customer_events)
        return ends

    def position(partition: int) -> int:
        return app.consumer.acked((names.customer_events, partition)) or 0

    return front_ends, committed, log_ends, position
