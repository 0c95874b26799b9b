"""Never above the platform's limits: who comes waits in turn, and who would wait too long is told so at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from shoprelay.gateway.errors import Problem
from shoprelay.gateway.limits import Lines
from sinks.contract import Limit
from sinks.questions import OrderAsked, OrdersAsked
from tests.delivery.moved import MovedClock, moved_clock, pass_time
from tests.shoprelay.gateway.world import World


def history(number: int) -> OrdersAsked:
    return OrdersAsked(customer_id=f"c{number}")


async def asked(world: World, *questions: Any) -> list[Any]:
    return await asyncio.gather(*(world.platform.ask(each) for each in questions), return_exceptions=True)


@moved_clock
async def test_a_flood_of_histories_stays_below_thirty_in_any_second() -> None:
    world = World(MovedClock())
    world.wire.seconds = 0.05

    told = await asked(world, *(history(number) for number in range(120)))

    assert [type(each) for each in told if isinstance(each, Exception)] == []
    assert world.newstore.stored()["busiest"]["orders"] == 30
    assert world.count("shoprelay_gateway_calls_total", endpoint="orders", outcome="200") == 120


@moved_clock
async def test_who_would_wait_longer_than_there_is_time_is_refused_at_once() -> None:
    world = World(MovedClock())
    world.wire.seconds = 0.05
    begun, refused_at = world.clock.monotonic(), list[float]()

    async def ask(number: int) -> str:
        try:
            await world.platform.ask(history(number))
        except Problem as problem:
            refused_at.append(world.clock.monotonic() - begun)
            assert problem.retry_after is not None and problem.status == 503
            return problem.kind
        return "told"

    outcomes = await asyncio.gather(*(ask(number) for number in range(400)))

    assert outcomes.count("told") + outcomes.count("overloaded") == 400
    assert outcomes.count("told") >= 120, "five seconds of it, less what a call's own way takes"
    assert len([at for at in refused_at if at < 0.01]) == outcomes.count("overloaded"), "nobody waited in vain"
    assert '"429"' not in world.metrics(), "a label, not a number that happens to hold these digits"


@moved_clock
async def test_a_share_of_the_limits_is_a_share() -> None:
    world = World(MovedClock(), share=0.5)
    world.wire.seconds = 0.01

    await asked(world, *(history(number) for number in range(60)))

    assert world.newstore.stored()["busiest"]["orders"] == 15


@moved_clock
async def test_one_endpoint_in_need_does_not_hold_up_another() -> None:
    world = World(MovedClock())
    world.wire.seconds = 0.05
    flood = asyncio.create_task(asked(world, *(history(number) for number in range(100))))
    await pass_time(0.2)
    begun = world.clock.monotonic()

    await world.platform.ask(OrderAsked(order_number="N-1"))

    assert world.clock.monotonic() - begun == pytest.approx(0.05, abs=0.01)
    await flood


@moved_clock
async def test_who_gives_up_while_waiting_leaves_the_place_to_others() -> None:
    lines = Lines((Limit("orders", 1, 10),), 1.0, 8, MovedClock())
    line = lines.of("orders")
    await line.enter(100)
    line.left(0.0)
    impatient = asyncio.create_task(line.enter(100))
    patient = asyncio.create_task(line.enter(100))
    await pass_time(1)
    impatient.cancel()

    await patient
    assert asyncio.get_running_loop().time() == pytest.approx(10, abs=0.1)
    assert impatient.cancelled()


@moved_clock
async def test_who_is_let_in_and_cut_off_in_the_same_moment_hands_the_place_on() -> None:
    lines = Lines((), 1.0, 1, MovedClock())
    line = lines.of("orders")
    await line.enter(100)
    cut, other = asyncio.create_task(line.enter(100)), asyncio.create_task(line.enter(100))
    await pass_time(1)
    line.left(0.0)
    cut.cancel()

    await other
    assert cut.cancelled() or cut.done()
    line.left(1.0)
    await line.enter(100)


@moved_clock
async def test_a_limit_of_all_endpoints_together_is_one() -> None:
    lines = Lines((Limit("*", 3, 10),), 1.0, 8, MovedClock())
    one, two = lines.of("orders"), lines.of("order")
    for line in (one, two, one):
        await line.enter(100)
        line.left(0.0)
        lines.wake_others(line)

    await asyncio.gather(one.enter(100), two.enter(100))
    assert asyncio.get_running_loop().time() == pytest.approx(10, abs=0.1)


@moved_clock
async def test_no_more_calls_are_under_way_than_may_be() -> None:
    world = World(MovedClock(), max_in_flight=4)
    world.wire.seconds, most = 0.1, list[int]()
    send, now = world.wire.send, 0

    async def counted(call: Any) -> Any:
        nonlocal now
        now += 1
        most.append(now)
        try:
            return await send(call)
        finally:
            now -= 1

    world.wire.send = counted  # type: ignore[method-assign]
    await asked(world, *(OrderAsked(order_number=f"N-{number}") for number in range(1, 13)))

    assert max(most) == 4
