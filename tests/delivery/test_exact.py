"""Exact bytes: what left once is what every repeat sends, whatever was set or released meanwhile."""

import itertools
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from schemas.signals import OrderPlaced, Searched, Signal
from sinks.contract import Answer, Batch, Call, CannotSay, Sink
from tests.delivery.moved import moved_clock, pass_time, until
from tests.delivery.said import ordered, searched
from tests.delivery.sink import SINK, one_call
from tests.delivery.world import OK, Death, World

POINTS = (
    "read kept", "before keep", "after keep", "before send", "before answer", "before park", "after park",
    "before commit", "after commit", "before forget", "after forget",
)  # fmt: skip


def released(version: int, **more: Any) -> Sink:
    """A release that says the same order in other bytes, under the same key."""

    def says(signal: Signal, config: Any) -> tuple[Call, ...]:
        (call,) = one_call(signal, config)
        return (
            structs.replace(
                call, body=call.body + b" " * version, headers=(("release", str(version)),), endpoint="orders"
            ),
        )

    return replace(SINK, calls={OrderPlaced: says, Searched: one_call}, kept=frozenset({"orders"}), **more)


def sent(world: World, key: str) -> list[Call]:
    return [call for _, call in world.platform.sent if call.key == key]


@moved_clock
async def test_a_call_that_may_have_arrived_is_repeated_to_the_byte_by_another_release() -> None:
    world = World()
    world.platform.answers["ada-ordered-1"] = [None]
    first = world.start(released(1))
    world.log.say(ordered("ada"))
    await until(lambda: len(sent(world, "ada-ordered-1")) == 1)
    await world.kill(first)
    world.start(released(2))
    world.log.say(ordered("bob"))
    await until(world.done)

    one, other = sent(world, "ada-ordered-1")
    assert one == other
    assert (one.headers, one.body[-2:]) == ((("release", "1"),), b"} ")
    (bobs,) = sent(world, "bob-ordered-1")
    assert bobs.headers == (("release", "2"),)


@moved_clock
async def test_what_is_delivered_and_not_committed_is_still_kept() -> None:
    async def refused(progress: Any) -> bool:
        return False

    world = World()
    first = world.start(released(1))
    first.hands.commit = refused  # type: ignore[method-assign]
    world.log.say(ordered("ada"))
    await until(lambda: "ada-ordered-1" in world.platform.accepted)
    await pass_time(10)
    await world.kill(first)
    world.start(released(2))
    await until(world.done)

    one, other = sent(world, "ada-ordered-1")
    assert one == other


@pytest.mark.parametrize(("point", "nth"), [*itertools.product(POINTS, (1, 2, 5, 11))])
def test_wherever_it_dies_repeats_are_equal_and_nothing_stays_behind(point: str, nth: int) -> None:
    @moved_clock
    async def story() -> None:
        world = World()
        for n in range(20):
            if n % 4 == 0:
                world.platform.answers[f"c{n}-ordered-1"] = [Answer(503), Answer(422)]
        death = Death(point, nth)
        first = world.start(released(1), death=death, commit_seconds=0.1)
        world.log.say(*(ordered(f"c{n}") for n in range(20)))
        await until(lambda: death.happened.is_set() or world.done())
        parked = {call.call_key for call in world.log.parked}
        await world.kill(first)
        world.start(released(2), commit_seconds=0.1)
        await until(world.done)
        await pass_time(5)

        for n in range(20):
            key = f"c{n}-ordered-1"
            assert len({(call.body, call.headers) for call in sent(world, key)}) == 1 or key in parked, key
        assert world.log.still_kept == {}

    story()


@moved_clock
async def test_it_leaves_only_once_it_is_kept() -> None:
    world = World()
    world.start(released(1))
    world.log.away = True
    world.log.say(ordered("ada"))
    await pass_time(30)
    assert world.platform.sent == []
    world.log.away = False
    await until(world.done)
    await until(lambda: world.log.still_kept == {})

    assert [value is None for _, _, value in world.log.kept] == [False, True]
    assert b"ada" not in b"".join(key + (value or b"") for _, key, value in world.log.kept)


@moved_clock
async def test_what_is_parked_is_kept_no_longer_and_anew_on_its_second_way() -> None:
    world = World()
    world.platform.answers["ada-ordered-1"] = [Answer(422), None]
    first = world.start(released(1))
    world.log.say(ordered("ada"))
    await until(lambda: bool(world.log.parked) and world.log.still_kept == {} and world.done())
    await first.end()
    second = world.start(released(2))
    world.log.ask(*world.log.still_parked.values())
    await until(lambda: len(sent(world, "ada-ordered-1")) == 2)
    await world.kill(second)
    world.start(released(3))
    await until(world.done)

    assert [call.headers[0][1] for call in sent(world, "ada-ordered-1")] == ["1", "2", "2"]
    assert len({call.body for call in sent(world, "ada-ordered-1")}) == 1, "the platform compares"
    await until(lambda: world.log.still_kept == {})


