"""How closely a platform's limits are kept: 350 calls a second and 3,500 a minute, in fixed windows, 10,000 signals
offered at once, every answer with RateLimit headers, and 429 with Retry-After for what is too much.

    python -m bench.obedience            # in virtual time, and 75 seconds of real time

In virtual time the real `Delivery` runs on an event loop whose clock jumps to the next timer, against a platform that
counts on the same clock and answers after 20 to 80 ms; no HTTP, no Kafka. In real time the same platform is asked over
HTTP. `of the limit` is what was delivered in full minutes, from the first call on, beside 3,500 for each.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from typing import Any

import aiohttp
import uvloop
from aiohttp import web
from aiokafka import TopicPartition

from bench import results
from bench.machine import environment
from bench.platforms import in_process
from bench.signals import Memory, delivery_of, sink_of
from sinks.contract import Answer, Call, Limit
from sinks.windows import Windows
from streams.delivery.feed import Fetched
from tests.delivery.moved import MovedLoop, until
from tests.delivery.said import ordered, signal
from tests.delivery.sink import SINK
from tests.delivery.world import Hands, Platform, World

OFFERED = 10_000
LIMITS = (Limit("events", 350, 1.0), Limit("events", 3_500, 60.0))
LIVE_EVERY = 0.25  # seconds


@dataclass
class Limited:
    """Counts in fixed windows that begin when its own clock's do, `ahead` of ours."""

    ahead: float = 0.0
    windows: Windows = field(default_factory=lambda: Windows(LIMITS))
    accepted: dict[str, float] = field(default_factory=dict)
    refused: int = 0

    def take(self, key: str, now: float) -> tuple[int, dict[str, str]]:
        at, longest = now + self.ahead, LIMITS[-1]
        wait = self.windows.take("events", at)
        told = {
            "ratelimit-limit": str(longest.count),
            "ratelimit-remaining": str(self.windows.remaining(longest, at)),
            "ratelimit-reset": f"{self.windows.reset(longest, at):.0f}",
        }
        if wait:
            self.refused += 1
            return 429, {**told, "retry-after": str(max(1, round(wait + 0.5)))}
        self.accepted.setdefault(key, now)
        return 202, told

    def figures(self) -> tuple[float, float, int]:
        """Share of the limit in full minutes, share of 429s, lost."""
        times = sorted(self.accepted.values())
        minutes = max(1, int((times[-1] - times[0]) // 60))
        within = sum(at < times[0] + 60 * minutes for at in times)
        total = len(times) + self.refused
        return within / minutes / LIMITS[-1].count, self.refused / total, OFFERED - len(times)


# -- virtual time


class Far(Platform):
    """Answers of `Limited`, after the way there and back."""

    def __init__(self, limited: Limited) -> None:
        super().__init__()
        self._limited, self._random = limited, random.Random(7)

    async def receive(self, call: Call) -> Answer:
        await asyncio.sleep(self._random.uniform(0.01, 0.04))
        status, headers = self._limited.take(call.key, asyncio.get_running_loop().time())
        await asyncio.sleep(self._random.uniform(0.01, 0.04))
        return Answer(status, headers)


def _look_often(hands: Hands) -> None:
    """The tests' feed looks for news less often the longer there were none; Kafka tells at once."""
    fetch = hands.fetch

    async def prompt(places: Collection[TopicPartition], seconds: float, most: int) -> Fetched:
        hands._idle = 0.0
        return await fetch(places, seconds, most)

    hands.fetch = prompt  # type: ignore[method-assign]


def far(ahead: float, offered: Sequence[Any], live: bool) -> tuple[Limited, list[float]]:
    """With `live`, signals of customers who act now come all the while; how long each of them took."""
    limited, said = Limited(ahead), dict[str, float]()

    async def run() -> None:
        world = World()
        world.platform = Far(limited)
        process = world.start(replace(SINK, limits=LIMITS, max_in_flight=64), commit_seconds=0.5)
        _look_often(process.hands)
        world.log.say(*offered)
        number = 0
        while live and len(limited.accepted) - len(said) < OFFERED - 500:
            fresh = ordered(f"live{number}")
            said[fresh.signal_id] = asyncio.get_running_loop().time()
            world.log.say(fresh)
            number += 1
            await asyncio.sleep(LIVE_EVERY)
        await until(lambda: len(limited.accepted) == OFFERED + len(said))
        await process.end()

    with asyncio.Runner(loop_factory=MovedLoop) as runner:
        runner.run(run())
    waited = [limited.accepted.pop(key) - at for key, at in said.items()]
    return limited, waited


# -- real time


def near(port: Connection) -> None:
    limited = Limited()

    async def take(request: web.Request) -> web.Response:
        document = await request.json()
        key = document["data"]["attributes"]["unique_id"]
        status, headers = limited.take(key, time.time())
        return web.Response(status=status, headers=headers)

    async def tell(request: web.Request) -> web.Response:
        return web.json_response({"accepted": limited.accepted, "refused": limited.refused})

    async def serve() -> None:
        app = web.Application()
        app.add_routes([web.post("/api/events", take), web.get("/", tell)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    uvloop.run(serve())


async def over_http(url: str, seconds: float) -> Limited:
    feed = Memory(OFFERED, 2_000, 4)
    delivery, http = delivery_of(sink_of(url, 64, LIMITS), feed)
    asyncio.get_running_loop().call_later(seconds, feed.done.set)
    code = await delivery.run(feed.done)
    await http.close()
    assert code == 0
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        told = await answer.json()
    return Limited(accepted=told["accepted"], refused=told["refused"])


# -- both


def main(arguments: Sequence[str] | None = None) -> None:
    wanted = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    wanted.add_argument("--seconds", type=float, default=75.0, help="of real time; 0 leaves it out")
    seconds = wanted.parse_args(arguments).seconds
    rows: list[tuple[object, ...]] = []
    for ahead in (0.0, 0.4, 30.0):
        limited, _ = far(ahead, [ordered(f"c{n % 2_000}", str(n)) for n in range(OFFERED)], live=False)
        rows.append((f"virtual, platform's windows {ahead} s ahead", *_shown(limited), "–"))
    history = [signal(f"c{n % 2_000}", f"old-{n}", ordered("x").payload, backfill=True) for n in range(OFFERED)]
    limited, waited = far(0.4, history, live=True)
    live = f"{len(waited)}: {results.percentile(waited, 0.5):.2f} / {results.percentile(waited, 0.95):.2f} s"
    rows.append(("virtual, all of it history, live signals beside it", *_shown(limited), live))
    if seconds:
        served, port = in_process(near)
        limited = uvloop.run(over_http(f"http://127.0.0.1:{port.recv()}", seconds))
        served.terminate()
        share, refused, left = limited.figures()
        rows.append((f"real, {seconds:.0f} s", f"{share:.3f}", f"{refused:.2%}", f"{left:,} left at the end", "–"))
    results.append(
        "delivery",
        f"{OFFERED:,} signals offered at once to a platform of 350/s and 3,500/min (`obedience.py`)",
        environment("aiohttp", "httpx-aiohttp", "uvloop"),
        results.table(["time", "of the limit", "429s", "lost", "live signals: p50 / p95"], rows),
    )


def _shown(limited: Limited) -> tuple[str, str, int]:
    share, refused, lost = limited.figures()
    return f"{share:.3f}", f"{refused:.2%}", lost


if __name__ == "__main__":
    main()
