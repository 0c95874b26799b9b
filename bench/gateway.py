"""The gateway between a shop's backend and NewStore's stand-in: how long an answer takes, and what NewStore notices.

    python -m bench gateway [--rate 200] [--seconds 15]

Three processes on loopback: this one asks, `shoprelay gateway` as it ships, and the stand-in, which answers every call
after 50 ms. Questions leave at their time, whatever became of those before, and are measured from that time. `mixed` is
a shop: half of it stock, some products far more often than others. `histories` asks for more order histories than
NewStore allows: what is not answered is refused at once. `busiest` is counted by the stand-in, in any second.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import uvloop
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from bench import results
from bench.machine import Watch, environment
from shoprelay.demo.children import Children, free_port
from sinks.fake import application
from tests.shoprelay.gateway.newstore import CLIENT, KEPT_KEY, SECRET, TOKEN_PATH, StandIn, order, profile
from tests.shoprelay.gateway.world import KEY

DELAY = 0.05
PRODUCTS, PLACES, CUSTOMERS, ORDERS = 200, 5, 100, 1_000
WARM_UP_SECONDS = 2.0
TARGET = 250  # ms, p99
SETTINGS = """
[sinks.newstore]
platform = "newstore"
kept_key = "env:KEPT_KEY"
[sinks.newstore.config]
tenant = "acme"
url = "http://127.0.0.1:{stand_in}"
token_url = "http://127.0.0.1:{stand_in}{token}"
client_id = "{client}"
client_secret = "env:NEWSTORE_SECRET"
shop = "storefront"
locale = "en-US"
[gateway]
sink = "newstore"
keys = ["env:SHOP_KEY"]
listen = {{ port = {listen} }}
http = {{ port = {http} }}
requests_per_second = 10000
"""


def stand_in(port: int) -> None:
    reads = (newstore := StandIn(time.monotonic)).reads
    for product in range(PRODUCTS):
        for place in range(PLACES):
            reads.stock(f"p{product}", f"s{place}", (product * 7 + place) % 9)
    for place in range(PLACES):
        reads.store(f"s{place}", f"Store {place}", 52.5 + place / 10, 13.4)
    for customer in range(CUSTOMERS):
        reads.profile(profile(f"c{customer}", f"c{customer}@example.com"))
    for number in range(ORDERS):
        reads.order(order(f"N-{number}", "2026-05-01T10:00:00Z"), f"c{number % CUSTOMERS}")

    @web.middleware
    async def late(request: web.Request, handler: Any) -> web.StreamResponse:
        response: web.StreamResponse = await handler(request)
        if not request.path.startswith("/_"):
            await asyncio.sleep(DELAY)
        return response

    app = application(newstore, time.monotonic)
    app.middlewares.append(late)
    uvloop.install()
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=lambda _: None)


@dataclass(slots=True)
class Question:
    endpoint: str
    path: str
    body: Any = None


def mixed(chance: random.Random) -> Question:
    product = f"p{min(int(chance.paretovariate(0.7)), PRODUCTS) - 1}"
    bag = [{"product_id": product, "quantity": 1}]
    drawn = chance.random()
    if drawn < 0.5:
        return Question("availability", f"/v1/availability?product={product}&place=s0&place=s1&place=s2")
    if drawn < 0.62:
        near = {"latitude": round(52.5 + chance.random() / 10, 2), "longitude": 13.4}
        return Question("pickup-options", "/v1/pickup-options", {"items": bag, "near": near})
    if drawn < 0.72:
        return Question("delivery-options", "/v1/delivery-options", {"items": bag, "address": {"country": "DE"}})
    if drawn < 0.82:
        return Question("customer", f"/v1/customers?email=c{chance.randrange(CUSTOMERS)}@example.com")
    if drawn < 0.89:
        return _history(chance.randrange(CUSTOMERS))
    return Question("order", f"/v1/orders/N-{chance.randrange(ORDERS)}")


def histories(chance: random.Random) -> Question:
    """Hardly ever the same one twice."""
    return _history(chance.randrange(1_000_000))


def _history(customer: int) -> Question:
    return Question("orders-of-customer", f"/v1/customers/c{customer}/orders")


@dataclass(slots=True)
class Run:
    milliseconds: list[float] = field(default_factory=list)
    """Of every answer that is one."""
    refused: list[float] = field(default_factory=list)
    """Of every 503."""
    others_statuses: Counter[int] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    stored: dict[str, Any] = field(default_factory=dict)
    cores: dict[str, float] = field(default_factory=dict)
    others: float = 0.0


async def measure(draw: Any, rate: int, seconds: float) -> Run:
    taken: set[int] = set()
    platform, listen, http = free_port(taken), free_port(taken), free_port(taken)
    with tempfile.TemporaryDirectory(prefix="shoprelay-bench-") as folder:
        settings = Path(folder) / "shoprelay.toml"
        settings.write_text(
            SETTINGS.format(stand_in=platform, token=TOKEN_PATH, client=CLIENT, listen=listen, http=http)
        )
        children = Children(Path(folder), {"NEWSTORE_SECRET": SECRET, "SHOP_KEY": KEY, "KEPT_KEY": KEPT_KEY})
        try:
            await children.start("stand-in", "bench.gateway", "stand-in", str(platform))
            await children.start("gateway", "shoprelay.cli", "gateway", "--config", str(settings), "--log", "json")
            async with httpx.AsyncClient(timeout=5) as client:
                await children.answers(client, f"http://127.0.0.1:{platform}/_stats")
                await children.answers(client, f"http://127.0.0.1:{http}/readyz")
                run = await _asked(draw, f"http://127.0.0.1:{listen}", rate, seconds, children)
                run.stored = (await client.get(f"http://127.0.0.1:{platform}/_stored")).json()
                run.sources = _sources((await client.get(f"http://127.0.0.1:{http}/metrics")).text)
            return run
        finally:
            await children.stop()


async def _asked(draw: Any, base: str, rate: int, seconds: float, children: Children) -> Run:
    chance, run, loop = random.Random(7), Run(), asyncio.get_running_loop()
    connector = aiohttp.TCPConnector(limit=0)
    headers = {"Authorization": f"Bearer {KEY}"}
    async with aiohttp.ClientSession(base, connector=connector, headers=headers) as session:

        async def ask(question: Question, due: float, counted: bool) -> None:
            method = "GET" if question.body is None else "POST"
            async with session.request(method, question.path, json=question.body) as answer:
                await answer.read()
                if not counted:
                    return
                took = 1000 * (loop.time() - due)
                if answer.status == 200:
                    run.milliseconds.append(took)
                elif answer.status == 503:
                    run.refused.append(took)
                else:
                    run.others_statuses[answer.status] += 1

        async def flow(count: int, counted: bool) -> None:
            begun = loop.time() + 0.05
            async with asyncio.TaskGroup() as asking:
                for number in range(count):
                    due = begun + number / rate
                    if (wait := due - loop.time()) > 0:
                        await asyncio.sleep(wait)
                    asking.create_task(ask(draw(chance), due, counted))

        await flow(int(rate * WARM_UP_SECONDS), counted=False)
        pids = {name: process.pid for name, process in children.running.items()}
        watch, since = Watch(set(pids.values())), time.monotonic()
        await flow(int(rate * seconds), counted=True)
        passed = time.monotonic() - since
        run.cores = {name: watch.spent(pid) / passed for name, pid in pids.items()}
        run.cores["asking"] = watch.spent(os.getpid()) / passed
        run.others = watch.others(passed)
    return run


def _sources(metrics: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            if sample.name == "shoprelay_gateway_answers_total":
                found[sample.labels["source"]] += int(sample.value)
    return found


def _row(name: str, run: Run) -> tuple[str, ...]:
    busiest = run.stored["busiest"]
    return (
        name,
        f"{len(run.milliseconds):,}",
        *(f"{results.percentile(run.milliseconds or [0.0], share):,.0f}" for share in (0.5, 0.99, 1.0)),
        f"{len(run.refused):,}" + (f" ({results.percentile(run.refused, 0.5):,.0f} ms)" if run.refused else ""),
        str(sum(run.others_statuses.values())),
        f"{run.sources['asked']:,} / {run.sources['shared']:,} / {run.sources['kept']:,}",
        f"{busiest.get('orders', 0)} of 30, {busiest.get('order', 0)} of 100, {busiest.get('*', 0)} in all",
        ", ".join(f"{of} {used:.2f}" for of, used in run.cores.items()),
        f"{run.others:.1f}",
    )


def main(arguments: Sequence[str]) -> None:
    if arguments[:1] == ["stand-in"]:
        stand_in(int(arguments[1]))
        return
    wanted = argparse.ArgumentParser(
        "bench gateway", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    wanted.add_argument("--rate", type=int, default=200)
    wanted.add_argument("--seconds", type=float, default=15)
    a = wanted.parse_args(arguments)
    rows = [
        _row("mixed", asyncio.run(measure(mixed, a.rate, a.seconds))),
        _row("histories", asyncio.run(measure(histories, a.rate, a.seconds / 3))),
    ]
    results.append(
        "gateway",
        f"{a.rate} questions/s, NewStore's stand-in answering after {DELAY * 1000:.0f} ms",
        f"{environment('aiohttp', 'pydantic', 'httpx', 'uvloop')}, everything on these cores; milliseconds from when a "
        "question was due. The gateway as it ships: three quarters of each limit, 5 s for an answer. Target of "
        f"`mixed`: p99 below {TARGET} ms.",
        results.table(
            (
                "questions", "answered", "p50", "p99", "max", "refused (p50)", "other", "asked / shared / kept",
                "busiest second at NewStore", "cores used", "others' cores",
            ),
            rows,
        ),
    )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:])
