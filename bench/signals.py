"""Signals for delivery at full speed: encoded beforehand, in a feed in memory, and the call each of them means."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
from aiokafka import TopicPartition
from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from schemas.codec import Codec
from schemas.records import Parked
from schemas.signals import Cart, CartChanged, Customer, Signal
from schemas.values import CustomerRef, LineItem
from sinks.contract import Call, Dedupe, Limit, Sink
from streams.delivery.clock import SystemClock
from streams.delivery.entries import End
from streams.delivery.feed import Fetched, Owner, Progress
from streams.delivery.http import HttpTransport
from streams.delivery.metrics import DeliveryMetrics
from streams.delivery.park import Parking
from streams.delivery.runner import Delivery
from streams.delivery.say import Speaker
from streams.delivery.settings import DeliverySettings

HEAD = b"\x00\x00\x00\x00\x01"
TOPIC = "customer-signals"
JSON = (("content-type", "application/json"),)
AUTH = {"authorization": "Key 0123456789", "revision": "2026-07-15"}


def said(customer: int, number: int) -> Signal:
    line = LineItem(product_id="mug", sku="MUG-1", name="Mug", quantity=Decimal(2), unit_price=Decimal("7.50"))
    now = datetime(2026, 6, 1, 12, tzinfo=UTC)
    cart = Cart(cart_id="c", version=number, currency="EUR", lines=(line,) * 3, total=Decimal("45.0"), changed_at=now)
    return Signal(
        signal_id=f"{customer}-{number}",
        shop="mugs",
        occurred_at=now,
        cause="event",
        customer=Customer(key=f"mugs:{customer}", ref=CustomerRef(email=f"c{customer}@example.com")),
        payload=CartChanged(cart=cart, added=line),
    )


def body(signal: Signal) -> bytes:
    payload = signal.payload
    assert isinstance(payload, CartChanged)
    lines = [
        {"id": i.product_id, "name": i.name, "n": str(i.quantity), "p": str(i.unit_price)} for i in payload.cart.lines
    ]
    profile = {"email": signal.customer.ref.email, "external_id": signal.customer.key}
    event = {"unique_id": signal.signal_id, "metric": "Cart Changed", "profile": profile, "lines": lines}
    return orjson.dumps({"data": {"type": "event", "attributes": event, "value": str(payload.cart.total)}})


def calls(signal: Signal, config: Any) -> tuple[Call, ...]:
    return (Call("Cart Changed", "POST", "/api/events", body(signal), signal.signal_id, "events", JSON),)


def codec() -> Codec[Signal]:
    made: Codec[Signal] = Codec(None, "s", "signal.avsc", Signal)  # type: ignore[arg-type]
    made._head = HEAD
    made._readers[HEAD] = made._read
    return made


@dataclass(frozen=True, slots=True)
class Stored:
    partition: int
    offset: int
    timestamp: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


class Memory:
    """A feed over what was encoded beforehand, and a shelf that stays empty. `done` once all of it is committed."""

    def __init__(self, count: int, customers: int, partitions: int) -> None:
        write, log = codec().encode, [[] for _ in range(partitions)]  # type: ignore[var-annotated]
        for n in range(count):
            customer = n % customers
            part = log[customer % partitions]
            part.append(Stored(customer % partitions, len(part), 0, b"%d" % customer, write(said(customer, n))))
        self.log = {TopicPartition(TOPIC, number): part for number, part in enumerate(log)}
        self.position = dict.fromkeys(self.log, 0)
        self.committed: dict[TopicPartition, int] = {}
        self.done = asyncio.Event()

    async def open(self, owner: Owner) -> None:
        await owner.assigned(frozenset(self.log))

    async def recall(self, places: Collection[TopicPartition]) -> Mapping[TopicPartition, Progress]:
        return {}

    async def fetch(self, places: Collection[TopicPartition], seconds: float, most: int) -> Fetched:
        records = {}
        for place in places:
            at = self.position[place]
            records[place] = self.log[place][at : at + most]
            self.position[place] = at + len(records[place])
            most -= len(records[place])
        if not any(records.values()):
            await asyncio.sleep(seconds)
        now = time.monotonic()
        return Fetched(records, {tp: End(at, len(self.log[tp]), now) for tp, at in self.position.items()})

    async def commit(self, progress: Mapping[TopicPartition, Progress]) -> bool:
        self.committed.update({place: told.offset for place, told in progress.items()})
        if all(self.committed.get(place, 0) == len(part) for place, part in self.log.items()):
            self.done.set()
        return True

    async def close(self) -> None: ...

    async def put(self, partition: int, key: bytes, value: bytes | None) -> None: ...

    async def again(self, partition: int, key: bytes, value: bytes, parked_id: str) -> None: ...

    async def read(self, partitions: Collection[int]) -> AsyncIterator[tuple[int, bytes, bytes | None]]:
        nothing: tuple[tuple[int, bytes, bytes | None], ...] = ()
        for record in nothing:
            yield record


def sink_of(url: str, in_flight: int, limits: tuple[Limit, ...] = ()) -> Sink:
    return Sink(
        name="bench",
        config=BaseModel,
        base_url=lambda config: url,
        headers=lambda config: AUTH,
        calls={CartChanged: calls},
        dedupe=Dedupe.BY_KEY,
        limits=limits,
        max_in_flight=in_flight,
    )


def delivery_of(sink: Sink, feed: Memory) -> tuple[Delivery, HttpTransport]:
    """Everything as in a sink process but for Kafka. The transport is the caller's to close."""
    settings = DeliverySettings(
        bootstrap="", group="bench", topic=TOPIC, parked_topic="parked", redrive_topic="redrive",
        partitions=len(feed.log),
    )  # fmt: skip
    http = HttpTransport(sink.base_url(None), lambda: sink.headers(None), sink.answer_limit, sink.max_in_flight)
    parked: Codec[Parked] = Codec(None, "parked", "parked.avsc", Parked)  # type: ignore[arg-type]
    delivery = Delivery(
        sink, settings, feed=feed, speaker=Speaker(sink, None, codec()), transport=http,
        parking=Parking(feed, parked, sink.name, None),
        metrics=DeliveryMetrics(CollectorRegistry(), sink.name), clock=SystemClock(), random=lambda: 0.5,
    )  # fmt: skip
    return delivery, http