def set_to(name: str) -> Sink:
    """What is set stands in the path and in the body, as a shop id does; the searches go where nothing is kept."""

    def says(signal: Signal, config: Any) -> tuple[Call, ...]:
        (call,) = one_call(signal, config)
        endpoint = "events" if isinstance(signal.payload, Searched) else "orders"
        return (structs.replace(call, path=f"/{name}/orders", body=f'{{"shop":"{name}"}}'.encode(), endpoint=endpoint),)

    return replace(SINK, calls={OrderPlaced: says, Searched: says}, kept=frozenset({"orders"}))


@moved_clock
async def test_what_is_sent_again_is_what_was_parked_whatever_was_set_meanwhile() -> None:
    world = World()
    for key in ("ada-ordered-1", "ada-searched-1"):
        world.platform.answers[key] = [Answer(422), Answer(422)]
    process = world.start(set_to("old"))
    world.log.say(ordered("ada"), searched("ada", 1))
    await until(world.done)
    for name in ("new", "newer"):
        await process.end()
        process = world.start(set_to(name))
        world.log.ask(*world.log.still_parked.values())
        await until(world.done)

    old = ("POST", "/old/orders", b'{"shop":"old"}')
    assert [(call.method, call.path, call.body) for call in sent(world, "ada-ordered-1")] == [old] * 3
    assert [call.path for call in sent(world, "ada-searched-1")] == ["/old/orders", "/new/orders", "/newer/orders"]
    assert world.log.still_parked == {}


@moved_clock
async def test_what_cannot_be_said_just_now_keeps_the_bytes_that_were_parked() -> None:
    def says(signal: Signal, config: Any) -> tuple[Call, ...]:
        raise CannotSay("shop is not set")

    world = World()
    world.platform.answers["ada-ordered-1"] = [Answer(422)]
    process = world.start(set_to("old"))
    world.log.say(ordered("ada"))
    await until(world.done)
    for sink in (replace(set_to("new"), calls={OrderPlaced: says}), set_to("newer")):
        await process.end()
        process = world.start(sink)
        world.log.ask(*world.log.still_parked.values())
        await until(world.done)

    assert [call.path for call in sent(world, "ada-ordered-1")] == ["/old/orders"] * 2
    assert world.log.still_parked == {}


@moved_clock
async def test_what_is_too_large_to_be_kept_is_parked() -> None:
    from streams.delivery.park import TooLarge

    world = World()
    process = world.start(released(1))
    assert process.kept is not None

    async def put(partition: int, key: bytes, value: bytes) -> None:
        raise TooLarge

    process.kept.put = put  # type: ignore[method-assign]
    world.log.say(ordered("ada"))
    await until(world.done)

    assert [parked.reason for parked in world.log.parked] == ["cannot_say: too large to be kept"]
    assert world.platform.sent == []


@moved_clock
async def test_such_calls_do_not_travel_together_and_others_are_not_kept() -> None:
    world = World()
    batch = Batch("orders", "many", lambda calls: calls[0], lambda calls, answers: None, 10, 10_000, from_items=2)
    world.platform.otherwise = (1.0, OK)
    world.start(released(1, batches=(batch,), max_in_flight=2))
    world.log.say(*(ordered(f"c{n}") for n in range(10)), *(searched(f"s{n}", 1) for n in range(10)))
    await until(world.done)

    assert {call.endpoint for _, call in world.platform.sent} == {"orders", "events"}
    assert sum(value is not None for _, _, value in world.log.kept) == 10


@moved_clock
async def test_partitions_come_and_go_and_nothing_stays_behind() -> None:
    world = World(partitions=6)
    world.platform.otherwise = lambda: (world.random.random(), Answer(world.random.choice([200, 200, 503])))
    processes = [world.start(released(0), commit_seconds=0.1)]
    for turn in range(8):
        world.log.say(*(ordered(f"c{c}", f"{turn}") for c in range(30)))
        await until(lambda: world.log.lag < 150)
        if turn % 3 == 0:
            processes.append(world.start(released(turn), commit_seconds=0.1))
        elif turn % 3 == 1:
            assert await processes.pop(0).end() == 0
        else:
            await world.kill(processes.pop(0))
            processes.append(world.start(released(turn), commit_seconds=0.1))
    await until(world.done)
    await world.rebalance()
    await pass_time(5)

    by_key: dict[str, set[Any]] = {}
    for _, call in world.platform.sent:
        by_key.setdefault(call.key, set()).add((call.body, call.headers))
    assert len(by_key) == 240
    assert {key for key, bytes_ in by_key.items() if len(bytes_) > 1} == set()
    assert world.log.still_kept == {}
