"""A token that is given out once: asked for once, kept, never shown, given back, and asked for again only then."""

import asyncio
import itertools
import json
import random
from dataclasses import replace
from datetime import timedelta

import pytest

from sinks.contract import Answer, Call, Rule, Verdict
from streams.delivery.registration import CONNECTION, OWNED, TOKEN
from tests.delivery.moved import NOON, moved_clock, pass_time, until
from tests.delivery.remembering import REGISTERED, Club, club, comes, leaves
from tests.delivery.said import ordered
from tests.delivery.world import OK, Death, Process, World

POINTS = ("read kept", "before send", "before answer", "before keep", "after keep", "before commit", "after commit")


def stored(world: World) -> bool:
    return (OWNED, TOKEN) in world.log.still_kept


async def told(world: World, *names: str) -> None:
    await until(lambda: {f"{name}-ordered-1" for name in names} <= set(world.platform.accepted))


@pytest.mark.parametrize(("point", "nth"), [*itertools.product(POINTS, (1, 2, 3, 6))])
def test_nobody_asks_twice_unless_it_died_before_the_answer_was_kept(point: str, nth: int) -> None:
    @moved_clock
    async def story() -> None:
        world, platform = club()
        death = Death(point, nth)
        first = world.start(REGISTERED, death=death, commit_seconds=0.1)
        world.log.say(*(ordered(f"c{n}") for n in range(12)))
        await until(lambda: death.happened.is_set() or world.done())
        lost = len(platform.tokens) if not stored(world) else 0
        await world.kill(first)
        world.start(REGISTERED, commit_seconds=0.1)
        await until(world.done)

        assert sorted(platform.accepted) == sorted([*(f"c{n}-ordered-1" for n in range(12)), "register"])
        assert len(platform.tokens) == 1 + lost
        assert set(platform.used) == {platform.tokens[-1]}, "none leaves before it is kept"

    story()


@moved_clock
async def test_it_is_kept_sealed_and_stands_in_no_record() -> None:
    world, platform = club()
    platform.answers["c1-ordered-1"] = [Answer(422)]
    process = world.start(REGISTERED)
    world.log.say(ordered("c1"), ordered("c2"))
    await until(world.done)

    token = platform.tokens[0].encode()
    assert stored(world)
    assert [value for _, _, value in world.log.kept if value and token in value] == []
    assert token not in world.log.parked[0].body
    assert process.kept is not None
    assert token in (await process.kept.read([OWNED]))[OWNED][TOKEN]


@moved_clock
async def test_only_who_owns_partition_0_asks_and_the_others_wait() -> None:
    world, platform = club(partitions=4)
    platform.answers["register"] = [(60.0, Answer(503)), (1.0, Answer(0, fault="connect"))]
    processes = [world.start(REGISTERED) for _ in range(3)]
    world.log.say(*(ordered(f"c{n}") for n in range(30)))
    await until(world.done)

    assert platform.tokens == ["uuid-1"]
    assert len(platform.accepted) == 31
    assert all(process.delivery.health().state == "running" for process in processes)


@moved_clock
async def test_it_is_asked_for_though_nothing_comes_to_partition_0() -> None:
    world, platform = club()
    world.start(REGISTERED)
    await until(lambda: stored(world))

    assert platform.tokens == ["uuid-1"]


@moved_clock
async def test_the_owner_that_goes_finishes_asking_before_the_next_one_begins() -> None:
    world, platform = club()
    platform.answers["register"] = [(4.0, OK)]
    first = world.start(REGISTERED)
    await pass_time(1)
    second = world.start(REGISTERED)
    world.log.say(ordered("ada"))
    await told(world, "ada")

    assert platform.tokens == ["uuid-1"]
    assert {await first.end(), await second.end()} == {0}


@moved_clock
async def test_an_asking_outlives_the_call_that_waits_for_it() -> None:
    world, platform = club()
    platform.answers["register"] = [(4.0, OK)]
    process = world.start(REGISTERED)
    assert process.registration is not None
    await until(lambda: "register" in platform.told())
    waiting = asyncio.create_task(process.registration.lent())
    await pass_time(1)
    waiting.cancel()
    await until(lambda: stored(world))

    assert platform.told() == ["register"]
    assert platform.tokens == ["uuid-1"]


@moved_clock
async def test_a_wrong_secret_holds_the_sink_and_a_right_one_lets_it_go_on() -> None:
    world, platform = club()
    platform.answers["register"] = [Answer(401)] * 4
    process = world.start(REGISTERED)
    world.log.say(ordered("ada"))
    await until(lambda: process.delivery.health().state == "held")
    await until(world.done)

    assert platform.tokens == ["uuid-1"]
    assert process.delivery.health().ready


