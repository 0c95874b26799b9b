"""A read-only copy of a whole compacted topic in memory, for looking things up that every worker needs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError
from mode import Service

from streams.engine import clients
from streams.engine.exits import fatal
from streams.engine.fence import Fold
from streams.engine.positions import Positions
from streams.engine.settings import EngineSettings

log = logging.getLogger("streams.engine")


class Mirror(Service):
    """All partitions of `topic`, read to their end at start (`ready`), then followed, some milliseconds behind.

    Hand it to `app.engine.follow(mirror)`; lanes deliver nothing before it is ready. Memory is bounded by the topic:
    keys and values
    plus about 150 bytes each, so a million products of 500 bytes are about 650 MB in every worker. Keep the values
    small.
    Changelogs of tables may be mirrored too: what a former owner wrote late is left out as in a restore.
    """

    logger = log

    def __init__(self, settings: EngineSettings, topic: str) -> None:
        super().__init__()
        self.settings, self.topic = settings, topic
        self.ready = asyncio.Event()
        self._items: dict[bytes, bytes] = {}
        self._folds: dict[Any, Fold] = {}
        self._positions: dict[Any, int] = {}
        self.get = self._items.get

    def __len__(self) -> int:
        return len(self._items)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All there is at this moment."""
        return iter(list(self._items.items()))

    def __hash__(self) -> int:
        return object.__hash__(self)

    @Service.task
    async def _read(self) -> None:
        while not self.should_stop:
            reader = clients.reader(self.settings)
            try:
                await reader.start()
                await self._follow(reader)
            except ConsumerStoppedError:
                return
            except (
                KafkaError
            ) as exc:  # an expired position means that the topic was compacted or made anew: read all of it
                log.warning("mirror of %s goes on after %r", self.topic, exc)
                await self.sleep(0.5)
            except Exception as exc:
                fatal(f"mirror of {self.topic} failed", exc)
            finally:
                await reader.stop()

    async def _follow(self, reader: Any) -> None:
        numbers = await self._partitions()
        tps = [TopicPartition(self.topic, p) for p in numbers]
        reader.assign(tps)
        first, ends = await reader.beginning_offsets(tps), await reader.end_offsets(tps)
        for tp in tps:
            at = self._positions.get(tp, 0)
            reader.seek(tp, at if first[tp] <= at <= ends[tp] else first[tp])
        behind = {tp for tp in tps if ends[tp] > first[tp]}
        while not self.should_stop:
            if behind:
                behind = {tp for tp in behind if await reader.position(tp) < ends[tp]}
            if not behind:
                self.ready.set()
            for tp, records in (await reader.getmany(*tps, timeout_ms=200, max_records=5000)).items():
                self._apply(tp, records)
            await asyncio.sleep(0)

    async def _partitions(self) -> list[int]:
        positions = Positions(self.settings)
        try:
            count = (await positions.partition_counts(self.topic))[self.topic]
        finally:
            await positions.close()
        if not count:
            raise KafkaError(f"topic {self.topic} does not exist; `shoprelay topics create` makes it")
        return list(range(count))

    def _apply(self, tp: Any, records: list[Any]) -> None:
        items = self._items
        for key, value in self._folds.setdefault(tp, Fold()).accept(records).items():
            if value is None:
                items.pop(key, None)
            else:
                items[key] = value
        self._positions[tp] = records[-1].offset + 1
