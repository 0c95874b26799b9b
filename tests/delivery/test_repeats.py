"""How much a crash can repeat: never more than is in flight and not committed yet."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from aiokafka import TopicPartition

from streams.delivery.feed import Progress
from tests.delivery.moved import moved_clock, pass_time, until
from tests.delivery.said import ordered
from tests.delivery.sink import SINK
from tests.delivery.world import Process, World

MOST = SINK.max_in_flight + 75  # and half as much again as `commit_records`


def commits_take(process: Process, seconds: float) -> None:
    commit = process.hands.commit

    async def slow(progress: Mapping[TopicPartition, Progress]) -> bool:
        await asyncio.sleep(seconds)
        return await commit(progress)

    process.hands.commit = slow  # type: ignore[method-assign]


@moved_clock
async def test_nothing_more_leaves_while_too_much_would_be_repeated() -> None:
    world = World()
    process = world.start()
    commits_take(process, 3.0)
    world.log.say(*(ordered(f"c{n}") for n in range(400)))
    await until(lambda: len(world.platform.accepted) > 0)
    await pass_time(2.0)
    assert len(world.platform.sent) == MOST, "until the broker has said that it knows"

    await world.kill(process)
    again = world.start()
    await until(world.done)
    assert len(set(world.platform.told())) == 400
    assert len(world.platform.sent) <= 400 + MOST
    assert await again.end() == 0


@moved_clock
async def test_it_goes_on_as_soon_as_the_broker_knows() -> None:
    world = World()
    process = world.start()
    commits_take(process, 1.0)
    world.log.say(*(ordered(f"c{n}") for n in range(400)))
    await until(world.done, 20.0)
    assert len(world.platform.sent) == 400
    assert await process.end() == 0


@moved_clock
async def test_a_broker_that_takes_no_commits_is_not_waited_for() -> None:
    world = World()
    process = world.start()

    async def refuse(progress: Mapping[TopicPartition, Progress]) -> bool:
        return False

    commit, process.hands.commit = process.hands.commit, refuse  # type: ignore[method-assign]
    world.log.say(*(ordered(f"c{n}") for n in range(400)))
    await until(lambda: len(world.platform.accepted) == 400, 20.0)

    process.hands.commit = commit  # type: ignore[method-assign]
    await until(world.done)
    assert len(world.platform.sent) == 400
    assert await process.end() == 0
