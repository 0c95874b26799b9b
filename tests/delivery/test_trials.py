"""Long trials in virtual time: everything at once, a dead platform beside four busy ones, two hours without it."""

import asyncio
import random
from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from schemas.signals import OrderPlaced
from sinks.contract import Answer, Limit
from streams.delivery import BrakeLimits, GiveUp
from tests.delivery.moved import NOON, moved_clock, pass_time, until
from tests.delivery.said import abandoned, changed, ordered, signal, unsubscribed
from tests.delivery.sink import SINK
from tests.delivery.test_batches import Bulk, bulky
from tests.delivery.world import OK, World, Written

pytestmark = pytest.mark.thorough

PATIENT = {"give_up_after": GiveUp(1000, 1e9), "brake": BrakeLimits(10_000, 1.1)}


def in_order(told: list[str]) -> bool:
    """First attempts, per customer, by number."""
    first: dict[str, list[int]] = defaultdict(list)
    for key in dict.fromkeys(told):
        customer, _, number = key.split("-")
        first[customer].append(int(number))
    return all(numbers == sorted(numbers) for numbers in first.values())


@pytest.mark.parametrize("together", [False, True], ids=["one by one", "together"])
@pytest.mark.parametrize("seed", range(3))
def test_everything_at_once(seed: int, together: bool) -> None:
    """50 customers with 40 events each. Half of the answers are 500, 40 % 200, 10 % 400, all late; processes are
    started, stopped in order, and killed."""

    @moved_clock
    async def story() -> None:
        world = World(seed=seed)
        draw = random.Random(seed)
        platform = Bulk() if together else world.platform
        world.platform = platform

        def answer() -> Any:
            return draw.random() * 2, Answer(draw.choices((500, 200, 400), (50, 40, 10))[0])

        platform.otherwise = answer
        if isinstance(platform, Bulk):
            platform.scripted = [
                draw.choice([None, Answer(500), Answer(400), Answer(0, fault="reset")]) for _ in range(300)
            ]

        def settled(record: Written) -> bool:
            key = world.codec.decode(record.value or b"").signal_id
            return key in world.platform.accepted or any(p.call_key == key for p in world.log.parked)

        world.settled = settled
        sink = bulky() if together else SINK
        processes, killed = [world.start(sink, **PATIENT)], False
        for turn in range(10):
            world.log.say(*(ordered(f"c{c}", str(4 * turn + n)) for n in range(4) for c in range(50)))
            await pass_time(draw.random() * 20)
            match draw.choice(["start", "stop", "kill"]):
                case "stop" if len(processes) > 1:
                    assert await processes.pop(0).end() == 0
                case "kill":
                    await world.kill(processes.pop(0))
                    killed = True
                    processes.append(world.start(sink, **PATIENT))
                case _ if len(processes) < 4:
                    processes.append(world.start(sink, **PATIENT))
        await until(world.done)

        finished = {*world.platform.accepted, *(p.call_key for p in world.log.parked)}
        assert finished == {f"c{c}-ordered-{n}" for n in range(40) for c in range(50)}
        assert world.platform.overlaps == 0 or killed, "only what the dead had sent may be under way beside its repeat"
        assert in_order(platform.told())
        assert len({(call.key, call.body) for _, call in world.platform.sent}) == len(set(platform.told()))

    story()


