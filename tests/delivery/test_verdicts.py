"""What each answer leads to, seen from the platform and from the parked topic."""

import asyncio
from dataclasses import replace

import pytest

from sinks.contract import Answer, Rule, Verdict
from streams.delivery import Backoff, BrakeLimits, GiveUp
from tests.delivery.moved import moved_clock, pass_time, until
from tests.delivery.said import ordered, searched
from tests.delivery.sink import SINK
from tests.delivery.world import OK, World

DOWN = Answer(503)
REFUSED = Answer(400, {}, b'{"why": "no such currency"}')
DENIED = Answer(401)


def throttled(**headers: str) -> Answer:
    return Answer(429, {name.replace("_", "-"): value for name, value in headers.items()})


@moved_clock
async def test_a_delivered_call_is_sent_once_and_committed() -> None:
    world = World()
    process = world.start()
    world.log.say(ordered())
    await until(world.done)

    assert world.platform.told() == ["ada-ordered-1"]
    assert process.metric("shoprelay_calls_total", says="OrderPlaced", verdict="delivered") == 1
    assert process.metric("shoprelay_signals_total", signal="OrderPlaced", outcome="delivered") == 1


@pytest.mark.parametrize(
    ("answer", "earliest"),
    [
        (throttled(retry_after="30"), 30),
        (throttled(retry_after="Mon, 01 Jun 2026 12:02:00 GMT"), 119),
        (throttled(ratelimit_reset="20"), 20),
        (throttled(), 1),
    ],
)
def test_a_throttled_call_waits_as_told(answer: Answer, earliest: float) -> None:
    @moved_clock
    async def story() -> None:
        world = World()
        world.start()
        world.platform.answers["ada-ordered-1"] = [answer]
        world.log.say(ordered())
        await until(world.done)
        (first, _), (second, _) = world.platform.sent

        assert second - first >= earliest
        assert world.log.parked == []

    story()


@moved_clock
async def test_throttling_closes_the_gate_for_everybody_and_is_never_an_attempt() -> None:
    world = World()
    world.start(give_up_after=GiveUp(attempts=2, seconds=0))
    world.platform.answers["ada-ordered-1"] = [throttled(retry_after="10")] * 20
    world.log.say(ordered())
    await until(lambda: len(world.platform.sent) == 1)
    world.log.say(*(ordered(f"c{n}") for n in range(20)))
    await until(world.done)

    assert not [at for at, _ in world.platform.sent[1:] if at < 10]
    assert world.log.parked == []


@moved_clock
async def test_a_very_long_retry_after_is_asked_about_after_the_longest_wait() -> None:
    world = World()
    world.start()
    world.platform.answers["ada-ordered-1"] = [throttled(retry_after="999999999")]
    world.log.say(ordered())
    await until(world.done, 3700)

    assert len(world.platform.sent) == 2


@pytest.mark.parametrize(
    "answer",
    [
        DOWN,
        Answer(500),
        Answer(408),
        *(Answer(0, fault=fault) for fault in ("connect", "timeout", "reset", "protocol")),
    ],
)
def test_while_nobody_gets_through_a_call_waits_for_ever_and_is_sent_unchanged(answer: Answer) -> None:
    @moved_clock
    async def story() -> None:
        world = World()
        process = world.start(give_up_after=GiveUp(attempts=3, seconds=60))
        world.platform.otherwise = answer
        world.log.say(*(ordered(f"c{n}") for n in range(10)))
        await pass_time(1800)
        assert world.log.parked == []
        assert world.log.committed == {}
        assert process.delivery.health().state == "unavailable"
        assert process.metric("shoprelay_endpoint_closed", endpoint="events", reason="unavailable") == 1
        attempts = len(world.platform.sent)
        assert attempts < 100 + 1800 / 10, "a platform that is down is not hammered"

        world.platform.otherwise = OK
        await until(world.done, 300)
        assert sorted(world.platform.accepted) == sorted(f"c{n}-ordered-1" for n in range(10))
        assert len({(call.key, call.body) for _, call in world.platform.sent}) == 10

    story()


@moved_clock
async def test_a_poison_call_is_parked_alone_while_its_neighbours_get_through() -> None:
    world = World()
    world.start(give_up_after=GiveUp(attempts=5, seconds=60))
    world.platform.answers["bad-ordered-1"] = [DOWN] * 1000
    world.log.say(ordered("bad", "1"), ordered("bad", "2"))
    for n in range(600):
        world.log.say(ordered(f"c{n}"))
        await pass_time(1)
    await until(world.done)

    assert [parked.call_key for parked in world.log.parked] == ["bad-ordered-1"]
    assert world.log.parked[0].reason == "gave_up"
    assert world.log.parked[0].attempts >= 5
    assert "bad-ordered-2" in world.platform.accepted


