"""Job C of the peer harness, on the engine: emit one record per cart that nothing happened to for GAP_MS.

Told by environment as `job_a.py` is, and GAP_MS. State is 24 bytes, `>qiqi`; a cart that has fired is remembered as
empty. Due times lie in the worker's own heaps (`streams.worker.deadlines.Heap`), made anew from state when a partition
opens. A firing is said, then remembered, under the partition's lock, in bursts.
"""

from __future__ import annotations

import asyncio
import io
import os
import struct
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from streams.engine import EngineSettings, chunks, create_app  # first: it turns Faust's Cython parts off

# isort: split
import fastavro
import faust
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError

from streams.worker.deadlines import Heap

ENV = os.environ
SCHEMA = fastavro.schema.load_schema(ENV["SCHEMA"])
STATE = struct.Struct(">qiqi")
BOOTSTRAP, GROUP, SOURCE, OUT = ENV["BOOTSTRAP"], ENV["GROUP"], ENV["IN_TOPIC"], ENV["OUT_TOPIC"]
GAP_MS = int(ENV.get("GAP_MS", "20000"))
PARTITIONS, BURST, TICK_SECONDS = 4, 2_000, 0.02


async def create_changelog() -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    await admin.start()
    try:
        topic = NewTopic(f"{GROUP}-carts-changelog", PARTITIONS, 1, topic_configs={"cleanup.policy": "compact"})
        await admin.create_topics([topic])
    except TopicAlreadyExistsError:
        pass
    finally:
        await admin.close()
    await asyncio.sleep(0.5)  # a new topic shows a moment after it was made


def fold(state: bytes | None, event: dict[str, Any]) -> bytes:
    value, lines, last, orders = STATE.unpack(state) if state else (0, 0, 0, 0)
    if event["kind"] == "cart_updated":
        value, lines = sum(line["qty"] * line["price_cents"] for line in event["lines"]), len(event["lines"])
    elif event["kind"] == "order_placed":
        value, lines, orders = 0, 0, orders + 1
    return STATE.pack(value, lines, max(last, event["ts"]), orders)


def decode(raw: bytes) -> dict[str, Any]:
    body = io.BytesIO(raw)
    body.seek(5)
    return fastavro.schemaless_reader(body, SCHEMA, None)  # type: ignore[return-value]


app = create_app(
    EngineSettings(
        bootstrap=BOOTSTRAP,
        group=GROUP,
        state_dir=Path(ENV["STATE_DIR"]),
        store=ENV.get("STORE", "memory"),  # type: ignore[arg-type]
    )
)
carts = app.Table("carts", partitions=PARTITIONS, topic=SOURCE)
heaps: dict[int, Heap] = {}
locks: dict[int, asyncio.Lock] = defaultdict(asyncio.Lock)


def schedule(partition: int, key: bytes, state: bytes) -> None:
    _, lines, last, _ = STATE.unpack(state)
    if lines:
        heaps[partition].push(last + GAP_MS, key)


@carts.on_opened
def opened(partition: int) -> None:
    heaps[partition] = Heap()
    for key, state in carts.items(partition):
        schedule(partition, key, state)


@carts.on_closed
def closed(partition: int) -> None:
    del heaps[partition]


@app.agent(chunks(app, SOURCE))
async def fold_agent(stream: Any) -> None:
    async for event in stream.noack().events():
        partition = event.message.partition
        async with locks[partition]:
            touched: dict[bytes, bytes | None] = {}
            for r in event.value:
                touched[r.key] = fold(touched.get(r.key) or carts.get(partition, r.key), decode(r.value))
            await carts.put_many(partition, touched)
            for key, state in touched.items():
                schedule(partition, key, state)  # type: ignore[arg-type]
        await stream.ack(event)


async def fire(partition: int) -> None:
    async with locks[partition]:
        heap, now = heaps.get(partition), time.time_ns() // 1_000_000
        said: list[tuple[bytes, bytes]] = []
        after: dict[bytes, bytes | None] = {}
        while heap is not None and len(said) < BURST and (key := heap.pop(now)) is not None:
            state = carts.get(partition, key)
            assert state is not None
            value, lines, last, orders = STATE.unpack(state)
            if lines and last + GAP_MS <= now:
                said.append((key, state))
                after[key] = STATE.pack(value, 0, last, orders)
            else:
                schedule(partition, key, state)
        if said:
            await app.producer.send_many(OUT, partition, said)  # say
            await carts.put_many(partition, after)  # remember


@app.task
async def let_time_pass() -> None:
    while not app.should_stop:
        await asyncio.gather(*(fire(partition) for partition in list(heaps)))
        await asyncio.sleep(TICK_SECONDS)


if __name__ == "__main__":
    asyncio.run(create_changelog())
    if ENV.get("UVLOOP"):
        import uvloop

        uvloop.install()
    faust.Worker(app, loglevel="WARNING", redirect_stdouts=False).execute_from_commandline()
