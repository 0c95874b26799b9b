"""Delivery: one lane per partition number hands one chunk at a time to Faust's agents and waits for its ack.

All topics of a partition number share its lane and take turns, so no two handlers ever change the same state partition.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from aiokafka import TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from streams.engine.exits import fatal

if TYPE_CHECKING:
    from streams.engine.app import Engine
    from streams.engine.ledger import Ledger


class Lanes:
    """The lanes of one assignment. `callback` is Faust's conductor, `on_error` counts what Kafka answers."""

    def __init__(
        self,
        engine: Engine,
        kafka: Any,
        ledger: Ledger,
        callback: Callable[[Any], Any],
        on_error: Callable[[Exception], None],
    ) -> None:
        self.engine, self.kafka, self.ledger, self.callback, self.on_error = engine, kafka, ledger, callback, on_error
        self._tasks: list[asyncio.Task[None]] = []
        self._ready: dict[int, asyncio.Event] = {}

    def start(self, assigned: Collection[Any], generation: int) -> None:
        """One lane per partition number among the assigned topic partitions; each waits for its `ready`."""
        numbers = {tp.partition for tp in assigned}
        self._ready = {p: asyncio.Event() for p in numbers}
        self._tasks = [asyncio.create_task(self.engine.app.tables.restore(assigned, self.ready))]
        for p in sorted(numbers):
            tps = [TopicPartition(*tp) for tp in sorted(assigned) if tp.partition == p]
            self._tasks.append(asyncio.create_task(self._run(p, tps, generation)))

    async def ready(self, partition: int) -> None:
        """State of this partition number is complete: deliver."""
        self._ready[partition].set()

    def stop(self) -> None:
        """No further chunk leaves; those in a handler's hand stay there."""
        for task in self._tasks:
            task.cancel()
        self._tasks = []

    async def _run(self, partition: int, tps: list[Any], generation: int) -> None:
        try:
            await self._ready[partition].wait()
            for mirror in self.engine.mirrors:
                await mirror.ready.wait()
            await self._open(tps)
            while True:
                try:
                    runs = await self.kafka.getmany(
                        *tps, timeout_ms=1000, max_records=self.engine.settings.chunk_records
                    )
                    for tp, records in runs.items():
                        await self._deliver_run(TP(*tp), records, generation)
                    if not runs:
                        await self._pass_over(tps)
                except ConsumerStoppedError:
                    return
                except KafkaError as exc:
                    self.on_error(exc)
                    await asyncio.sleep(0.5)
        except Exception as exc:
            fatal("delivery failed", exc)

    async def _open(self, tps: list[Any]) -> None:
        """Positions before the first record, so that whoever asks how far we are gets an answer for idle partitions
        too.
        """
        for tp in tps:
            while True:
                try:
                    self.ledger.start(TP(*tp), await self.kafka.position(tp))
                    break
                except ConsumerStoppedError:
                    return
                except KafkaError as exc:
                    self.on_error(exc)
                    await asyncio.sleep(0.5)

    async def _pass_over(self, tps: list[Any]) -> None:
        """Nothing to read, and yet the position may have moved: over the markers of a publisher's transactions. They
        count as handled, or whoever waits for us to reach the end of the topic would wait for ever."""
        for tp in tps:
            self.ledger.passed(TP(*tp), await self.kafka.position(tp))

    async def _deliver_run(self, tp: Any, records: list[Any], generation: int) -> None:
        chunked = tp.topic in self.engine.chunked
        for run in [records] if chunked else [[r] for r in records]:
            began = time.monotonic()
            await self._deliver(tp, run, chunked, generation)
            self.engine.hooks.on_chunk(tp.topic, tp.partition, len(run), time.monotonic() - began)
        end = self.kafka.highwater(TopicPartition(*tp)) or 0
        self.engine.app.monitor.track_tp_end_offset(tp, end)
        self.engine.hooks.on_lag(tp.topic, tp.partition, max(0, end - records[-1].offset - 1))

    async def _deliver(self, tp: Any, records: list[Any], chunked: bool, generation: int) -> None:
        """One Faust message, for the chunk or, in a topic not declared with `chunks`, for the record; returns when it
        is acked.
        """
        last = records[-1]
        message = ConsumerMessage(
            tp.topic, tp.partition, last.offset, last.timestamp / 1000, last.timestamp_type,
            None if chunked else list(last.headers), None if chunked else last.key, records if chunked else last.value,
            None, 0, sum(r.serialized_value_size for r in records), tp, time.monotonic(), generation_id=generation,
        )  # fmt: skip
        done = self.ledger.hand_out(tp, message)
        await self.callback(message)
        await done
