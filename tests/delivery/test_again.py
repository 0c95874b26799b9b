"""Parked, and sent again: in order, once, and with whoever waits behind. A fulfilment does not pass its order."""

import itertools
from dataclasses import replace

import pytest
from msgspec import structs

from schemas.records import Parked
from schemas.signals import CartAbandoned, OrderPlaced, Searched, Signal
from sinks.contract import Answer, Call
from streams.delivery import BrakeLimits
from tests.delivery.moved import moved_clock, until
from tests.delivery.said import abandoned, encode, ordered, searched
from tests.delivery.sink import SINK, one_call
from tests.delivery.world import OK, Death, World

BAD = Answer(422, {}, b'{"error": "bad"}')


def opening(signal: Signal, config: object) -> tuple[Call, ...]:
    """An order makes itself known; what is searched for (a fulfilment, let us say) needs the customer's first order."""
    assert isinstance(signal.payload, OrderPlaced)
    return tuple(
        structs.replace(call, opens=f"order {signal.payload.order.order_id}") for call in one_call(signal, config)
    )


def needing(signal: Signal, config: object) -> tuple[Call, ...]:
    return tuple(structs.replace(call, needs="order 1") for call in one_call(signal, config))


SEQUENCED = replace(SINK, calls={OrderPlaced: opening, Searched: needing, CartAbandoned: one_call})
NO_BRAKE = BrakeLimits(in_a_row=10_000, share=1.1)


def ids(world: World) -> list[str]:
    return sorted(parked.call_key for parked in world.log.still_parked.values())


def one(world: World, call_key: str) -> Parked:
    return next(parked for parked in world.log.still_parked.values() if parked.call_key == call_key)


# -- behind


@moved_clock
async def test_what_needs_a_parked_call_waits_behind_it_and_everything_else_goes_on() -> None:
    world = World()
    process = world.start(SEQUENCED)
    world.platform.answers["ada-ordered-1"] = [BAD]
    world.log.say(ordered("ada", "1"), searched("ada", 1), ordered("ada", "2"), ordered("bob", "1"), searched("bob", 1))
    await until(world.done)

    assert world.platform.accepted == ["ada-ordered-2", "bob-ordered-1", "bob-searched-1"] or sorted(
        world.platform.accepted
    ) == ["ada-ordered-2", "bob-ordered-1", "bob-searched-1"]
    assert "ada-searched-1" not in world.platform.told()
    behind = one(world, "ada-searched-1")
    assert (behind.behind, behind.reason, behind.attempts, behind.opens) == ("order 1", "behind: order 1", 0, None)
    assert one(world, "ada-ordered-1").opens == "order 1"
    await until(lambda: process.metric("shoprelay_parked_calls") == 2)


@moved_clock
async def test_who_waits_behind_is_known_to_the_next_owner() -> None:
    world = World()
    first = world.start(SEQUENCED)
    world.platform.answers["ada-ordered-1"] = [BAD]
    world.log.say(ordered("ada", "1"))
    await until(world.done)
    await world.kill(first)
    world.start(SEQUENCED)
    world.log.say(searched("ada", 1))
    await until(world.done)

    assert world.platform.told() == ["ada-ordered-1"]
    assert ids(world) == ["ada-ordered-1", "ada-searched-1"]


@moved_clock
async def test_nothing_is_fetched_before_it_is_known_what_is_parked() -> None:
    world = World()
    first = world.start(SEQUENCED)
    world.platform.answers["ada-ordered-1"] = [BAD]
    world.log.say(ordered("ada", "1"))
    await until(world.done)
    await world.kill(first)
    world.log.say(searched("ada", 1))
    world.log.away = True
    second = world.start(SEQUENCED)
    await until(lambda: bool(second.hands._positions))
    world.log.away = False
    await until(world.done)

    assert world.platform.told() == ["ada-ordered-1"]


@moved_clock
async def test_a_long_queue_behind_a_parked_call_does_not_pull_the_brake() -> None:
    world = World()
    process = world.start(SEQUENCED, brake=BrakeLimits(in_a_row=3))
    world.platform.answers["ada-ordered-1"] = [BAD]
    world.log.say(ordered("ada", "1"), *(searched("ada", n) for n in range(20)))
    await until(world.done)

    assert len(world.log.still_parked) == 21
    assert process.delivery.health().state == "running"


