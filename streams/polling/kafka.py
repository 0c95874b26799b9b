"""Kafka's side of a poller: events into the front door, and one record that says how far it has read."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.events import ShopEvent
from schemas.records import Refused
from streams.delivery.producer import LateProducer
from streams.engine.partitions import partition_of
from streams.polling.ports import key_of
from streams.polling.settings import PollingSettings


class EventCodec(Protocol):
    def encode(self, event: ShopEvent) -> bytes: ...


class RefusedCodec(Protocol):
    def encode(self, refused: Refused) -> bytes: ...


class KafkaHands:
    """Written records are acknowledged by all replicas. Connects when there is something to read or to write."""

    def __init__(self, settings: PollingSettings, events: EventCodec, refused: RefusedCodec) -> None:
        self._settings = settings
        self._events = events
        self._refused = refused
        self._key = settings.account.encode()
        self._partition = partition_of(self._key, settings.partitions)
        client_id = f"shoprelay-poll-{settings.account}"
        self._producer = LateProducer(settings.bootstrap, client_id, settings.security, idempotent=True)

    async def recall(self) -> bytes:
        """The last record of this account, up to the end of its partition as it is now."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._settings.bootstrap,
            client_id=f"shoprelay-poll-{self._settings.account}",
            auto_offset_reset="earliest",
            **self._settings.security,
        )
        found = b""
        try:
            await consumer.start()
            place = TopicPartition(self._settings.positions_topic, self._partition)
            consumer.assign([place])
            end = (await consumer.end_offsets([place]))[place]
            while await consumer.position(place) < end:
                for record in (await consumer.getmany(place, timeout_ms=1000)).get(place, []):
                    if record.key == self._key:
                        found = record.value or b""
        finally:
            await consumer.stop()
        return found

    async def publish(self, events: Sequence[ShopEvent]) -> None:
        producer, topic, n = await self._producer.started(), self._settings.events_topic, self._settings.partitions
        sent = []
        for event in events:
            key, value = key_of(event), self._events.encode(event)
            sent.append(await producer.send(topic, value, key=key, partition=partition_of(key, n)))
        await asyncio.gather(*sent)

    async def refuse(self, refused: Sequence[Refused]) -> None:
        producer, topic = await self._producer.started(), self._settings.refused_topic
        for each in refused:
            key, value = each.source.encode(), self._refused.encode(each)
            await producer.send_and_wait(topic, value, key=key, partition=self._partition)

    async def remember(self, position: bytes) -> None:
        producer, topic = await self._producer.started(), self._settings.positions_topic
        await producer.send_and_wait(topic, position, key=self._key, partition=self._partition)

    async def close(self) -> None:
        await self._producer.close()
