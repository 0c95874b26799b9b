"""Stopping, giving partitions back, and a broker that is away."""

import asyncio
from dataclasses import replace
from typing import Any
from unittest.mock import Mock

from schemas.codec import SchemaMissing
from sinks.contract import Answer, Call, Limit
from tests.delivery.moved import moved_clock, pass_time, until
from tests.delivery.said import ordered, searched
from tests.delivery.sink import SINK
from tests.delivery.world import OK, World


@moved_clock
async def test_a_stop_lets_calls_in_flight_finish_and_commits_them() -> None:
    world = World()
    process = world.start(drain_seconds=10.0)
    world.platform.otherwise = lambda: (3.0, OK)
    world.log.say(*(ordered(f"c{n}") for n in range(40)))
    await until(lambda: len(world.platform.sent) == 16)
    assert await process.end() == 0

    assert len(world.platform.sent) == 16, "nothing new is begun"
    assert len(world.platform.accepted) == 16
    again = world.start()
    await until(world.done)
    assert len(world.platform.sent) == 40, "and nothing is sent twice"
    assert await again.end() == 0


@moved_clock
async def test_a_stop_takes_no_longer_than_the_drain_and_drops_the_rest() -> None:
    world = World()
    process = world.start(drain_seconds=2.0)
    world.platform.otherwise = lambda: None
    world.log.say(*(ordered(f"c{n}") for n in range(40)))
    await until(lambda: len(world.platform.sent) == 16)
    began = asyncio.get_running_loop().time()
    assert await process.end() == 0

    assert 1.9 <= asyncio.get_running_loop().time() - began <= 2.5
    assert world.log.committed == {}
    assert process.metric("shoprelay_calls_total", says="OrderPlaced", verdict="unavailable") == 0, "no verdict"


@moved_clock
async def test_after_giving_a_partition_back_nothing_of_it_is_sent() -> None:
    world = World(partitions=2)
    first = world.start(drain_seconds=2.0)
    world.platform.otherwise = lambda: (0.5, Answer(503))
    world.log.say(*(ordered(f"c{n}", str(m)) for m in range(3) for n in range(30)))
    await pass_time(5)
    gone = {place.partition for place in first.hands._positions}
    second = world.start()
    await until(lambda: bool(second.hands._positions))
    kept = {place.partition for place in first.hands._positions}
    mark = len(world.platform.sent)
    world.platform.otherwise = OK
    assert gone == {0, 1}
    assert len(kept) == 1

    await until(world.done)
    later = [call.key for _, call in world.platform.sent[mark:]]
    assert sorted(set(later)) == sorted(f"c{n}-ordered-{m}" for m in range(3) for n in range(30))
    assert len(later) == len(set(later)), "each by its new owner alone"


@moved_clock
async def test_however_many_processes_share_the_work_together_they_keep_the_platforms_limits() -> None:
    world = World(partitions=6)
    limited = replace(SINK, limits=(Limit("events", 60, 60.0),))
    world.platform.otherwise = lambda: (0.1, OK)
    world.log.say(*(ordered(f"c{n}") for n in range(600)))
    processes = [world.start(limited)]
    for _ in range(3):
        await pass_time(100)
        processes.append(world.start(limited))
    await pass_time(100)
    assert await processes.pop(0).end() == 0
    await until(world.done)
    times = [at for at, _ in world.platform.sent]

    # A process that takes partitions over does not know what their last owner used of the window it is in.
    assert max(sum(a <= t < a + 60.0 for t in times) for a in times) <= 2 * 60
    steady = [t for t in times if 330 <= t < 400]
    assert 40 <= len(steady) <= 75, "and together they use them"


@moved_clock
async def test_a_call_that_outlasts_the_drain_is_dropped_before_the_new_owner_sends_it() -> None:
    world = World(partitions=2)
    world.start(drain_seconds=2.0)
    world.platform.otherwise = lambda: None
    world.log.say(*(ordered(f"c{n}") for n in range(10)))
    await until(lambda: len(world.platform.sent) == 10)
    world.start()
    world.platform.otherwise = OK
    await until(world.done)

    assert world.platform.overlaps == 0, "never two requests of one customer at once"
    assert [at for at, _ in world.platform.sent[10:] if at < 2.0] == []
    assert sorted(world.platform.told()) == sorted(2 * [f"c{n}-ordered-1" for n in range(10)])


@moved_clock
async def test_what_one_process_finished_is_not_sent_again_when_its_partition_returns() -> None:
    world = World(partitions=1)
    world.start(drain_seconds=1.0)
    world.platform.answers["slow-ordered-1"] = [None]
    world.log.say(ordered("slow"), *(ordered(f"c{n}") for n in range(20)), searched("slow", 1))
    await until(lambda: len(world.platform.accepted) == 20)
    await world.rebalance()
    await until(world.done)

    assert len(world.platform.sent) == 20 + 2 + 2
    assert world.platform.told().count("slow-ordered-1") == 2