@moved_clock
@pytest.mark.parametrize("refusal", [Answer(400, {}, b'{"message":"unknown shop"}'), Answer(422), Answer(409)])
async def test_a_registration_that_is_refused_holds_the_sink_and_parks_nothing(refusal: Answer) -> None:
    world, platform = club()
    platform.answers["register"] = [refusal] * 30
    known_already = Rule(Verdict.DELIVERED, frozenset({409}))  # says nothing of the calls that wait
    process = world.start(replace(REGISTERED, rules=(known_already,)))
    world.log.say(*(ordered(f"c{n}") for n in range(30)))
    await until(lambda: process.delivery.health().reason == "misconfigured")
    await pass_time(30)
    assert (world.log.parked, platform.accepted) == ([], [])
    await until(world.done)

    assert world.log.parked == []
    assert len(platform.accepted) == 31
    assert process.delivery.health().ready


@moved_clock
async def test_one_from_the_settings_is_neither_asked_for_nor_kept() -> None:
    world, platform = club()
    platform.valid.add("by-hand")
    sink = replace(REGISTERED, token=replace(REGISTERED.token, given=lambda config: "by-hand"))
    world.start(sink)
    world.log.say(ordered("ada"))
    await until(world.done)

    assert (platform.tokens, world.log.kept, set(platform.used)) == ([], [], {"by-hand"})


@moved_clock
async def test_a_call_that_does_not_want_it_goes_without() -> None:
    world, platform = club()
    sink = replace(REGISTERED, token=replace(REGISTERED.token, wanted=lambda call: call.key != "ada-ordered-1"))
    process = world.start(sink)
    world.log.say(ordered("ada"))
    await until(lambda: process.delivery.health().state == "held")

    assert not platform.used, "the club refused it at the door"


# -- giving it back


@moved_clock
async def test_after_it_was_given_back_nothing_is_told_until_the_shop_is_connected_anew() -> None:
    world, platform = club()
    process = world.start(REGISTERED)
    world.log.say(ordered("before"))
    await told(world, "before")
    world.log.say(leaves())
    await until(lambda: (OWNED, CONNECTION) in world.log.still_kept and world.done())
    assert not stored(world)

    world.log.say(*(ordered(f"while-{n}") for n in range(5)))
    await until(world.done)
    assert process.metric("shoprelay_signals_total", signal="OrderPlaced", outcome="not_told") == 5

    world.log.say(comes())
    await until(world.done)
    world.log.say(ordered("after"))
    await told(world, "after")
    assert platform.tokens == ["uuid-1", "uuid-2"]
    assert not [key for key in platform.accepted if key.startswith("while")]


@pytest.mark.parametrize(
    ("point", "nth"), [*itertools.product((*POINTS, "before forget", "after forget"), (1, 2, 3, 4, 5, 7, 9))]
)
def test_wherever_it_dies_a_shop_that_left_is_left_alone(point: str, nth: int) -> None:
    @moved_clock
    async def story() -> None:
        world, platform = club()
        death = Death(point, nth)
        process = world.start(REGISTERED, death=death, commit_seconds=0.1)
        world.log.say(ordered("ada"))
        await until(lambda: "ada-ordered-1" in platform.accepted or death.happened.is_set())
        world.log.say(leaves())
        await until(lambda: world.done() or death.happened.is_set())
        lost = set(platform.tokens) if not stored(world) and "site-leaves-1" not in platform.accepted else set()
        await world.kill(process)
        world.start(REGISTERED, commit_seconds=0.1)
        await until(lambda: world.done() and (OWNED, CONNECTION) in world.log.still_kept)
        world.log.say(ordered("bob"))
        await until(world.done)

        assert not stored(world)
        assert platform.valid <= lost
        assert len(platform.tokens) <= 1 + len(lost)
        assert "bob-ordered-1" not in platform.accepted

    story()


class Strict(Club):
    """Knows a token that was given back no longer, not even to say so again."""

    async def receive(self, call: Call) -> Answer:
        if call.says == "Uninstall" and json.loads(call.body)["uuid"] not in self.valid:
            self.sent.append((0.0, call))
            return Answer(401)
        return await super().receive(call)


@moved_clock
async def test_a_leave_taking_whose_answer_was_lost_is_over_when_the_token_is_unknown() -> None:
    world, platform = World(), Strict()
    world.platform = platform
    process = world.start(REGISTERED)
    await until(lambda: stored(world))
    process.death.point = "before answer"
    world.log.say(leaves())
    await until(process.death.happened.is_set)
    assert platform.valid == set()
    await world.kill(process)
    process = world.start(REGISTERED)
    await until(world.done)

    assert platform.told().count("site-leaves-1") == 2
    assert not stored(world)
    assert (world.log.parked, process.delivery.health().state) == ([], "running")
    world.log.say(comes(), ordered("ada"))
    await told(world, "ada")
    assert platform.tokens == ["uuid-1", "uuid-2"]


@moved_clock
async def test_a_leave_taking_is_not_over_when_it_is_the_asking_that_is_refused() -> None:
    world, platform = club()
    platform.answers["register"] = [Answer(401)] * 5
    process = world.start(REGISTERED)
    world.log.say(leaves())
    await until(lambda: process.delivery.health().state == "held")
    assert (OWNED, CONNECTION) not in world.log.still_kept
    await until(world.done)

    assert "site-leaves-1" in platform.accepted