@pytest.mark.parametrize("status", [401, 402, 403, 404, 405, 407, 410, 415, 301])
def test_a_wrong_key_or_address_holds_the_sink_until_a_probe_passes(status: int) -> None:
    @moved_clock
    async def story() -> None:
        world = World()
        process = world.start()
        world.log.say(*(ordered(f"c{n}") for n in range(5)))
        await until(world.done)
        world.platform.otherwise = Answer(status)
        world.log.say(*(ordered(f"d{n}") for n in range(200)))
        await pass_time(3600)
        held = len(world.platform.sent)
        assert held <= 5 + 16 + 3600 / 30 + 10, "only probes leave"
        assert len({call.key for _, call in world.platform.sent[-50:]}) == 1, "always the same call"
        assert (process.delivery.health().state, process.delivery.health().ready) == ("held", False)
        assert process.metric("shoprelay_sink_held", reason="misconfigured") == 1

        world.platform.otherwise = OK
        await until(world.done, 120)
        assert world.log.parked == []
        assert len(world.platform.accepted) == 205
        assert process.metric("shoprelay_sink_held", reason="misconfigured") == 0
        assert process.delivery.health().state == "running"

    story()


@pytest.mark.parametrize("status", [400, 409, 413, 422, 451])
def test_a_refused_call_is_parked_and_the_next_one_goes_on(status: int) -> None:
    @moved_clock
    async def story() -> None:
        world = World()
        process = world.start()
        world.platform.answers["ada-ordered-1"] = [Answer(status, {}, b"no")]
        world.log.say(ordered("ada", "1"), ordered("ada", "2"))
        await until(world.done)

        assert [(p.call_key, p.status, p.reason) for p in world.log.parked] == [("ada-ordered-1", status, "rejected")]
        assert world.platform.accepted == ["ada-ordered-2"]
        assert process.metric("shoprelay_parked_total", reason="rejected") == 1

    story()


@moved_clock
async def test_a_platforms_own_rules_come_first() -> None:
    world = World()
    world.start(calls={"rules": (Rule(Verdict.DELIVERED, frozenset({409}), containing=b"duplicate"),)})
    world.platform.answers["ada-ordered-1"] = [Answer(409, {}, b"duplicate event")]
    world.log.say(ordered())
    await until(world.done)

    assert world.log.parked == []


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff\xfe", b'{"errors": ['])
def test_a_2xx_is_delivered_whatever_its_body_says(body: bytes) -> None:
    @moved_clock
    async def story() -> None:
        world = World()
        world.start()
        world.platform.answers["ada-ordered-1"] = [Answer(202, {}, body)]
        world.log.say(ordered())
        await until(world.done)

        assert len(world.platform.sent) == 1

    story()


@moved_clock
async def test_an_answer_that_never_comes_is_a_timeout_and_the_same_call_goes_again() -> None:
    world = World()
    process = world.start()
    world.platform.answers["ada-ordered-1"] = [None, (60.0, OK)]
    world.log.say(ordered())
    await until(world.done)

    assert world.platform.told() == ["ada-ordered-1"] * 3
    assert process.metric("shoprelay_calls_total", says="OrderPlaced", verdict="unavailable") == 2


@moved_clock
async def test_several_calls_of_one_signal_go_on_at_the_one_that_failed() -> None:
    world = World()
    world.start()
    world.platform.answers["ada-searched-1-b"] = [DOWN, DOWN]
    world.log.say(searched("ada", 1), ordered("ada", "1"))
    await until(world.done)

    assert world.platform.told() == ["ada-searched-1-a", *["ada-searched-1-b"] * 3, "ada-ordered-1"]


@moved_clock
async def test_the_brake_holds_instead_of_parking_a_day_of_traffic() -> None:
    world = World()
    process = world.start(brake=BrakeLimits(in_a_row=10))
    world.platform.otherwise = REFUSED
    world.log.say(*(ordered(f"c{n}") for n in range(300)))
    await pass_time(3600)
    assert len(world.log.parked) == 10
    assert process.delivery.health().reason == "brake"
    assert len(world.platform.sent) < 10 + 16 + 3600 / 30 + 10

    world.platform.otherwise = OK
    await until(world.done, 300)
    assert len(world.platform.accepted) == 290
    assert process.delivery.health().state == "running"


