"""Kafka, the tables and the registry as the worker's agents see them, in memory. A process may die at every seam."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import httpx
from aiokafka.partitioner import murmur2
from prometheus_client import CollectorRegistry

from schemas.codec import Codec
from schemas.events import CatalogEvent, CustomerEvent, ShopEvent
from schemas.records import Refused
from schemas.registry import Registry
from schemas.signals import CatalogSignal, Signal
from streams.worker.app import Codecs
from streams.worker.ports import Item

PARTITIONS = 4
SHOP_EVENTS, CUSTOMER_EVENTS, CUSTOMER_SIGNALS = "shop-events", "customer-events", "customer-signals"
CATALOG_EVENTS, CATALOG_SIGNALS, REFUSED = "catalog-events", "catalog-signals", "refused"


def home(key: bytes) -> int:
    number: int = murmur2(key)
    return (number & 0x7FFFFFFF) % PARTITIONS


class Died(Exception):
    """The process ended on this line."""


@dataclass(slots=True)
class Seams:
    """Every line on which a process can die, counted from 0; it dies on number `at`."""

    at: int | None = None
    passed: int = 0

    def here(self) -> None:
        self.passed += 1
        if self.passed - 1 == self.at:
            raise Died(f"at seam {self.at}")


@dataclass(slots=True)
class Written:
    """One record, as the consumer hands it over."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp: int = 0


@dataclass(slots=True)
class Logs:
    """Every topic. `send_spread` can die before anything is written, and after it while the ack is under way;
    `refuses` are errors it raises instead, one after the other."""

    seams: Seams = field(default_factory=Seams)
    refuses: list[Exception] = field(default_factory=list)
    sends: list[tuple[str, int]] = field(default_factory=list)  # topic and number of records
    topics: dict[str, dict[int, list[Written]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    now: Callable[[], int] = lambda: 0  # what records are stamped with

    async def send_spread(self, topic: str, items: Mapping[int, Iterable[Item]]) -> None:
        self.seams.here()
        if self.refuses:
            raise self.refuses.pop(0)
        count = 0
        for partition, records in items.items():
            for key, value in records:
                self.put(topic, partition, key, value)
                count += 1
        self.sends.append((topic, count))
        self.seams.here()

    def put(
        self, topic: str, partition: int, key: bytes | None, value: bytes | None,
        headers: tuple[tuple[str, bytes], ...] = (),
    ) -> Written:  # fmt: skip
        log = self.topics[topic][partition]
        log.append(Written(topic, partition, len(log), key, value, headers, self.now()))
        return log[-1]

    def read(self, topic: str) -> list[Written]:
        """All of a topic, by partition."""
        return [record for _, log in sorted(self.topics[topic].items()) for record in log]

    def values(self, topic: str) -> list[bytes]:
        return [record.value or b"" for record in self.read(topic)]

    def ends(self, topic: str) -> dict[int, int]:
        return {partition: len(self.topics[topic][partition]) for partition in range(PARTITIONS)}


@dataclass(slots=True)
class Table:
    """State by partition and key. What `put_many` has written is restored after a death: it stands in the changelog."""

    seams: Seams = field(default_factory=Seams)
    kept: dict[int, dict[bytes, bytes]] = field(default_factory=lambda: defaultdict(dict))
    asked: list[bytes] = field(default_factory=list)
    written: list[Mapping[bytes, bytes | None]] = field(default_factory=list)

    def get(self, partition: int, key: bytes) -> bytes | None:
        self.asked.append(key)
        return self.kept[partition].get(key)

    def items(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        return iter(self.kept[partition].items())

    async def put_many(self, partition: int, items: Mapping[bytes, bytes | None]) -> None:
        self.seams.here()
        self.written.append(items)
        for key, value in items.items():
            if value is None:
                self.kept[partition].pop(key, None)
            else:
                self.kept[partition][key] = value
        self.seams.here()


@dataclass(slots=True)
class Desk:
    """A schema registry in this process. It does not answer the next `away` requests."""

    schemas: list[str] = field(default_factory=list)
    away: int = 0
    asked: list[str] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.method} {request.url.path}")
        if self.away:
            self.away -= 1
            raise httpx.ConnectError("nobody there")
        if request.method == "POST":
            return httpx.Response(200, json={"id": self.file(json.loads(request.content)["schema"])})
        number = int(request.url.path.rpartition("/")[2])
        if number > len(self.schemas):
            return httpx.Response(404, json={"error_code": 40403, "message": "Schema not found"})
        return httpx.Response(200, json={"schema": self.schemas[number - 1]})

    def file(self, schema: str) -> int:
        if schema not in self.schemas:
            self.schemas.append(schema)
        return self.schemas.index(schema) + 1

    def client(self) -> Registry:
        return Registry("http://registry.test", transport=httpx.MockTransport(self))


async def codecs_of(registry: Registry) -> Codecs:
    made = Codecs(
        Codec(registry, "shop-events-value", "shop_event.avsc", ShopEvent),
        Codec(registry, "customer-events-value", "customer_event.avsc", CustomerEvent),
        Codec(registry, "catalog-events-value", "catalog_event.avsc", CatalogEvent),
        Codec(registry, "customer-signals-value", "signal.avsc", Signal),
        Codec(registry, "catalog-signals-value", "catalog_signal.avsc", CatalogSignal),
        Codec(registry, "refused-value", "refused.avsc", Refused),
    )
    for codec in (
        made.shop_events, made.customer_events, made.catalog_events, made.signals, made.catalog_signals, made.refused,
    ):  # fmt: skip
        await codec.prepare()
    return made


def samples(registry: CollectorRegistry, name: str) -> dict[tuple[str, ...], float]:
    """What a metric stands at, by its labels' values; only what has counted anything."""
    return {
        tuple(sample.labels.values()): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == name and sample.value
    }
