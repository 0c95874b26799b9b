"""Where the whole group stands in a topic, other workers' partitions included."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from aiokafka import TopicPartition

from streams.engine import clients
from streams.engine.settings import EngineSettings

Places = Mapping[str, dict[int, int]]
Offset = TypeVar("Offset")


def _by_topic(topics: Iterable[str], offsets: Mapping[Any, Offset]) -> dict[str, dict[int, Offset]]:
    found: dict[str, dict[int, Offset]] = {topic: {} for topic in topics}
    for tp, offset in offsets.items():
        found[tp.topic][tp.partition] = offset
    return found


class Positions:
    """Answers from the broker, asked anew each time. Clients connect on first use; one question at a time."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._reader: Any = None
        self._admin: Any = None
        self._lock = asyncio.Lock()
        self._tps: dict[str, list[Any]] = {}  # partition counts do not change while a worker runs

    async def end_offsets(self, *topics: str) -> Places:
        """Topic -> partition -> offset that the next record will get, for all partitions. Raises KafkaError, and
        LookupError if there is no such topic.
        """
        async with self._lock:
            await self._connect()
            ends = await self._reader.end_offsets(await self._partitions(topics))
        return _by_topic(topics, {tp: int(offset) for tp, offset in ends.items()})

    async def first_offsets(self, *topics: str) -> Places:
        """Of the oldest record the broker still has. Raises as `end_offsets`."""
        async with self._lock:
            await self._connect()
            firsts = await self._reader.beginning_offsets(await self._partitions(topics))
        return _by_topic(topics, {tp: int(offset) for tp, offset in firsts.items()})

    async def committed(self, *topics: str) -> Mapping[str, dict[int, int | None]]:
        """The offset this group goes on at, for all partitions; None where it never committed. Raises as
        `end_offsets`.
        """
        async with self._lock:
            await self._connect()
            tps = await self._partitions(topics)
            known = await self._admin.list_consumer_group_offsets(self._settings.group, partitions=tps)
        offsets = {tp: known[tp].offset if tp in known else -1 for tp in tps}
        return _by_topic(topics, {tp: None if offset < 0 else int(offset) for tp, offset in offsets.items()})

    async def partition_counts(self, *topics: str) -> dict[str, int]:
        """Topic -> number of partitions, 0 where there is no such topic. Raises KafkaError."""
        async with self._lock:
            await self._connect()
            counts = {d["topic"]: len(d["partitions"]) for d in await self._all_topics()}
        return {topic: counts.get(topic, 0) for topic in topics}

    async def _partitions(self, topics: Iterable[str]) -> list[Any]:
        if not all(topic in self._tps for topic in topics):
            for d in await self._all_topics():
                self._tps[d["topic"]] = [TopicPartition(d["topic"], p["partition"]) for p in d["partitions"]]
        if missing := [topic for topic in topics if not self._tps.get(topic)]:
            raise LookupError(f"topic {missing[0]} does not exist; `shoprelay topics create` makes it")
        return sorted(tp for topic in topics for tp in self._tps[topic])

    async def _all_topics(self) -> list[dict[str, Any]]:
        """Asking for everything, because asking for one topic by name may create it."""
        return list(await self._admin.describe_topics(None))

    async def _connect(self) -> None:
        if self._reader is None:
            reader, admin = clients.reader(self._settings), clients.admin(self._settings)
            try:
                await reader.start()
                await admin.start()
            except BaseException:
                await reader.stop()
                await admin.close()
                raise
            self._reader, self._admin = reader, admin

    async def close(self) -> None:
        if self._reader is not None:
            await self._reader.stop()
            await self._admin.close()
            self._reader = self._admin = None
