"""The mass load: everything once, in the order of its kinds, beside what is live, through any number of deaths."""

import itertools
import json
import random
import re
from dataclasses import replace
from typing import Any

import pytest

from sinks.contract import Answer, CannotSay, Limit, Sink
from streams.delivery.mass import MASS as MASS_KEY
from streams.delivery.registration import OWNED
from streams.domain import catalog
from tests.delivery.moved import moved_clock, pass_time, until
from tests.delivery.remembering import KINDS, MASS, TELLING, Club, club, comes, fill, know, leaves
from tests.delivery.said import ordered, signal
from tests.delivery.sink import SINK
from tests.delivery.world import OK, Death, Process, World

POINTS = (
    "before send", "before answer", "before keep", "after keep", "read history", "read kept", "before commit",
)  # fmt: skip


def told_all(process: Process) -> bool:
    return process.delivery.health().history == "done"


def buys_a_lot(world: World) -> set[tuple[str, str]]:
    """More than state would ever hold, and longer ago than it remembers."""
    know(world, "zoe", orders=45)
    return {("people", "zoe@example.com")} | {("purchases", f"zoe-{n}") for n in range(45)}


def parts(platform: Club) -> list[list[str]]:
    return [[name for item in json.loads(body)["data"] for name in item.values()] for body in platform.parts]


@moved_clock
async def test_everything_is_told_once_in_the_order_of_its_kinds() -> None:
    world, platform = club()
    expected = fill(world)
    process = world.start(TELLING)
    await until(lambda: told_all(process))

    assert len(platform.history) == len(expected)
    assert set(platform.history) == expected
    assert platform.kinds_in_order()
    assert max(map(len, parts(platform))) == 7
    assert process.metric("shoprelay_mass_items_total", kind="people") == 40
    assert process.metric("shoprelay_mass_kind", kind="people") == 0


@moved_clock
async def test_signals_of_history_are_left_to_it() -> None:
    world, platform = club()
    fill(world)
    world.log.say(signal("ada", "old", ordered().payload, backfill=True), ordered("eve"))
    process = world.start(TELLING)
    await until(lambda: told_all(process))
    await until(world.done)

    assert "eve-ordered-1" in platform.accepted
    assert "ada-old" not in platform.accepted
    assert process.metric("shoprelay_signals_total", signal="OrderPlaced", outcome="not_told") == 1


@moved_clock
async def test_told_again_when_its_mark_is_taken_away() -> None:
    """As `shoprelay retell` does."""
    world, platform = club()
    expected = fill(world)
    process = world.start(TELLING)
    await until(lambda: told_all(process))
    await process.end()
    world.log.kept.append((OWNED, MASS_KEY, None))
    process = world.start(TELLING)
    await until(lambda: told_all(process))

    assert len(platform.history) == 2 * len(expected)
    assert len(platform.tokens) == 1, "nobody registers again for that"


@moved_clock
async def test_once_told_it_is_never_told_again() -> None:
    world, platform = club()
    fill(world)
    process = world.start(TELLING)
    await until(lambda: told_all(process))
    before = len(platform.history)
    await process.end()
    know(world, "late", orders=1)
    process = world.start(TELLING)
    await until(lambda: told_all(process))

    assert len(platform.history) == before


@moved_clock
async def test_a_platform_that_lends_no_token_is_told_at_once() -> None:
    world = World()
    expected = fill(world)
    process = world.start(replace(SINK, mass=MASS))
    await until(lambda: told_all(process))

    assert sum(len(json.loads(call.body)["data"]) for _, call in world.platform.sent) == len(expected)


@pytest.mark.parametrize("seed", range(12))
def test_however_often_it_dies_all_is_told_in_order_while_live_signals_flow(seed: int) -> None:
    @moved_clock
    async def story() -> None:
        chance = random.Random(seed)
        world, platform = club(seed=seed)
        expected = fill(world, customers=60, products=30) | buys_a_lot(world)
        platform.otherwise = lambda: (chance.random() * 0.3, chance.choice([OK] * 8 + [Answer(503), Answer(429)]))
        deaths, said = 0, 0
        process = world.start(TELLING, commit_seconds=0.1)
        while not told_all(process):
            world.log.say(*(ordered(f"live{said}", f"{n}") for n in range(3)))
            said += 1
            await pass_time(chance.random())
            if deaths < 15 and chance.random() < 0.6:
                process.death.point, process.death.nth = chance.choice(POINTS), chance.randrange(1, 4)
                await pass_time(chance.random() * 2)
                await world.kill(process)
                deaths += 1
                process = world.start(TELLING, commit_seconds=0.1)
        await until(world.done)

        assert set(platform.history) == expected
        assert platform.kinds_in_order()
        assert len(platform.history) - len(expected) <= 7 * deaths, "a death repeats the part in flight, and no more"
        assert {f"live{s}-ordered-{n}" for s in range(said) for n in range(3)} <= set(platform.accepted)

    story()


