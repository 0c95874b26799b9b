"""The worker's own agents over lists in memory: what thinking alone costs, and what must come out. The floor."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry

from streams.domain.policy import Policy
from streams.engine.partitions import partition_of
from streams.worker.app import Codecs
from streams.worker.deadlines import Heap
from streams.worker.fold import Fold
from streams.worker.ingest import Ingest
from streams.worker.metrics import WorkerMetrics
from streams.worker.ports import Item, Record, Why

CHUNK = 2_000


@dataclass(frozen=True, slots=True)
class Stored:
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(slots=True)
class Memory:
    """Topics and the customers' table, both of bytes."""

    logs: dict[str, dict[int, list[Record]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    states: dict[int, dict[bytes, bytes]] = field(default_factory=lambda: defaultdict(dict))

    async def send_spread(self, topic: str, items: Mapping[int, Iterable[Item]]) -> None:
        for partition, records in items.items():
            log = self.logs[topic][partition]
            for key, value in records:
                log.append(Stored(topic, partition, len(log), key, value))

    def get(self, partition: int, key: bytes) -> bytes | None:
        return self.states[partition].get(key)

    def items(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        return iter(self.states[partition].items())

    async def put_many(self, partition: int, items: Mapping[bytes, bytes | None]) -> None:
        self.states[partition] |= {key: value for key, value in items.items() if value is not None}

    def values(self, topic: str) -> list[bytes]:
        return [record.value or b"" for _, log in sorted(self.logs[topic].items()) for record in log]


@dataclass(frozen=True, slots=True)
class Thought:
    signals: list[bytes]
    entries: int
    """Records of customer-events, links and forwarded ones included."""
    cpu_seconds: float


async def think(codecs: Codecs, policy: Policy, told: Sequence[tuple[bytes, bytes]], partitions: int) -> Thought:
    """Both agents over these (key, value) records of shop-events, until nothing is left to fold."""
    memory, metrics = Memory(), WorkerMetrics(CollectorRegistry())
    heaps = [Heap() for _ in range(partitions)]

    async def refuse(record: Record, why: Why) -> None:
        raise AssertionError(f"{why.field}: {why.problem}")

    def home(key: bytes) -> int:
        return partition_of(key, partitions)

    def policies(shop: str) -> Policy:
        return policy

    def due(partition: int, key: bytes, at: int) -> None:
        heaps[partition].push(at, key)

    ingest = Ingest(
        codecs.shop_events, codecs.customer_events, codecs.catalog_events, memory, refuse, policies,
        lambda: time.time_ns() // 1_000_000, lambda shop, product: None, home, "customers", "catalog", metrics,
    )  # fmt: skip
    fold = Fold(
        codecs.customer_events, codecs.signals, memory, memory, refuse, policies, due, home, "signals", "customers",
        metrics,
    )  # fmt: skip
    await memory.send_spread("shop", _spread(told, home))
    began = time.process_time()
    for log in memory.logs["shop"].values():
        for at in range(0, len(log), CHUNK):
            await ingest.chunk(log[at : at + CHUNK])
    folded: dict[int, int] = defaultdict(int)
    while any(len(log) > folded[p] for p, log in memory.logs["customers"].items()):
        for p, log in list(memory.logs["customers"].items()):
            if records := log[folded[p] : folded[p] + CHUNK]:
                folded[p] += len(records)
                await fold.chunk(p, records)
    spent = time.process_time() - began
    return Thought(memory.values("signals"), sum(folded.values()), spent)


def _spread(told: Sequence[tuple[bytes, bytes]], home: Any) -> dict[int, list[Item]]:
    items: dict[int, list[Item]] = defaultdict(list)
    for key, value in told:
        items[home(key)].append((key, value))
    return items


def run(codecs: Codecs, policy: Policy, told: Sequence[tuple[bytes, bytes]], partitions: int) -> Thought:
    return asyncio.run(think(codecs, policy, told, partitions))
