"""Plays the hour: starts everything, tells the events in their time, waits until all is quiet, compares, stops all."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from schemas.events import ShopEvent
from shoprelay.connections import publisher_of
from shoprelay.demo.backend import asked
from shoprelay.demo.children import ChildDied, Children
from shoprelay.demo.compare import kept, received
from shoprelay.demo.opening import open_all
from shoprelay.demo.reference import Expected, Told, difference, expected
from shoprelay.demo.report import Outcome, report
from shoprelay.demo.simulate import HOUR, OUTAGE, Hour, simulate
from shoprelay.demo.stage import GATEWAY, SHOP, SINKS, Stage
from shoprelay.publish import Publisher
from shoprelay.settings import load
from streams.broker.handle import EmbeddedBroker
from streams.topics import all_topics

QUIET_SECONDS = 3.0  # nothing new for this long, and everything expected is there or late
PATIENCE_SECONDS = 40.0  # after the hour is over


async def play(out: Console, *, seed: int, people: int, speed: float, keep: bool) -> int:
    """Returns the exit code: 0 when what came out is exactly what should have."""
    hour = simulate(seed, people)
    should = expected(hour)
    with tempfile.TemporaryDirectory(prefix="shoprelay-demo-") as folder:
        stage = Stage(Path(folder))
        children = Children(stage.folder)
        try:
            async with EmbeddedBroker(all_topics(sinks=SINKS)) as broker, httpx.AsyncClient(timeout=5) as client:
                await open_all(out, stage, children, client, broker.bootstrap, speed, hour)
                outcome = await _run(out, stage, children, client, hour, should, speed)
                report(out, outcome)
                if keep:
                    await _stay(out, stage, broker.bootstrap, children)
                return 0 if outcome.exact else 1
        except ChildDied as died:
            out.print(f"[red]✗[/] {died}")
            return 1
        finally:
            await children.stop()


async def _run(
    out: Console,
    stage: Stage,
    children: Children,
    client: httpx.AsyncClient,
    hour: Hour,
    should: Expected,
    speed: float,
) -> Outcome:
    publisher = await publisher_of(load(stage.settings, {}))
    start = time.time() + 0.5
    outcome = Outcome(should, start, speed)
    bars = Progress(
        TextColumn("{task.description:<16}"), BarColumn(), TextColumn("{task.completed:>5.0f}"), TimeElapsedColumn(),
        console=out,
    )  # fmt: skip
    with bars:
        told = bars.add_task("events told", total=len(hour.steps) + len(hour.repeats) + hour.broken)
        calls = bars.add_task("calls received", total=sum(should.calls.values()))
        watching = asyncio.create_task(_watch(stage, children, client, bars, calls, outcome))
        outage = asyncio.create_task(_outage(stage, client, start, speed))
        try:
            await _tell(publisher, hour, start, speed, bars, told)
            outcome.told = publisher.published
            await _until_quiet(outcome, start + HOUR / speed, should)
        finally:
            for task in (watching, outage):
                task.cancel()
            ended = await asyncio.gather(watching, outage, return_exceptions=True)
        for error in ended:
            if isinstance(error, ChildDied):
                raise error
    await _collect(stage, client, outcome)
    return outcome


async def _tell(publisher: Publisher, hour: Hour, start: float, speed: float, bars: Progress, bar: TaskID) -> None:
    """Every step at its time; some twice; and a few records that nobody can understand."""
    broken = _broken(publisher, hour)
    for n, step in enumerate(hour.steps):
        ahead = start + step.told / speed - time.time()
        if ahead > 0:
            await asyncio.sleep(ahead)
        event = ShopEvent(
            event_id=f"demo-{n:05d}",
            shop=SHOP,
            occurred_at=datetime.fromtimestamp(round(start + step.at / speed, 3), UTC),
            customer=step.ref,
            payload=step.payload,
        )
        for _ in range(2 if n in hour.repeats else 1):
            publisher.publish(event)
            bars.advance(bar)
        if n % (len(hour.steps) // hour.broken) == 1 and broken:
            publisher.raw(b"broken", broken.pop())
            bars.advance(bar)
    await asyncio.to_thread(publisher.flush)


def _broken(publisher: Publisher, hour: Hour) -> list[bytes]:
    good = ShopEvent(
        event_id="broken",
        shop=SHOP,
        occurred_at=datetime.now(UTC),
        customer=hour.steps[-1].ref,
        payload=next(step.payload for step in hour.steps if step.ref.customer_id),
    )
    bytes_ = publisher.encoded(good)
    return [b"{}", b"", bytes_[:-3], b"\x01" + bytes_[1:], b"\x00\x7f\xff\xff\xff" + bytes_[5:]][: hour.broken]


async def _outage(stage: Stage, client: httpx.AsyncClient, start: float, speed: float) -> None:
    """Klaviyo's stand-in is down for a stretch of the hour."""
    down, up = (start + at / speed for at in OUTAGE)
    await asyncio.sleep(down - time.time())
    script = f"{stage.url('sandbox-klaviyo')}/_script"
    await client.post(script, json=[{"status": 503, "times": 1_000_000}])
    await asyncio.sleep(up - time.time())
    await client.post(script, json=[])


