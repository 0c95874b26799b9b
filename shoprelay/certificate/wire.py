"""Chapter 6, over HTTP: a few calls over real connections, because a rehearsal has none."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from shoprelay.certificate.behaviour import behaviour, expect
from shoprelay.certificate.material import material
from shoprelay.certificate.subject import Subject
from sinks.contract import Answer, Call, Verdict, classify
from streams.delivery.clock import SystemClock
from streams.delivery.http import HttpTransport, Transport
from streams.delivery.token import borrowing

BROKEN: tuple[dict[str, Any], ...] = ({"nonsense": True, "times": 9}, {"close": "before", "times": 9})


class Wire:
    """A stand-in on a port of its own, and the runner's own transport to it."""

    def __init__(self, base: str, transport: Transport, calls: tuple[Call, ...]) -> None:
        self.calls = calls
        self._base = base
        self._transport = transport

    async def send(self, call: Call) -> Answer:
        return await self._transport.send(call)

    async def script(self, *steps: dict[str, Any]) -> None:
        async with aiohttp.ClientSession() as client, client.post(f"{self._base}/_script", data=orjson.dumps(steps)):
            pass

    async def records(self) -> str:
        async with aiohttp.ClientSession() as client, client.get(f"{self._base}/_calls") as answer:
            return await answer.text()


@asynccontextmanager
async def wire(subject: Subject) -> AsyncIterator[Wire]:
    of = material(subject)
    runner = web.AppRunner(subject.app(), access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    sink, config = subject.sink, subject.config(base, **of.changes)
    http = HttpTransport(sink.base_url(config), lambda: sink.headers(config), sink.answer_limit, 4)
    transport = borrowing(http, sink.token, config, SystemClock())
    try:
        yield Wire(base, transport, subject.said(of.signal, config))
    finally:
        await transport.close()
        await runner.cleanup()


def _on_a_wire(story: Callable[[Subject, Wire], Any]) -> Callable[[Subject], None]:
    @functools.wraps(story)
    def run(subject: Subject) -> None:
        async def told() -> None:
            async with wire(subject) as on:
                await story(subject, on)

        asyncio.run(told())

    return run


@behaviour("6.9", "it holds over HTTP")
@_on_a_wire
async def it_holds_over_http(subject: Subject, on: Wire) -> None:
    """Over a real connection the platform MUST take the same calls; a connection that breaks, and bytes that are not
    HTTP, MUST be unavailable."""
    for call in on.calls:
        answer = await on.send(call)
        expect(
            classify(answer, subject.sink.rules) is Verdict.DELIVERED,
            f"over HTTP {call.says!r} is answered {answer.fault or answer.status}; "
            "without it was taken: look at headers and base_url in sink.py",
        )
    for step in BROKEN:
        await on.script(step)
        answer = await on.send(on.calls[0])
        expect(
            classify(answer, subject.sink.rules) is Verdict.UNAVAILABLE,
            f"{step} over HTTP became {answer.fault or answer.status}",
        )


@behaviour("6.10", "records of the stand-in show no secret")
@_on_a_wire
async def records_show_no_secret(subject: Subject, on: Wire) -> None:
    """What the stand-in keeps of the calls it got MUST NOT show a secret: not in a path, not in a header."""
    for call in on.calls:
        await on.send(call)
    records = await on.records()
    expect('"calls":[{' in records, "fake.py: the stand-in kept no record of the calls")
    for field, secret in subject.secrets.items():
        expect(secret not in records, f"fake.py: the records show {field}; name it in `secrets`")
