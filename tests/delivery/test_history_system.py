"""Real processes tell history over a real socket, from a real broker; killed on their way, beside what is live."""

import asyncio
import json
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from schemas.events import CustomerEvent, OrderCancelled
from schemas.values import CustomerRef
from sinks.contract import Answer, Call
from streams.broker.handle import EmbeddedBroker
from streams.delivery.compacted import CompactedTopic
from streams.delivery.history import KafkaHistory
from streams.delivery.kept import Kept
from streams.domain.history import known_customer as known_order
from streams.engine.fence import CLAIM_KEY, HEADER, token_of_offset
from streams.topics import Topic
from tests.delivery.remembering import Club, club, fill, happened
from tests.delivery.said import Plain, encode, ordered
from tests.delivery.telling_process import settings_of
from tests.delivery.world import KEPT_KEY, World

pytestmark = pytest.mark.system
PARTITIONS = 4
KAFKA = os.environ.get("SHOPRELAY_TEST_KAFKA", "")
KINDS = ("signals", "parked", "redrive", "kept", "customers", "products", "events")


class Stage:
    """A broker with what the worker knows, and the club behind an address."""

    def __init__(self, broker: EmbeddedBroker | None, bootstrap: str, world: World, platform: Club) -> None:
        self.broker, self.bootstrap, self.world, self.club = broker, bootstrap, world, platform
        self.name = f"history-{os.getpid()}-{id(self)}"
        self.settings = settings_of(bootstrap, self.name)
        self.producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
        self.address = ""
        self.process: subprocess.Popen[bytes] | None = None
        self.said: list[str] = []

    async def receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        says = "Register" if request.path == "/register" else "Event"
        key = says if says == "Register" else json.loads(body).get("id", "part")
        answer: Answer = await self.club.receive(Call(says, "POST", request.path, body, str(key)))
        await asyncio.sleep(0.01)
        return web.Response(status=answer.status, body=answer.body)

    async def create_topics(self) -> None:
        wanted = [Topic(f"{self.name}-{kind}", PARTITIONS) for kind in KINDS]
        if self.broker is not None:
            for topic in wanted:
                self.broker.topic(topic.name, topic.partitions)
            return
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic(topic.name, topic.partitions, 1) for topic in wanted])
        await admin.close()

    async def write_down(self) -> None:
        """What the worker knows, in its changelogs, each key after an older value and among what does not count; and
        the log."""
        for number, events in enumerate(self.world.log.events):
            await self.producer.send_and_wait(f"{self.name}-events", b"broken", key=b"mugs/c:x", partition=number)
            for event in events:
                await self.happen(number, event)
        for of, partitions in self.world.log.known.items():
            for number, values in enumerate(partitions):
                await self.put(of, number, CLAIM_KEY, b"worker", 0)
                for key, value in values.items():
                    await self.put(of, number, key, b"broken: an older value must not be looked at", 1)
                    await self.put(of, number, key, value, 2)
                    await self.put(of, number, key, b"broken: written late, by a former owner", 1)
                await self.put(of, number, b"mugs/c:gone", b"broken: deleted since", 2)
                await self.put(of, number, b"mugs/c:gone", None, 2)

    async def put(self, of: str, number: int, key: bytes, value: bytes | None, token: int) -> None:
        """As the owner with this token writes it."""
        marked = [(HEADER, token_of_offset(token))]
        await self.producer.send_and_wait(f"{self.name}-{of}", value, key=key, partition=number, headers=marked)

    async def happen(self, number: int, event: CustomerEvent) -> None:
        await self.producer.send_and_wait(
            f"{self.name}-events", encode(event), key=event.key.encode(), partition=number
        )

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.delivery.telling_process", self.bootstrap, self.address, self.name]
        self.process = subprocess.Popen(command)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    async def talk(self) -> None:
        """Live signals, all the time."""
        while True:
            said = ordered(f"live{len(self.said)}")
            key = said.customer.key.encode()
            number = self.world.log.number_of(key)
            await self.producer.send_and_wait(f"{self.name}-signals", encode(said), key=key, partition=number)
            self.said.append(said.signal_id)
            await asyncio.sleep(0.05)

    async def until(self, condition: Any, what: str, seconds: float = 60.0) -> None:
        try:
            async with asyncio.timeout(seconds):
                while not condition():  # noqa: ASYNC110  (another process makes it true)
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"{what}: {len(self.club.history)} items, {len(self.club.accepted)} calls") from None


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    world, platform = club(partitions=PARTITIONS)
    async with AsyncExitStack() as ends:
        broker = None if KAFKA else await ends.enter_async_context(EmbeddedBroker([]))
        on = Stage(broker, KAFKA or broker.bootstrap, world, platform)
        app = web.Application()
        app.router.add_post("/{way}", on.receive)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        on.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        ends.push_async_callback(runner.cleanup)
        ends.callback(on.kill)
        await on.create_topics()
        await ends.enter_async_context(on.producer)
        yield on


