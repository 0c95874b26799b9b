"""A shop's side of the front door: every event acked by the broker, or the shop is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from confluent_kafka import KafkaException

from schemas.codec import Codec
from schemas.events import SessionActive, ShopEvent
from schemas.registry import Registry
from schemas.values import CustomerRef
from shoprelay import publish
from shoprelay.publish import NotPublished, Publisher
from tests.domain.story import NOON


class Broker:
    """Librdkafka's producer: a queue that may be full, acks that come with `poll` and `flush`."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.full = 0
        self.refuses: str | None = None
        self.error: str | None = None
        self.silent = 0
        self.sent: list[tuple[str, bytes, bytes]] = []
        self.waiting: list[Callable[[Any, Any], None]] = []

    def produce(self, topic: str, key: bytes, value: bytes, on_delivery: Callable[[Any, Any], None]) -> None:
        if self.full:
            raise BufferError("queue full")
        if self.refuses:
            raise KafkaException(self.refuses)
        self.sent.append((topic, key, value))
        self.waiting.append(on_delivery)

    def poll(self, _: float) -> None:
        self.full = max(0, self.full - 1)

    def flush(self, _: float) -> int:
        for acked in self.waiting[self.silent :]:
            acked(self.error, None)
        return self.silent


@pytest.fixture
async def codec() -> Codec[ShopEvent]:
    registry = Registry(
        "http://registry.test", transport=httpx.MockTransport(lambda _: httpx.Response(200, json={"id": 1}))
    )
    made = Codec(registry, "shop-events-value", "shop_event.avsc", ShopEvent)
    await made.prepare()
    return made


@pytest.fixture
def publisher(codec: Codec[ShopEvent], monkeypatch: pytest.MonkeyPatch) -> Publisher:
    monkeypatch.setattr(publish, "Producer", Broker)
    return Publisher({"bootstrap.servers": "127.0.0.1:1"}, codec, "t1-shop-events")


def broker_of(publisher: Publisher) -> Broker:
    broker = publisher._producer
    assert isinstance(broker, Broker)
    return broker


def event(**names: str) -> ShopEvent:
    return ShopEvent(
        event_id="e1", shop="mugs", occurred_at=NOON, customer=CustomerRef(**names), payload=SessionActive()
    )


@pytest.mark.parametrize(
    ("names", "key"),
    [
        ({"customer_id": "ada", "email": "ada@example.com"}, b"ada"),
        ({"email": "ada@example.com", "anonymous_id": "cookie"}, b"ada@example.com"),
        ({"anonymous_id": "cookie", "cart_token": "cart"}, b"cookie"),
        ({"cart_token": "cart"}, b"cart"),
        ({}, b"mugs"),
    ],
)
def test_one_customers_events_have_one_key(publisher: Publisher, names: dict[str, str], key: bytes) -> None:
    publisher.publish(event(**names))

    assert broker_of(publisher).sent[0][:2] == ("t1-shop-events", key)


def test_events_are_framed_as_everybody_frames_them(publisher: Publisher, codec: Codec[ShopEvent]) -> None:
    publisher.publish(event(customer_id="ada"))

    value = broker_of(publisher).sent[0][2]
    assert value[:5] == b"\x00\x00\x00\x00\x01" and codec.decode(value) == event(customer_id="ada")


def test_partitions_are_those_of_every_other_client(publisher: Publisher) -> None:
    options = broker_of(publisher).options

    assert (options["partitioner"], options["enable.idempotence"]) == ("murmur2_random", True)
    assert options["bootstrap.servers"] == "127.0.0.1:1"


def test_a_full_queue_is_waited_for(publisher: Publisher) -> None:
    broker_of(publisher).full = 3
    publisher.publish(event(customer_id="ada"))

    assert len(broker_of(publisher).sent) == 1


def test_only_what_was_acked_counts_as_published(publisher: Publisher) -> None:
    publisher.publish(event(customer_id="ada"))
    assert publisher.published == 0

    publisher.flush()
    assert publisher.published == 1


@pytest.mark.parametrize(
    ("trouble", "says"),
    [({"error": "no leader"}, "no leader"), ({"silent": 1}, "1 records were not acked in 30 s")],
)
def test_what_was_not_acked_is_told(publisher: Publisher, trouble: dict[str, Any], says: str) -> None:
    for name, value in trouble.items():
        setattr(broker_of(publisher), name, value)
    publisher.publish(event(customer_id="ada"))

    with pytest.raises(NotPublished, match=says):
        publisher.flush()


def test_what_is_refused_at_once_is_told_at_once(publisher: Publisher) -> None:
    broker_of(publisher).refuses = "message too large"

    with pytest.raises(NotPublished, match="too large"):
        publisher.publish(event(customer_id="ada"))
