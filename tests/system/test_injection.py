"""NewStore gets each order once, whatever its answers, a killed process and changed settings come to: the bytes of an
injection are kept before they leave, and every repeat has them."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from schemas import events
from schemas.events import ShopEvent
from schemas.values import CustomerRef
from sinks.newstore.fake import NewStoreStandIn
from tests.sinks.newstore import ORDER
from tests.system.one_sink import OneSink
from tests.system.procs import open_lane, until

pytestmark = pytest.mark.system
PATH = "/v0/d/fulfill_order"
EACH = 3
TROUBLE: tuple[dict[str, Any], ...] = (
    {"status": 500},
    {"status": 429, "headers": {"Retry-After": "1"}},
    {"status": 504},
    {"close": "after"},
)


class Tenant(OneSink):
    async def orders(self, *numbers: str) -> None:
        await self.tell(*map(placed, numbers))

    async def injections(self) -> dict[str, list[dict[str, Any]]]:
        """Every call of each order, by its number."""
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for call in await self.calls(PATH):
            found[call["body"]["external_id"]].append(call)
        return found

    async def answered(self, *numbers: str, calls: int = 1, repeats: int = 0) -> None:
        """Until each of them ended with a 200, after so many calls at least, and so many repeats of what was there."""

        async def each() -> bool:
            told = await self.injections()
            found = [told[number] for number in numbers]
            again = sum(call["verdict"] == "duplicate" for told in found for call in told)
            return again >= repeats and all(len(told) >= calls and told[-1]["status"] == 200 for told in found)

        await until(each, 40, f"{numbers} are injected")

    async def left(self, *numbers: str) -> None:
        async def each() -> bool:
            return set(numbers) <= set(await self.injections())

        await until(each, 20, f"{numbers} have left")

    async def troubled(self) -> None:
        """Until all that was scripted has happened."""

        async def all_of_it() -> bool:
            return not (await self.stats())["script_steps_left"]

        await until(all_of_it, 20, "all the trouble has happened")


def placed(number: str) -> ShopEvent:
    who = CustomerRef(customer_id=f"c{number}", email=f"c{number}@example.com")
    payload = events.OrderPlaced(order=replace(ORDER, order_id=number))
    return ShopEvent(
        event_id=f"order-{number}", shop="mugs", occurred_at=datetime.now(UTC), customer=who, payload=payload
    )


@pytest.fixture
async def tenant(tmp_path: Path) -> AsyncIterator[Tenant]:
    lane = await open_lane(tmp_path, os.environ.get("SHOPRELAY_TEST_KAFKA"), ("newstore",))
    running = Tenant(lane, "newstore", NewStoreStandIn())
    await running.start(profiles=False, channel_name="shop")
    running.begin()
    yield running
    await running.close()
    await lane.close()


async def test_each_order_is_created_once_with_the_same_bytes_through_trouble_a_kill_and_other_settings(
    tenant: Tenant,
) -> None:
    first, second = [str(n) for n in range(1001, 1007)], [str(n) for n in range(2001, 2007)]
    await tenant.script(*({"path": PATH, "times": EACH, **trouble} for trouble in TROUBLE))
    await tenant.orders(*first)
    await tenant.troubled()
    await tenant.answered(*first, repeats=EACH)  # whose answers were cut off

    cut, down = {"path": PATH, "times": EACH, "close": "after"}, {"path": PATH, "times": 10_000, "status": 504}
    await tenant.script(cut, down)
    await tenant.orders(*second)
    await tenant.left(*second)
    tenant.kill()
    await tenant.script()
    tenant.settings(profiles=False, channel_name="outlet")
    tenant.begin()
    await tenant.answered(*second, calls=2)
    await tenant.orders("3001")
    await tenant.answered("3001")

    told = await tenant.injections()
    assert set((await tenant.stored())["orders"]) == set(told) == {*first, *second, "3001"}
    for number, calls in told.items():
        assert len({call["sha256"] for call in calls}) == 1, f"{number} came with different bytes"
        assert [call["verdict"] for call in calls].count("accepted") == 1, f"{number} was created again"
        assert calls[0]["body"]["channel_name"] == ("outlet" if number == "3001" else "shop")
    assert sum(call["verdict"] == "scripted" for n in first for call in told[n]) == 3 * EACH
    assert await tenant.lane.records(tenant.lane.topics.parked("newstore")) == []
