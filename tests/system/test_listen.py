"""`shoprelay listen` beside a running worker: what comes in and what becomes of it, and who may be recognised in it."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count

import pytest
import pytest_asyncio
from confluent_kafka import Producer
from msgspec.structs import replace

from schemas.events import CartItemAdded, ShopEvent, ShopPayload
from schemas.values import CustomerRef
from shoprelay.listen.heard import short
from tests.system.played_sink import PlayedSink, call
from tests.system.procs import Process, until
from tests.system.running import SHOPS, Running, added, bought, event, mug

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]
ADA = CustomerRef(customer_id="ada", email="ada.lovelace@example.com")
WORSE = CartItemAdded(cart_id="c", item=mug(quantity=Decimal(-1)), currency="EUR")
_runs = count()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    running = await Running.start(tmp_path_factory.mktemp("listen"), wait=False)
    running.environment |= {"HOOK_SECRET": "a-secret-for-tests"}
    running.write_settings(SHOPS + '[shops.mugs.hooks.generic]\nsecrets = ["env:HOOK_SECRET"]\n')
    await running.started("worker")
    yield running
    await running.close()


def told(who: CustomerRef, payload: ShopPayload, event_id: str) -> ShopEvent:
    return replace(event("", payload, event_id), customer=who)


def begin(system: Running, *more: str) -> Process:
    given = ("listen", "--config", str(system.settings()), *more)
    return system.lane.shoprelay(f"listen-{next(_runs)}", *given, **system.environment, COLUMNS="80")


async def listening(system: Running, *more: str) -> Process:
    process = begin(system, *more)
    await until(lambda: "listening to" in process.output(), 20, "it listens")
    return process


async def shown(process: Process, *texts: str) -> None:
    try:
        await until(lambda: all(text in process.output() for text in texts), 20)
    except AssertionError:
        raise AssertionError(f"{[t for t in texts if t not in process.output()]} not in:\n{process.output()}") from None


async def interrupted(process: Process) -> str:
    process.signal(signal.SIGINT)
    assert await process.ended() == 0, process.output()
    return process.output()


async def test_each_event_and_what_becomes_of_it_is_a_line_that_names_nobody(system: Running) -> None:
    process = await listening(system)
    await system.tell(told(ADA, added(), "ada-1"), told(ADA, bought("o-17"), "ada-2"))
    await system.tell(told(ADA, WORSE, "ada-3"))
    await system.tell_bytes("x", b"no avro")

    await shown(process, "CartChanged", "OrderPlaced", "not-framed", "CartItemAdded: invalid")
    output = await interrupted(process)
    lines = output.splitlines()
    who = short("mugs/c:ada").partition("/")[2]
    came = next(line for line in lines if "→ events" in line and "CartItemAdded" in line)
    assert "mugs" in came and who in came and "cart=c" in came and "product=MUG ×1" in came
    became = next(line for line in lines if "← signals" in line and "OrderPlaced" in line)
    assert "order=o-17" in became and "total=9.5" in became and who in became
    refused = next(line for line in lines if "✗ refused" in line and "invalid" in line)
    assert "payload.item.quantity is -1" in refused and "mugs" in refused and who in refused
    assert "lovelace" not in output and "c:ada" not in output


async def test_it_can_be_asked_for_what_was_and_for_some_of_it(system: Running) -> None:
    bob = CustomerRef(customer_id="bob", email="bob@example.com")
    await system.tell(told(bob, added(), "bob-1"), event("eve", added(), shop="plates"))

    async def ended(*more: str) -> str:
        process = begin(system, "--since", "1h", "--no-follow", *more)
        assert await process.ended(30) == 0, process.output()
        return process.output()

    async def said() -> bool:
        return "plates" in await ended("--only", "signals", "--shop", "plates")

    await until(said, 30, "eve's cart is said")
    assert "events" not in await ended("--only", "signals") and "signals" in await ended("--only", "events,signals")
    of_bob = await ended("--customer", "Bob@Example.com", "--show-personal")
    assert "c:bob" in of_bob and "plates" not in of_bob and "c:ada" not in of_bob
    assert "plates" not in await ended("--shop", "mugs", "--only", "events")
    nobodys = await ended("--shop", "nobody", "--only", "events")
    assert all("unreadable" in line for line in nobodys.splitlines()), "whose shop nobody knows may be anyone's"


async def test_a_webhook_is_shown_as_what_it_says(system: Running) -> None:
    process = await listening(system, "--only", "events,signals")
    now = datetime.now(UTC).isoformat()
    body = {"event_id": "hook-1", "type": "SessionActive", "occurred_at": now, "customer": {"customer_id": "hana"}}
    producer = Producer({"bootstrap.servers": system.lane.bootstrap})
    headers = [("x-shoprelay-shop", b"mugs"), ("x-shoprelay-system", b"generic")]
    producer.produce(system.lane.topics.webhooks.name, json.dumps(body).encode(), "mugs/generic:hana", headers=headers)
    await asyncio.to_thread(producer.flush, 10)

    await shown(process, "by generic", "← signals mugs       SessionActive")
    assert (await interrupted(process)).count("→ events  mugs       SessionActive") == 1


async def test_a_parked_call_is_a_line_with_the_way_to_it(system: Running) -> None:
    process = await listening(system, "--only", "parked")
    one = call("order", "mugs/c:ada", 3, status=422)
    sink = PlayedSink(system.lane, "klaviyo")
    async with sink:
        await sink.park(one)
    await shown(process, f"shoprelay parked show klaviyo {one.parked_id[:8]}", "(422)")
    assert "c:ada" not in await interrupted(process)


async def test_a_topic_that_is_not_there_is_named_and_heard_when_it_comes(system: Running) -> None:
    config = system.lane.settings(
        '[sinks.later]\nplatform = "klaviyo"\n[sinks.later.config]\napi_key = "env:KLAVIYO_KEY"\n', "later.toml"
    )
    given = ("listen", "--only", "parked,events", "--config", str(config))
    process = system.lane.shoprelay("listen-later", *given, **system.environment)
    await shown(process, "parked-later: there is no such topic yet", "listening to 3 topics")
    await system.tell(event("carl", added(), "carl-1"))
    await shown(process, "CartItemAdded")
    await interrupted(process)


@pytest.mark.embedded
async def test_a_broker_that_goes_away_is_waited_for(system: Running) -> None:
    process = await listening(system, "--only", "events")
    assert system.lane.broker is not None
    await asyncio.to_thread(system.lane.broker.down)
    await shown(process, "waiting until it does")
    await asyncio.to_thread(system.lane.broker.up)
    await shown(process, "Kafka answers again")
    late = replace(event("dora", added(), "dora-1"), occurred_at=datetime.now(UTC))
    await system.tell(late)
    await shown(process, "CartItemAdded")
    await interrupted(process)


async def test_a_broker_that_is_not_there_is_said_and_exits_2(system: Running) -> None:
    given = ("listen", "--config", str(system.settings()))
    process = system.lane.shoprelay("listen-nowhere", *given, **system.environment, SHOPRELAY_KAFKA="127.0.0.1:9")
    assert await process.ended(40) == 2
    assert "Kafka does not answer" in process.output() and "kafka.bootstrap" in process.output()