@moved_clock
async def test_the_brake_also_sees_a_large_share() -> None:
    world = World()
    process = world.start(brake=BrakeLimits(in_a_row=1000, share=0.3, out_of=50))
    for n in range(200):
        if n % 2:
            world.platform.answers[f"c{n}-ordered-1"] = [REFUSED] * 100
    world.log.say(*(ordered(f"c{n}") for n in range(200)))
    await until(lambda: process.delivery.health().reason == "brake")
    assert 15 <= len(world.log.parked) <= 40

    await pass_time(30)
    mark = len(world.platform.sent)
    await pass_time(600)
    probes = {call.key for _, call in world.platform.sent[mark:]}
    assert len(probes) == 1, "the success of others would prove nothing: the refused call itself is asked about"
    assert process.delivery.health().reason == "brake"

    told = len(world.platform.accepted)
    world.platform.answers[probes.pop()] = [OK]
    await until(lambda: len(world.platform.accepted) > told + 1, 60)


@moved_clock
async def test_a_brake_that_some_bad_calls_pulled_is_let_go_by_a_good_one() -> None:
    world = World()
    world.start(brake=BrakeLimits(in_a_row=5))
    for n in range(12):
        world.platform.answers[f"bad{n}-ordered-1"] = [REFUSED] * 100
    world.log.say(*(ordered(f"bad{n}") for n in range(12)), *(ordered(f"c{n}") for n in range(20)))
    await until(world.done, 1200)

    assert len(world.log.parked) == 12
    assert len(world.platform.accepted) == 20


@moved_clock
async def test_when_the_platform_is_back_nobody_waits_out_a_back_off_of_its_absence() -> None:
    """Six seconds down: the waits that grew meanwhile, up to a minute, end with the first answer."""
    world = World()
    back = asyncio.get_running_loop().time() + 6.0
    world.platform.otherwise = lambda: Answer(200 if asyncio.get_running_loop().time() >= back else 503)
    world.start()
    world.log.say(*(ordered(f"c{n}", "1") for n in range(2)))
    await until(lambda: asyncio.get_running_loop().time() >= back)
    world.log.say(ordered("somebody else", "1"))
    await until(world.done)

    assert asyncio.get_running_loop().time() - back < 1.0


@moved_clock
async def test_a_probe_that_is_parked_is_no_probe_any_more() -> None:
    """It failed beside others, and the parked topic takes its time: the next probe is not the same lane again."""
    world = World(partitions=1)
    process = world.start(give_up_after=GiveUp(2, 0.0), backoff=Backoff(0.0, 0.0))
    put = process.hands.put

    async def slow(partition: int, key: bytes, value: bytes | None) -> None:
        await pass_time(20)
        await put(partition, key, value)

    process.hands.put = slow  # type: ignore[method-assign]
    world.platform.answers["ada-ordered-1"] = [(0.1, DOWN), (0.2, DENIED), DOWN]
    world.log.say(ordered("ada", "1"), ordered("ada", "2"))
    world.log.say(ordered("bob"))
    world.platform.answers["bob-ordered-1"] = [(0.15, OK)]
    await until(world.done)

    assert world.platform.told().count("ada-ordered-1") == 3
    assert world.platform.accepted == ["bob-ordered-1", "ada-ordered-2"]
    assert [parked.reason for parked in world.log.parked] == ["gave_up"]
    assert not process.running.done()


@moved_clock
async def test_a_platform_that_says_too_fast_and_asks_for_no_time_is_not_asked_all_the_time() -> None:
    world = World()
    world.platform.otherwise = lambda: (0.01, throttled(retry_after="0"))
    world.start()
    world.log.say(*(ordered(f"c{n}") for n in range(5)))
    await pass_time(60)

    assert 5 <= len(world.platform.sent) <= 65


@moved_clock
async def test_a_429_that_names_no_time_waits_as_long_as_the_sink_says() -> None:
    world = World()
    world.log.say(ordered())
    world.platform.answers["ada-ordered-1"] = [throttled(), throttled(retry_after="7")]
    world.start(replace(SINK, throttled_seconds=300.0))

    await until(world.done)

    first, second, third = (at for at, _ in world.platform.sent)
    assert 300 <= second - first < 302 and 7 <= third - second < 9
