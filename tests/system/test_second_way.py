"""Parked calls on their second way through everything that is real: the commands, a broker, a sink's process, a
strict stand-in."""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import pytest
import pytest_asyncio

from schemas.events import OrderFulfilled
from tests.system.procs import Process, until
from tests.system.running import Running, bought, event, seen

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]

NO = '{"errors": [{"code": "invalid", "detail": "no"}]}'
_runs = count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    running = await Running.start(tmp_path_factory.mktemp("second-way"), wait=False)
    await running.started("worker")
    running.begin("sink", "tests.system.sink_in_line")
    await running.ready("sink")
    yield running
    await running.close()


def begin(system: Running, command: str, *arguments: str) -> Process:
    given = ("parked", command, "klaviyo", *arguments, "--config", str(system.settings()))
    return system.lane.shoprelay(f"parked-{next(_runs)}", *given, **system.environment)


async def run(system: Running, command: str, *arguments: str) -> tuple[int, str]:
    process = begin(system, command, *arguments)
    return await process.ended(60), process.output()


async def parked(system: Running, count: int) -> list[dict[str, Any]]:
    """What is listed, once it is so many."""
    found: list[dict[str, Any]] = []

    async def so_many() -> bool:
        code, output = await run(system, "list", "--json")
        assert code == 0, output
        found[:] = [json.loads(line) for line in output.splitlines()]
        return len(found) == count

    await until(so_many, 40, f"{count} are parked")
    return found


async def refuse(system: Running, times: int = 1, after: int = 0) -> None:
    await system.script(*({"path": "/api/events", "status": 400, "body": NO, "after": after} for _ in range(times)))


async def order_and_parcel(system: Running, who: str, order: str) -> list[dict[str, Any]]:
    """The order is refused, its parcel waits behind it, and the customer goes on."""
    await refuse(system)
    await system.tell(event(who, bought(order)))
    await parked(system, 1)
    await system.tell(event(who, OrderFulfilled(order_id=order)), event(who, seen()))
    await system.stored_for({who}, "Active on Site")
    return await parked(system, 2)


async def test_a_parcel_waits_behind_its_order_and_both_go_in_their_order(system: Running) -> None:
    shelf = {row["says"]: row for row in await order_and_parcel(system, "ada", "17")}
    order, parcel = shelf["Placed Order"], shelf["Fulfilled Order"]
    assert (order["opens"], order["reason"], order["status"]) == ("order 17", "rejected", 400)
    assert (parcel["behind"], parcel["reason"]) == ("order 17", "behind: order 17")

    code, output = await run(system, "show", order["parked_id"][:8])
    assert code == 0 and '"detail": "no"' in output and parcel["parked_id"][:8] in output
    code, output = await run(system, "redrive", parcel["parked_id"])
    assert code == 2 and "--with-openers" in output

    await refuse(system)
    code, output = await run(system, "redrive")
    assert code == 1 and "! 1 parked again" in output and "! 1 still wait behind" in output, output
    (again,) = [row for row in await parked(system, 2) if row["opens"]]
    assert (again["parked_id"], again["first_at"]) == (order["parked_id"], order["first_at"])
    assert again["last_at"] > order["last_at"]

    assert await run(system, "redrive", order["parked_id"][:8]) == (0, "✓ 2 delivered\n")
    assert await parked(system, 0) == []
    told = [call.says for call in await system.stored("ada") if call.says in ("Placed Order", "Fulfilled Order")]
    assert told == ["Placed Order", "Fulfilled Order"]
    await system.stored_for({"ada"}, "Ordered Product")
    assert await run(system, "redrive") == (0, "nothing to send again for klaviyo\n")


async def test_a_dropped_order_lets_its_parcel_go(system: Running) -> None:
    shelf = {row["says"]: row for row in await order_and_parcel(system, "bob", "18")}
    order, parcel = shelf["Placed Order"], shelf["Fulfilled Order"]
    code, output = await run(system, "drop", order["parked_id"][:8], "--yes")
    assert code == 0 and output.endswith("✓ 1 dropped\n"), output
    assert f"1 wait behind what is dropped, and will be sent without it: {parcel['parked_id'][:8]}" in output
    await system.stored_for({"bob"}, "Fulfilled Order")
    assert await parked(system, 0) == []
    assert await system.stored("bob", "Placed Order") == []


@pytest.mark.parametrize("who_dies", ["command", "sink"])
async def test_killed_in_the_middle_and_run_again_each_arrives_once(system: Running, who_dies: str) -> None:
    people = [f"{who_dies}-{n}" for n in range(36)]
    await refuse(system, times=12, after=2)
    await system.tell(*(event(who, seen()) for who in people))
    shelf = {row["customer_key"].rpartition(":")[2] for row in await parked(system, 12)}
    await system.stored_for(set(people) - shelf, "Active on Site")

    first = begin(system, "redrive", "--rate", "6/s")

    async def some() -> bool:
        return sum(call.customer in shelf for call in await system.stored(says="Active on Site")) >= 3

    await until(some, 30, "some are delivered")
    if who_dies == "command":
        first.signal(signal.SIGKILL)
        assert await first.ended() == -signal.SIGKILL
    else:
        system.processes["sink"].kill()
        system.begin("sink", "tests.system.sink_in_line")
        await system.ready("sink")
        await first.ended(60)
    code, output = await run(system, "redrive")
    assert code == 0, output
    assert await parked(system, 0) == []
    told = [call.customer for call in await system.stored(says="Active on Site") if call.customer in people]
    assert sorted(told) == sorted(people)
