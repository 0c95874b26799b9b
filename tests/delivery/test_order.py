"""Order, sameness and loss under everything at once; and nobody waits for somebody else."""

import itertools
import random

import pytest
from msgspec import structs

from sinks.contract import Answer, Limit
from streams.delivery import Backoff, BrakeLimits, GiveUp
from tests.delivery.moved import moved_clock, pass_time, until
from tests.delivery.said import ordered
from tests.delivery.world import OK, World, Written


@pytest.mark.parametrize("seed", range(3))
def test_fifty_customers_keep_their_order_whatever_the_platform_does(seed: int) -> None:
    """50 customers with 40 events each; half of the answers are 500, 40 % 200, 10 % 400, all late by up to 2 s."""

    @moved_clock
    async def story() -> None:
        world = World(seed=seed)
        draw = random.Random(seed)

        def answer() -> tuple[float, Answer]:
            status = draw.choices((500, 200, 400), (50, 40, 10))[0]
            return draw.random() * 2, Answer(status)

        world.platform.otherwise = answer

        def settled(record: Written) -> bool:
            key = world.codec.decode(record.value or b"").signal_id
            return key in world.platform.accepted or any(p.call_key == key for p in world.log.parked)

        world.settled = settled
        process = world.start(give_up_after=GiveUp(1000, 1e9), brake=BrakeLimits(1000, 1.0), commit_seconds=0.1)
        world.log.say(*(ordered(f"c{c}", str(n)) for n in range(40) for c in range(50)))
        await until(world.done)

        finished = [*world.platform.accepted, *(p.call_key for p in world.log.parked)]
        assert sorted(finished) == sorted(f"c{c}-ordered-{n}" for n in range(40) for c in range(50))
        assert world.platform.overlaps == 0
        assert len({(call.key, call.body) for _, call in world.platform.sent}) == 2000
        for customer in range(50):
            mine = [k for k in world.platform.told() if k.startswith(f"c{customer}-")]
            order = list(dict.fromkeys(int(k.rsplit("-", 1)[1]) for k in mine))
            assert order == list(range(40)), "nobody was overtaken"
            assert mine == sorted(mine, key=lambda k: int(k.rsplit("-", 1)[1])), "nobody came back later"
        assert process.metric("shoprelay_in_flight") == 0

    story()


@moved_clock
async def test_a_slow_customer_stops_nobody_else() -> None:
    world = World(partitions=1)
    world.start(max_in_flight=4)
    for n in range(20):
        world.platform.answers[f"slow-ordered-{n}"] = [(4.0, OK)]
    world.log.say(*(ordered("slow", str(n)) for n in range(20)), *(ordered(f"c{n}") for n in range(100)))
    await until(lambda: sum(not k.startswith("slow") for k in world.platform.accepted) == 100, 2)
    await until(world.done)

    assert world.platform.most_in_flight <= 4


@moved_clock
async def test_everybody_gets_a_turn_although_one_customer_has_a_thousand_signals() -> None:
    world = World(partitions=1)
    world.start(max_in_flight=1)
    world.platform.otherwise = lambda: (0.01, OK)
    world.log.say(*(ordered("busy", str(n)) for n in range(500)), *(ordered(f"c{n}") for n in range(10)))
    await until(lambda: sum(not k.startswith("busy") for k in world.platform.accepted) == 10)

    assert len(world.platform.accepted) <= 30


@moved_clock
async def test_what_is_in_flight_is_bounded_in_number_and_in_bytes() -> None:
    world = World()
    world.start(max_in_flight=8)
    world.platform.otherwise = lambda: (1.0, OK)
    world.log.say(*(ordered(f"c{n}") for n in range(100)))
    await until(world.done)
    assert world.platform.most_in_flight == 8

    world = World()
    body = len(b'{"id": "c00-ordered-1", "email": "c00@example.com"}')
    world.start(max_in_flight=8, max_in_flight_bytes=3 * body)
    world.platform.otherwise = lambda: (1.0, OK)
    world.log.say(*(ordered(f"c{n}") for n in range(10, 60)))
    await until(world.done)
    assert world.platform.most_in_flight == 3


@moved_clock
async def test_what_is_held_is_bounded_while_the_platform_is_down() -> None:
    world = World()
    process = world.start(window_records=100)
    world.platform.otherwise = Answer(503)
    world.log.say(*(ordered(f"c{n}", str(n)) for n in range(20_000)))
    await pass_time(600)
    held = sum(p.unfinished for p in process.delivery._lanes.partitions.values())

    assert held <= 4 * (100 + 500), "the window and one fetch, for each partition"


@moved_clock
async def test_every_window_of_the_budget_is_kept() -> None:
    world = World()
    limits = (Limit("events", 10, 1.0), Limit("events", 100, 60.0))
    world.start(calls={"limits": limits})
    world.platform.otherwise = lambda: (0.05, OK)
    world.log.say(*(ordered(f"c{n}") for n in range(350)))
    await until(world.done)
    times = [at for at, _ in world.platform.sent]

    assert all(sum(a <= t < a + 1.0 for t in times) <= 10 for a in times)
    assert all(sum(a <= t < a + 60.0 for t in times) <= 100 for a in times)
    assert times[-1] < 3 * 60 + 60, "and it is used"


@moved_clock
async def test_a_closed_endpoint_does_not_close_another() -> None:

    from schemas.signals import CartChanged, OrderPlaced
    from tests.delivery.said import changed
    from tests.delivery.sink import one_call

    world = World()

    def elsewhere(signal, config):
        return tuple(structs.replace(call, endpoint="carts") for call in one_call(signal, config))

    world.start(calls={"calls": {OrderPlaced: one_call, CartChanged: elsewhere}})
    world.platform.answers["c0-changed-basket-2"] = [Answer(429, {"retry-after": "1000"})]
    world.log.say(changed("c0"))
    await until(lambda: len(world.platform.sent) == 1)
    world.log.say(changed("c1"), *(ordered(f"c{n}") for n in range(2, 40)))
    await until(lambda: len(world.platform.accepted) == 38, 10)


@moved_clock
async def test_backing_off_is_spread_by_chance_and_grows() -> None:
    world = World()
    world.start(backoff=Backoff(1.0, 30.0), give_up_after=GiveUp(10_000, 1e9))
    world.platform.answers["bad-ordered-1"] = [Answer(500)] * 12
    world.log.say(ordered("bad"))
    for n in range(400):
        world.log.say(ordered(f"c{n}"))
        await pass_time(1)
    times = [at for at, call in world.platform.sent if call.key.startswith("bad")]
    waits = [b - a for a, b in itertools.pairwise(times)]

    assert len(waits) == 12
    assert all(0 <= wait <= 30.1 for wait in waits)
    assert len({round(wait, 3) for wait in waits}) > 6
