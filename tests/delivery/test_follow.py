"""A call whose answer only begins something is followed to its end before anything comes behind it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from schemas.signals import OrderPlaced, Signal
from sinks.contract import Answer, Ask, Call, Follow, Rule, Verdict
from tests.delivery.moved import moved_clock, until
from tests.delivery.said import ordered
from tests.delivery.sink import SINK
from tests.delivery.world import OK, Death, World

BEGUN = Answer(202, {}, b'{"job": "7"}')


def begin(signal: Signal, config: Any) -> tuple[Call, ...]:
    return (Call("Job", "POST", "/jobs", json.dumps({"id": signal.signal_id}).encode(), signal.signal_id, "jobs"),)


def state(word: str) -> Answer:
    return Answer(200, {}, json.dumps({"state": word}).encode())


def follow(call: Call, answers: Sequence[Answer]) -> Verdict | Ask | None:
    last = answers[-1]
    if last.at("state") == "done":
        return None
    if last.at("state") == "failed":
        return Verdict.REJECTED
    if last.status == 202 or last.at("state") == "running":
        return Ask(Call("How is it", "GET", "/jobs/7", b"", f"ask-{call.key}", "polls"), seconds=10)
    return None


def jobs(world: World, *, death: Death | None = None, follow: Follow = follow, **more: Any) -> Any:
    calls = {"calls": {OrderPlaced: begin}, "follow": {"jobs": follow}, **more}
    return world.start(calls=calls, death=death)


def ask(key: str) -> str:
    return f"ask-{key}"


@moved_clock
async def test_the_next_call_waits_for_the_end_of_the_job() -> None:
    world = World()
    world.log.say(ordered(number="1"), ordered(number="2"))
    world.platform.answers["ada-ordered-1"] = [BEGUN]
    world.platform.answers[ask("ada-ordered-1")] = [state("running"), state("running"), state("done")]
    process = jobs(world)

    await until(world.done)

    assert world.platform.told() == ["ada-ordered-1", *[ask("ada-ordered-1")] * 3, "ada-ordered-2"]
    begun, *asked, after = (at for at, _ in world.platform.sent)
    assert [at - begun for at in asked] == pytest.approx([10, 20, 30], abs=1)
    assert after >= asked[-1]
    await process.end()


@moved_clock
async def test_a_job_that_fails_is_parked_with_the_answer_that_says_so() -> None:
    world = World()
    world.log.say(ordered())
    world.platform.answers["ada-ordered-1"] = [BEGUN]
    world.platform.answers[ask("ada-ordered-1")] = [state("failed")]
    process = jobs(world)

    await until(world.done)

    (parked,) = world.log.parked
    assert (parked.reason, parked.answer, parked.call_key) == ("rejected", b'{"state": "failed"}', "ada-ordered-1")
    await process.end()


@moved_clock
async def test_a_question_nobody_answers_is_asked_again_and_the_call_only_when_nobody_does_for_long() -> None:
    world = World()
    world.log.say(ordered())
    world.platform.answers["ada-ordered-1"] = [BEGUN]
    world.platform.answers[ask("ada-ordered-1")] = [Answer(503), Answer(429, {"retry-after": "5"}), state("done")]
    process = jobs(world)
    await until(world.done)
    assert world.platform.told().count("ada-ordered-1") == 1

    world.log.say(ordered("eve"))
    world.platform.answers["eve-ordered-1"] = [BEGUN, BEGUN]
    world.platform.answers[ask("eve-ordered-1")] = [*[Answer(503)] * 10, state("done")]
    await until(world.done)
    assert world.platform.told().count("eve-ordered-1") == 2
    await process.end()


def unless_known(call: Call, answers: Sequence[Answer]) -> Verdict | Ask | None:
    """An update of what is not there makes it."""
    if answers[-1].status == 404 and len(answers) == 1:
        return Ask(structs.replace(call, says="Made", method="PUT", key=ask(call.key)))
    return None


@moved_clock
async def test_an_answer_that_would_hold_the_sink_is_for_the_sink_to_judge_first() -> None:
    world = World()
    world.log.say(ordered(), ordered("eve"))
    world.platform.answers["ada-ordered-1"] = [Answer(404)]
    process = jobs(world, follow=unless_known)

    await until(world.done)

    assert sorted(world.platform.told()) == ["ada-ordered-1", "ask-ada-ordered-1", "eve-ordered-1"]
    assert process.metric("shoprelay_sink_held", reason="misconfigured") == 0
    assert process.metric("shoprelay_calls_total", says="Job", verdict="delivered") == 2
    for verdict in ("rejected", "misconfigured"):
        assert process.metric("shoprelay_calls_total", says="Job", verdict=verdict) == 0
    await process.end()


@moved_clock
async def test_what_it_leaves_to_the_rules_they_judge() -> None:
    world = World()
    world.log.say(ordered())
    world.platform.answers["ada-ordered-1"] = [Answer(404), OK]
    world.platform.answers[ask("ada-ordered-1")] = [Answer(403)]
    process = jobs(world, follow=unless_known)

    await until(lambda: process.metric("shoprelay_sink_held", reason="misconfigured") == 1)
    assert not world.log.parked
    await until(world.done)  # the probe is the call itself, which passes now
    await process.end()


@moved_clock
async def test_a_mistake_in_following_leaves_the_answer_to_the_rules() -> None:
    def mistaken(call: Call, answers: Sequence[Answer]) -> Verdict | Ask | None:
        raise KeyError("state")

    world = World()
    world.log.say(ordered())
    process = jobs(world, follow=mistaken)

    await until(world.done)

    assert world.platform.accepted == ["ada-ordered-1"]
    await process.end()


@pytest.mark.parametrize("point", ["before answer", "before commit"])
@pytest.mark.parametrize("nth", [1, 2, 3])
@moved_clock
async def test_after_a_death_the_job_is_begun_again_and_nothing_overtakes_it(point: str, nth: int) -> None:
    world = World()
    world.log.say(ordered(number="1"), ordered(number="2"))
    world.platform.answers["ada-ordered-1"] = [BEGUN, BEGUN]
    world.platform.answers[ask("ada-ordered-1")] = [state("running"), state("done"), state("done")]
    death = Death(point, nth)
    process = jobs(world, death=death)
    await until(lambda: death.happened.is_set() or world.done())
    await world.kill(process)
    jobs(world)

    await until(world.done)

    told = world.platform.told()
    assert told[0] == "ada-ordered-1" and told[-1] == "ada-ordered-2"
    for n, key in enumerate(told):
        assert key != "ada-ordered-2" or told[n - 1] == ask("ada-ordered-1")
    for process in world.processes[1:]:
        await process.end()


@moved_clock
async def test_a_stop_in_the_middle_of_a_job_leaves_it_to_the_next_process() -> None:
    world = World()
    world.log.say(ordered())
    world.platform.answers["ada-ordered-1"] = [BEGUN, BEGUN]
    world.platform.answers[ask("ada-ordered-1")] = [state("running")] * 5 + [state("done")]
    process = jobs(world)
    await until(lambda: ask("ada-ordered-1") in world.platform.told())

    assert await process.end() == 0
    assert world.log.lag == 1

    second = jobs(world)
    await until(world.done)
    await second.end()


@moved_clock
async def test_calls_that_go_elsewhere_are_not_followed() -> None:
    world = World()
    world.log.say(ordered())
    world.platform.answers["ada-ordered-1"] = [BEGUN]
    process = world.start(replace(SINK, rules=(Rule(Verdict.DELIVERED, frozenset({202}), why="taken"),)))

    await until(world.done)

    assert world.platform.told() == ["ada-ordered-1"]
    await process.end()


def make(call: Call, answers: Sequence[Answer]) -> Verdict | Ask | None:
    """Looks first, and makes what is not there."""
    if len(answers) == 1 and answers[0].at("found") is False:
        return Ask(structs.replace(call, says="Made", method="POST", key=ask(call.key)), repeats=False)
    return None


@pytest.mark.parametrize("lost", [Answer(503), Answer(0, fault="reset"), Answer(429, {"retry-after": "3"})], ids=str)
@moved_clock
async def test_what_would_be_made_twice_is_looked_for_again_instead(lost: Answer) -> None:
    world = World()
    world.log.say(ordered())
    world.platform.answers["ada-ordered-1"] = [
        Answer(200, {}, b'{"found": false}'),
        Answer(200, {}, b'{"found": true}'),
    ]
    world.platform.answers[ask("ada-ordered-1")] = [lost]
    process = jobs(world, follow=make)

    await until(world.done)

    assert world.platform.told() == ["ada-ordered-1", ask("ada-ordered-1"), "ada-ordered-1"]
    assert not world.log.parked
    await process.end()
