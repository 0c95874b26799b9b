"""Many deadlines at once through the real worker: silence, DeadlineReached in the log, the fold, CartAbandoned.

    python -m bench deadlines [--carts 100000,20000] [--rounds 1] [--tick 500ms]

So many customers put one thing into a cart each, their stamps spread over one second, told and folded well before the
stage is over, so all of them fall due within the same second. Lateness is the broker's append time minus the due time
(grace is zero): of the deadline in customer-events, and of the signal that follows from it. The rate is of signals,
first to last. `job_c.py` is the same job as the peer harness has it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from bench import results
from bench.fold import PACKAGES, publish, read
from bench.lane import Ends, Lane, codecs_of, lane
from bench.machine import Watch, environment
from schemas.events import CartItemAdded, DeadlineReached, ShopEvent
from schemas.signals import CartAbandoned
from schemas.values import CustomerRef, LineItem
from streams.worker.app import Codecs

PARTITIONS, PATIENCE = 12, 240.0
FOLDED_PER_SECOND = 1_500  # slower than any worker was yet: how long the stage must be for all carts to be known


@dataclass(frozen=True, slots=True)
class Run:
    carts: int
    fired: int
    twice: int
    per_second: float
    deadline_late: list[float]
    signal_late: list[float]
    cpu: float
    others: float


def carts(codecs: Codecs, count: int, start: datetime) -> list[tuple[bytes, bytes]]:
    line = LineItem(
        product_id="P1", name="Stoneware mug", quantity=Decimal(1), unit_price=Decimal("9.50"),
        url="https://mugs.example.com/p/1", image_url="https://mugs.example.com/i/1.jpg", brand="Potter",
        categories=("Mugs",),
    )  # fmt: skip
    payload, told = CartItemAdded(item=line, currency="EUR", cart_id="c"), []
    for n in range(count):
        event = ShopEvent(
            event_id=f"evt-{n}", shop="mugs", occurred_at=start + timedelta(milliseconds=n * 1000 // count),
            customer=CustomerRef(customer_id=f"C{n:06d}"), payload=payload,
        )  # fmt: skip
        told.append((b"C%06d" % n, codecs.shop_events.encode(event)))
    return told


def stamp_on_append(bootstrap: str, *topics: str) -> None:
    """From now on the broker's clock says when a record was appended."""
    entry = ConfigEntry("message.timestamp.type", "LogAppendTime", incremental_operation=AlterConfigOpType.SET)
    wanted = [ConfigResource(ResourceType.TOPIC, name, incremental_configs=[entry]) for name in topics]
    admin = AdminClient({"bootstrap.servers": bootstrap})  # named: a collected client never answers
    for future in admin.incremental_alter_configs(wanted).values():
        future.result()


async def measure(count: int, tick: str) -> Run:
    async with lane(PARTITIONS) as on:
        wait = 15 + count // FOLDED_PER_SECOND
        configuration = on.configuration(
            f'[worker]\nstore = "memory"\nstate_dir = "{on.folder}/state"\ntick = "{tick}"\n'
            f'[shops.default]\nstages = ["{wait}s"]\ngrace = "0s"\n'
        )
        codecs = await codecs_of(configuration)
        stamp_on_append(on.bootstrap, on.topics.customer_events.name, on.topics.customer_signals.name)
        start = datetime.now(UTC)
        await asyncio.to_thread(publish, on.bootstrap, on.topics.shop_events.name, carts(codecs, count, start))
        settings = str(on.folder / "shoprelay.toml")
        await on.children.start("worker", "shoprelay.cli", "worker", "--config", settings, "--log", "json")
        return await _watched(on, codecs, count, start + timedelta(seconds=wait))


async def _watched(on: Lane, codecs: Codecs, count: int, due: datetime) -> Run:
    log, signals = on.topics.customer_events.name, on.topics.customer_signals.name
    ends, began = Ends(on.bootstrap, PARTITIONS), time.monotonic()
    while (said := (await asyncio.to_thread(ends.count, signals))[signals]) < count:
        on.children.check()
        if datetime.now(UTC) > due:
            raise SystemExit(f"only {said} of {count} carts were known when they fell due: the machine is too slow")
        await asyncio.sleep(0.2)
    sys.stderr.write(f"all {count} carts known after {time.monotonic() - began:.0f} s\n")
    await asyncio.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds() - 0.5))
    watch, since = Watch(on.ours()), time.monotonic()
    moved, before = since, said
    while said < 2 * count and time.monotonic() - moved < 10:
        on.children.check()
        said = (await asyncio.to_thread(ends.count, signals))[signals]
        if said != before:
            before, moved = said, time.monotonic()
        await asyncio.sleep(0.1)
    cpu, others = watch.spent(on.pid("worker")), watch.others(time.monotonic() - since)
    total = (await asyncio.to_thread(ends.count, log))[log]
    deadlines = [
        stamp / 1000 - entry.fact.due_at.timestamp()
        for stamp, value in await asyncio.to_thread(read, on.bootstrap, log, total)
        if isinstance((entry := codecs.customer_events.decode(value)).fact, DeadlineReached)
    ]
    abandoned = [
        (stamp / 1000, signal)
        for stamp, value in await asyncio.to_thread(read, on.bootstrap, signals, said)
        if isinstance((signal := codecs.signals.decode(value)).payload, CartAbandoned)
    ]
    named = Counter(signal.signal_id for _, signal in abandoned)
    late = [at - signal.payload.due_at.timestamp() for at, signal in abandoned]  # type: ignore[union-attr]
    stamps = sorted(at for at, _ in abandoned)
    seconds = stamps[-1] - stamps[0]
    return Run(count, len(named), named.total() - len(named), len(stamps) / seconds, deadlines, late, cpu, others)


def main(arguments: Sequence[str]) -> None:
    wanted = argparse.ArgumentParser(
        "bench deadlines", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    wanted.add_argument("--carts", default="100000,20000")
    wanted.add_argument("--rounds", type=int, default=1)
    wanted.add_argument("--tick", default="500ms")
    a = wanted.parse_args(arguments)
    rows = []
    for _ in range(a.rounds):
        for count in map(int, a.carts.split(",")):
            run = asyncio.run(measure(count, a.tick))
            rows.append(
                (
                    f"{run.carts:,}", f"{run.fired:,}", run.twice, f"{run.per_second:,.0f}", _late(run.deadline_late),
                    _late(run.signal_late), f"{run.cpu * 1e5 / count:.1f}", f"{run.others:.1f}",
                )
            )  # fmt: skip
    results.append(
        "deadlines",
        "deadlines falling due within one second, through the real worker",
        f"{environment(*PACKAGES)}, Apache Kafka 3.9.1 on the same cores; one worker, memory store, {PARTITIONS} "
        f"partitions, tick {a.tick}.",
        results.table(
            ("carts", "abandoned", "twice", "signals/s", "deadline late, s: p50 / p99 / max",
             "signal late, s: p50 / p99 / max", "CPU s per 100k", "others' cores"),
            rows,
        ),
    )  # fmt: skip


def _late(seconds: list[float]) -> str:
    return " / ".join(f"{results.percentile(seconds, share):.2f}" for share in (0.5, 0.99, 1.0))


if __name__ == "__main__":
    main(sys.argv[1:])
