"""A real Chromium, a shop's page on loopback, and the collector's door behind it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright
from prometheus_client import CollectorRegistry

from shoprelay.collector.appender import NotAppended
from shoprelay.collector.bounds import Rates
from shoprelay.collector.hooks import Hooks
from shoprelay.collector.metrics import CollectorMetrics
from shoprelay.collector.pixel import Pixel
from shoprelay.collector.process import listening
from shoprelay.hook_settings import Collect
from shoprelay.hooks import Door
from shoprelay.http import Readiness
from shoprelay.pixel_settings import Pixel as Pages
from sources.pixel import SOURCE
from sources.webhooks.contract import ShopSettings
from tests.browser.shop import SECRET, Shop, shop_open

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
CHROMIUM = os.environ.get("SHOPRELAY_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
LONGEST = 10_000  # milliseconds for anything a page is waited for


@dataclass
class Told:
    """What the collector stored, in the order it came."""

    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, bytes]] = field(default_factory=list)
    more: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def append(self, key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> None:
        async with self.more:
            self.bodies.append(json.loads(value))
            self.headers.append(dict(headers))
            self.more.notify_all()

    @property
    def types(self) -> list[str]:
        return [event["type"] for body in self.bodies for event in body["events"]]

    async def until(self, *types: str) -> list[dict[str, Any]]:
        """The bodies, once these are among what was told."""
        async with self.more, asyncio.timeout(LONGEST / 1_000):
            await self.more.wait_for(lambda: not set(types) - set(self.types))
        return self.bodies


@dataclass
class Visit:
    """One page, and whatever it complained of."""

    page: Page
    shop: Shop
    told: Told
    errors: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(LONGEST)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda said: self.console.append(said.text) if said.type == "error" else None)

    async def goes(self, path: str = "/", **wanted: str) -> None:
        """There, and the script has run."""
        await self.page.goto(self.shop.url(path, **wanted))
        await self.page.wait_for_function("window.shoprelay && !window.shoprelay.q")

    async def kept(self) -> tuple[str | None, str]:
        found = await self.page.evaluate(
            "(() => { try { return [localStorage.getItem('shoprelay_id'), document.cookie] }"
            " catch (e) { return [null, ''] } })()"
        )
        return found[0], found[1]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no chromium: apt-get install chromium, or set SHOPRELAY_CHROMIUM")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def told() -> Told:
    return Told()


@pytest_asyncio.fixture(loop_scope="module")
async def shop(told: Told) -> AsyncIterator[Shop]:
    """The shop's pages have an origin of their own, as they would; the collector is a stranger to them."""
    async with shop_open() as pages:
        door = Door(
            SOURCE,
            ShopSettings(shop="mugs", currency="EUR"),
            (SECRET,),
            Pages(write_key="mugs-public", origins=(pages.origin,)),
        )
        find = {("mugs", "pixel"): door}
        metrics = CollectorMetrics(CollectorRegistry(), lambda: 0)
        hooks = Hooks(lambda *_: None, told.append, NotAppended, Rates(9, 9), metrics, 10_000, 16)
        pixel = Pixel(
            lambda *of: find.get(of), told.append, NotAppended, Rates(999, 999), Rates(999, 999), metrics
        )  # fmt: skip
        async with listening(Collect(port=0), hooks, lambda: Readiness(True), pixel) as pages.collector:
            yield pages


@pytest_asyncio.fixture(loop_scope="module")
async def context(chromium: Browser) -> AsyncIterator[BrowserContext]:
    made = await chromium.new_context(user_agent=CHROME)
    yield made
    await made.close()


@pytest_asyncio.fixture(loop_scope="module")
async def visit(context: BrowserContext, shop: Shop, told: Told) -> Visit:
    return Visit(await context.new_page(), shop, told)