@moved_clock
async def test_a_part_that_is_repeated_is_the_same_to_the_byte() -> None:
    world, platform = club()
    fill(world, customers=3, products=0)
    platform.answers["mass-people"] = [Answer(503), Answer(429), Answer(0, fault="reset"), None]
    process = world.start(TELLING)
    await until(lambda: told_all(process))

    first = [call.body for _, call in platform.sent if call.key == "mass-people"]
    assert len(set(first[:5])) == 1


@moved_clock
async def test_it_yields_to_what_is_live_and_keeps_to_the_limits() -> None:
    world, platform = club()
    fill(world, customers=300, products=0)
    sink = replace(TELLING, limits=(Limit("*", 10, 1.0),), mass=replace(MASS, part_items=lambda config: 1))
    process = world.start(sink)
    await until(lambda: len(platform.parts) > 20)
    begun = process.delivery._clock.monotonic()
    world.log.say(*(ordered(f"c{n}") for n in range(20)))
    await until(lambda: sum(key.endswith("-ordered-1") for key in platform.accepted) == 20)

    assert process.delivery._clock.monotonic() - begun < 12
    before = len(platform.parts)
    await pass_time(20)
    assert 0.75 * 200 <= len(platform.parts) - before <= 0.85 * 200, "a fifth is left to what is live"
    assert not told_all(process)


# -- what the platform does not take


@moved_clock
async def test_a_bad_item_is_found_by_halving_and_parked_and_can_be_sent_again() -> None:
    world, platform = club()
    expected = fill(world)
    platform.unwelcome = {"c7@example.com", "c20-0"}
    process = world.start(TELLING)
    await until(lambda: told_all(process))

    refused = {("people", "c7@example.com"), ("purchases", "c20-0")}
    assert set(platform.history) == expected - refused
    assert len(platform.history) == len(set(platform.history))
    assert sorted(parked.reason for parked in world.log.still_parked.values()) == [
        "rejected: history, people",
        "rejected: history, purchases",
    ]
    platform.unwelcome.clear()
    world.log.ask(*world.log.still_parked.values())
    await until(world.done)
    assert set(platform.history) == expected
    assert world.log.still_parked == {}


@moved_clock
async def test_a_parked_item_can_be_dropped() -> None:
    world, platform = club()
    fill(world)
    platform.unwelcome = {"c7@example.com"}
    process = world.start(TELLING)
    await until(lambda: told_all(process))
    world.log.ask(*world.log.still_parked.values(), action="drop")
    await until(world.done)

    assert world.log.still_parked == {}


@moved_clock
async def test_when_everything_is_refused_it_waits_instead_of_parking_all() -> None:
    world, platform = club()
    expected = fill(world, customers=100, products=0)
    platform.unwelcome = {f"c{n}@example.com" for n in range(100)}
    process = world.start(TELLING)
    await until(lambda: process.metric("shoprelay_mass_held") == 1)
    await pass_time(3600)
    assert len(world.log.parked) == 20
    platform.unwelcome.clear()
    await until(lambda: told_all(process))

    assert process.metric("shoprelay_mass_held") == 0
    assert len(set(platform.history)) == len(expected) - 20


@moved_clock
async def test_a_wrong_address_holds_history_and_not_what_is_live() -> None:
    world, platform = club()
    fill(world, customers=3)
    platform.answers["mass-people"] = [Answer(404)] * 5
    process = world.start(TELLING)
    await until(lambda: process.metric("shoprelay_mass_held") == 1)
    world.log.say(ordered("ada"))
    await until(world.done)
    assert process.delivery.health().state == "running"
    await until(lambda: told_all(process))

    assert platform.told().count("mass-people") == 5 + sum(b"person" in part for part in platform.parts)


@moved_clock
async def test_a_part_that_fails_while_others_get_through_is_halved_in_the_end() -> None:
    world, platform = club()
    fill(world, customers=2, products=0)
    platform.answers["mass-people"] = [Answer(500)] * 40
    process = world.start(TELLING)
    for n in range(200):
        world.log.say(ordered(f"c{n}"))
        await pass_time(30)

    assert told_all(process)


