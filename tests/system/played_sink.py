"""The sink's side of parking, played by its protocol: so that the commands are tried against any answer, and any pace.

It owns `parked-<sink>`, where it alone writes, and reads `redrive-<sink>`.
"""

from __future__ import annotations

import asyncio
import itertools
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, Self

from confluent_kafka import Consumer, Producer, TopicPartition
from msgspec.structs import replace

from schemas.codec import Codec
from schemas.records import Parked
from schemas.registry import Registry
from tests.system.procs import Lane

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@dataclass
class PlayedSink:
    """`fails` are the call keys that the platform refuses. `delivered` and `dropped` are call keys in their order,
    `stale` counts what was asked for and was parked no longer."""

    lane: Lane
    name: str = "klaviyo"
    fails: set[str] = field(default_factory=set)
    delivered: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    stale: int = 0
    _parked: dict[str, Parked] = field(default_factory=dict)
    _codec: Codec[Parked] = field(init=False)
    _task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._registry = Registry(self.lane.registry)
        prefix = self.lane.topics.prefix
        self._codec = Codec(self._registry, f"{prefix}parked-{self.name}-value", "parked.avsc", Parked)
        await self._codec.prepare()
        self._producer = Producer({"bootstrap.servers": self.lane.bootstrap, "linger.ms": 0})
        self._ticks = itertools.count(1)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        await self._registry.close()

    # -- parking

    async def park(self, *calls: Parked) -> None:
        for call in calls:
            self._put(call)
        await asyncio.to_thread(self._producer.flush)

    def _put(self, call: Parked) -> None:
        self._parked[call.parked_id] = call
        self._write(call, self._codec.encode(call))

    def _gone(self, call: Parked) -> None:
        del self._parked[call.parked_id]
        self._write(call, None)

    def _write(self, call: Parked, value: bytes | None) -> None:
        topic = self.lane.topics.parked(self.name).name
        self._producer.produce(topic, value, key=call.parked_id.encode(), partition=call.partition)
        self._producer.poll(0)

    # -- the second way

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        await asyncio.to_thread(self._producer.flush)

    async def _run(self) -> None:
        topic = self.lane.topics.redrive(self.name)
        consumer = Consumer({"bootstrap.servers": self.lane.bootstrap, "group.id": "played", "fetch.wait.max.ms": 10})
        consumer.assign([TopicPartition(topic.name, number, 0) for number in range(topic.partitions)])
        try:
            while True:
                for record in consumer.consume(100, 0):
                    self._asked(record)
                await asyncio.sleep(0.01)
        finally:
            consumer.close()

    def _asked(self, record: Any) -> None:
        headers = {name: value.decode() for name, value in record.headers()}
        call = self._codec.decode(record.value())
        assert headers == {"action": headers["action"], "parked_id": call.parked_id}
        assert (record.partition(), record.key()) == (call.partition, call.customer_key.encode())
        now = self._parked.get(call.parked_id)
        if now is None:
            self.stale += 1
        elif headers["action"] == "drop":
            self.dropped.append(call.call_key)
            self._gone(call)
        elif any(call.behind and other.opens == call.behind for other in self._parked.values()):
            pass  # it goes on waiting
        elif call.call_key in self.fails:
            tried = NOON + timedelta(hours=1, seconds=next(self._ticks))
            self._put(replace(now, attempts=now.attempts + 1, last_at=tried))
        else:
            self.delivered.append(call.call_key)
            self._gone(call)


def call(key: str, customer: str, offset: int, partition: int = 0, **more: Any) -> Parked:
    given = {
        "parked_id": blake2b(key.encode(), digest_size=16).hexdigest(), "sink": "klaviyo", "account": "klaviyo",
        "signal": b"", "signal_id": f"s-{key}", "customer_key": customer, "says": "Placed Order", "method": "POST",
        "path": "/api/events", "body": b"{}", "call_key": key, "status": 400, "reason": "rejected", "attempts": 1,
        "first_at": NOON, "last_at": NOON, "topic": "customer-signals", "partition": partition, "offset": offset,
    }  # fmt: skip
    return Parked(**(given | more))
