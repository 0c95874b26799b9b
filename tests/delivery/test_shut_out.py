"""A platform that shuts us out is left alone, at every endpoint; what goes elsewhere is judged by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec import structs

from sinks.contract import Answer, Call, Rule, Verdict, classify, deciding
from tests.delivery.moved import moved_clock, until
from tests.delivery.said import ordered, searched
from tests.delivery.sink import SINK
from tests.delivery.world import World

BLOCKED = Rule(Verdict.THROTTLED, frozenset({403}), unless_json=True, wait_seconds=300, why="shut out")
SHUT_OUT = Answer(403, {}, b"<html>Forbidden</html>")


@moved_clock
async def test_nothing_leaves_to_any_endpoint_while_we_are_shut_out() -> None:
    world = World()
    world.platform.answers["ada-ordered-1"] = [SHUT_OUT]
    world.log.say(ordered())
    process = world.start(replace(SINK, rules=(BLOCKED,)))
    await until(lambda: bool(world.platform.sent))
    world.log.say(searched("bob", 1))
    await until(world.done)

    (first, _), *later = world.platform.sent
    assert min(at for at, _ in later) - first >= 300
    assert world.log.parked == []
    await process.end()


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (SHUT_OUT, Verdict.THROTTLED),
        (Answer(403, {}, b"Forbidden"), Verdict.THROTTLED),
        (Answer(403, {}, b'{"message": "expired"}'), Verdict.MISCONFIGURED),
        (Answer(403, {}, b" "), Verdict.MISCONFIGURED),
        (Answer(404, {}, b"<html>"), Verdict.MISCONFIGURED),
    ],
)
def test_unless_json_wants_a_body_that_is_none(answer: Answer, verdict: Verdict) -> None:
    assert classify(answer, (BLOCKED,)) is verdict


def test_what_goes_elsewhere_is_judged_by_the_usual_rules_alone() -> None:
    sink = replace(SINK, rules=(BLOCKED,))
    call = Call("file", "PUT", "https://files.example/a", b"", "a")

    assert sink.rules_for(call) == (BLOCKED,)
    assert sink.rules_for(structs.replace(call, bare=True)) == ()


def test_no_rule_decides_about_silence() -> None:
    assert deciding(Answer(0, fault="timeout"), (BLOCKED,)) is None
    assert deciding(SHUT_OUT, (BLOCKED,)) is BLOCKED
