"""When the platform is slow, away, busy, or does not let us in: what the shop is told, and what is asked no more."""

from __future__ import annotations

import asyncio

import pytest

from shoprelay.gateway.errors import Problem
from sinks.contract import Answer
from sinks.questions import AvailabilityAsked, CustomerAsked, OrderAsked, ProductAtPlace
from tests.delivery.moved import MovedClock, moved_clock, pass_time
from tests.shoprelay.gateway.world import World, served

ASKED = OrderAsked(order_number="N-1")
AWAY = Answer(0, fault="connect")


async def problem(world: World, asked: OrderAsked = ASKED) -> Problem:
    with pytest.raises(Problem) as told:
        await world.platform.ask(asked)
    return told.value


def moved(**settings: object) -> World:
    return World(MovedClock(), **settings)


# -- slow


@moved_clock
async def test_five_seconds_are_all_the_time_there_is() -> None:
    world = moved()
    world.wire.hold = asyncio.Event()
    begun = world.clock.monotonic()

    told = await problem(world)

    assert (told.kind, told.status, told.detail) == ("timeout", 504, "the platform did not answer within 5 s")
    assert world.clock.monotonic() - begun == pytest.approx(5.0, abs=0.1)
    assert world.count("shoprelay_gateway_calls_total", endpoint="order", outcome="timeout") == 1


@moved_clock
async def test_time_for_a_question_is_for_all_its_calls_together() -> None:
    world = moved(timeout="3s")
    world.wire.seconds = 2.0
    world.wire.answers = [Answer(0, fault="reset")]

    assert (await problem(world)).kind == "timeout"
    assert world.clock.monotonic() == pytest.approx(3.0, abs=0.1)


@moved_clock
async def test_who_waits_for_somebody_elses_token_waits_no_longer_either() -> None:
    world = moved()
    held = asyncio.Event()

    async def slow(call: object) -> Answer:
        await held.wait()
        return Answer(503)

    world.wire.send = slow  # type: ignore[method-assign,assignment]
    first = asyncio.create_task(problem(world))
    await pass_time(4)
    second = asyncio.create_task(problem(world))

    assert (await first).kind == "timeout"
    assert (await second).kind == "timeout"
    assert world.clock.monotonic() == pytest.approx(9.0, abs=0.2)


# -- away


@pytest.mark.parametrize("answer", [Answer(500), Answer(502, {}, b"<html>"), Answer(503), Answer(408), AWAY])
async def test_a_platform_that_is_away_is_told_with_when_to_ask_again(answer: Answer) -> None:
    world = World()
    world.wire.answers = [answer]

    told = await problem(world)
    assert (told.kind, told.status, told.retry_after) == ("away", 503, 1)
    assert world.platform.readiness().ready


async def test_a_connection_that_was_kept_too_long_is_not_the_shops_trouble() -> None:
    world = World()
    world.wire.answers = [Answer(0, fault="reset")]

    await world.platform.ask(ASKED)
    assert len(world.wire.calls) == 2


@moved_clock
async def test_after_sixteen_failures_in_a_row_nobody_is_asked_for_a_while() -> None:
    world = moved()
    world.wire.answers = [AWAY] * 16
    for _ in range(16):
        await problem(world)

    told = await problem(world)
    assert (told.kind, len(world.wire.calls)) == ("away", 16)
    assert told.retry_after is not None
    await pass_time(told.retry_after + 10)
    await world.platform.ask(ASKED)


# -- busy


@moved_clock
async def test_a_platform_that_asks_for_a_pause_gets_it() -> None:
    world = moved()
    world.wire.answers = [Answer(429, {"retry-after": "7"})]

    told = await problem(world)
    again = await problem(world)

    assert (told.kind, told.status, told.retry_after) == ("throttled", 503, 7)
    assert (again.kind, again.retry_after, len(world.wire.calls)) == ("throttled", 7, 1)
    await pass_time(7)
    await world.platform.ask(ASKED)


# -- not let in


@moved_clock
async def test_a_token_that_has_ended_is_renewed_once_and_nobody_notices() -> None:
    world = moved()
    await world.platform.ask(ASKED)
    world.newstore.lent += 1  # somebody else's renewal has ended ours

    await world.platform.ask(ASKED)

    assert world.newstore.lent == 3
    assert world.platform.readiness().ready


