"""A gateway in front of NewStore's stand-in, without a network between them; and its door, served."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest

from shoprelay.gateway.process import QUIET, build
from shoprelay.sections import Gateway, SinkSettings
from shoprelay.settings import Account, Front
from sinks.contract import Answer, Call
from sinks.fake import Received
from sinks.newstore.read import READS, NewStoreReading
from sinks.newstore.sink import SINK
from tests.delivery.moved import NOON
from tests.shoprelay.gateway.newstore import StandIn, config, filled

KEY, OTHER = "k-0123456789-0123456789-a", "k-0123456789-0123456789-b"
AUTH = {"Authorization": f"Bearer {KEY}"}
PAIR = "/v1/availability?product=mug&place=BER"


class HandClock:
    """Moves when it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def wall(self) -> datetime:
        return NOON + timedelta(seconds=self.now)

    def monotonic(self) -> float:
        return self.now


class Wire:
    """From calls to the stand-in and back. `answers` come first, each to one call that is none for a token; `hold` lets
    calls wait; `seconds` is how long one takes."""

    def __init__(self, stand_in: StandIn, clock: Any) -> None:
        self.stand_in, self.clock = stand_in, clock
        self.answers: list[Answer | Callable[[Call], Answer]] = []
        self.calls: list[Call] = []
        self.hold: asyncio.Event | None = None
        self.seconds = 0.0
        self.closed = False

    async def send(self, call: Call) -> Answer:
        if call.says != "token":
            self.calls.append(call)
            if self.hold is not None:
                await self.hold.wait()
            if self.seconds:
                await asyncio.sleep(self.seconds)
            if self.answers:
                answer = self.answers.pop(0)
                return answer if isinstance(answer, Answer) else answer(call)
        headers = {name.lower(): value for name, value in call.headers}
        path = "/" + call.path.partition("//")[2].partition("/")[2] if "//" in call.path else call.path
        reply = self.stand_in.answer(Received(self.clock.monotonic(), call.method, path, headers, call.body))
        return Answer(reply.status, {name.lower(): value for name, value in reply.headers.items()}, reply.body)

    async def close(self) -> None:
        self.closed = True


def front(base: str = "http://newstore.example", **settings: Any) -> Front:
    given = Gateway.model_validate({"sink": "newstore", "keys": [KEY, OTHER], "share": 1.0, **settings})
    account = Account("newstore", SINK, SinkSettings(platform="newstore"), config(base))
    return Front(given, account, READS, NewStoreReading())


class World:
    def __init__(self, clock: Any = None, **settings: Any) -> None:
        self.clock = clock or HandClock()
        self.newstore = filled(StandIn(self.clock.monotonic))
        self.wire = Wire(self.newstore, self.clock)
        self.registry = CollectorRegistry()
        self.gateway = build(front(**settings), self.registry, self.wire, self.clock)
        self.platform = self.gateway.platform

    def metrics(self) -> str:
        return generate_latest(self.registry).decode()

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


@dataclass(slots=True)
class Served:
    world: World
    client: httpx.AsyncClient

    async def get(self, path: str, key: str = KEY) -> httpx.Response:
        return await self.client.get(path, headers={"Authorization": f"Bearer {key}"})

    async def post(self, path: str, document: Any) -> httpx.Response:
        return await self.client.post(path, json=document, headers=AUTH)


@asynccontextmanager
async def served(**settings: Any) -> AsyncIterator[Served]:
    world = World(**settings)
    runner = web.AppRunner(world.gateway.app, access_log=None, logger=QUIET, shutdown_timeout=5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{runner.addresses[0][1]}", timeout=20) as client:
            yield Served(world, client)
    finally:
        await runner.cleanup()


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Gives the others their turn until it holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0)
