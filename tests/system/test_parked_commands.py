"""The parked commands as an operator runs them, on a broker, against a sink that is played by the protocol."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import pytest
import pytest_asyncio
from confluent_kafka import Producer

from schemas.codec import Codec
from schemas.registry import Registry
from schemas.signals import Customer, SessionActive, Signal
from schemas.values import CustomerRef
from tests.system.played_sink import NOON, PlayedSink, call
from tests.system.procs import Lane, Process, Record, open_lane, until

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]

ADA, BOB = "mugs/c:ada", "mugs/c:bob"
SINKS = tuple(f"sink-{n}" for n in range(8))  # each test has one of its own
OTHER = "other"
_fresh = (SINKS[n] for n in count())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lane(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lane]:
    folder = tmp_path_factory.mktemp("parked")
    opened = await open_lane(folder, os.environ.get("SHOPRELAY_TEST_KAFKA"), (*SINKS, OTHER))
    yield opened
    await opened.close()


def settings(*sinks: str) -> str:
    return "".join(f'[sinks.{n}]\nplatform = "klaviyo"\n[sinks.{n}.config]\napi_key = "env:KEY"\n' for n in sinks)


class Operator:
    """Runs the commands; each has a log of its own."""

    def __init__(self, lane: Lane, sink: str) -> None:
        self.lane, self.sink, self.runs = lane, sink, 0
        self.config = lane.settings(settings(sink, OTHER), f"{sink}.toml")

    def begin(self, command: str, *arguments: str, sink: str = "") -> Process:
        self.runs += 1
        given = ("parked", command, sink or self.sink, *arguments, "--config", str(self.config))
        return self.lane.shoprelay(f"{self.sink}-{self.runs}", *given, KEY="pk_sandbox")

    async def run(self, command: str, *arguments: str, sink: str = "") -> tuple[int, str]:
        process = self.begin(command, *arguments, sink=sink)
        return await process.ended(40), process.output()

    async def listed(self, *arguments: str) -> list[dict[str, Any]]:
        code, output = await self.run("list", "--json", *arguments)
        assert code == 0, output
        return [json.loads(line) for line in output.splitlines()]


@asynccontextmanager
async def playing(lane: Lane) -> AsyncIterator[tuple[PlayedSink, Operator]]:
    async with PlayedSink(lane, next(_fresh)) as sink:
        yield sink, Operator(lane, sink.name)


ORDER = call("order", ADA, 3, opens="order 17", status=422)
SHIPPED = call("shipped", ADA, 5, behind="order 17", reason="behind: order 17", status=None)
VIEWED = call("viewed", ADA, 1, reason="gave_up")
BOBS = call("bobs", BOB, 2, partition=3)
SHELF = (SHIPPED, BOBS, ORDER, VIEWED)


async def test_what_is_parked_is_listed_and_only_as_it_is_now(lane: Lane) -> None:
    async with playing(lane) as (sink, operator):
        assert await operator.run("list") == (0, f"nothing is parked for {sink.name}\n")
        await sink.park(*SHELF, call("gone", BOB, 9, 3), call("viewed", ADA, 1, attempts=4))
        sink._gone(call("gone", BOB, 9, 3))
        await sink.stop()

        assert {row["parked_id"] for row in await operator.listed()} == {each.parked_id for each in SHELF}
        found = await operator.listed("--reason", "rej", "--customer", ADA)
        assert sorted((row["offset"], row["attempts"]) for row in found) == [(1, 4), (3, 1)]
        code, output = await operator.run("list", "--limit", "2")
        assert (code, output.splitlines()[-1]) == (
            0, "4 parked: 3 rejected, 1 behind; the newest 2 are shown, --limit shows more"
        )  # fmt: skip
        code, output = await operator.run("list", "--since", "1m")
        assert (code, output) == (0, f"nothing that is parked for {sink.name} matches; there are 4 others\n")
        assert await operator.run("list", sink=OTHER) == (0, "nothing is parked for other\n")


async def test_one_is_shown_with_its_signal_and_who_waits(lane: Lane) -> None:
    registry = Registry(lane.registry)
    codec = Codec(registry, f"{lane.topics.prefix}customer-signals-value", "signal.avsc", Signal)
    await codec.prepare()
    await registry.close()
    said = Signal(
        signal_id="s-1", shop="mugs", occurred_at=NOON, cause="e-1", payload=SessionActive(url="https://mugs.example/"),
        customer=Customer(key=ADA, ref=CustomerRef(customer_id="ada")),
    )  # fmt: skip
    async with playing(lane) as (sink, operator):
        order = call("order", ADA, 3, opens="order 17", signal=codec.encode(said), answer=b'{"why": "no"}')
        await sink.park(order, SHIPPED)

        code, output = await operator.run("show", order.parked_id[:6])
        assert code == 0, output
        waits = f"{SHIPPED.parked_id[:8]} Placed Order"
        for part in ('"url": "https://mugs.example/"', '"why": "no"', waits, "2026-11-21 12:00:00 UTC"):
            assert part in output, output
        code, output = await operator.run("show", "zz")
        assert code == 1 and "zz: not parked" in output


async def test_a_redrive_keeps_order_reaches_only_this_sink_and_twice_is_harmless(lane: Lane) -> None:
    async with playing(lane) as (sink, operator):
        await sink.park(*SHELF)
        kept = {record.key: record.value for record in await lane.records(lane.topics.parked(sink.name))}
        code, output = await operator.run("redrive", "--dry-run")
        assert code == 0 and output.endswith("4 calls would be sent again, in this order; nothing was sent\n")
        assert await lane.records(lane.topics.redrive(sink.name)) == []

        sink.start()
        assert await operator.run("redrive") == (0, "✓ 4 delivered\n")
        assert [key for key in sink.delivered if key != "bobs"] == ["viewed", "order", "shipped"]
        asked = await lane.records(lane.topics.redrive(sink.name))
        assert {record.headers["parked_id"]: record.value for record in asked} == kept
        assert await operator.run("redrive") == (0, f"nothing to send again for {sink.name}\n")
        code, output = await operator.run("redrive", ORDER.parked_id)
        assert code == 0 and f"! {ORDER.parked_id}: not parked" in output

        for record in asked:  # what was asked for before a kill, and is heard afterwards
            await ask_again(lane, record)
        await until(lambda: sink.stale == 4, 10, "it is asked for once more")
        assert sorted(sink.delivered) == ["bobs", "order", "shipped", "viewed"]
        for topic in (lane.topics.redrive(OTHER), lane.topics.parked(OTHER), lane.topics.customer_signals):
            assert await lane.records(topic) == []


async def ask_again(lane: Lane, record: Record) -> None:
    producer = Producer({"bootstrap.servers": lane.bootstrap})
    headers = list(record.headers.items())
    producer.produce(record.topic, record.value, record.key, record.partition, headers=headers)
    await asyncio.to_thread(producer.flush, 10)


async def test_what_fails_again_is_told_and_who_waits_behind_it_goes_on_waiting(lane: Lane) -> None:
    async with playing(lane) as (sink, operator):
        sink.fails = {"order"}
        await sink.park(*SHELF)
        sink.start()
        code, output = await operator.run("redrive")
        assert code == 1, output
        assert "✓ 2 delivered" in output and "! 1 parked again" in output
        assert "! 1 still wait behind one that is parked" in output
        assert [row["attempts"] for row in await operator.listed("--reason", "rejected")] == [2]

        code, output = await operator.run("redrive", SHIPPED.parked_id[:8])
        assert code == 2 and "waits behind order 17" in output and "--with-openers" in output
        sink.fails = set()
        code, output = await operator.run("redrive", SHIPPED.parked_id[:8], "--with-openers")
        assert (code, output) == (0, "✓ 2 delivered\n")
        assert sink.delivered[-2:] == ["order", "shipped"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=lambda n: n.name)
async def test_stopped_in_the_middle_and_run_again_each_is_delivered_once(lane: Lane, number: signal.Signals) -> None:
    calls = [call(f"{n:02}", f"mugs/c:{n % 7}", n, partition=n % 7 % 4) for n in range(60)]
    async with playing(lane) as (sink, operator):
        await sink.park(*calls)
        sink.start()
        first = operator.begin("redrive", "--rate", "40/s")
        await until(lambda: len(sink.delivered) >= 15, 20, "some are delivered")
        first.signal(number)
        code = await first.ended()
        assert 15 <= len(sink.delivered) < 60, sink.delivered
        if number is signal.SIGINT:
            assert code == 1 and "stopped; run the same command again to go on" in first.output()

        assert (await operator.run("redrive"))[0] == 0
        assert sorted(sink.delivered) == [each.call_key for each in calls]
        for who in range(7):
            mine = [key for key in sink.delivered if int(key) % 7 == who]
            assert mine == sorted(mine)


async def test_without_a_sink_it_says_that_it_will_happen_and_it_does(lane: Lane) -> None:
    async with playing(lane) as (sink, operator):
        await sink.park(*SHELF)
        code, output = await operator.run("redrive", "--wait", "300ms")
        assert (
            code == 1 and "4 asked for and not dealt with yet" in output and f"`shoprelay sink {sink.name}`" in output
        )
        code, output = await operator.run("redrive", "--no-wait")
        assert (code, output) == (0, f"✓ asked for 4 calls; `shoprelay sink {sink.name}` does the rest\n")
        sink.start()
        await until(lambda: len(sink.delivered) == 4 and sink.stale == 4, 10, "all are delivered, once")


async def test_a_drop_says_who_waits_and_lets_go_of_who_waits_first(lane: Lane) -> None:
    async with playing(lane) as (sink, operator):
        await sink.park(*SHELF)
        sink.start()
        code, output = await operator.run("drop", ORDER.parked_id[:8])
        assert code == 2 and "--yes" in output and sink.dropped == []
        assert f"1 wait behind what is dropped, and will be sent without it: {SHIPPED.parked_id[:8]}" in output

        code, output = await operator.run("drop", "--customer", ADA, "--yes")
        assert code == 0 and output.endswith("✓ 3 dropped\n")
        assert sink.dropped == ["shipped", "order", "viewed"]
        assert [row["customer_key"] for row in await operator.listed()] == [BOB]


async def test_a_topic_that_is_missing_is_named(lane: Lane) -> None:
    code, output = await Operator(lane, "absent").run("list")

    assert code == 2 and "parked-absent: there is no such topic; run `shoprelay topics create`" in output
