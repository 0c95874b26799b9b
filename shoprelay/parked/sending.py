"""Asks a sink process to send parked calls again, or to let them go: the very bytes that were parked, acked by all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from confluent_kafka import KafkaException, Producer

from shoprelay.parked.reading import Index, ParkedTopic
from shoprelay.parked.rows import Row
from shoprelay.parked.selection import Line
from shoprelay.parked.tally import Counts, Tally
from shoprelay.publish import NotPublished

Action = Literal["redrive", "drop"]
LARGEST = 32 << 20  # the broker has the last word on size; the client must not have it
ACK_SECONDS = 30.0


class Requests:
    """The topic on which a sink is asked. `ask` queues in order; `acked` counts what the brokers have."""

    def __init__(self, options: Mapping[str, Any], topic: str) -> None:
        self._topic, self._failed = topic, ""
        self.acked = 0
        self._producer = Producer(
            {
                "enable.idempotence": True,  # acks of all replicas, and no reordering by a retry
                "linger.ms": 5,
                "compression.type": "gzip",
                "message.max.bytes": LARGEST,
                "log_level": 0,
                **options,
            }
        )

    def ask(self, action: Action, row: Row, value: bytes) -> None:
        """Raises `NotPublished`."""
        while True:
            try:
                self._producer.produce(
                    self._topic,
                    value,
                    key=row.customer_key.encode(),
                    partition=row.partition,
                    headers={"action": action.encode(), "parked_id": row.parked_id.encode()},
                    on_delivery=self._heard,
                )
                break
            except BufferError:
                self._producer.poll(0.1)
            except KafkaException as refused:
                raise NotPublished(f"{self._topic}: {refused.args[0].str()}") from None
        self.look()

    def look(self) -> None:
        """Takes in what was acked meanwhile. Raises `NotPublished` for what was refused."""
        self._producer.poll(0)
        if self._failed:
            raise NotPublished(f"{self._topic}: {self._failed}")

    def flush(self) -> None:
        """Returns when all is acked. Raises `NotPublished`."""
        left = self._producer.flush(ACK_SECONDS)
        self.look()
        if left:
            raise NotPublished(f"{self._topic}: {left} were not acked in {ACK_SECONDS:.0f} s")

    def _heard(self, error: Any, _: Any) -> None:
        if error is None:
            self.acked += 1
        else:
            self._failed = error.str()


async def ask_for(
    topic: ParkedTopic,
    requests: Requests,
    action: Action,
    rows: Iterable[Row],
    *,
    rate: float | None,
    told: Callable[[int], None],
) -> list[Row]:
    """Asks for all of `rows` in their order, at most `rate` in a second; returns those that were still parked, once
    the brokers have all. `told` hears how many are acked. Raises `NotPublished`."""
    rows = list(rows)
    line, asked, start = Line(rows), list[Row](), time.monotonic()

    async def leave(row: Row, value: bytes) -> None:
        if rate is not None and (ahead := start + len(asked) / rate - time.monotonic()) > 0:
            await asyncio.sleep(ahead)
        requests.ask(action, row, value)
        asked.append(row)
        told(requests.acked)

    async for row, value in topic.values(rows):
        for ready in line.arrived(row, value):
            await leave(*ready)
    for ready in line.rest():
        await leave(*ready)
    await asyncio.to_thread(requests.flush)
    told(requests.acked)
    return asked


async def until_dealt_with(
    topic: ParkedTopic, index: Index, asked: Iterable[Row], *, patience: float, heard: Callable[[Counts], None]
) -> tuple[Counts, list[Row]]:
    """Waits until the sink has dealt with each, or has done nothing for `patience` seconds. Returns the counts and what
    is parked again."""
    tally = Tally(asked)
    counts = tally.counts()
    since = time.monotonic()
    changes = topic.changes(index.ends, tally.__contains__)
    while counts.open and time.monotonic() - since < patience:
        for parked_id, row in await anext(changes):
            tally.heard(parked_id, row)
        before, counts = counts, tally.counts()
        if counts != before:
            since = time.monotonic()
            heard(counts)
    await changes.aclose()
    return counts, tally.again