@moved_clock
async def test_a_stop_in_the_middle_of_a_commit_tells_once_more_what_is_finished() -> None:
    world = World(partitions=1)
    process = world.start(drain_seconds=1.0)
    world.platform.answers["slow-ordered-1"] = [None]
    world.log.say(ordered("slow"))
    await until(lambda: bool(world.platform.sent))
    commit, stopped = process.hands.commit, asyncio.Event()

    async def lost(progress: object) -> bool:
        stopped.set()
        process.stop.set()
        process.hands.commit = commit  # type: ignore[method-assign]
        await asyncio.Event().wait()
        return False

    process.hands.commit = lost  # type: ignore[method-assign]
    world.log.say(*(ordered(f"c{n}") for n in range(5)))
    assert await process.running == 0
    assert stopped.is_set()

    world.start()
    await until(world.done)
    assert len(world.platform.sent) == 7, "only the slow one twice"


@moved_clock
async def test_requests_that_take_a_while_to_be_cut_short_keep_nobody_from_giving_back() -> None:
    world = World(partitions=1)
    process = world.start(drain_seconds=2.0)
    send = process.hands.send

    async def slow_to_end(call: Call) -> Answer:
        try:
            return await send(call)
        finally:
            await asyncio.sleep(0.05 * int(call.key[1]))

    process.hands.send = slow_to_end  # type: ignore[method-assign]
    world.platform.otherwise = lambda: None
    world.log.say(*(ordered(f"c{n}") for n in range(8)))
    await until(lambda: len(world.platform.sent) == 8)
    world.platform.otherwise = OK
    assert await process.end() == 0

    world.start()
    await until(world.done)
    assert len(world.platform.accepted) == 8


@moved_clock
async def test_what_begins_to_wait_after_the_drain_is_cut_short_too() -> None:
    """A registry that answers late is followed by a broker that does not answer at all."""
    world = World(partitions=1)
    world.platform.otherwise = Answer(422)
    process = world.start(drain_seconds=1.0)
    world.log.say(ordered("ada"))
    await until(world.done)
    asked = asyncio.Event()

    async def fetch(schema_id: int) -> None:
        asked.set()
        await asyncio.sleep(1.5)
        del codec.decode, codec.fetch  # type: ignore[attr-defined]
        world.log.away = True

    codec: Any = process.delivery._parking.codec
    codec.fetch, codec.decode = fetch, Mock(side_effect=SchemaMissing(7))
    world.log.ask(*world.log.still_parked.values(), action="drop")
    await until(asked.is_set)
    process.stop.set()
    await until(process.running.done, 60.0)
    assert await process.running == 0


@moved_clock
async def test_a_broker_that_is_away_loses_nothing_and_stops_nobody() -> None:
    world = World()
    process = world.start()
    world.platform.answers["ada-ordered-1"] = [(1.0, Answer(422))]
    world.platform.otherwise = lambda: (1.0, OK)
    world.log.say(ordered("ada"), ordered("bob"))
    await until(lambda: len(world.platform.sent) == 2)
    world.log.away = True
    await pass_time(300)
    assert world.platform.accepted == ["bob-ordered-1"]
    assert process.metric("shoprelay_sink_held", reason="parking") == 1
    assert world.log.lag == 2

    world.log.away = False
    await until(world.done, 120)
    assert [parked.call_key for parked in world.log.parked] == ["ada-ordered-1"]
    assert process.metric("shoprelay_sink_held", reason="parking") == 0


@moved_clock
async def test_a_mistake_of_ours_ends_the_process_with_70() -> None:
    world = World()
    process = world.start()

    async def broken(call: object) -> Answer:
        raise ZeroDivisionError

    process.hands.send = broken  # type: ignore[method-assign,assignment]
    world.log.say(ordered())

    assert await process.running == 70
    assert world.log.committed == {}


@moved_clock
async def test_health_tells_lag_and_silence() -> None:
    world = World()
    process = world.start()
    assert process.delivery.health().state == "joining"
    world.platform.otherwise = lambda: (2.0, OK)
    world.log.say(*(ordered(f"c{n}") for n in range(10)))
    await until(lambda: process.delivery.health().lag == 10)
    assert process.delivery.health().in_flight == 10

    await until(world.done)
    await pass_time(30)
    health = process.delivery.health()
    assert (health.state, health.ready, health.lag, health.partitions) == ("running", True, 0, 4)
    assert health.quiet_seconds >= 30
