"""The collector: signed 4-KB posts to acked append, beside a bare aiohttp handler that reads the body and answers.

    python -m bench collect [--seconds 5] [--connections 64] [--rate 1000] [--lane embedded|kafka]

Load comes from one process beside them: connections that stay open and send ready-made requests, first as fast as
answers come, then at half of that rate by the clock, or at --rate. A post counts when it was answered 200; at the end
the topic must hold as many.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import hmac
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import uvloop
from aiohttp import web

from bench import results
from bench.lane import Ends, Lane, lane
from bench.machine import Watch, environment

SECRET, SIZE, PARTITIONS = "a-secret-for-the-bench", 4_096, 12
PACKAGES = ("aiohttp", "confluent-kafka", "uvloop")
HEAD = ("who", "posts/s", "its CPU ms a post", "broker's", "load's", "rate of the second part", "p50 ms", "p99 ms")


@dataclass(slots=True)
class Run:
    posts: int
    seconds: float
    cpu: float
    broker: float
    load: float
    others: float
    half: float = 0.0
    took: tuple[float, ...] = ()

    @property
    def rate(self) -> float:
        return self.posts / self.seconds

    def row(self, who: str) -> tuple[str, ...]:
        each = (f"{1000 * spent / self.posts:.2f}" for spent in (self.cpu, self.broker, self.load))
        ms = [1000 * seconds for seconds in self.took]
        times = f"{results.percentile(ms, 0.5):.1f}", f"{results.percentile(ms, 0.99):.1f}"
        return who, f"{self.rate:,.0f}", *each, f"{self.half:,.0f}", *times


class Line(asyncio.Protocol):
    """One connection that stays open: a request out, the answer's status in."""

    def __init__(self) -> None:
        self._answer: asyncio.Future[bool] | None = None
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._answer is not None and not self._answer.done():  # an answer without a body comes in one piece
            self._answer.set_result(data.startswith(b"HTTP/1.1 200"))

    async def post(self, request: bytes) -> bool:
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer


