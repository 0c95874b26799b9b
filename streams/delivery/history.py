"""What is known of customers and products, read from the changelogs of the worker's tables, partition by partition."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from typing import Any, Literal, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.known import KnownCustomer
from schemas.values import Product
from streams.delivery.compacted import reader, to_the_ends
from streams.delivery.settings import DeliverySettings
from streams.domain import catalog
from streams.domain.known import known_customer
from streams.worker.stored import load

Of = Literal["customers", "products"]


class Snapshot:
    """The last value of each key of one partition, in the order of the keys."""

    def __init__(self) -> None:
        self._keys: list[bytes] = []
        self._values: dict[bytes, bytes] = {}

    def learn(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            if self._values.pop(key, None) is not None:
                del self._keys[bisect_left(self._keys, key)]
            return
        if key not in self._values:
            insort(self._keys, key)
        self._values[key] = value

    def after(self, key: bytes, *, including: bool = False) -> Iterator[tuple[bytes, bytes]]:
        """Not to be gone on with once something was learned."""
        begin = (bisect_left if including else bisect_right)(self._keys, key)
        for at in range(begin, len(self._keys)):
            yield self._keys[at], self._values[self._keys[at]]


class History(Protocol):
    async def latest(self, of: Of, number: int) -> Snapshot:
        """What is known now. Asked again about the same partition it only reads what is new. Raises `KafkaError`."""

    async def close(self) -> None: ...


class KafkaHistory:
    """Holds one partition at a time in memory, keys and values: divide the changelog's size by the partition count."""

    def __init__(self, settings: DeliverySettings) -> None:
        self._settings = settings
        self._topics = {"customers": settings.customers_changelog, "products": settings.products_changelog}
        self._place: TopicPartition | None = None
        self._consumer: AIOKafkaConsumer | None = None
        self._fold: Any = None
        self._snapshot = Snapshot()

    async def latest(self, of: Of, number: int) -> Snapshot:
        place = TopicPartition(self._topics[of], number)
        if place != self._place:
            await self._begin(place)
        assert self._consumer is not None, "a place that was begun has a consumer"
        try:
            async for _, records in to_the_ends(self._consumer, [place]):
                for key, value in self._fold.accept(records).items():
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

        self._fold, self._snapshot = Fold(), Snapshot()  # what a former owner wrote late is left out

    async def close(self) -> None:
        consumer, self._consumer, self._place = self._consumer, None, None
        if consumer is not None:
            await consumer.stop()


def known(of: Of, value: bytes) -> KnownCustomer | Product | None:
    """What a platform is told of one key; `None` when there is nothing. Raises `StateError` for what a newer release
    wrote."""
    if of == "products":
        return catalog.decode(value).product
    state = load(value)
    return known_customer(state) if state is not None else None


def shop_of(key: bytes) -> str:
    """The shop whose customer or product a key of the changelogs is."""
    return key.decode(errors="replace").partition("/")[0]
