"""A platform that is down, slow or rude, a wrong key, a sink that is killed: every call arrives, once in effect."""

from __future__ import annotations

from typing import Any

import pytest

from tests.system.procs import until
from tests.system.running import Running, event, repeats_are_equal, seen

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]
PEOPLE = 5


def people(name: str) -> set[str]:
    return {f"{name}-{n}" for n in range(PEOPLE)}


async def tell(system: Running, name: str) -> None:
    await system.tell(*(event(who, seen()) for who in sorted(people(name))))


@pytest.mark.parametrize(
    ("name", "trouble", "taken_in"),
    [
        ("answers-500", {"status": 500}, False),
        ("answers-503-with-html", {"status": 503, "body": "<html>down</html>"}, False),
        ("hangs", {"hang": 1.5}, False),
        ("closes-before", {"close": "before"}, False),
        ("closes-after-accepting", {"close": "after"}, True),
        ("speaks-nonsense", {"nonsense": True}, False),
        ("throttles", {"status": 429, "headers": {"Retry-After": "1"}}, False),
    ],
)
async def test_after_trouble_the_same_call_arrives(
    system: Running, name: str, trouble: dict[str, Any], taken_in: bool
) -> None:
    await system.script({"path": "/api/events", "times": PEOPLE, **trouble})
    await tell(system, name)
    await system.stored_for(people(name), "Active on Site")

    async def all_answered() -> bool:  # what was cut off after it was stored is sent again, and is known by its key
        calls = [call for call in await system.calls(says="Active on Site") if call.customer in people(name)]
        return repeats_are_equal(calls) == PEOPLE

    await until(all_answered, 20, "each was sent twice")
    repeats = [call for call in await system.calls() if call.customer in people(name) and call.verdict == "duplicate"]
    assert len(repeats) == (PEOPLE if taken_in else 0)
    assert await system.lane.records(system.lane.topics.parked("klaviyo")) == []


async def test_a_200_with_nonsense_in_it_is_an_acceptance(system: Running) -> None:
    """Klaviyo says yes by status alone; sending again what it took would be worse than believing it."""
    await system.script({"path": "/api/events", "status": 200, "body": "\x00<!doctype nonsense"})
    await system.tell(event("nonsense", seen()))

    async def answered() -> bool:
        return bool(await system.calls("nonsense"))

    await until(answered, 20, "it was sent")
    await system.tell(event("nonsense", seen(), "nonsense-next"))
    await system.stored_for({"nonsense"}, "Active on Site")
    assert [call.status for call in await system.calls("nonsense")] == [200, 202]


async def test_a_wrong_key_holds_the_sink_until_it_is_right(system: Running) -> None:
    assert await system.processes["sink"].terminate(5) == 0
    system.begin("sink", KLAVIYO_KEY="pk_of_somebody_else")
    await tell(system, "wrong-key")

    async def held() -> bool:
        status, body = await system.readiness("sink")
        return status == 503 and body.get("state") == "held"

    await until(held, 30, "the sink is not ready")
    assert (await system.readiness("sink"))[1]["why"] == "misconfigured"
    assert await system.metric("shoprelay_sink_held", "sink", reason="misconfigured") == 1
    assert await system.processes["sink"].terminate(5) == 0
    calls = [call for call in await system.calls() if call.customer in people("wrong-key")]
    assert {call.status for call in calls} == {401}
    assert "pk_of_somebody_else" not in system.processes["sink"].output()

    await system.started("sink")
    await system.stored_for(people("wrong-key"), "Active on Site")
    assert await system.lane.records(system.lane.topics.parked("klaviyo")) == []


async def test_a_sink_killed_in_the_middle_of_requests_sends_them_again_under_the_same_key(system: Running) -> None:
    await system.script({"path": "/api/events", "times": PEOPLE, "delay_ms": 20_000})
    await tell(system, "killed")
    await system.stored_for(people("killed"), "Active on Site")  # taken in, and not answered
    system.processes["sink"].kill()
    system.begin("sink")

    async def sent_again() -> bool:
        calls = [call for call in await system.calls() if call.customer in people("killed")]
        return repeats_are_equal(calls) == PEOPLE

    await until(sent_again, 60, "each was sent again")
    await tell(system, "after-the-kill")
    await system.stored_for(people("after-the-kill"), "Active on Site")
