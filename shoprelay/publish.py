"""A shop's side of the front door, as any shop could write it: Avro events into `shop-events`, acked by the broker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaException, Producer

from schemas.codec import Codec
from schemas.events import ShopEvent


class NotPublished(Exception):
    """The broker did not take an event; the message says why."""


class Appender:
    """Records into topics, acked by the broker. `append` queues, `flush` returns when all is acked. What has one key
    keeps its order."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._trouble = ""  # what librdkafka said last; it is told once, in our words, not logged
        self._producer = Producer(
            {
                "log_level": 0,
                "error_cb": self._troubled,
                "partitioner": "murmur2_random",  # as every Java client; librdkafka's own default differs
                "enable.idempotence": True,
                "linger.ms": 5,
                "compression.type": "gzip",
                "message.max.bytes": 8_388_608,
                **options,
            }
        )
        self._failed: str | None = None
        self.acked = 0

    def append(self, topic: str, key: bytes | None, value: bytes | None) -> None:
        """Raises `NotPublished`."""
        while True:
            try:
                self._producer.produce(topic, key=key, value=value, on_delivery=self._acked)
                break
            except BufferError:
                self._producer.poll(0.1)
            except KafkaException as refused:
                raise NotPublished(str(refused)) from None
        self._producer.poll(0)

    def flush(self, seconds: float = 30.0) -> None:
        """Raises `NotPublished` when something is not acked by then or was refused."""
        left = self._producer.flush(seconds)
        if left or self._failed:
            raise NotPublished(self._failed or f"{left} records were not acked in {seconds:.0f} s{self._trouble}")

    def _troubled(self, error: Any) -> None:
        self._trouble = f": {error.str()}"

    def _acked(self, error: Any, _: Any) -> None:
        if error is None:
            self.acked += 1
        else:
            self._failed = str(error)


class Publisher(Appender):
    """A shop's events into the front door, one customer's in their order."""

    def __init__(self, options: Mapping[str, Any], codec: Codec[ShopEvent], topic: str) -> None:
        super().__init__(options)
        self._codec, self._topic = codec, topic

    @property
    def published(self) -> int:
        return self.acked

    def publish(self, event: ShopEvent) -> None:
        who = event.customer
        key = who.customer_id or who.email or who.anonymous_id or who.cart_token or event.shop
        self.raw(key.encode(), self.encoded(event))

    def encoded(self, event: ShopEvent) -> bytes:
        return self._codec.encode(event)

    def raw(self, key: bytes, value: bytes) -> None:
        """Bytes as they are, understandable or not."""
        self.append(self._topic, key, value)