@moved_clock
async def test_what_is_told_again_from_before_neither_connects_nor_leaves() -> None:
    world, platform = club()
    process = world.start(REGISTERED, commit_seconds=1e6, commit_records=1_000)
    world.log.say(comes(1), leaves(1), comes(2))
    await until(lambda: platform.tokens == ["uuid-1", "uuid-2"] and stored(world))
    await world.kill(process)  # nothing was committed: all three come again
    assert not world.log.committed
    process = world.start(REGISTERED)
    world.log.say(ordered("ada"))
    await told(world, "ada")
    await until(world.done)

    assert platform.tokens == ["uuid-1", "uuid-2"]
    assert platform.told().count("site-leaves-1") == 1
    assert platform.used["uuid-2"] == 1


@moved_clock
async def test_what_was_said_before_it_left_does_not_bring_it_back() -> None:
    world, platform = club()
    process = world.start(REGISTERED, commit_seconds=1e6, commit_records=1_000)
    world.log.say(comes(1), leaves(1))
    await until(lambda: (OWNED, CONNECTION) in world.log.still_kept)
    await world.kill(process)
    world.start(REGISTERED)
    await until(world.done)
    await pass_time(30)

    assert platform.tokens == ["uuid-1"]
    assert not stored(world)


@moved_clock
async def test_other_processes_hear_of_it() -> None:
    world, platform = club()
    processes = [world.start(REGISTERED) for _ in range(3)]
    world.log.say(*(ordered(f"c{n}") for n in range(20)))
    await until(world.done)
    world.log.say(leaves())
    await until(world.done)
    await pass_time(15)
    world.log.say(*(ordered(f"d{n}") for n in range(20)))
    await until(world.done)
    assert len([key for key in platform.accepted if key.startswith("d")]) == 0

    world.log.say(comes())
    await until(lambda: platform.tokens == ["uuid-1", "uuid-2"])
    await pass_time(15)
    world.log.say(*(ordered(f"e{n}") for n in range(20)))
    await until(world.done)
    assert len([key for key in platform.accepted if key.startswith("e")]) == 20
    assert [await process.end() for process in processes] == [0, 0, 0]


# -- the key


@moved_clock
async def test_with_another_key_it_holds_and_asks_for_nothing() -> None:
    world, platform = club()
    process = world.start(REGISTERED)
    await until(lambda: stored(world))
    await process.end()
    old = world.kept_keys
    world.kept_keys = ["A" * 43 + "="]
    process = world.start(REGISTERED)
    world.log.say(ordered("ada"))
    await pass_time(60)
    assert (process.delivery.health().state, process.delivery.health().reason) == ("held", "kept_key")
    await process.end()

    world.kept_keys = ["A" * 43 + "=", *old]
    await told_by(world, "ada")
    world.kept_keys = ["A" * 43 + "="]
    world.log.say(ordered("bob"))
    await told_by(world, "bob")
    assert platform.tokens == ["uuid-1"], "written anew under the new key, so the old one could go"


async def told_by(world: World, name: str) -> Process:
    process = world.start(REGISTERED)
    await told(world, name)
    await until(world.done)
    await process.end()
    return process


@pytest.mark.parametrize("seed", range(8))
def test_a_shop_that_comes_and_goes_ends_where_its_last_word_left_it(seed: int) -> None:
    @moved_clock
    async def story() -> None:
        chance = random.Random(seed)
        world, platform = club(seed=seed)
        platform.otherwise = lambda: (chance.random() * 0.3, chance.choice([OK] * 6 + [Answer(503)]))
        processes, deaths, came, connected = [world.start(REGISTERED, commit_seconds=0.3)], 0, 0, True
        for turn in range(25):
            world.log.say(*(ordered(f"c{n}", f"{turn}") for n in range(4)))
            if chance.random() < 0.4:
                at = NOON + timedelta(seconds=turn)
                world.log.say(leaves(turn, at) if connected else comes(turn, at))
                connected, came = not connected, came + (not connected)
            await pass_time(chance.random() * 4)
            match chance.choice(["come", "go", "die", "nothing"]):
                case "come" if len(processes) < 3:
                    processes.append(world.start(REGISTERED, commit_seconds=0.3))
                case "go" if len(processes) > 1:
                    assert await processes.pop(chance.randrange(len(processes))).end() == 0
                case "die":
                    await world.kill(processes.pop(chance.randrange(len(processes))))
                    processes.append(world.start(REGISTERED, commit_seconds=0.3))
                    deaths += 1
        await until(world.done)
        await pass_time(30)
        world.log.say(*(ordered(f"last{n}") for n in range(10)))
        await until(world.done)

        told_last = {key for key in platform.accepted if key.startswith("last")}
        assert told_last == ({f"last{n}-ordered-1" for n in range(10)} if connected else set())
        assert stored(world) == connected
        assert len(platform.tokens) <= 1 + came + deaths

    story()