# -- again


@moved_clock
async def test_asked_for_again_it_is_sent_in_order_with_those_behind_and_parked_no_longer() -> None:
    world = World()
    process = world.start(SEQUENCED)
    world.platform.answers["ada-ordered-1"] = [BAD]
    world.log.say(ordered("ada", "1"), searched("ada", 1), searched("ada", 2))
    await until(world.done)
    assert len(world.log.still_parked) == 3

    world.log.ask(one(world, "ada-ordered-1"))
    await until(lambda: world.done() and not world.log.still_parked)

    assert world.platform.accepted == ["ada-ordered-1", "ada-searched-1", "ada-searched-2"]
    assert process.metric("shoprelay_signals_total", signal="Searched", outcome="delivered") == 2
    await until(lambda: process.metric("shoprelay_parked_calls") == 0)


@moved_clock
async def test_asked_twice_is_asked_once() -> None:
    world = World()
    process = world.start(SEQUENCED)
    world.platform.answers["ada-ordered-1"] = [BAD]
    world.log.say(ordered("ada", "1"), searched("ada", 1))
    await until(world.done)
    everything = sorted(world.log.still_parked.values(), key=lambda parked: parked.offset)

    for _ in range(3):
        world.log.ask(*everything)
    await until(lambda: world.done() and not world.log.still_parked)

    assert world.platform.told() == ["ada-ordered-1", "ada-ordered-1", "ada-searched-1"]
    assert process.metric("shoprelay_signals_total", signal="unknown", outcome="settled") >= 4


@moved_clock
async def test_what_is_refused_again_is_the_same_parked_call_with_its_attempts_added_up() -> None:
    world = World()
    world.start()
    world.platform.answers["ada-ordered-1"] = [Answer(503), BAD, Answer(503), Answer(503), Answer(418)]
    world.log.say(ordered("ada", "1"))
    await until(world.done)
    before = one(world, "ada-ordered-1")
    world.log.ask(before)
    await until(world.done)
    after = one(world, "ada-ordered-1")

    assert after.parked_id == before.parked_id
    assert (before.attempts, after.attempts) == (2, 5)
    assert (after.first_at, after.status) == (before.first_at, 418)
    assert after.last_at > before.last_at
    assert (after.topic, after.partition, after.offset) == (before.topic, before.partition, before.offset)
    assert after.signal == before.signal


@moved_clock
async def test_only_what_had_not_passed_is_sent_again() -> None:
    world = World()
    world.start()
    world.platform.answers["ada-searched-1-b"] = [BAD]
    world.log.say(searched("ada", 1))
    await until(world.done)
    world.log.ask(one(world, "ada-searched-1-b"))
    await until(lambda: world.done() and not world.log.still_parked)

    assert world.platform.told() == ["ada-searched-1-a", "ada-searched-1-b", "ada-searched-1-b"]


@moved_clock
async def test_after_a_fix_of_the_mapping_it_is_said_as_it_is_now() -> None:
    def cannot(signal: Signal, config: object) -> tuple[Call, ...]:
        raise KeyError("mug")

    world = World()
    broken = world.start(calls={"calls": {OrderPlaced: cannot}})
    world.log.say(ordered("ada", "1"))
    await until(world.done)
    (parked,) = world.log.still_parked.values()
    await broken.end()
    world.start()
    world.log.ask(parked)
    await until(lambda: world.done() and not world.log.still_parked)

    assert world.platform.accepted == ["ada-ordered-1"]


@moved_clock
async def test_dropped_it_is_not_sent_and_those_behind_go_on() -> None:
    world = World()
    process = world.start(SEQUENCED)
    world.platform.answers["ada-ordered-1"] = [BAD]
    world.log.say(ordered("ada", "1"), searched("ada", 1))
    await until(world.done)
    world.log.ask(one(world, "ada-ordered-1"), action="drop")
    await until(lambda: world.done() and not world.log.still_parked)

    assert world.platform.told() == ["ada-ordered-1", "ada-searched-1"]
    assert process.metric("shoprelay_signals_total", signal="unknown", outcome="dropped") == 1


