"""Job A of the peer harness, on the engine: keep each customer's cart, survive a crash, emit the new state for every
event.

Told by environment: BOOTSTRAP, IN_TOPIC, OUT_TOPIC (exists), GROUP (prefix of what it creates), STATE_DIR, SCHEMA (path
of the events' Avro
schema), and STORE (memory | rocksdb), UVLOOP. Starts at the earliest offset and never ends. Input is Avro behind the
five bytes of Confluent
framing, output key is the customer and value `>qiqi`: value in cents, lines, time of the last event, orders.
"""

from __future__ import annotations

import asyncio
import io
import os
import struct
from pathlib import Path
from typing import Any

from streams.engine import EngineSettings, chunks, create_app  # first: it turns Faust's Cython parts off

# isort: split
import fastavro
import faust
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError

ENV = os.environ
SCHEMA = fastavro.schema.load_schema(ENV["SCHEMA"])
STATE = struct.Struct(">qiqi")
BOOTSTRAP, GROUP, SOURCE, OUT = ENV["BOOTSTRAP"], ENV["GROUP"], ENV["IN_TOPIC"], ENV["OUT_TOPIC"]
PARTITIONS = 4


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


@app.agent(chunks(app, SOURCE))
async def fold_agent(stream: Any) -> None:
    async for event in stream.noack().events():
        partition = event.message.partition
        state: dict[bytes, bytes] = carts.get_many(partition, {r.key for r in event.value})
        touched: dict[bytes, bytes | None] = {}
        out: list[tuple[bytes, bytes]] = []
        for r in event.value:
            touched[r.key] = state[r.key] = new = fold(state.get(r.key), decode(r.value))
            out.append((r.key, new))
        await app.producer.send_many(OUT, partition, out)  # say
        await carts.put_many(partition, touched)  # remember
        await stream.ack(event)


if __name__ == "__main__":
    asyncio.run(create_changelog())
    if ENV.get("UVLOOP"):
        import uvloop

        uvloop.install()
    faust.Worker(app, loglevel="WARNING", redirect_stdouts=False).execute_from_commandline()