@pytest.mark.slow
@moved_clock
async def test_a_platform_dead_for_two_hours_neither_slows_four_others_nor_fills_the_memory() -> None:
    """Five sinks read the same signals, each in its own group. Two hours at one signal a second; one platform is
    away."""
    worlds = [World(seed=n) for n in range(5)]
    for world in worlds[1:]:
        world.log.partitions = worlds[0].log.partitions  # one topic, five groups
    limits = (Limit("events", 20, 1.0),)
    processes = [world.start(replace(SINK, limits=limits), window_records=200) for world in worlds]
    dead = worlds[0]
    for world in worlds:
        world.platform.otherwise = lambda: (0.05, OK)
    dead.platform.otherwise = Answer(503)
    for minute in range(120):
        dead.log.say(*(ordered(f"c{n % 500}", f"{60 * minute + n}") for n in range(60)))
        await pass_time(60)
    told = [len(world.platform.accepted) for world in worlds]

    assert all(count >= 0.95 * 7_200 for count in told[1:])
    assert told[0] == 0
    assert dead.log.parked == []
    assert sum(p.unfinished for p in processes[0].delivery._lanes.partitions.values()) <= 4 * (200 + 500)
    assert len(dead.members) == 1, "nobody was thrown out"
    assert processes[0].delivery.health().state == "unavailable"

    began = asyncio.get_running_loop().time()
    dead.platform.otherwise = lambda: (0.05, OK)
    await until(dead.done)
    took = asyncio.get_running_loop().time() - began
    assert len(dead.platform.accepted) == 7_200
    assert in_order(dead.platform.accepted)
    times = [at for at, _ in dead.platform.sent if at >= began]
    assert max(sum(a <= t < a + 1.0 for t in times) for a in times[:: len(times) // 50]) <= 20, "at its budget"
    assert took <= 7_200 / 20 * 1.5 + 60


@moved_clock
async def test_after_two_hours_without_the_platform_every_order_leaves_and_no_stale_reminder() -> None:
    """T = 1 h. Who bought, emptied, changed or unsubscribed meanwhile is not reminded; who did nothing is, unless it is
    too late by now."""
    world = World()
    process = world.start()
    world.platform.otherwise = Answer(503)
    people = ("bought", "emptied", "changed", "unsubscribed", "nothing", "too-late")
    for who in people:
        expires_in = 1.5 * 3600 if who == "too-late" else 4 * 3600
        world.log.say(abandoned(who, expires_in=expires_in))
    await pass_time(3600)
    world.log.say(
        ordered("bought", "1", at=NOON + timedelta(hours=1)),
        changed("emptied", empty=True),
        changed("changed"),
        unsubscribed("unsubscribed"),
        ordered("somebody", "1"),
    )
    await pass_time(3600)
    assert world.platform.accepted == []
    world.platform.otherwise = OK
    await until(world.done)

    reminded = [key for key in world.platform.accepted if "abandoned" in key]
    assert reminded == ["nothing-abandoned-basket-1-1"]
    assert {"bought-ordered-1", "somebody-ordered-1"} <= set(world.platform.accepted)
    for reason in ("bought", "emptied", "changed", "unsubscribed", "expired"):
        assert process.metric("shoprelay_reminders_withheld_total", reason=reason) == 1, reason


@moved_clock
async def test_a_backfill_fills_what_live_signals_leave_and_no_more() -> None:
    """10,000 signals of history wait; live ones, two a second, go past them, and the limits of the platform hold."""
    world = World()
    limits = (Limit("events", 350, 1.0), Limit("events", 3_500, 60.0))
    world.start(replace(SINK, limits=limits))
    world.platform.otherwise = lambda: (0.05, OK)
    payload = ordered("x").payload
    assert isinstance(payload, OrderPlaced)
    world.log.say(*(signal(f"h{n}", f"ordered-{n}", payload, backfill=True) for n in range(10_000)))
    await pass_time(1)
    said: dict[str, float] = {}
    for n in range(200):
        world.log.say(ordered(f"live{n}", str(n)))
        said[f"live{n}-ordered-{n}"] = asyncio.get_running_loop().time()
        await pass_time(0.5)
    await until(world.done)

    waits = sorted(at - said[call.key] for at, call in world.platform.sent if call.key in said)
    assert len(waits) == 200
    assert waits[190] < 2.0, "95 of a hundred"
    times = sorted(at for at, _ in world.platform.sent)
    assert max(sum(a <= t < a + 60.0 for t in times) for a in times[::50]) <= 3_500
    assert len(world.platform.accepted) == 10_200
