"""What is known of customers and products, from the changelogs of the worker's tables, and orders, from the log itself:
read partition by partition."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.codec import SchemaMissing, Undecodable
from schemas.events import CustomerEvent
from schemas.known import KnownCustomer
from schemas.values import Product
from streams.delivery.compacted import reader, to_the_ends
from streams.delivery.settings import DeliverySettings
from streams.domain import catalog
from streams.domain import history as orders
from streams.domain.known import known_customer
from streams.worker.stored import load

log = structlog.get_logger("shoprelay.delivery")
Of = Literal["customers", "products", "orders"]


class Snapshot:
    """The last value of each key of one partition, in the order of the keys."""

    def __init__(self) -> None:
        self._keys: list[bytes] | None = []  # in their order; `None` while that is not known
        self._values: dict[bytes, bytes] = {}

    def learn(self, key: bytes, value: bytes | None) -> None:
        if (key in self._values) == (value is None):
            self._keys = None
        if value is None:
            self._values.pop(key, None)
        else:
            self._values[key] = value

    def after(self, key: bytes, *, including: bool = False) -> Iterator[tuple[bytes, bytes]]:
        """Not to be gone on with once something was learned."""
        if self._keys is None:
            self._keys = sorted(self._values)
        keys = self._keys
        for at in range((bisect_left if including else bisect_right)(keys, key), len(keys)):
            yield keys[at], self._values[keys[at]]


class History(Protocol):
    async def latest(self, of: Of, number: int) -> Snapshot:
        """What is known now. Asked again about the same partition it only reads what is new. Raises `KafkaError`
        and, of orders, `RegistryError`."""

    async def close(self) -> None: ...


class EventCodec(Protocol):
    """`schemas.codec.Codec` of customers' events."""

    def decode(self, framed: bytes) -> CustomerEvent:
        """Raises `Undecodable`, or `SchemaMissing` for a schema that was not fetched yet."""

    async def fetch(self, schema_id: int) -> None:
        """Raises `RegistryError`."""


class OrderLog:
    """Reads one partition of the customers' log. Holds its orders, and of every customer a little."""

    def __init__(self, codec: EventCodec) -> None:
        self._codec = codec
        self._orders = orders.Orders()

    async def accept(self, records: Sequence[Any]) -> Mapping[bytes, bytes | None]:
        """What these change. Raises `RegistryError`: then they are to be read again from the beginning."""
        for record in records:
            if record.value is not None and (event := await self._decoded(record.value)) is not None:
                self._orders.learn(event)
        return self._orders.news()

    async def _decoded(self, framed: bytes) -> CustomerEvent | None:
        """`None` for what nobody can read: the worker could not either, and has put it aside."""
        for _ in range(2):
            try:
                return self._codec.decode(framed)
            except SchemaMissing as missing:
                await self._codec.fetch(missing.schema_id)
            except Undecodable as broken:
                log.warning("an event of the log cannot be read", reason=broken.reason)
                break
        return None


class KafkaHistory:
    """Holds one partition at a time in memory, keys and values: divide the changelog's size by the partition count;
    for orders, that of all there are. `events` reads the log, for whoever asks for orders."""

    def __init__(self, settings: DeliverySettings, events: EventCodec | None = None) -> None:
        self._settings = settings
        self._events = events
        self._place: TopicPartition | None = None
        self._consumer: AIOKafkaConsumer | None = None
        self._fold: Any = None
        self._log: OrderLog | None = None  # instead of the fold
        self._snapshot = Snapshot()

    async def latest(self, of: Of, number: int) -> Snapshot:
        place = TopicPartition(self._settings.history_topic(of), number)
        if place != self._place:
            await self._begin(place)
        assert self._consumer is not None, "a place that was begun has a consumer"
        try:
            async for _, records in to_the_ends(self._consumer, [place]):
                changed = self._fold.accept(records) if self._log is None else await self._log.accept(records)
                for key, value in changed.items():
                    self._snapshot.learn(key, value)
        except BaseException:
            await self.close()  # what was read may have a hole
            raise
        return self._snapshot

    async def _begin(self, place: TopicPartition) -> None:
        await self.close()
        consumer = reader(self._settings)
        try:
            await consumer.start()
        except BaseException:
            await consumer.stop()
            raise
        consumer.assign([place])
        self._place, self._consumer = place, consumer
        from streams.engine.fence import Fold  # only here: a sink without history does without the worker's engine

        self._fold = Fold()  # what a former owner wrote late is left out
        if place.topic == self._settings.customer_events:
            assert self._events is not None, "a sink that tells orders is given what reads them"
            self._log = OrderLog(self._events)

    async def close(self) -> None:
        """What was read is forgotten."""
        consumer, self._consumer, self._place = self._consumer, None, None
        self._log, self._snapshot = None, Snapshot()
        if consumer is not None:
            await consumer.stop()


def known(of: Of, value: bytes) -> KnownCustomer | Product | None:
    """What a platform is told of one key; `None` when there is nothing. Raises `StateError` for what a newer release
    wrote."""
    if of == "orders":
        return orders.known_customer(value)
    if of == "products":
        return catalog.decode(value).product
    state = load(value)
    return known_customer(state) if state is not None else None


def shop_of(key: bytes) -> str:
    """The shop whose customer, product or order a key of a snapshot is."""
    return key.decode(errors="replace").partition("/")[0]