async def _watch(
    stage: Stage, children: Children, client: httpx.AsyncClient, bars: Progress, bar: TaskID, outcome: Outcome
) -> None:
    """What the stand-ins have stored so far, and whether everybody is still there."""
    while True:
        children.check()
        arrived: dict[Told, list[float]] = {}
        did: Counter[Told] = Counter()
        for name in SINKS:
            standin = stage.url(f"sandbox-{name}")
            arrived |= received(name, (await client.get(f"{standin}/_calls")).json())
            did += kept(name, (await client.get(f"{standin}/_stored")).json())
        did += Counter({told: len(times) for told, times in arrived.items()})
        if did != outcome.did:
            outcome.did, outcome.arrived, outcome.changed_at = did, arrived, time.time()
        bars.update(bar, completed=sum((did & outcome.should.calls).values()))
        await asyncio.sleep(1.0)


async def _until_quiet(outcome: Outcome, hour_is_over: float, should: Expected) -> None:
    """Until nothing new came for a while after the hour; a call that is missing is waited for longer."""
    while (now := time.time()) < hour_is_over + PATIENCE_SECONDS:
        if now > hour_is_over - 8 and now - outcome.changed_at > QUIET_SECONDS and outcome.did == by_platforms(should):
            return
        await asyncio.sleep(0.2)


def by_platforms(should: Expected) -> Counter[Told]:
    """Without what the shop's backend asks for afterwards."""
    return Counter({told: times for told, times in should.calls.items() if told[0] != GATEWAY})


async def _collect(stage: Stage, client: httpx.AsyncClient, outcome: Outcome) -> None:
    for name in ("worker", *(f"sink-{name}" for name in SINKS)):
        outcome.metrics[name] = (await client.get(f"{stage.url(name)}/metrics")).text
    for name in SINKS:
        outcome.stats[name] = (await client.get(f"{stage.url(f'sandbox-{name}')}/_stats")).json()
    outcome.did += await asked(client, stage.url(GATEWAY), outcome.should.calls)
    outcome.differences = list(difference(outcome.should.calls, outcome.did))


async def _stay(out: Console, stage: Stage, bootstrap: str, children: Children) -> None:
    out.print("\nEverything stays up until Ctrl-C:")
    out.print(f"  Kafka     {bootstrap}\n  settings  {stage.settings}\n  logs      {stage.folder}/*.log")
    for name in sorted(stage.ports):
        page = {"registry": "/subjects", "worker": "/metrics"}.get(name, "/metrics" if "sink" in name else "/_calls")
        out.print(f"  {name:<16} {stage.url(name)}{page}", highlight=False)
    command = f"{Path(sys.executable).parent / 'shoprelay'} parked list klaviyo --config {stage.settings}"
    out.print(
        f"\nIn another terminal, for example (docs/runbook.md says more):\n  {command}", soft_wrap=True, highlight=False
    )
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    while not stopped.is_set():
        children.check()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), 1.0)
    out.print("\nstopping everything")
