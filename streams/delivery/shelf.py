"""The shelf in Kafka: the compacted topic of what is parked, and the topic of what is asked for again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import MessageSizeTooLargeError

from streams.delivery.park import TooLarge
from streams.delivery.settings import DeliverySettings

LARGEST_REQUEST = 32 << 20  # the broker has the last word on size; the client must not have it
READ_RECORDS = 500


class KafkaShelf:
    """Written records are acknowledged by all replicas. Connects when there is something to read or to write."""

    def __init__(self, settings: DeliverySettings) -> None:
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def put(self, partition: int, key: bytes, value: bytes | None) -> None:
        producer = await self._started()
        try:
            await producer.send_and_wait(self._settings.parked_topic, value, key=key, partition=partition)
        except MessageSizeTooLargeError as error:
            raise TooLarge(str(error)) from error

    async def again(self, partition: int, key: bytes, value: bytes, parked_id: str) -> None:
        producer = await self._started()
        headers = [("action", b"redrive"), ("parked_id", parked_id.encode())]
        topic = self._settings.redrive_topic
        await producer.send_and_wait(topic, value, key=key, partition=partition, headers=headers)

    async def read(self, partitions: Collection[int]) -> AsyncIterator[tuple[int, bytes, bytes | None]]:
        """Up to the ends as they are at the beginning: only the owner of a partition writes there, and that is us."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._settings.bootstrap,
            client_id=f"shoprelay-{self._settings.group}",
            auto_offset_reset="earliest",
            **self._settings.security,
        )
        try:
            await consumer.start()
            places = [TopicPartition(self._settings.parked_topic, partition) for partition in partitions]
            consumer.assign(places)
            ends = await consumer.end_offsets(places)
            left = {tp for tp in places if await consumer.position(tp) < ends[tp]}
            while left:
                batches = await consumer.getmany(*left, timeout_ms=1000, max_records=READ_RECORDS)
                for tp, records in batches.items():
                    for record in records:
                        yield tp.partition, record.key or b"", record.value
                left = {tp for tp in left if await consumer.position(tp) < ends[tp]}
        finally:
            await consumer.stop()

    async def close(self) -> None:
        if self._producer is not None:
            await self._producer.stop()

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    bootstrap_servers=self._settings.bootstrap,
                    client_id=f"shoprelay-{self._settings.group}",
                    acks="all",
                    compression_type="gzip",
                    max_request_size=LARGEST_REQUEST,
                    request_timeout_ms=30_000,
                    **self._settings.security,
                )
                try:
                    await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
            return self._producer
