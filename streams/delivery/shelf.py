"""The shelf in Kafka: the compacted topic of what is parked, and the topic of what is asked for again."""

from __future__ import annotations

from streams.delivery.compacted import CompactedTopic
from streams.delivery.settings import DeliverySettings


class KafkaShelf(CompactedTopic):
    def __init__(self, settings: DeliverySettings) -> None:
        super().__init__(settings, settings.parked_topic)

    async def again(self, partition: int, key: bytes, value: bytes, parked_id: str) -> None:
        producer = await self._producer.started()
        headers = [("action", b"redrive"), ("parked_id", parked_id.encode())]
        topic = self._settings.redrive_topic
        await producer.send_and_wait(topic, value, key=key, partition=partition, headers=headers)
