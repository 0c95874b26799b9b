"""Whatever comes through the front door, the good event beside it goes on; the bad one is put aside once, as it is."""

from __future__ import annotations

import io
import json
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import fastavro
import pytest
from msgspec.structs import replace

from schemas.events import CartItemAdded, CartReplaced
from schemas.layout import compact
from schemas.records import Refused
from schemas.signals import CartAbandoned
from schemas.values import CustomerRef
from shoprelay.connections import SUBJECTS, codec_of, registry_of
from tests.system.procs import until
from tests.system.running import Running, added, bought, event, mug, seen

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]

UNKNOWN_ID = b"\0\x7f\xff\xff\xff"
Damage = Callable[[bytes], bytes]


async def put_aside(system: Running, key: str, value: bytes | None, seconds: float = 30.0) -> Refused:
    """The one record of `refused` with these bytes, once a good event told after them has reached the platform."""
    await system.tell(event(key, seen()))
    await system.stored_for({key}, "Active on Site", seconds)
    (refused,) = [each for each in await system.refused() if each.key == key.encode()]
    assert (refused.value or b"", refused.topic) == (value or b"", system.lane.topics.shop_events.name)
    return refused


@pytest.mark.parametrize(
    ("name", "damage", "reason", "remedy"),
    [
        ("unknown-id", lambda good: UNKNOWN_ID + good[5:], "unknown-schema", "register the schema"),
        ("truncated", lambda good: good[:-3], "truncated", "serialize the event again"),
        ("magic-byte", lambda good: b"\1" + good[1:], "not-framed", "Confluent Avro serializer"),
        ("empty", lambda good: b"", "empty", "deletions are events of their own"),
        ("json", lambda good: b'{"event": "add"}', "not-framed", "Confluent Avro serializer"),
    ],
)
async def test_bytes_that_are_no_event_are_put_aside_once(
    system: Running, name: str, damage: Damage, reason: str, remedy: str
) -> None:
    bad = damage((await system.publisher()).encoded(event(name, added())))
    await system.tell_bytes(name, bad)
    refused = await put_aside(system, name, bad)
    assert refused.reason == reason
    assert remedy in refused.remedy


@pytest.mark.parametrize(
    ("name", "wrong", "field", "remedy"),
    [
        ("nobody", {"customer": CustomerRef()}, "customer", "set at least one"),
        (
            "negative",
            {"payload": CartItemAdded(cart_id="c", item=mug(quantity=Decimal(-2)), currency="EUR")},
            "payload.item.quantity",
            "above zero",
        ),
        ("currency", {"payload": CartItemAdded(cart_id="c", item=mug(), currency="EURO")}, "payload.currency", "ISO"),
        ("year-1970", {"occurred_at": datetime(1970, 1, 20, tzinfo=UTC)}, "occurred_at", "milliseconds"),
    ],
)
async def test_an_event_nobody_could_stand_by_is_put_aside_with_its_field(
    system: Running, name: str, wrong: dict[str, Any], field: str, remedy: str
) -> None:
    bad = (await system.publisher()).encoded(replace(event(name, added()), **wrong))
    await system.tell_bytes(name, bad)
    refused = await put_aside(system, name, bad)
    assert (refused.reason, refused.field) == ("invalid", field)
    assert remedy in refused.remedy


async def test_a_newer_writer_is_understood_and_only_its_new_facts_are_put_aside(system: Running) -> None:
    """Somebody upgraded the shop first: the registry took a schema with one more branch."""
    configuration = system.configuration()
    registry = registry_of(configuration)
    try:
        ours = codec_of(registry, configuration, *SUBJECTS[0])
        newer = json.loads(ours.schema)
        (payload,) = [each for each in newer["fields"] if each["name"] == "payload"]
        what = {"name": "what", "type": "string", "doc": "what it was"}
        payload["type"].append(
            {"type": "record", "name": "GiftWrapped", "namespace": "shoprelay.events", "doc": "new", "fields": [what]}
        )
        newer_id = await registry.register(ours.subject, compact(json.dumps(newer)))
    finally:
        await registry.close()
    schema = fastavro.parse_schema(newer)

    def written(customer: str, kind: str, fact: dict[str, Any]) -> bytes:
        body = io.BytesIO()
        header = {"event_id": f"{customer}-{kind}", "shop": "mugs", "occurred_at": datetime.now(UTC)}
        told = {**header, "customer": {"customer_id": customer}, "payload": (f"shoprelay.events.{kind}", fact)}
        fastavro.schemaless_writer(body, schema, told)
        return b"\0" + newer_id.to_bytes(4, "big") + body.getvalue()

    future = written("newer", "GiftWrapped", {"what": "a mug"})
    await system.tell_bytes("newer", written("newer", "Searched", {"query": "mug"}), future)
    await system.tell_bytes("newer-too", written("newer-too", "SessionActive", {}))
    refused = await put_aside(system, "newer", future)
    assert refused.reason == "unknown-branch"
    assert "upgrade Shoprelay" in refused.remedy
    await system.stored_for({"newer-too"}, "Active on Site")