def picky(*disliked: str, error: Exception) -> Sink:
    """Its mapping fails for these customers, and their orders."""

    def unless_disliked(items: Any) -> Any:
        def said(known: Any, config: Any) -> Any:
            if known.customer.ref.customer_id in disliked:
                raise error
            return items(known, config)

        return said

    kinds = tuple(replace(kind, items=unless_disliked(kind.items)) for kind in KINDS if kind.of != "products")
    return replace(TELLING, mass=replace(MASS, kinds=lambda config: kinds))


@moved_clock
async def test_what_a_mapping_cannot_say_is_parked_and_said_once_it_can() -> None:
    world, platform = club()
    expected = fill(world, customers=9, products=0)
    first = world.start(picky("c2", "c5", error=KeyError("ada@example.com")))
    await until(lambda: told_all(first))

    unsaid = {(kind, name) for kind, name in expected if name.startswith(("c2", "c5"))}
    assert len(unsaid) == 6
    assert sorted(platform.history) == sorted(expected - unsaid)
    reasons = [parked.reason for parked in world.log.still_parked.values()]
    assert len(reasons) == 6
    assert all(re.fullmatch(r"cannot_say: history, (people|purchases): KeyError in said, line \d+", r) for r in reasons)

    world.log.ask(*world.log.still_parked.values())
    await until(world.done)
    assert len(world.log.still_parked) == 6, "still it cannot be said, and none takes another's place"
    await first.end()

    world.start(TELLING)
    world.log.ask(*world.log.still_parked.values())
    await until(world.done)
    assert sorted(platform.history) == sorted(expected)
    assert world.log.still_parked == {}


@moved_clock
async def test_what_it_lacks_is_named() -> None:
    world, _ = club()
    fill(world, customers=3, products=0)
    process = world.start(picky("c1", error=CannotSay("customer.email is required")))
    await until(lambda: told_all(process))

    assert {parked.reason for parked in world.log.still_parked.values()} == {
        "cannot_say: history, people: customer.email is required",
        "cannot_say: history, purchases: customer.email is required",
    }


@moved_clock
async def test_a_mapping_that_can_say_nothing_waits_for_its_repair_instead_of_parking_all() -> None:
    world, platform = club()
    expected = fill(world, customers=60, products=0)
    process = world.start(picky(*(f"c{n}" for n in range(60)), error=KeyError("boom")))
    await until(lambda: process.metric("shoprelay_mass_held") == 1)
    await pass_time(3600)
    assert len(world.log.still_parked) == 20
    await process.end()
    process = world.start(TELLING)
    await until(lambda: told_all(process))
    world.log.ask(*world.log.still_parked.values())
    await until(world.done)

    assert sorted(platform.history) == sorted(expected)


@pytest.mark.parametrize(
    ("point", "nth"), [*itertools.product(("before park", "after park", "before keep"), (1, 2, 4))]
)
def test_wherever_it_dies_what_cannot_be_said_is_parked_once(point: str, nth: int) -> None:
    @moved_clock
    async def story() -> None:
        world, platform = club()
        expected = fill(world, customers=9, products=0)
        sink, death = picky("c2", "c5", error=KeyError("boom")), Death(point, nth)
        process = world.start(sink, death=death)
        await until(lambda: death.happened.is_set() or told_all(process))
        await world.kill(process)
        process = world.start(sink)
        await until(lambda: told_all(process))

        assert set(platform.history) == {each for each in expected if not each[1].startswith(("c2", "c5"))}
        assert len(world.log.still_parked) == 6

    story()


# -- what is known changes meanwhile


@moved_clock
async def test_who_was_erased_before_their_part_is_not_told() -> None:
    world, platform = club()
    fill(world, customers=30, products=0)
    platform.answers["mass-people"] = [(4.0, OK)]
    process = world.start(TELLING)
    await pass_time(3)
    first = set(parts_in_flight(platform))
    gone = next(name for name in sorted(f"c{n}" for n in range(6)) if f"{name}@example.com" not in first)
    world.log.know("customers", f"mugs/c:{gone}", None)
    await until(lambda: told_all(process))

    assert ("people", f"{gone}@example.com") not in platform.history


def parts_in_flight(platform: Club) -> list[str]:
    return [item["person"] for item in json.loads(platform.sent[-1][1].body)["data"]]


@moved_clock
async def test_only_the_shops_of_this_account_are_told() -> None:
    world, platform = club()
    fill(world, customers=2, products=0)
    know(world, "other", shop="plates")
    world.log.know("products", "plates/p:x", catalog.encode(catalog.ProductState(deleted=True)))
    process = world.start(TELLING, shops=frozenset({"mugs"}))
    await until(lambda: told_all(process))

    assert {name for kind, name in platform.history if kind == "people"} == {"c0@example.com", "c1@example.com"}


