"""Workers and sinks come and go under load, and the broker goes away for a while: nothing is lost or out of order."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import subprocess
import time
from collections import Counter

import pytest

from tests.system.load import Load
from tests.system.procs import until
from tests.system.running import Running, event, seen

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]


async def owns(system: Running, name: str, least: int, most: int) -> None:
    async def so() -> bool:
        status, body = await system.readiness(name)
        return status == 200 and least <= body["partitions"] <= most

    await until(so, 30, f"{name} owns {least} to {most} partitions")


async def said_once(system: Running, load: Load) -> None:
    """Every event of the load led to one record in the signals: no worker repeated another's work."""
    said = Counter(signal.cause for _, signal in await system.signals())
    assert {said[event_id] for ids in load.told.values() for event_id in ids} == {1}


async def test_a_second_worker_joins_under_load_and_leaves_again(system: Running) -> None:
    everything = (await system.readiness("worker"))[1]["partitions"]
    async with Load(system, "second") as load:
        await load.until(50)
        system.begin("second")
        await owns(system, "second", 1, everything - 1)
        await owns(system, "worker", 1, everything - 1)
        await load.until(100)
        assert await system.processes["second"].terminate(5) == 0
        await owns(system, "worker", everything, everything)
        await load.until(50)
    assert await load.arrived() == 0
    await said_once(system, load)


async def test_sigterm_under_load_ends_everything_within_5_seconds_and_loses_nothing(system: Running) -> None:
    async with Load(system, "sigterm", pause=0.01) as load:
        await load.until(100)
        for name in ("sink", "worker"):
            began = time.monotonic()
            assert await system.processes[name].terminate(5) == 0
            assert time.monotonic() - began < 5
            await load.until(100)
        await system.started("worker", "sink")
    assert await load.arrived() == 0, "calls under way were finished, not dropped"
    await said_once(system, load)


@pytest.mark.parametrize(
    "how",
    [
        pytest.param("down", marks=pytest.mark.embedded),
        pytest.param("stop", marks=pytest.mark.kafka),
        pytest.param("kill", marks=pytest.mark.kafka),
    ],
)
async def test_the_broker_goes_away_under_load_and_comes_back(system: Running, how: str) -> None:
    async with Load(system, f"broker-{how}") as load:
        await load.until(50)
        if system.lane.broker is not None:
            system.lane.broker.down()
            await load.until(100)
            system.lane.broker.up()
        else:
            control = shlex.split(os.environ["SHOPRELAY_TEST_KAFKA_CONTROL"])
            for command in (how, "start"):
                await asyncio.to_thread(subprocess.run, [*control, command], check=True)
        await load.until(50)
    for name in ("worker", "sink"):
        assert system.processes[name].exit_code is None
        await system.ready(name)
    await load.arrived(60)


async def test_nobody_is_left_when_everything_ends_with_nothing_to_do(system: Running) -> None:
    await system.tell(event("last", seen()))
    await system.stored_for({"last"}, "Active on Site")
    for process in system.processes.values():
        if process.exit_code is None:
            process.signal(signal.SIGTERM)
    for process in system.processes.values():
        assert await process.ended(5) == 0
    stand_in = next(p for name, p in system.lane.processes.items() if name.startswith("klaviyo/"))
    assert await stand_in.terminate(5) == 0
