"""What it costs to keep a former owner of a state partition out: nothing, a header, or a transaction for each chunk.

    SHOPRELAY_KAFKA=127.0.0.1:19092 .venv/bin/python -m bench.fencing

Chunks of 1000 records of 130 bytes, four partitions side by side, three rounds taking turns. Why the header was chosen:
docs/decisions/0002.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import aiokafka
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

CHUNKS, PARTITIONS, TOPIC = 400, 4, "bench-fencing"
ITEMS = [(b"cust-%08d" % i, b"x" * 130) for i in range(1000)]
Header = tuple[str, bytes]


def batch(producer: Any, headers: Sequence[Header]) -> Any:
    made = producer.create_batch()
    for key, value in ITEMS:
        made.append(key=key, value=value, timestamp=None, headers=list(headers))
    made.close()
    return made


async def timed(chunk: Callable[[int], Awaitable[None]]) -> tuple[float, float]:
    async def lane(partition: int) -> None:
        for _ in range(CHUNKS // PARTITIONS):
            await chunk(partition)

    await chunk(0)
    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*map(lane, range(PARTITIONS)))
    return time.perf_counter() - wall, time.process_time() - cpu


async def with_headers(bootstrap: str, headers: Sequence[Header]) -> tuple[float, float]:
    producer = aiokafka.AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, max_batch_size=500_000
    )
    await producer.start()

    async def chunk(partition: int) -> None:
        await (await producer.send_batch(batch(producer, headers), TOPIC, partition=partition))

    try:
        return await timed(chunk)
    finally:
        await producer.stop()


async def with_transactions(bootstrap: str) -> tuple[float, float]:
    producers = [
        aiokafka.AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=f"{TOPIC}-{p}", max_batch_size=500_000)
        for p in range(PARTITIONS)
    ]
    for producer in producers:
        await producer.start()

    async def chunk(partition: int) -> None:
        producer = producers[partition]
        async with producer.transaction():
            await (await producer.send_batch(batch(producer, ()), TOPIC, partition=partition))

    try:
        return await timed(chunk)
    finally:
        for producer in producers:
            await producer.stop()


async def main(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1, topic_configs={"cleanup.policy": "compact"})])
    await asyncio.sleep(1.0)  # a new topic is known everywhere a moment after it is created
    try:
        for _ in range(3):
            for name, run in (
                ("no fence", with_headers(bootstrap, ())),
                ("header", with_headers(bootstrap, [("t", b"12345678")])),
                ("transaction", with_transactions(bootstrap)),
            ):
                wall, cpu = await run
                records = CHUNKS * len(ITEMS)
                print(
                    f"{name:12} {records / wall / 1000:6.0f} k records/s  {cpu / records * 1e5:.3f} CPU s per 100k  "
                    f"{wall / CHUNKS * PARTITIONS * 1000:5.1f} ms per chunk"
                )
    finally:
        await admin.delete_topics([TOPIC])
        await admin.close()


if __name__ == "__main__":
    asyncio.run(main(os.environ["SHOPRELAY_KAFKA"]))