@moved_clock
async def test_logs_that_forward_and_products_that_are_gone_are_not_told() -> None:
    world, platform = club()
    know(world, "ada", link="mugs/c:bob")
    world.log.know("products", "mugs/p:x", catalog.encode(catalog.ProductState(deleted=True)))
    process = world.start(TELLING)
    await until(lambda: told_all(process))

    assert platform.history == []


@moved_clock
async def test_who_has_more_than_a_part_of_something_is_told_in_several() -> None:
    world, platform = club()
    know(world, "ada", orders=17)
    process = world.start(TELLING)
    await until(lambda: told_all(process))

    purchases = [part for part in parts(platform) if part[0].startswith("ada-")]
    assert [len(part) for part in purchases] == [7, 7, 3]


# -- who tells it


@moved_clock
async def test_a_shop_that_left_hears_no_more_and_all_of_it_when_it_comes_back() -> None:
    world, platform = club()
    expected = fill(world)
    platform.otherwise = lambda: (1.0, OK)
    process = world.start(TELLING)
    await until(lambda: len(platform.parts) == 3)
    world.log.say(leaves())
    await until(world.done)
    await pass_time(120)
    assert len(platform.parts) <= 5
    heard = len(platform.history)
    world.log.say(comes())
    await until(lambda: told_all(process))

    assert set(platform.history[heard:]) == expected
    assert len(platform.history) - heard == len(expected)


@moved_clock
async def test_it_moves_with_partition_0_and_only_one_tells() -> None:
    world, platform = club()
    expected = fill(world, customers=120)
    platform.otherwise = lambda: (0.5, OK)
    processes = [world.start(TELLING)]
    for _ in range(6):
        await pass_time(7)
        processes.append(world.start(TELLING))
        await pass_time(5)
        assert await processes.pop(0).end() == 0
    await until(lambda: any(told_all(process) for process in processes))

    assert len(platform.history) == len(expected), "an orderly end repeats nothing"
    assert set(platform.history) == expected


@moved_clock
async def test_a_broker_that_is_away_delays_and_nothing_more() -> None:
    world, platform = club()
    expected = fill(world)
    platform.otherwise = lambda: (1.0, OK)
    process = world.start(TELLING)
    await until(lambda: len(platform.parts) == 3)
    world.log.away = True
    await pass_time(300)
    assert len(platform.parts) <= 4
    world.log.away = False
    await until(lambda: told_all(process))

    assert sorted(platform.history) == sorted(expected)


@moved_clock
async def test_a_kind_begins_only_once_that_is_written_down() -> None:
    """Or a customer who comes in between would be told under the kind before, after this one began."""
    world, platform = club()
    fill(world, customers=8)
    platform.answers["mass-things"] = [(2.0, OK)]
    process = world.start(TELLING)
    await until(lambda: "mass-things" in platform.told())
    process.death.point = "before answer"
    await until(process.death.happened.is_set)
    await world.kill(process)
    for n in range(30):
        know(world, f"z{n}")
    process = world.start(TELLING)
    await until(lambda: told_all(process))

    assert platform.kinds_in_order()


@pytest.mark.parametrize("seed", range(6))
def test_processes_come_and_go_and_die_and_it_is_still_told_in_order(seed: int) -> None:
    @moved_clock
    async def story() -> None:
        chance = random.Random(seed)
        world, platform = club(seed=seed)
        expected = fill(world, customers=150, products=60)
        platform.otherwise = lambda: (chance.random() * 0.5, chance.choice([OK] * 8 + [Answer(503), Answer(429)]))
        processes, deaths, said = [world.start(TELLING, commit_seconds=0.1)], 0, 0
        while not any(told_all(process) for process in processes):
            world.log.say(*(ordered(f"live{said}", f"{n}") for n in range(3)))
            said += 1
            await pass_time(chance.random() * 3)
            match chance.choice(["come", "go", "die", "nothing", "nothing"]):
                case "come" if len(processes) < 3:
                    processes.append(world.start(TELLING, commit_seconds=0.1))
                case "go" if len(processes) > 1:
                    assert await processes.pop(chance.randrange(len(processes))).end() == 0
                case "die" if deaths < 12:
                    await world.kill(processes.pop(chance.randrange(len(processes))))
                    processes.append(world.start(TELLING, commit_seconds=0.1))
                    deaths += 1
        await until(world.done)

        assert set(platform.history) == expected
        assert platform.kinds_in_order()
        assert len(platform.history) - len(expected) <= 7 * deaths
        assert len(platform.tokens) <= 1 + deaths
        assert {f"live{s}-ordered-{n}" for s in range(said) for n in range(3)} <= set(platform.accepted)

    story()
