"""A compacted topic in Kafka that is written and read partition by partition, by whoever owns the partition."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import MessageSizeTooLargeError

from streams.delivery.park import TooLarge
from streams.delivery.producer import LateProducer
from streams.delivery.settings import DeliverySettings

READ_RECORDS = 500


class CompactedTopic:
    """Written records are acknowledged by all replicas. Connects when there is something to read or to write."""

    def __init__(self, settings: DeliverySettings, topic: str) -> None:
        self._settings = settings
        self._topic = topic
        self._producer = LateProducer(settings.bootstrap, f"shoprelay-{settings.group}", settings.security)

    async def put(self, partition: int, key: bytes, value: bytes | None) -> None:
        producer = await self._producer.started()
        try:
            await producer.send_and_wait(self._topic, value, key=key, partition=partition)
        except MessageSizeTooLargeError as error:
            raise TooLarge(str(error)) from error

    async def read(self, partitions: Collection[int]) -> AsyncIterator[tuple[int, bytes, bytes | None]]:
        """Up to the ends as they are at the beginning: only the owner of a partition writes there, and that is us."""
        consumer = reader(self._settings)
        try:
            await consumer.start()
            places = [TopicPartition(self._topic, partition) for partition in partitions]
            consumer.assign(places)
            async for place, records in to_the_ends(consumer, places):
                for record in records:
                    yield place.partition, record.key or b"", record.value
        finally:
            await consumer.stop()

    async def close(self) -> None:
        await self._producer.close()


def reader(settings: DeliverySettings) -> AIOKafkaConsumer:
    """A consumer outside the group, that is told what to read."""
    return AIOKafkaConsumer(
        bootstrap_servers=settings.bootstrap,
        client_id=f"shoprelay-{settings.group}",
        auto_offset_reset="earliest",
        **settings.security,
    )


async def to_the_ends(
    consumer: AIOKafkaConsumer, places: Collection[TopicPartition]
) -> AsyncIterator[tuple[TopicPartition, Sequence[Any]]]:
    """What lies between where the consumer stands and the ends as they are now. Then it fetches nothing until it is
    asked again: a broker answers what comes behind a waiting fetch only after it."""
    ends = await consumer.end_offsets(list(places))
    left = {place for place in places if await consumer.position(place) < ends[place]}
    consumer.resume(*left)
    while left:
        batches = await consumer.getmany(*left, timeout_ms=1000, max_records=READ_RECORDS)
        for place, records in batches.items():
            yield place, records
        left = {place for place in left if await consumer.position(place) < ends[place]}
    consumer.pause(*places)