async def test_a_stamp_from_2099_counts_as_now_and_moves_nobodys_clock(system: Running) -> None:
    before = await system.metric("shoprelay_events_clamped_total", "worker")
    began = datetime.now(UTC)
    await system.tell(event("waits", added()))
    await system.tell(*(event(f"ahead-{n}", added(), occurred_at=datetime(2099, 1, 1, tzinfo=UTC)) for n in range(12)))
    everybody = {"waits", *(f"ahead-{n}" for n in range(12))}
    await system.stored_for(everybody, "Added to Cart")
    assert await system.metric("shoprelay_events_clamped_total", "worker") == before + 12
    (call,) = await system.stored("ahead-0")
    at = datetime.fromisoformat(call.body["data"]["attributes"]["time"])
    assert timedelta(seconds=-1) <= at - began < timedelta(seconds=30)

    await system.tell(event("waits", seen()))  # folded after the others in its partition, whatever they did to time
    await system.stored_for({"waits"}, "Active on Site")
    told = [signal for _, signal in await system.signals() if isinstance(signal.payload, CartAbandoned)]
    assert not [signal for signal in told if signal.customer.ref.customer_id in everybody]


async def test_an_event_of_5_megabytes_goes_through(system: Running) -> None:
    """500 lines with long links: nobody should, but somebody will. The embedded broker holds 5 MiB as sent, and up to
    half of that is safe, so there the links are such that gzip halves them."""
    random = Random(7)

    def link() -> str:
        noise = random.randbytes(7_500)
        return "https://mugs.example/?" + (noise.hex()[:10_000] if system.lane.broker else b64encode(noise).decode())

    lines = tuple(mug(line_id=str(n), image_url=link()) for n in range(500))
    large = event("large", CartReplaced(cart_id="c", lines=lines, currency="EUR"))
    assert len((await system.publisher()).encoded(large)) > 5_000_000
    await system.tell(large, event("large", seen()))
    await system.stored_for({"large"}, "Active on Site")
    said = [signal.payload for _, signal in await system.signals() if signal.customer.ref.customer_id == "large"]
    assert [type(payload).__name__ for payload in said] == ["CartChanged", "SessionActive"]


async def test_the_example_after_the_outage_a_bought_cart_is_not_reminded(system: Running) -> None:
    """12:00 add; 14:00 order; both read at 14:05: abandoned at 13:00, then bought; withheld."""
    now = datetime.now(UTC)
    before = await system.metric("shoprelay_reminders_withheld_total", "sink", reason="bought")
    assert await system.processes["worker"].terminate() == 0
    await system.tell(event("outage", added(), occurred_at=now - timedelta(minutes=125)))
    await system.tell(event("outage", bought("outage-1"), occurred_at=now - timedelta(minutes=5)))
    await system.started("worker")
    await system.stored_for({"outage"}, "Placed Order")
    said = [signal for _, signal in await system.signals() if signal.customer.ref.customer_id == "outage"]
    assert [type(signal.payload).__name__ for signal in said] == ["CartChanged", "CartAbandoned", "OrderPlaced"]

    async def withheld() -> bool:
        return await system.metric("shoprelay_reminders_withheld_total", "sink", reason="bought") == before + 1

    await until(withheld, 10, "the reminder is withheld")
    assert not await system.calls("outage", "Abandoned Cart")
