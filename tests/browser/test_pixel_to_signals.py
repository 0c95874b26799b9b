"""From a click in a real browser to what the platforms are told, through the collector's and the worker's processes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser

from schemas.signals import CartChanged, ProductViewed, Searched, SessionActive, Signal
from shoprelay.pixel_settings import SHORTEST_SECRET
from tests.browser.conftest import CHROME
from tests.browser.shop import SECRET, VIEWS, Shop, shop_open, signed
from tests.system.procs import free_port, until
from tests.system.running import SHOPS, Running

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


async def _started(folder: Path, shop: Shop) -> Running:
    running = await Running.start(folder, wait=False)
    running.environment |= {"NAMES": SECRET.decode()}
    public, private = free_port(), free_port()
    running.write_settings(
        f'{SHOPS}[shops.mugs.pixel]\nwrite_key = "mugs-public"\norigins = ["{shop.origin}"]\nsecrets = ["env:NAMES"]\n'
        f"[collect]\nport = {public}\nhttp = {{ port = {private} }}\n"
    )
    given = ("--config", str(running.settings()), "--log", "json")
    process = running.lane.shoprelay("collect", "collect", *given, **running.environment)
    await asyncio.gather(
        running.lane.answers(process, f"http://127.0.0.1:{private}/readyz"), running.started("worker")
    )  # fmt: skip
    shop.collector = f"http://127.0.0.1:{public}"
    return running


async def test_a_visit_is_told_once_and_is_the_persons_who_logs_in(
    tmp_path_factory: pytest.TempPathFactory, chromium: Browser
) -> None:
    assert len(SECRET) >= SHORTEST_SECRET
    async with shop_open() as shop:
        running = await _started(tmp_path_factory.mktemp("pixel"), shop)
        try:
            await _visited(running, shop, chromium)
        finally:
            await running.close()


async def _visited(running: Running, shop: Shop, chromium: Browser) -> None:
    async def said(of: str) -> list[Signal]:
        return [signal for _, signal in await running.signals() if f"/{of}" in signal.customer.key]

    async def told(of: str, *kinds: type) -> None:
        async def there() -> bool:
            return not set(kinds) - {type(signal.payload) for signal in await said(of)}

        await until(there, 30, f"signals of {of}")

    context = await chromium.new_context(user_agent=CHROME)
    page = await context.new_page()
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.post_data or "") if request.method == "POST" else None)
    await page.goto(shop.url("/p/1", does=VIEWS))
    await page.wait_for_function("window.shoprelay && !window.shoprelay.q")
    await page.click("#add")
    await told("a:", SessionActive, ProductViewed, CartChanged)

    assert len(posts) == 3 and all(posts)
    pretend = {"Origin": shop.origin, "User-Agent": CHROME}
    async with httpx.AsyncClient() as anybody:
        for post in (*posts, *posts):
            answer = await anybody.post(f"{shop.collector}/v1/pixel/mugs", content=post, headers=pretend)
            assert answer.status_code == 204
    await page.evaluate("shoprelay.identify({customer_id: 'C2', email: 'eve@mugs.example', signature: '00'})")
    await page.evaluate(f"shoprelay.identify({signed('C1', 'ada@mugs.example')})")
    await page.evaluate("shoprelay.searched('blue mug', 3)")
    await told("c:C1", Searched, CartChanged)
    await context.close()

    everything = [signal for _, signal in await running.signals()]
    carts = [signal.payload.cart for signal in everything if isinstance(signal.payload, CartChanged)]
    assert {line.quantity for cart in carts for line in cart.lines} == {2}  # replayed twice, added once
    assert [type(signal.payload) for signal in everything].count(ProductViewed) == 1
    assert not [signal for signal in everything if "C2" in signal.customer.key or "eve@" in signal.customer.key]
    assert await running.refused() == []
