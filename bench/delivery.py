"""Delivery at full speed: signals through a sink process to a platform that is never the bottleneck, beside bare loops.

    python -m bench.delivery                 # 3 rounds of 10,000 signals, every variant in turn
    python -m bench.delivery --profile       # where the time goes, by function

Variants, each in a process of its own, all 64 in flight, one POST of about 500 bytes per signal:
  bare        aiohttp, order per customer, a fixed body; no Kafka, no decoding: the floor of Python over HTTP
  httpx       the same through httpx.AsyncClient with its own pool
  client      the same through httpx.AsyncClient over httpx-aiohttp
  transport   the same through our HttpTransport: a prebuilt httpx.Request, handed to httpx-aiohttp directly
  runner      all of streams.delivery over a feed in memory: real Avro, real calls, real HTTP
Figures are CPU seconds (user + system) of the client process per 100,000 calls, without start-up. The platform is an
asyncio protocol in its own process that answers 202 at once.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import itertools
import pstats
import resource
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import aiohttp
import httpx
import uvloop
from httpx_aiohttp import AiohttpTransport

from bench import results
from bench.machine import Watch, environment
from bench.platforms import answering, in_process
from bench.signals import AUTH, JSON, Memory, body, calls, delivery_of, said, sink_of
from streams.delivery.http import HttpTransport

CUSTOMERS, IN_FLIGHT, PARTITIONS = 2_000, 64, 4
Post = Callable[[], Awaitable[None]]


async def lanes(count: int, post: Post) -> float:
    """So many posts, in order per customer; the CPU seconds they took."""
    await post()
    work = iter([range(c, count, CUSTOMERS) for c in range(min(CUSTOMERS, count))])

    async def lane() -> None:
        for numbers in work:
            for _ in numbers:
                await post()

    began = cpu()
    await asyncio.gather(*(lane() for _ in range(IN_FLIGHT)))
    return cpu() - began


async def bare(url: str, count: int) -> float:
    content, headers = body(said(1, 1)), {**AUTH, **dict(JSON)}
    async with aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(limit=IN_FLIGHT)) as http:

        async def post() -> None:
            async with http.post("/api/events", data=content, headers=headers) as answer:
                await answer.read()

        return await lanes(count, post)


async def through(http: httpx.AsyncClient, url: str, count: int) -> float:
    content, headers = body(said(1, 1)), {**AUTH, **dict(JSON)}

    async def post() -> None:
        await http.post(f"{url}/api/events", content=content, headers=headers)

    async with http:
        return await lanes(count, post)


async def with_httpx(url: str, count: int) -> float:
    return await through(httpx.AsyncClient(limits=httpx.Limits(max_connections=IN_FLIGHT)), url, count)


async def with_client(url: str, count: int) -> float:
    return await through(httpx.AsyncClient(transport=AiohttpTransport()), url, count)


async def with_transport(url: str, count: int) -> float:
    http, call = HttpTransport(url, lambda: AUTH, 65_536, IN_FLIGHT), calls(said(1, 1), None)[0]

    async def post() -> None:
        assert (await http.send(call)).status == 202

    try:
        return await lanes(count, post)
    finally:
        await http.close()


async def with_runner(url: str, count: int) -> float:
    feed = Memory(count, CUSTOMERS, PARTITIONS)
    delivery, http = delivery_of(sink_of(url, IN_FLIGHT), feed)
    await http.send(calls(said(1, 1), None)[0])
    gc.collect()
    gc.freeze()  # the log lies in Kafka, not in a real process
    began = cpu()
    code = await delivery.run(feed.done)
    spent = cpu() - began
    await http.close()
    assert code == 0
    return spent


VARIANTS = {
    "bare": bare, "httpx": with_httpx, "client": with_client, "transport": with_transport, "runner": with_runner
}  # fmt: skip


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measure(name: str, url: str, count: int, loop: str, told: Any) -> None:
    run = uvloop.run if loop == "uvloop" else asyncio.run
    spent = run(VARIANTS[name](url, count))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    told.send((spent * 100_000 / count, peak))


def main(arguments: Sequence[str] | None = None) -> None:
    wanted = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    wanted.add_argument("--signals", type=int, default=10_000)
    wanted.add_argument("--rounds", type=int, default=3)
    wanted.add_argument("--profile", action="store_true")
    chosen = wanted.parse_args(arguments)
    served, port = in_process(answering)
    url = f"http://127.0.0.1:{port.recv()}"
    try:
        if chosen.profile:
            profile(url, chosen.signals)
        else:
            rounds(url, served.pid, chosen.signals, chosen.rounds)
    finally:
        served.terminate()


def rounds(url: str, served: int, count: int, times: int) -> None:
    figures: dict[tuple[str, str], list[tuple[float, int, float]]] = {}
    for _, name, loop in itertools.product(range(times), VARIANTS, ("asyncio", "uvloop")):
        process, told = in_process(measure, name, url, count if name != "httpx" else count // 5, loop)
        began, watch = time.monotonic(), Watch([served, process.pid or 0])
        spent, peak = told.recv()
        figures.setdefault((name, loop), []).append((spent, peak, watch.others(time.monotonic() - began)))
        process.join()
    rows = [
        (
            name,
            loop,
            results.spread([run[0] for run in runs], ",.1f"),
            max(run[1] for run in runs),
            results.spread([run[2] for run in runs], ".1f"),
        )
        for (name, loop), runs in figures.items()
    ]
    results.append(
        "delivery",
        f"{count:,} calls, {IN_FLIGHT} in flight, without Kafka (`delivery.py`)",
        environment("aiohttp", "httpx", "httpx-aiohttp", "uvloop"),
        results.table(["variant", "loop", "CPU s per 100,000", "RSS MB", "others' cores"], rows),
    )


def profile(url: str, count: int) -> None:
    measured = cProfile.Profile()
    measured.enable()
    asyncio.run(with_runner(url, count))
    measured.disable()
    pstats.Stats(measured).sort_stats("tottime").print_stats(45)


if __name__ == "__main__":
    main()
