"""Job B of the peer harness, on our delivery: POST each event to a fake platform, in order per customer, without loss.

Told by environment: JOB (b1: one event per request; b2: up to 1,000), BOOTSTRAP, IN_TOPIC, GROUP (prefix of what it
creates), SCHEMA (path of the events' Avro schema), FAKE (URL), and IN_FLIGHT. Starts at the earliest offset and never
ends. Input is Avro behind the five bytes of Confluent framing, the record's key is the customer.

All of `streams.delivery` runs as in a sink process: consumer group, lanes, verdicts, keys, budgets, metrics, what is
finished beyond the watermark in every commit, uvloop, our compiled reader of Avro. Only the event is the harness's own,
put into a signal of ours.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError
from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from schemas.codec import HEAD, Codec
from schemas.layout import parse
from schemas.reading import compile_reader
from schemas.records import Parked
from schemas.signals import Conclusion, Customer, Signal
from schemas.values import CustomerRef, Value
from shoprelay.garbage import leave_alone_what_stays
from sinks.body import as_json
from sinks.contract import Answer, Batch, Call, Dedupe, Limit, Sink, Verdict
from streams.delivery import DeliverySettings, run

ENV = os.environ
BOOTSTRAP, GROUP, FAKE = ENV["BOOTSTRAP"], ENV["GROUP"], ENV["FAKE"]
IN_FLIGHT = int(ENV.get("IN_FLIGHT", "64"))
PARTITIONS = 4
JSON = (("content-type", "application/json"),)


class Line(Value, frozen=True):
    sku: str
    qty: int
    price_cents: int


class Happened(Conclusion, frozen=True, kw_only=True):
    """The harness's event as it is."""

    event_id: str
    kind: str
    customer_id: str
    seq: int
    ts: int
    shop: str
    email: str
    currency: str
    lines: tuple[Line, ...]
    order_id: str | None
    url: str


class Events:
    """A `Codec` of signals that reads the harness's events."""

    def __init__(self) -> None:
        layout = parse(Path(ENV["SCHEMA"]).read_text())
        self._read = compile_reader(
            layout, layout, {"shoprelay.peers.CartEvent": Happened, "shoprelay.peers.Line": Line}
        )

    def decode(self, framed: bytes) -> Signal:
        event, _ = self._read(framed, HEAD)
        return Signal(
            signal_id=f"{event.customer_id}-{event.seq}",
            shop=event.shop,
            occurred_at=datetime.fromtimestamp(event.ts / 1000, UTC),
            cause=event.event_id,
            customer=Customer(key=event.customer_id, ref=CustomerRef(email=event.email)),
            payload=event,  # type: ignore[arg-type]
        )

    async def fetch(self, schema_id: int) -> None: ...


def calls(said: Signal, config: Any) -> tuple[Call, ...]:
    event: Happened = said.payload  # type: ignore[assignment]
    attributes = {
        "unique_id": said.signal_id,
        "time": event.ts,
        "metric": event.kind,
        "value": sum([line.qty * line.price_cents for line in event.lines]) / 100,
        "value_currency": event.currency,
        "profile": {"email": event.email, "external_id": event.customer_id},
        "properties": {"shop": event.shop, "url": event.url, "order_id": event.order_id, "lines": event.lines},
    }
    body = as_json({"data": {"type": "event", "attributes": attributes}})
    return (Call(event.kind, "POST", "/api/events", body, said.signal_id, "events", JSON),)


def join(calls: Sequence[Call]) -> Call:
    events = b",".join([call.body[len(b'{"data":') : -1] for call in calls])
    attributes = b'{"events-bulk-create":{"data":[%b]}}' % events
    body = b'{"data":{"type":"event-bulk-create-job","attributes":%b}}' % attributes
    return Call("Bulk Create Events", "POST", "/api/event-bulk-create-jobs", body, "", "bulk", JSON)


def read(calls: Sequence[Call], answers: Sequence[Answer]) -> tuple[Verdict, ...] | None:
    return None  # what is answered is said of all


SINK = Sink(
    name="fake",
    config=BaseModel,
    base_url=lambda config: FAKE,
    headers=lambda config: {"authorization": "Key 0123456789", "revision": "2026-07-15"},
    calls={Happened: calls},
    dedupe=Dedupe.BY_KEY,
    # Budgets that never stop anybody, and are kept for every call.
    limits=(Limit("events", 1_000_000, 1.0), Limit("events", 10_000_000, 60.0), Limit("bulk", 100_000, 60.0)),
    batches=(Batch("events", "bulk", join, read, 1_000, 5_000_000, in_flight=1),) if ENV["JOB"] == "b2" else (),
    max_in_flight=IN_FLIGHT,
)
SETTINGS = DeliverySettings(
    bootstrap=BOOTSTRAP,
    group=GROUP,
    topic=ENV["IN_TOPIC"],
    parked_topic=f"{GROUP}-parked",
    redrive_topic=f"{GROUP}-redrive",
    partitions=PARTITIONS,
)


async def create_topics() -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    await admin.start()
    try:
        names = (SETTINGS.parked_topic, SETTINGS.redrive_topic)
        await admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names])
    except TopicAlreadyExistsError:
        pass
    finally:
        await admin.close()
    await asyncio.sleep(0.5)  # a new topic shows a moment after it was made


async def main() -> int:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await create_topics()
    leave_alone_what_stays()
    parked: Codec[Parked] = Codec(None, "parked", "parked.avsc", Parked)  # type: ignore[arg-type]
    return await run(
        SINK, None, SETTINGS, codec=Events(), parked=parked, registry=CollectorRegistry(), stop=stop
    )  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(uvloop.run(main()))