@pytest.mark.parametrize(
    ("action", "sent"), [("redrive", ["ada-told-again", "ada-searched-1"]), ("drop", [])], ids=["redrive", "drop"]
)
def test_of_two_that_would_open_the_same_one_is_enough_and_dropping_one_is_not(action: str, sent: list[str]) -> None:
    """The order was told twice, and both were refused."""

    @moved_clock
    async def story() -> None:
        world = World()
        world.start(SEQUENCED)
        world.platform.answers.update({"ada-ordered-1": [BAD], "ada-told-again": [BAD]})
        world.log.say(ordered("ada", "1"))
        world.log.put(b"mugs:ada", encode(replace_id(ordered("ada", "1"), "ada-told-again")))
        world.log.say(searched("ada", 1))
        await until(world.done)
        assert len(world.log.still_parked) == 3

        world.log.ask(one(world, "ada-told-again"), action=action)
        left = 1 if sent else 2
        await until(lambda: world.done() and len(world.log.still_parked) == left)
        assert world.platform.told()[2:] == sent
        assert (one(world, "ada-ordered-1").opens is None) is bool(sent)

    story()


def replace_id(signal: Signal, signal_id: str) -> Signal:
    import msgspec

    return msgspec.structs.replace(signal, signal_id=signal_id)


@moved_clock
async def test_what_is_asked_for_is_what_is_parked_now_and_not_what_it_was_when_somebody_looked() -> None:
    """Looked at while it opened nothing any more, then refused once more, which opens anew; then dropped as it was."""
    world = World()
    world.start(SEQUENCED)
    world.platform.answers["ada-ordered-1"] = [BAD, BAD]
    world.log.say(ordered("ada", "1"))
    await until(world.done)
    world.log.put(b"mugs:ada", encode(replace_id(ordered("ada", "1"), "ada-paid-1")))
    await until(lambda: world.done() and one(world, "ada-ordered-1").opens is None)
    looked_at = one(world, "ada-ordered-1")
    world.log.ask(looked_at)
    await until(lambda: world.done() and one(world, "ada-ordered-1").opens is not None)
    world.log.say(searched("ada", 1))
    await until(lambda: world.done() and len(world.log.still_parked) == 2)

    world.log.ask(looked_at, action="drop")
    await until(lambda: world.done() and not world.log.still_parked)
    assert world.platform.told()[-1] == "ada-searched-1"


@moved_clock
async def test_what_something_later_made_known_need_not_be_waited_for_any_longer() -> None:
    """JUNE: an order that was refused is entered once more when it is paid, and that one passes."""
    world = World()
    first = world.start(SEQUENCED)
    world.platform.answers["ada-ordered-1"] = [BAD]
    world.log.say(ordered("ada", "1"), searched("ada", 1))
    await until(world.done)
    world.log.put(b"mugs:ada", encode(replace_id(ordered("ada", "1"), "ada-paid-1")))
    await until(lambda: world.done() and len(world.log.still_parked) == 1)

    assert world.platform.accepted == ["ada-paid-1", "ada-searched-1"]
    (left,) = world.log.still_parked.values()
    assert (left.call_key, left.opens) == ("ada-ordered-1", None)

    await world.kill(first)
    world.start(SEQUENCED)
    world.log.say(searched("ada", 2))
    await until(world.done)
    assert "ada-searched-2" in world.platform.accepted, "nor after a restart"


@moved_clock
async def test_a_reminder_is_never_sent_again_since_nobody_knows_what_came_in_between() -> None:
    world = World()
    process = world.start()
    world.platform.answers["ada-abandoned-basket-1-1"] = [BAD]
    world.log.say(abandoned("ada"))
    await until(world.done)
    world.log.say(ordered("ada", "1"))
    await until(world.done)
    world.log.ask(one(world, "ada-abandoned-basket-1-1"))
    await until(lambda: world.done() and not world.log.still_parked)

    assert world.platform.told() == ["ada-abandoned-basket-1-1", "ada-ordered-1"]
    assert process.metric("shoprelay_reminders_withheld_total", reason="sent_again") == 1