@pytest.mark.parametrize("answer", [Answer(401, {}, b"{}"), Answer(403, {}, b'{"error_code": "forbidden"}')])
async def test_credentials_that_are_refused_again_are_told_and_turn_us_not_ready(answer: Answer) -> None:
    world = World()
    world.wire.answers = [answer, answer]

    told = await problem(world)

    assert (told.kind, told.status, len(world.wire.calls), world.newstore.lent) == ("not-let-in", 502, 2, 2)
    assert world.platform.readiness().why == "the platform refuses this account's credentials"
    assert world.count("shoprelay_gateway_stopped", reason="not-let-in") == 1
    await world.platform.ask(ASKED)
    assert world.platform.readiness().ready
    assert world.count("shoprelay_gateway_stopped", reason="not-let-in") == 0


async def test_a_wrong_secret_is_about_us_and_not_about_the_question() -> None:
    world = World()
    world.newstore.secret = "another"

    assert (await problem(world)).kind == "not-let-in"
    assert not world.platform.readiness().ready


async def test_a_permission_that_is_missing_leaves_the_rest_useful() -> None:
    world, refused = World(), Answer(403, {}, b'{"error_code": "forbidden"}')
    await world.platform.ask(ASKED)
    world.wire.answers = [refused, refused]
    with pytest.raises(Problem, match="not-let-in"):
        await world.platform.ask(CustomerAsked(email="ada@example.com"))

    now = world.platform.readiness()
    assert (now.ready, now.detail["refused"]) == (True, ["profiles"])
    assert world.count("shoprelay_gateway_stopped", reason="not-let-in") == 1
    await world.platform.ask(ASKED)
    assert world.count("shoprelay_gateway_stopped", reason="not-let-in") == 1, "until profiles are told again"


async def test_an_address_that_is_not_known_there_is_the_operators_to_mend() -> None:
    world = World()
    world.wire.answers = [Answer(404, {}, b"{}")]
    asked = AvailabilityAsked(items=(ProductAtPlace(product_id="mug", place_id="BER"),))

    with pytest.raises(Problem, match="unreadable-answer"):
        await world.platform.ask(asked)


@moved_clock
async def test_who_stands_in_line_when_the_gate_closes_is_turned_away_at_once() -> None:
    world = moved(max_in_flight=1)
    world.wire.seconds = 0.1
    world.wire.answers = [Answer(429, {"retry-after": "60"})]
    asking = [asyncio.create_task(problem(world, OrderAsked(order_number=f"N-{n}"))) for n in range(5)]

    told = await asyncio.gather(*asking)

    assert [each.kind for each in told] == ["throttled"] * 5
    assert (world.clock.monotonic(), len(world.wire.calls)) == (pytest.approx(0.1, abs=0.01), 1)


@moved_clock
async def test_who_stands_in_line_when_we_are_banned_sends_nothing_more() -> None:
    world = moved(max_in_flight=1)
    world.wire.seconds = 0.1
    world.wire.answers = [Answer(403, {}, b"<html>")]
    asking = [asyncio.create_task(problem(world, OrderAsked(order_number=f"N-{n}"))) for n in range(5)]

    told = await asyncio.gather(*asking)

    assert [each.kind for each in told] == ["banned"] * 5
    assert len(world.wire.calls) == 1
    await pass_time(300)
    await world.platform.ask(ASKED)


@moved_clock
async def test_a_403_that_is_no_json_stops_everything_for_five_minutes() -> None:
    world = moved()
    world.wire.answers = [Answer(403, {}, b"<html>blocked</html>")]

    told = await problem(world)
    assert (told.kind, told.status, told.retry_after) == ("banned", 503, 300)
    assert not world.platform.readiness().ready
    assert world.count("shoprelay_gateway_stopped", reason="banned") == 1

    await pass_time(299)
    again = await problem(world, OrderAsked(order_number="N-2"))
    assert (again.kind, again.retry_after, len(world.wire.calls)) == ("banned", 1, 1)

    await pass_time(1)
    assert world.platform.readiness().ready
    await world.platform.ask(ASKED)


async def test_the_shop_is_told_with_retry_after() -> None:
    async with served() as shop:
        shop.world.wire.answers = [Answer(403, {}, b"blocked"), Answer(200)]
        answer = await shop.get("/v1/orders/N-1")

        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "300")
        assert answer.json()["type"] == "/v1/docs#banned"
