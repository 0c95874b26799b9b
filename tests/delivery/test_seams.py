"""A process dies on each line that matters; the next one starts from what was committed. Nothing is lost."""

import itertools

import pytest

from sinks.contract import Answer
from tests.delivery.moved import moved_clock, until
from tests.delivery.said import ordered, searched
from tests.delivery.world import Death, World, Written

POINTS = ("fetch", "before send", "before answer", "before park", "after park", "before commit", "after commit")


@pytest.mark.parametrize(("point", "nth"), [*itertools.product(POINTS, (1, 2, 5))])
def test_nothing_is_lost_and_repeats_are_the_same_wherever_a_process_dies(point: str, nth: int) -> None:
    @moved_clock
    async def story() -> None:
        world = World()
        for n in range(30):
            if n % 4 == 0:
                world.platform.answers[f"c{n}-ordered-1"] = [Answer(503), Answer(422)] * 3
            world.platform.answers.setdefault(f"c{n}-searched-1-a", [(0.2 + n * 0.05, Answer(200))])

        def settled(record: Written) -> bool:
            key = world.codec.decode(record.value or b"").signal_id
            told = key in world.platform.accepted or f"{key}-b" in world.platform.accepted
            return told or any(parked.signal_id == key for parked in world.log.parked)

        world.settled = settled
        death = Death(point, nth)
        first = world.start(death=death, commit_seconds=0.1)
        for n in range(30):
            world.log.say(ordered(f"c{n}", "1"), searched(f"c{n}", 1))
        await until(death.happened.is_set)
        await world.kill(first)
        world.start(commit_seconds=0.1)
        await until(world.done)

        parked = {p.call_key for p in world.log.parked}
        everything = [f"c{n}-{what}" for n in range(30) for what in ("ordered-1", "searched-1-a", "searched-1-b")]
        assert set(everything) == set(world.platform.accepted) | parked
        assert len({(call.key, call.body) for _, call in world.platform.sent}) == len(everything)
        assert len({(p.parked_id, p.call_key) for p in world.log.parked}) == len(parked), "parked again under one id"

    story()


@moved_clock
async def test_the_group_hands_partitions_over_without_loss_when_processes_come_and_go() -> None:
    world = World(partitions=6)
    world.platform.otherwise = lambda: (world.random.random(), Answer(world.random.choice([200, 200, 503])))
    processes = [world.start(commit_seconds=0.1)]
    for turn in range(12):
        world.log.say(*(ordered(f"c{c}", f"{turn}") for c in range(40)))
        await until(lambda: world.log.lag < 200)
        if turn % 3 == 0:
            processes.append(world.start(commit_seconds=0.1))
        elif turn % 3 == 1:
            assert await processes.pop(0).end() == 0
        else:
            await world.kill(processes.pop(0))
            processes.append(world.start(commit_seconds=0.1))
    await until(world.done)

    assert sorted(world.platform.accepted) == sorted(f"c{c}-ordered-{t}" for c in range(40) for t in range(12))
    assert len({(call.key, call.body) for _, call in world.platform.sent}) == 480