@moved_clock
async def test_what_is_asked_for_stands_behind_what_the_customer_has_waiting() -> None:
    world = World()
    world.start()
    world.platform.answers["ada-ordered-1"] = [BAD]
    world.log.say(ordered("ada", "1"))
    await until(world.done)
    world.platform.answers["ada-ordered-2"] = [(5.0, OK)]
    world.log.say(ordered("ada", "2"))
    await until(lambda: "ada-ordered-2" in world.platform.told())
    world.log.ask(one(world, "ada-ordered-1"))
    await until(lambda: world.done() and not world.log.still_parked)

    assert world.platform.overlaps == 0
    assert world.platform.accepted == ["ada-ordered-2", "ada-ordered-1"]


@moved_clock
async def test_a_strangers_record_on_the_topic_is_passed_over() -> None:
    world = World()
    process = world.start()
    world.log.write_again(0, b"mugs:ada", b"no parked record")
    world.log.say(ordered("ada", "1"))
    await until(world.done)

    assert world.platform.accepted == ["ada-ordered-1"]
    assert process.metric("shoprelay_signals_total", signal="unknown", outcome="settled") == 1


@moved_clock
async def test_what_cannot_be_said_on_its_second_way_still_keeps_those_behind_waiting_and_lets_them_go() -> None:
    def cannot(signal: Signal, config: object) -> tuple[Call, ...]:
        raise KeyError("mug")

    world = World()
    first = world.start(SEQUENCED)
    world.platform.answers["ada-ordered-1"] = [BAD]
    world.log.say(ordered("ada", "1"), searched("ada", 1))
    await until(world.done)
    await first.end()
    broken = world.start(SEQUENCED, calls={"calls": {**SEQUENCED.calls, OrderPlaced: cannot}})
    world.log.ask(one(world, "ada-ordered-1"))
    await until(world.done)
    assert one(world, "ada-ordered-1").reason.startswith("cannot_say")
    world.log.say(searched("ada", 2))
    await until(world.done)
    await broken.end()
    world.start(SEQUENCED)
    world.log.ask(one(world, "ada-ordered-1"))
    await until(lambda: world.done() and not world.log.still_parked)

    assert world.platform.accepted == ["ada-ordered-1", "ada-searched-1", "ada-searched-2"]


# -- a death at every seam of the second way


POINTS = [
    "before send",
    "before answer",
    "before release",
    "after release",
    "before park",
    "after park",
    "before commit",
]


@pytest.mark.parametrize(("point", "nth"), [*itertools.product(POINTS, (1, 2, 3))])
def test_a_death_anywhere_loses_nobody_and_overtakes_nobody(point: str, nth: int) -> None:
    @moved_clock
    async def die() -> None:
        world = World()
        for customer in ("ada", "bob", "cem"):
            world.platform.answers[f"{customer}-ordered-1"] = [BAD]
        first = world.start(SEQUENCED, brake=NO_BRAKE)
        for customer in ("ada", "bob", "cem"):
            world.log.say(ordered(customer, "1"), searched(customer, 1), searched(customer, 2))
        await until(lambda: world.done() and len(world.log.still_parked) == 9)
        await first.end()

        openers = [parked for parked in world.log.still_parked.values() if parked.opens]
        world.log.ask(*openers)
        process = world.start(SEQUENCED, death=Death(point, nth), brake=NO_BRAKE, commit_records=1)
        await until(lambda: process.death.happened.is_set() or (world.done() and not world.log.still_parked))
        if process.death.happened.is_set():
            await world.kill(process)
            world.start(SEQUENCED, brake=NO_BRAKE)
        await until(lambda: world.done() and not world.log.still_parked)

        for customer in ("ada", "bob", "cem"):
            mine = [key for key in world.platform.accepted if key.startswith(customer)]
            assert mine == [f"{customer}-ordered-1", f"{customer}-searched-1", f"{customer}-searched-2"]
        assert world.platform.overlaps == 0

    die()
