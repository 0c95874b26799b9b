"""Event to platform call: from `publish` in a shop's process to the request's arrival at Klaviyo's stand-in.

    python -m bench latency [--rate 200] [--seconds 60] [--lane both|kafka|embedded]

The whole chain as processes of their own: publisher (linger 5 ms), shop-events, worker, customer-signals, sink,
stand-in; views and additions to carts of 2,000 customers. The platform's budget of 58 events a second is lifted on both
sides (`unlimited.py`); everything else is as it ships. Where the time goes is read from the records' timestamps: on a
real Kafka the broker's at the append, on the embedded one the sender's.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice, pairwise

import httpx
from msgspec.structs import replace

from bench import results, shop
from bench.deadlines import stamp_on_append
from bench.fold import PACKAGES, read
from bench.lane import Ends, Lane, codecs_of, lane
from bench.machine import Watch, environment
from schemas.events import CartItemAdded, ProductViewed, ShopEvent
from shoprelay.connections import publisher_of
from shoprelay.settings import Configuration
from sinks.klaviyo.fake import API_KEY

PARTITIONS, CUSTOMERS = 12, 2_000
WARM_UP_SECONDS = 5.0  # first requests open connections and load code; not counted
PATIENCE = 20.0
HOPS = ("told to shop-events", "to customer-events", "to customer-signals", "to the call")


@dataclass(frozen=True, slots=True)
class Run:
    total: list[float]
    """Milliseconds of every event that led to a call."""
    hops: list[list[float]]
    missing: int
    cores: Mapping[str, float]
    others: float


async def measure(rate: int, seconds: float, embedded: bool) -> Run:
    async with lane(PARTITIONS, ("klaviyo",), embedded) as on:
        on.children.environment |= {"KLAVIYO_KEY": API_KEY}
        stand_in, worker, sink = on.port(), on.port(), on.port()
        configuration = on.configuration(
            f'[worker]\nstore = "memory"\nstate_dir = "{on.folder}/state"\nhttp = {{ port = {worker} }}\n'
            f'[sinks.klaviyo]\nplatform = "klaviyo"\nhttp = {{ port = {sink} }}\n[sinks.klaviyo.config]\n'
            f'base_url = "http://127.0.0.1:{stand_in}"\napi_key = "env:KLAVIYO_KEY"\n'
        )
        topics = (on.topics.shop_events, on.topics.customer_events, on.topics.customer_signals)
        if not embedded:
            stamp_on_append(on.bootstrap, *(topic.name for topic in topics))
        await codecs_of(configuration)
        settings = str(on.folder / "shoprelay.toml")
        await on.children.start("stand-in", "bench.unlimited", "stand-in", str(stand_in))
        await on.children.start("worker", "shoprelay.cli", "worker", "--config", settings, "--log", "json")
        await on.children.start("sink", "bench.unlimited", "sink", settings)
        async with httpx.AsyncClient(timeout=60) as client:
            for port, path in ((stand_in, "_stats"), (worker, "readyz"), (sink, "readyz")):
                await on.children.answers(client, f"http://127.0.0.1:{port}/{path}")
            await _told(configuration, rate, WARM_UP_SECONDS, "warm")
            watch, since = Watch(on.ours()), time.monotonic()
            told = await _told(configuration, rate, seconds, "evt")
            cores = {name: watch.spent(on.pid(name)) / seconds for name in ("worker", "sink", "stand-in")}
            others = watch.others(time.monotonic() - since)
            arrived = await _arrived(client, f"http://127.0.0.1:{stand_in}/_calls", told)
        return Run(*await _hops(on, configuration, told, arrived), len(told) - len(arrived), cores, others)


async def _told(configuration: Configuration, rate: int, seconds: float, prefix: str) -> dict[str, float]:
    """Event id -> when it was handed to the publisher."""
    publisher = await publisher_of(configuration)
    count, told, began = round(rate * seconds), dict[str, float](), time.time() + 0.1
    for n, event in enumerate(islice(_worth_a_call(2 * count), count)):
        await asyncio.sleep(max(0.0, began + n / rate - time.time()))
        event_id = f"{prefix}-{event.event_id}"
        told[event_id] = now = time.time()
        publisher.publish(_now(event, event_id, now))
    await asyncio.to_thread(publisher.flush)
    return told


def _worth_a_call(count: int) -> Iterator[ShopEvent]:
    """Views and additions to carts: each leads to a call that carries its id, at least when told for the first time."""
    last = ""
    for event in shop.events(count, CUSTOMERS, datetime.now(UTC), 60):
        if isinstance(event.payload, ProductViewed | CartItemAdded) and event.event_id != last:
            last = event.event_id
            yield event


def _now(event: ShopEvent, event_id: str, now: float) -> ShopEvent:
    return replace(event, event_id=event_id, occurred_at=datetime.fromtimestamp(round(now, 3), UTC))


async def _arrived(client: httpx.AsyncClient, url: str, told: Mapping[str, float]) -> dict[str, float]:
    """Event id -> when its first call arrived. Waits until all are there, or nothing new comes any more."""
    arrived: dict[str, float] = {}
    since, moved = 0, time.monotonic()
    while len(arrived) < len(told) and time.monotonic() - moved < PATIENCE:
        answer = (await client.get(url, params={"since": since})).json()
        since = answer["next"]
        for call in answer["calls"]:
            unique_id = call["body"]["data"]["attributes"].get("unique_id", "")
            event_id = unique_id.partition(":")[2].partition(":")[0]
            if event_id in told and event_id not in arrived:
                arrived[event_id], moved = call["at"], time.monotonic()
        await asyncio.sleep(0.5)
    return arrived


async def _hops(
    on: Lane, configuration: Configuration, told: Mapping[str, float], arrived: Mapping[str, float]
) -> tuple[list[float], list[list[float]]]:
    codecs, topics = await codecs_of(configuration), on.topics
    names = [topic.name for topic in (topics.shop_events, topics.customer_events, topics.customer_signals)]
    counts = await asyncio.to_thread(Ends(on.bootstrap, PARTITIONS).count, *names)
    shown = [await asyncio.to_thread(read, on.bootstrap, name, counts[name]) for name in names]
    steps: list[Mapping[str, float]] = [
        told,
        {codecs.shop_events.decode(value).event_id: at / 1000 for at, value in shown[0]},
        {codecs.customer_events.decode(value).fact.event_id: at / 1000 for at, value in shown[1]},
        {codecs.signals.decode(value).cause or "": at / 1000 for at, value in shown[2]},
        arrived,
    ]
    whole = [event_id for event_id in told if all(event_id in step for step in steps)]
    hops = [[1000 * (after[event_id] - before[event_id]) for event_id in whole] for before, after in pairwise(steps)]
    return [1000 * (arrived[event_id] - told[event_id]) for event_id in arrived], hops


def main(arguments: Sequence[str]) -> None:
    wanted = argparse.ArgumentParser(
        "bench latency", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    wanted.add_argument("--rate", type=int, default=200)
    wanted.add_argument("--seconds", type=float, default=60)
    wanted.add_argument("--lane", choices=("both", "kafka", "embedded"), default="both")
    a = wanted.parse_args(arguments)
    lanes = {"kafka": (False,), "embedded": (True,)}.get(a.lane, (False, True))
    rows = []
    for embedded in lanes:
        run = asyncio.run(measure(a.rate, a.seconds, embedded))
        rows.append(
            (
                "embedded broker" if embedded else "Apache Kafka 3.9.1",
                f"{len(run.total):,} ({run.missing} missing)",
                *(f"{results.percentile(run.total, share):,.0f}" for share in (0.5, 0.9, 0.99, 1.0)),
                *(f"{results.percentile(hop, 0.5):,.0f} / {results.percentile(hop, 0.99):,.0f}" for hop in run.hops),
                ", ".join(f"{name} {used:.2f}" for name, used in run.cores.items()),
                f"{run.others:.1f}",
            )
        )
    results.append(
        "latency",
        f"event to platform call at {a.rate} events/s for {a.seconds:.0f} s",
        f"{environment(*PACKAGES)}, everything on these cores; milliseconds, hops as p50 / p99.",
        results.table(("broker", "events", "p50", "p90", "p99", "max", *HOPS, "cores used", "others' cores"), rows),
    )


if __name__ == "__main__":
    main(sys.argv[1:])
