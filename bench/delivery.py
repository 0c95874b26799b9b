"""Delivery at full speed: signals through a sink process to a platform that is never the bottleneck, beside bare loops.

    python bench/delivery.py                 # 3 rounds of 20,000 signals, every variant in turn
    python bench/delivery.py --profile       # where the time goes, by function

Variants, each in a process of its own, all 64 in flight, one POST of about 500 bytes per signal:
  bare        aiohttp, order per customer, a fixed body; no Kafka, no decoding: the floor of Python over HTTP
  transport   the same through our HttpTransport
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
import json
import multiprocessing
import os
import pstats
import resource
import statistics
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import aiohttp
import orjson
import uvloop
from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from schemas.codec import Codec
from schemas.signals import Cart, CartChanged, Customer, Signal
from schemas.values import CustomerRef, LineItem
from sinks.contract import Call, Dedupe, Sink
from streams.delivery.clock import SystemClock
from streams.delivery.feed import Fetched, Owner
from streams.delivery.http import HttpTransport
from streams.delivery.lanes import End
from streams.delivery.metrics import DeliveryMetrics
from streams.delivery.park import Parking
from streams.delivery.runner import Delivery
from streams.delivery.say import Speaker
from streams.delivery.settings import DeliverySettings

CUSTOMERS, IN_FLIGHT, PARTITIONS = 2_000, 64, 4
HEAD = b"\x00\x00\x00\x00\x01"
ANSWER = b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


# -- the platform


class Platform(asyncio.Protocol):
    """Just enough HTTP to answer: heads with a length, one request after the other."""

    def connection_made(self, transport: Any) -> None:
        self.transport, self.buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            at = self.buffer.lower().find(b"content-length:", 0, end)
            size = int(self.buffer[at + 15 : self.buffer.find(b"\r", at)]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + size:
                return
            self.buffer = self.buffer[end + 4 + size :]
            self.transport.write(ANSWER)


def platform(port: Any) -> None:
    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(Platform, "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(serve())


# -- what is delivered


def said(customer: int, number: int) -> Signal:
    line = LineItem(product_id="mug", sku="MUG-1", name="Mug", quantity=Decimal(2), unit_price=Decimal("7.50"))
    now = datetime(2026, 6, 1, 12, tzinfo=UTC)
    cart = Cart(cart_id="c", version=number, currency="EUR", lines=(line,) * 3, total=Decimal("45.0"), changed_at=now)
    return Signal(
        signal_id=f"{customer}-{number}",
        shop="mugs",
        occurred_at=now,
        cause="event",
        customer=Customer(key=f"mugs:{customer}", ref=CustomerRef(email=f"c{customer}@example.com")),
        payload=CartChanged(cart=cart, added=line),
    )


def body(signal: Signal) -> bytes:
    payload = signal.payload
    assert isinstance(payload, CartChanged)
    lines = [
        {"id": i.product_id, "name": i.name, "n": str(i.quantity), "p": str(i.unit_price)} for i in payload.cart.lines
    ]
    profile = {"email": signal.customer.ref.email, "external_id": signal.customer.key}
    event = {"unique_id": signal.signal_id, "metric": "Cart Changed", "profile": profile, "lines": lines}
    return orjson.dumps({"data": {"type": "event", "attributes": event, "value": str(payload.cart.total)}})


def calls(signal: Signal, config: Any) -> tuple[Call, ...]:
    return (Call("Cart Changed", "POST", "/api/events", body(signal), signal.signal_id, headers=JSON),)


JSON = (("content-type", "application/json"),)
AUTH = {"authorization": "Key 0123456789", "revision": "2026-07-15"}


def codec() -> Codec[Signal]:
    made: Codec[Signal] = Codec(None, "s", "signal.avsc", Signal)  # type: ignore[arg-type]
    made._head = HEAD
    made._readers[HEAD] = made._read
    return made


@dataclass(frozen=True, slots=True)
class Stored:
    partition: int
    offset: int
    timestamp: int
    key: bytes
    value: bytes


class Memory:
    """A feed over what was encoded beforehand."""

    def __init__(self, count: int) -> None:
        write, self.log = codec().encode, [[] for _ in range(PARTITIONS)]  # type: ignore[var-annotated]
        for n in range(count):
            customer = n % CUSTOMERS
            part = self.log[customer % PARTITIONS]
            part.append(Stored(customer % PARTITIONS, len(part), 0, b"%d" % customer, write(said(customer, n))))
        self.position = dict.fromkeys(range(PARTITIONS), 0)
        self.committed: dict[int, int] = {}
        self.done = asyncio.Event()

    async def open(self, owner: Owner) -> None:
        await owner.assigned(frozenset(self.position))

    async def fetch(self, partitions: Collection[int], seconds: float, most: int) -> Fetched:
        records = {}
        for number in partitions:
            at = self.position[number]
            records[number] = self.log[number][at : at + most]
            self.position[number] = at + len(records[number])
            most -= len(records[number])
        if not any(records.values()):
            await asyncio.sleep(seconds)
        now = time.monotonic()
        return Fetched(records, {n: End(p, len(self.log[n]), now) for n, p in self.position.items()})

    async def commit(self, offsets: Mapping[int, int]) -> bool:
        self.committed.update(offsets)
        if all(self.committed.get(n, 0) == len(part) for n, part in enumerate(self.log)):
            self.done.set()
        return True

    async def close(self) -> None: ...

    async def put(self, partition: int, key: bytes, value: bytes) -> None: ...


# -- the variants: each returns when everything is delivered


async def lanes(count: int, post: Any) -> None:
    work = iter([range(c, count, CUSTOMERS) for c in range(min(CUSTOMERS, count))])

    async def lane() -> None:
        for numbers in work:
            for number in numbers:
                await post(number)

    await asyncio.gather(*(lane() for _ in range(IN_FLIGHT)))


async def bare(url: str, count: int) -> float:
    content, headers = body(said(1, 1)), {**AUTH, **dict(JSON)}
    async with aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(limit=IN_FLIGHT)) as http:

        async def post(number: int) -> None:
            async with http.post("/api/events", data=content, headers=headers) as answer:
                await answer.read()

        await post(1)
        began = cpu()
        await lanes(count, post)
        return cpu() - began


async def transport(url: str, count: int) -> float:
    http = HttpTransport(url, lambda: AUTH, 65_536, IN_FLIGHT)
    call = calls(said(1, 1), None)[0]

    async def post(number: int) -> None:
        assert (await http.send(call)).status == 202

    await post(1)
    began = cpu()
    await lanes(count, post)
    spent = cpu() - began
    await http.close()
    return spent


async def runner(url: str, count: int) -> float:
    feed = Memory(count)
    sink = Sink(
        name="bench",
        config=BaseModel,
        base_url=lambda config: url,
        headers=lambda config: AUTH,
        calls={CartChanged: calls},
        dedupe=Dedupe.BY_KEY,
        max_in_flight=IN_FLIGHT,
    )
    settings = DeliverySettings(bootstrap="", group="bench", parked_topic="parked", partitions=PARTITIONS)
    http = HttpTransport(url, lambda: sink.headers(None), sink.answer_limit, IN_FLIGHT)
    delivery = Delivery(
        sink, settings, feed=feed, speaker=Speaker(sink, None, codec()), transport=http,
        parking=Parking(feed, lambda parked: b"", "bench", None, "signals"),
        metrics=DeliveryMetrics(CollectorRegistry(), "bench"), clock=SystemClock(), random=lambda: 0.5,
    )  # fmt: skip
    await http.send(calls(said(1, 1), None)[0])
    gc.freeze()  # the log lies in Kafka, not in a real process
    began = cpu()
    code = await delivery.run(feed.done)
    spent = cpu() - began
    await http.close()
    assert code == 0
    return spent


VARIANTS = {"bare": bare, "transport": transport, "runner": runner}


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measure(name: str, url: str, count: int, loop: str, told: Any) -> None:
    began = time.monotonic()
    run = uvloop.run if loop == "uvloop" else asyncio.run
    spent = run(VARIANTS[name](url, count))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    told.send((spent * 100_000 / count, count / (time.monotonic() - began), peak))


def in_process(target: Any, *arguments: Any) -> tuple[multiprocessing.Process, Any]:
    receive, send = multiprocessing.Pipe(False)
    process = multiprocessing.get_context("spawn").Process(target=target, args=(*arguments, send), daemon=True)
    process.start()
    return process, receive  # type: ignore[return-value]


def main() -> None:
    wanted = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    wanted.add_argument("--signals", type=int, default=20_000)
    wanted.add_argument("--rounds", type=int, default=3)
    wanted.add_argument("--loop", choices=("uvloop", "asyncio", "both"), default="both")
    wanted.add_argument("--profile", action="store_true")
    chosen = wanted.parse_args()
    served, port = in_process(platform)
    url = f"http://127.0.0.1:{port.recv()}"
    if chosen.profile:
        profile(url, chosen.signals)
        return
    loops = ("asyncio", "uvloop") if chosen.loop == "both" else (chosen.loop,)
    figures: dict[tuple[str, str], list[tuple[float, float, int]]] = {}
    for _, name, loop in itertools.product(range(chosen.rounds), VARIANTS, loops):
        process, told = in_process(measure, name, url, chosen.signals, loop)
        figures.setdefault((name, loop), []).append(told.recv())
        process.join()
    print(f"{chosen.signals} signals, {chosen.rounds} rounds, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for (name, loop), runs in figures.items():
        cost = sorted(run[0] for run in runs)
        result = {
            "variant": name, "loop": loop, "cpu_s_per_100k": [round(c, 1) for c in cost],
            "median": round(statistics.median(cost), 1), "rss_mb": max(run[2] for run in runs),
        }  # fmt: skip
        print(json.dumps(result))
    served.terminate()


def profile(url: str, count: int) -> None:
    measured = cProfile.Profile()
    measured.enable()
    asyncio.run(runner(url, count))
    measured.disable()
    pstats.Stats(measured).sort_stats("tottime").print_stats(45)


if __name__ == "__main__":
    main()
