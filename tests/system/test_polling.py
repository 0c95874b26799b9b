"""JOOR's orders come to Shopify through poller, worker and sink, once each, though the poller is killed in between."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sinks.joor.fake import TOKEN as JOOR_TOKEN
from sinks.shopify.fake import TOKEN as SHOPIFY_TOKEN
from tests.system.procs import Lane, Process, free_port, open_lane, until

pytestmark = pytest.mark.system
SECRETS = {"JOOR_TOKEN": JOOR_TOKEN, "SHOPIFY_TOKEN": SHOPIFY_TOKEN}


@pytest.fixture
async def lane(tmp_path: Path) -> AsyncIterator[Lane]:
    opened = await open_lane(tmp_path, os.environ.get("SHOPRELAY_TEST_KAFKA"), ("shopify",))
    yield opened
    await opened.close()


class Wholesale:
    """Stand-ins of both platforms, a worker and a sink. The poller comes and goes."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.ports = {name: free_port() for name in ("joor", "shopify", "worker", "sink", "poll")}

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    async def start(self) -> None:
        for name in ("joor", "shopify"):
            process = self.lane.shoprelay(name, "sandbox", name, "--port", str(self.ports[name]))
            await self.lane.answers(process, f"{self.url(name)}/_stats")
        embedded = str(self.lane.broker is not None).lower()
        self.settings = self.lane.settings(f"""
[kafka]
embedded = {embedded}
[worker]
store = "memory"
session = "6s"
tick = "100ms"
http = {{ port = {self.ports["worker"]} }}
[sinks.shopify]
platform = "shopify"
session = "6s"
http = {{ port = {self.ports["sink"]} }}
[sinks.shopify.config]
base_url = "{self.url("shopify")}"
access_token = "env:SHOPIFY_TOKEN"
[sources.joor]
platform = "joor"
shop = "mugs"
http = {{ port = {self.ports["poll"]} }}
[sources.joor.config]
base_url = "{self.url("joor")}"
token = "env:JOOR_TOKEN"
takes_over = true
history_days = 3650
""")
        for name, command in (("worker", ["worker"]), ("sink", ["sink", "shopify"])):
            process = self.run(name, *command)
            await self.lane.answers(process, f"{self.url(name)}/readyz")

    def run(self, name: str, *command: str, module: str = "shoprelay.cli", **environment: str) -> Process:
        given = [*command, "--config", str(self.settings), "--log", "json"]
        return self.lane.python(name, module, *given, **SECRETS, **environment)

    async def stored(self, name: str) -> dict[str, Any]:
        async with httpx.AsyncClient(timeout=5) as client:
            return dict((await client.get(f"{self.url(name)}/_stored")).json())


@pytest.mark.parametrize("moment", ["before publish", "after publish"])
async def test_a_poller_killed_between_read_and_publish_neither_loses_nor_doubles_an_order(
    lane: Lane, moment: str
) -> None:
    wholesale = Wholesale(lane)
    await wholesale.start()
    dying = wholesale.run("dying", "poll", "joor", module="tests.system.dying_poller", SHOPRELAY_TEST_DIE=moment)
    assert await dying.ended(30) == -9
    assert await lane.records(lane.topics.positions) == []
    assert (await wholesale.stored("joor"))["exported"] == []

    poller = wholesale.run("poll", "poll", "joor")
    await lane.answers(poller, f"{wholesale.url('poll')}/readyz")

    async def all_there() -> bool:
        return len((await wholesale.stored("shopify"))["orders"]) == 2

    await until(all_there, 60, "both orders are at Shopify")
    stored = await wholesale.stored("shopify")
    assert (sorted(stored["orders"]), stored["count"]) == (["JOOR-7001", "JOOR-7002"], 2)
    assert (await wholesale.stored("joor"))["exported"] == ["7001", "7002"]

    (position,) = await lane.records(lane.topics.positions)
    assert position.key == b"joor" and b"until" in (position.value or b"")
    async with httpx.AsyncClient() as client:
        metrics = (await client.get(f"{wholesale.url('poll')}/metrics")).text
    assert 'shoprelay_poll_rounds_total{source="joor"} 1.0' in metrics
    assert await poller.terminate(10) == 0