def requests(path: str, count: int = 512) -> Iterator[bytes]:
    """Orders of 4 KB, each another one, signed as Shopify signs."""
    for n in range(count):
        document = {
            "id": n,
            "total_price": "12.50",
            "line_items": [{"id": i, "title": "Mug"} for i in range(20)],
            "note": "",
        }
        document["note"] = "x" * (SIZE - len(json.dumps(document)))
        body = json.dumps(document).encode()
        signature = base64.b64encode(hmac.digest(SECRET.encode(), body, hashlib.sha256)).decode()
        yield (
            f"POST {path} HTTP/1.1\r\nHost: mugs.example\r\nContent-Type: application/json\r\n"
            f"X-Shopify-Topic: orders/updated\r\nX-Shopify-Webhook-Id: {n}\r\nX-Shopify-Hmac-Sha256: {signature}\r\n"
            f"X-Shopify-Shop-Domain: mugs.example\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body


async def flat_out(lines: list[Line], asked: list[bytes], seconds: float) -> int:
    until, posted = time.monotonic() + seconds, 0

    async def one(line: Line, n: int) -> None:
        nonlocal posted
        while time.monotonic() < until:
            assert await line.post(asked[n % len(asked)]), "a post was not answered 200"
            posted += 1
            n += len(lines)

    await asyncio.gather(*(one(line, n) for n, line in enumerate(lines)))
    return posted


async def by_the_clock(lines: list[Line], asked: list[bytes], rate: float, seconds: float) -> list[float]:
    """Seconds from when each post was due, whether a connection was free or not, to its answer."""
    free: asyncio.Queue[Line] = asyncio.Queue()
    for line in lines:
        free.put_nowait(line)
    took: list[float] = []

    async def one(n: int, due: float) -> None:
        line = await free.get()
        assert await line.post(asked[n % len(asked)]), "a post was not answered 200"
        took.append(time.monotonic() - due)
        free.put_nowait(line)

    began, tasks = time.monotonic(), set()
    for n in range(round(rate * seconds)):
        due = began + n / rate
        if (ahead := due - time.monotonic()) > 0:
            await asyncio.sleep(ahead)
        tasks.add(asyncio.create_task(one(n, due)))
    await asyncio.gather(*tasks)
    return took


async def measured(on: Lane, who: str, port: int, path: str, seconds: float, connections: int, rate: float) -> Run:
    loop, asked = asyncio.get_running_loop(), list(requests(path))
    lines = [(await loop.create_connection(Line, "127.0.0.1", port))[1] for _ in range(connections)]
    await flat_out(lines, asked, 1.0)  # code is loaded, connections to the broker are open
    watch, since, load = Watch(on.ours()), time.monotonic(), time.process_time()
    posts = await flat_out(lines, asked, seconds)
    spent = time.monotonic() - since
    broker = watch.spent(on.broker_pid) if on.broker_pid else 0.0
    run = Run(posts, spent, watch.spent(on.pid(who)), broker, time.process_time() - load, watch.others(spent))
    run.half = rate or run.rate / 2
    run.took = tuple(await by_the_clock(lines, asked, run.half, seconds))
    return run


async def measure(seconds: float, connections: int, embedded: bool, rate: float) -> tuple[Run, Run]:
    async with lane(PARTITIONS, (), embedded) as on:
        on.children.environment |= {"BENCH_SECRET": SECRET}
        public, private, bare = on.port(), on.port(), on.port()
        on.configuration(
            f"[collect]\nport = {public}\nhttp = {{ port = {private} }}\nper_shop = 1e9\nburst = 1e9\n"
            '[shops.mugs.hooks.shopify]\nsecrets = ["env:BENCH_SECRET"]\n'
        )
        settings = str(on.folder / "shoprelay.toml")
        await on.children.start("bare", "bench.collect", "bare", str(bare))
        await on.children.start("collect", "shoprelay.cli", "collect", "--config", settings, "--log", "json")
        async with httpx.AsyncClient(timeout=30) as client:
            await on.children.answers(client, f"http://127.0.0.1:{private}/readyz")
            await on.children.answers(client, f"http://127.0.0.1:{bare}/readyz")
            first = await measured(on, "bare", bare, "/v1/hooks/mugs/shopify", seconds, connections, rate)
            run = await measured(on, "collect", public, "/v1/hooks/mugs/shopify", seconds, connections, rate)
            text = (await client.get(f"http://127.0.0.1:{private}/metrics")).text
        answered = sum(
            float(row.rpartition(" ")[2]) for row in text.splitlines() if row.startswith("shoprelay_deliveries_total{")
        )
        topic = on.topics.webhooks.name
        stored = (await asyncio.to_thread(Ends(on.bootstrap, PARTITIONS).count, topic))[topic]
        assert stored == answered, f"{answered:.0f} were answered 200, {stored} are stored"
        return first, run


def serve_bare(port: int) -> None:
    async def handler(request: web.Request) -> web.Response:
        await request.read()
        return web.Response()

    async def ready(_: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.add_routes([web.post("/v1/hooks/{shop}/{system}", handler), web.get("/readyz", ready)])
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None, loop=uvloop.new_event_loop())


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["bare"]:
        return serve_bare(int(arguments[1]))
    parser = argparse.ArgumentParser(prog="bench collect")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rate", type=float, default=0.0, help="posts/s of the second part; 0: half of the first")
    parser.add_argument("--lane", choices=("embedded", "kafka"), default="embedded")
    given = parser.parse_args(arguments)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        bare, run = runner.run(measure(given.seconds, given.connections, given.lane == "embedded", given.rate))
    results.append(
        "collect",
        f"signed posts of 4 KB, {given.connections} connections, {given.seconds:g} s each part, {given.lane} broker",
        environment(*PACKAGES),
        results.table(HEAD, [bare.row("a bare aiohttp handler"), run.row("the collector, to the broker's ack")]),
        f"Others used {bare.others:.1f} and {run.others:.1f} of the cores meanwhile. The collector does "
        f"{run.rate / bare.rate:.0%} of what the bare handler does.",
    )
    return None


if __name__ == "__main__":
    main(sys.argv[1:])
