"""WayMore is told everything that is known, though the process that tells it is killed three times, beside what is
live: worker, broker, sink and stand-in are the real ones."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from schemas import events
from schemas.events import ShopEvent
from schemas.values import CustomerRef, LineItem, Order, Product, Profile
from sinks.waymore.fake import WayMoreStandIn
from tests.system.one_sink import OneSink
from tests.system.procs import open_lane, until

pytestmark = pytest.mark.system
CUSTOMERS, PRODUCTS, PART = 40, 20, 5
LONG_AGO = datetime.now(UTC) - timedelta(days=90)
NOBODY = CustomerRef()
KINDS = ["customers", "subscribers", "products", "wishlist", "orders"]


def mug(number: int) -> LineItem:
    return LineItem(product_id=f"m{number}", name="Mug", unit_price=Decimal("9.5"))


def said(event_id: str, payload: events.ShopPayload, who: CustomerRef = NOBODY, **more: Any) -> ShopEvent:
    more.setdefault("occurred_at", datetime.now(UTC))
    return ShopEvent(event_id=event_id, shop="mugs", customer=who, payload=payload, **more)


def history() -> Iterator[ShopEvent]:
    """All of it of a time before: products, and customers with a newsletter, a wish and an order."""
    past: dict[str, Any] = {"priority": "backfill", "occurred_at": LONG_AGO}
    for number in range(PRODUCTS):
        product = Product(product_id=f"m{number}", title="Mug", price=Decimal("9.5"), currency="EUR")
        yield said(f"m{number}", events.ProductUpserted(product=product), **past)
    for number in range(CUSTOMERS):
        ada = CustomerRef(customer_id=f"c{number}", email=f"c{number}@example.com")
        wanted = mug(number % PRODUCTS)
        placed = Order(order_id=f"o{number}", currency="EUR", total=Decimal("9.5"), lines=(wanted,))
        yield said(f"{number}-there", events.CustomerRegistered(profile=Profile(first_name="Ada")), ada, **past)
        yield said(f"{number}-ordered", events.OrderPlaced(order=placed), ada, **past)
        if number % 2 == 0:
            yield said(f"{number}-reads", events.NewsletterSubscribed(), ada, **past)
        if number % 3 == 0:
            yield said(f"{number}-wishes", events.WishlistAdded(item=wanted), ada, **past)


EXPECTED = {
    *(("customers", f"c{n}") for n in range(CUSTOMERS)),
    *(("subscribers", f"c{n}") for n in range(0, CUSTOMERS, 2)),
    *(("products", f"m{n}") for n in range(PRODUCTS)),
    *(("wishlist", f"c{n} m{n % PRODUCTS}") for n in range(0, CUSTOMERS, 3)),
    *(("orders", f"c{n} o{n}") for n in range(CUSTOMERS)),
}


def named(kind: str, item: dict[str, Any]) -> tuple[str, str]:
    """What an item of the mass load is about."""
    match kind:
        case "customers" | "subscribers":
            return kind, item[kind.removesuffix("s")]["id"]
        case "products":
            return kind, item["product_id"]
        case "wishlist":
            return kind, " ".join([item["customer_id"], *item["product_id"]])
    return kind, f"{item['order_details']['customer_id']} {item['order_details']['order_id']}"


class Site(OneSink):
    """The registered one, and what it was told."""

    async def site(self) -> dict[str, Any]:
        sites = (await self.stored())["sites"]
        assert len(sites) <= 1
        return dict(sites[0]) if sites else {"parts": [], "mass": {}, "events": []}

    async def mass(self) -> Counter[tuple[str, str]]:
        told = (await self.site())["mass"]
        return Counter(named(kind, item) for kind, items in told.items() for item in items)

    async def parts(self) -> int:
        return len((await self.site())["parts"])

    async def searched(self) -> list[str]:
        return [each["data"]["search_string"] for each in (await self.site())["events"] if each["event"] == "Search"]

    async def talk(self, live: list[str]) -> None:
        """Somebody looks for something, all the time; by a cookie, so that history stays what it is."""
        while True:
            who = CustomerRef(anonymous_id=f"cookie-{len(live) % 7}")
            query = f"live {len(live)}"
            await self.tell(said(query, events.Searched(query=query), who))
            live.append(query)
            await asyncio.sleep(0.05)


@asynccontextmanager
async def registered(folder: Path) -> AsyncIterator[Site]:
    """With everything known to the worker, and no sink yet. Each part takes the stand-in a moment."""
    lane = await open_lane(folder, os.environ.get("SHOPRELAY_TEST_KAFKA"), ("waymore",))
    site = Site(lane, "waymore", WayMoreStandIn())
    try:
        await site.start(part_items=PART)
        past = list(history())
        await site.tell(*past)
        await site.known(len(past))
        await site.script({"path": "/api/data", "times": 100_000, "delay_ms": 100})
        yield site
    finally:
        await site.close()
        await lane.close()


async def killed_on_its_way(site: Site, chance: random.Random) -> None:
    """After some more parts, wherever it is by then; and begun anew."""
    wanted = await site.parts() + chance.randrange(3, 8)

    async def so_many() -> bool:
        return await site.parts() >= wanted

    await until(so_many, 30, f"{wanted} parts are told")
    site.kill()
    site.begin()


@pytest.mark.parametrize("seed", [7])
async def test_history_goes_on_after_three_kills_to_exactly_what_is_known_while_live_events_flow(
    tmp_path: Path, seed: int
) -> None:
    chance, live = random.Random(seed), list[str]()
    async with registered(tmp_path) as site:
        site.begin()
        talking = asyncio.create_task(site.talk(live))
        for _ in range(3):
            await killed_on_its_way(site, chance)
        assert set(await site.mass()) < EXPECTED, "there was something left to tell"

        async def all_told() -> bool:
            return set(await site.mass()) >= EXPECTED

        await until(all_told, 40, "everything is told")
        talking.cancel()

        async def all_heard() -> bool:
            return set(live) <= set(await site.searched())

        await until(all_heard, 20, "what is live is told")
        await check(site, live)


async def check(site: Site, live: list[str]) -> None:
    told, mass = await site.site(), await site.mass()
    assert set(mass) == EXPECTED
    assert mass.total() - len(EXPECTED) <= 3 * PART, "a kill repeats the part in flight, and no more"
    kinds = [kind for kind, _ in told["parts"]]
    assert kinds == sorted(kinds, key=KINDS.index) and list(dict.fromkeys(kinds)) == KINDS
    assert {call["status"] for call in await site.calls("/api/data")} == {200}
    assert {each["event"] for each in told["events"]} == {"Search"}, "history is not told as if it happened now"
    assert set(await site.searched()) == set(live)
    assert len(await site.calls("/api/authenticate")) == 1
    assert list((await site.stored())["registrations"].values()) == [1]
    assert await site.lane.records(site.lane.topics.parked("waymore")) == []
