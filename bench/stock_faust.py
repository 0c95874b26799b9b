"""The real fold on stock Faust, as its documentation teaches: `async for`, a table write and sends per event.

The same codecs and the same functions of streams.domain as our worker; memory store, linger of 20 ms, Cython parts on.
HOPS=2 does what our worker does: one agent files each event under its customer in customer-events, another folds that
log. HOPS=1 folds in the first agent, which is less work and only right while a shop's own key is the customer's.
Told by environment: SETTINGS (a shoprelay.toml), GROUP, STATE_DIR, HOPS. Run as `python -m bench.stock_faust worker`.
"""

from __future__ import annotations

import asyncio
import gc
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import faust
import faust.streams  # loaded here with its Cython parts, which importing our engine turns off
import faust.windows

# isort: split
from bench.lane import codecs_of, names_of
from schemas.codec import splice_customer_event
from schemas.events import CustomerEvent, ShopEvent
from shoprelay.settings import load
from streams.domain.catalog import enrich
from streams.domain.fold import fold
from streams.domain.identity import key_of, links_of
from streams.domain.policy import Policy
from streams.domain.validate import counted_at, problem_of
from streams.worker.deadlines import Heap
from streams.worker.ingest import Links
from streams.worker.stored import due_at, store
from streams.worker.stored import load as loaded

FRAME = 5
assert not faust.streams.NO_CYTHON, "stock Faust would be measured without its Cython parts"
ENV = os.environ
configuration = load(Path(ENV["SETTINGS"]), ENV)
codecs, names, policy = asyncio.run(codecs_of(configuration)), names_of(configuration), Policy()
app = faust.App(
    ENV["GROUP"],
    broker=f"kafka://{configuration.settings.kafka.bootstrap}",
    store="memory://",
    datadir=ENV["STATE_DIR"],
    topic_partitions=names.partitions,
    topic_replication_factor=1,
    table_standby_replicas=0,
    topic_disable_leader=True,
    consumer_auto_offset_reset="earliest",
    broker_max_poll_interval=3e7,
    broker_session_timeout=10.0,
    producer_linger=0.02,
    web_enabled=False,
)
raw = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}
shop_events = app.topic(names.shop_events.name, **raw)
customer_events = app.topic(names.customer_events.name, **raw)
signals = app.topic(names.customer_signals.name, **raw)
customers = app.Table("customers", partitions=names.partitions, key_type=bytes, value_type=bytes)
heap, links = Heap(), Links()


def taken(event: ShopEvent) -> datetime:
    received = datetime.now(UTC)
    if problem := problem_of(event, policy):
        raise AssertionError(problem)
    if enrich(event.payload, lambda product: None) is not event.payload:
        raise AssertionError("no product is known here")
    return counted_at(event.occurred_at, received, policy)


async def folded(entry: CustomerEvent, offset: int | None) -> None:
    key = entry.key.encode()
    state = loaded(customers.get(key))
    result = fold(state, entry, policy, offset)
    for signal in result.signals:
        await signals.send(key=key, value=codecs.signals.encode(signal))
    if result.state is not state and result.state is not None:
        customers[key] = value = store(result.state)
        heap.push(due_at(value), key)
    for append in result.appends:
        await file(append)


async def file(entry: CustomerEvent) -> None:
    await customer_events.send(key=entry.key.encode(), value=codecs.customer_events.encode(entry))


def news(event: ShopEvent, at: datetime) -> tuple[CustomerEvent, ...]:
    now = time.time_ns() // 1_000_000
    return links_of(event, at, lambda weaker, home: links.is_news(weaker, home, now))


if ENV["HOPS"] == "2":

    @app.agent(shop_events)
    async def ingest(stream: Any) -> None:
        async for event in stream.events():
            told = codecs.shop_events.decode(event.value)
            at, key = taken(told), key_of(told.shop, told.customer)
            value = splice_customer_event(codecs.customer_events, key, at, memoryview(event.value)[FRAME:])
            await customer_events.send(key=key.encode(), value=value)
            for link in news(told, at):
                await file(link)

    @app.agent(customer_events)
    async def think(stream: Any) -> None:
        async for event in stream.events():
            await folded(codecs.customer_events.decode(event.value), event.message.offset)

else:

    @app.agent(shop_events)
    async def both(stream: Any) -> None:
        async for event in stream.events():
            told = codecs.shop_events.decode(event.value)
            at = taken(told)
            await folded(CustomerEvent(key=key_of(told.shop, told.customer), at=at, fact=told), None)


if __name__ == "__main__":
    gc.collect()  # as our worker does
    gc.freeze()
    gc.set_threshold(10_000)
    app.main()