async def test_history_is_told_once_and_in_order_though_its_teller_is_killed_three_times() -> None:
    chance = random.Random(7)
    async with stage() as on:
        expected = fill(on.world, customers=300, products=200)
        await on.write_down()
        on.start()
        live = asyncio.create_task(on.talk())
        for _ in range(3):
            more = len(on.club.parts) + chance.randrange(5, 15)
            await on.until(lambda more=more: len(on.club.parts) >= more, f"{more} parts are told")
            await asyncio.sleep(chance.random() * 0.1)  # wherever it is by then
            on.kill()
            on.start()
        await on.until(lambda: set(on.club.history) == expected, "everything is told")
        live.cancel()
        await on.until(lambda: set(on.said) <= set(on.club.accepted), "what is live is told")

        assert on.club.kinds_in_order()
        assert len(on.club.history) - len(expected) <= 3 * 7, "a kill repeats the part in flight, and no more"
        assert on.club.tokens == ["uuid-1"]


async def placed(history: KafkaHistory) -> dict[str, bool]:
    """Every order there is, and whether it was cancelled."""
    return {
        order.order.order_id: order.cancelled
        for number in range(PARTITIONS)
        for _, value in (await history.latest("orders", number)).after(b"")
        for order in known_order(value).orders
    }


async def test_what_is_kept_and_what_is_known_is_read_back_from_a_broker() -> None:
    async with stage() as on:
        fill(on.world, customers=40)
        await on.write_down()
        notes = CompactedTopic(on.settings, on.settings.kept_topic)
        kept, history = Kept(notes, [KEPT_KEY]), KafkaHistory(on.settings, Plain(CustomerEvent))
        try:
            await kept.put(0, b"a", b"one")
            await kept.put(0, b"b", b"two")
            await kept.delete(0, b"a")
            await kept.put(3, b"a", b"three")
            assert await kept.read([0, 1, 3]) == {0: {b"b": b"two"}, 1: {}, 3: {b"a": b"three"}}

            for number, values in enumerate(on.world.log.known["customers"]):
                assert dict((await history.latest("customers", number)).after(b"")) == values
            await on.put("customers", 3, b"zoe", b"new", 2)
            await on.put("customers", 3, b"zack", b"by a former owner", 1)
            assert dict((await history.latest("customers", 3)).after(b"")) == {**values, b"zoe": b"new"}

            assert await placed(history) == {f"c{c}-{n}": False for c in range(40) for n in range(c % 3)}
            number = on.world.log.number_of(b"mugs/c:c1")
            before = len(list((await history.latest("orders", number)).after(b"")))
            cancelled = happened(
                "mugs/c:c1", "late", OrderCancelled(order_id="c1-0"), 90, CustomerRef(customer_id="c1")
            )
            await on.happen(number, cancelled)
            assert len(list((await history.latest("orders", number)).after(b""))) == before, "read on, not anew"
            assert (await placed(history))["c1-0"]
        finally:
            await notes.close()
            await history.close()
