"""The process: it says whether it is ready, ends what it has begun, and exits 0."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from shoprelay.gateway.process import _gateway
from sinks.fake import application
from tests.shoprelay.gateway.newstore import CLIENT, KEPT_KEY, SECRET, TOKEN_PATH, StandIn, filled
from tests.shoprelay.gateway.world import AUTH, KEY, PAIR, front
from tests.system.procs import free_port, until


@pytest.fixture
async def platform() -> AsyncIterator[str]:
    """NewStore's stand-in on loopback; its address."""
    runner = web.AppRunner(application(filled(StandIn(time.time))), access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


async def status(client: httpx.AsyncClient, url: str) -> int | None:
    try:
        return (await client.get(url)).status_code
    except httpx.TransportError:
        return None


@pytest.mark.usefixtures("handlers")
async def test_sigterm_ends_what_was_begun_takes_in_nothing_more_and_exits_0(platform: str) -> None:
    listen, http = free_port(), free_port()
    at = front(base=platform, listen={"port": listen}, http={"port": http})
    process = asyncio.create_task(_gateway(at))
    async with httpx.AsyncClient(timeout=20) as shop, httpx.AsyncClient(timeout=20) as other:

        async def ready() -> bool:
            return await status(other, f"http://127.0.0.1:{http}/readyz") == 200

        await until(ready, 10, "ready")
        late = [{"path": "/v0/orders/", "delay_ms": 800}]
        assert (await shop.post(f"{platform}/_script", json=late)).status_code == 200
        asking = asyncio.create_task(shop.get(f"http://127.0.0.1:{listen}/v1/orders/N-1", headers=AUTH))

        async def under_way() -> bool:
            return (await other.get(f"{platform}/_stats")).json()["received"] == 2  # the token, and the order

        await until(under_way, 10, "the question is on its way")
        os.kill(os.getpid(), signal.SIGTERM)

        async def stopping() -> bool:
            answer = await other.get(f"http://127.0.0.1:{http}/readyz")
            return answer.status_code == 503 and answer.json()["why"] == "stopping"

        await until(stopping, 10, "not ready any more")
        assert await status(other, f"http://127.0.0.1:{listen}{PAIR}") is None
        assert not asking.done()
        answer = await asking

    assert (answer.status_code, answer.json()["order_number"]) == (200, "N-1")
    assert await asyncio.wait_for(process, 10) == 0


SETTINGS = """
[sinks.newstore]
platform = "newstore"
kept_key = "env:KEPT_KEY"
[sinks.newstore.config]
tenant = "acme"
url = "{platform}"
token_url = "{platform}{token}"
client_id = "{client}"
client_secret = "env:NEWSTORE_SECRET"
shop = "storefront"
locale = "en-US"
[gateway]
sink = "newstore"
keys = ["env:SHOP_KEY"]
listen = {{ port = {listen} }}
http = {{ port = {http} }}
"""


@pytest.mark.system
async def test_the_command_serves_and_ends(platform: str, tmp_path: Path) -> None:
    listen, http = free_port(), free_port()
    file, log = tmp_path / "shoprelay.toml", tmp_path / "gateway.log"
    file.write_text(SETTINGS.format(platform=platform, token=TOKEN_PATH, client=CLIENT, listen=listen, http=http))
    secrets = {"NEWSTORE_SECRET": SECRET, "SHOP_KEY": KEY, "KEPT_KEY": KEPT_KEY}
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "shoprelay.cli", "gateway", "--config", str(file), "--log", "json",
            env={**os.environ, **secrets}, stdout=out, stderr=out, stdin=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
    try:
        async with httpx.AsyncClient(timeout=20) as client:

            async def ready() -> bool:
                assert process.returncode is None, log.read_text()
                return await status(client, f"http://127.0.0.1:{http}/readyz") == 200

            await until(ready, 60, "ready")
            answer = await client.get(f"http://127.0.0.1:{listen}/v1/customers?email=ada@example.com", headers=AUTH)
            metrics = (await client.get(f"http://127.0.0.1:{http}/metrics")).text
        process.terminate()
        await asyncio.wait_for(process.wait(), 15)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    assert (answer.status_code, process.returncode) == (200, 0)
    assert 'shoprelay_gateway_requests_total{endpoint="customer",status="200"} 1.0' in metrics
    told = log.read_text() + metrics
    assert "gateway starting" in told
    assert not [secret for secret in (SECRET, KEY, "tok-0001", "ada@") if secret in told]
