"""The real fold: shop events in, customers' logs, state and signals out, with dedupe, identity and deadlines.

    python -m bench fold [--events 100000] [--stock-events 30000] [--rounds 3]

One worker process on a real Kafka, 12 partitions, memory store, all events in `shop-events` before it starts. Beside
it, in turn: the same agents over lists in memory (`bare`, the floor: no Kafka, no changelog, no compression) and a
stock Faust worker doing the same work (`stock_faust.py`). Every signal of every run is compared with those of `bare`.
CPU is of the worker process alone, from its first record in customer-events to its last signal.
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

from confluent_kafka import Consumer, Producer, TopicPartition

from bench import bare, results, shop
from bench.lane import Ends, Lane, codecs_of, lane
from bench.machine import Watch, environment, peak_mb
from schemas.codec import Codec
from schemas.signals import CustomerChanged, Signal
from streams.domain.policy import Policy

PARTITIONS, EVENTS_EACH = 12, 5  # customers are as many as this leaves: the same mix whatever the count
PATIENCE, STANDSTILL = 240.0, 10.0
PACKAGES = ("faust-streaming", "aiokafka", "confluent-kafka", "msgspec")
Told = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Run:
    variant: str
    events: int
    seconds: float
    cpu: float
    peak_mb: int
    others: float
    wrong: int

    @property
    def cpu_100k(self) -> float:
        return self.cpu * 1e5 / self.events


def made(codecs: object, count: int) -> Told:
    """Encoded as a shop would, keyed by the shop's own name for the customer."""
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=30)
    encode = codecs.shop_events.encode  # type: ignore[attr-defined]
    told = []
    for event in shop.events(count, count // EVENTS_EACH, start, 1200):
        who = event.customer
        told.append(((who.customer_id or who.anonymous_id or "").encode(), encode(event)))
    return told


def publish(bootstrap: str, topic: str, told: Told) -> None:
    producer = Producer(
        {"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "enable.idempotence": True, "linger.ms": 50,
         "compression.type": "gzip"}
    )  # fmt: skip
    for key, value in told:
        while True:
            try:
                producer.produce(topic, key=key, value=value)
                break
            except BufferError:
                producer.poll(0.05)
    producer.flush()


def name(codec: Codec[Signal], value: bytes) -> str:
    """Its id. Which of two events makes a guest a known customer first is chance where their logs lie in different
    partitions, so that one is named by its customer alone."""
    signal = codec.decode(value)
    return signal.customer.key if isinstance(signal.payload, CustomerChanged) else signal.signal_id


def read(bootstrap: str, topic: str, count: int) -> list[tuple[int, bytes]]:
    """So many records from the beginning on: (timestamp in milliseconds, value)."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, p, 0) for p in range(PARTITIONS)])
    values: list[tuple[int, bytes]] = []
    try:
        while count > 0 and (messages := consumer.consume(10_000, 5.0)):
            values += [(message.timestamp()[1], message.value() or b"") for message in messages]
            count -= len(messages)
    finally:
        consumer.close()
    return values


async def _started(on: Lane, variant: str) -> None:
    settings = on.folder / "shoprelay.toml"
    if variant == "shoprelay":
        await on.children.start("worker", "shoprelay.cli", "worker", "--config", str(settings), "--log", "json")
        return
    on.children.environment |= {
        "SETTINGS": str(settings), "GROUP": f"{on.topics.prefix}stock", "HOPS": "2" if "2 hops" in variant else "1",
        "STATE_DIR": str(on.folder / "stock"), "NO_CYTHON": "",  # ours is set for this process
    }  # fmt: skip
    await on.children.start("worker", "bench.stock_faust", "worker", "-l", "warn", "--without-web")


async def measure(variant: str, count: int) -> Run:
    """`variant`: shoprelay, stock Faust (2 hops) or stock Faust (1 hop)."""
    async with lane(PARTITIONS) as on:
        configuration = on.configuration(f'[worker]\nstore = "memory"\nstate_dir = "{on.folder}/state"\n')
        codecs = await codecs_of(configuration)
        told = made(codecs, count)
        if variant == "bare":
            thought = await bare.think(codecs, Policy(), told, PARTITIONS)
            return Run(variant, count, thought.cpu_seconds, thought.cpu_seconds, 0, 0.0, 0)
        await asyncio.to_thread(publish, on.bootstrap, on.topics.shop_events.name, told)
        thought = await bare.think(codecs, Policy(), told, PARTITIONS)
        return await _watched(on, variant, count, codecs.signals, thought.signals)


async def _watched(on: Lane, variant: str, count: int, codec: Codec[Signal], expected: Sequence[bytes]) -> Run:
    signals, log = on.topics.customer_signals.name, on.topics.customer_events.name
    first = signals if "1 hop" in variant else log
    enough = len(expected)
    ends, began = Ends(on.bootstrap, PARTITIONS), time.monotonic()
    await _started(on, variant)
    watch, since, before, said, moved = None, 0.0, {}, 0, time.monotonic()
    while said < enough and time.monotonic() - began < PATIENCE:
        on.children.check()
        counts = await asyncio.to_thread(ends.count, signals, log)
        now = time.monotonic()
        if watch is None and counts[first]:
            watch, since = Watch(on.ours()), now
        if watch is None or counts != before:
            before, said, moved = counts, counts[signals], now
        elif now - moved > STANDSTILL:
            break
        await asyncio.sleep(0.05)
    assert watch is not None, f"nothing came out:\n{on.log('worker')}"
    pid, seconds = on.pid("worker"), moved - since
    run = (watch.spent(pid), peak_mb(pid), watch.others(time.monotonic() - since))
    got = Counter(name(codec, value) for _, value in await asyncio.to_thread(read, on.bootstrap, signals, said))
    should = Counter(name(codec, value) for value in expected)
    return Run(variant, count, seconds, *run, (got - should).total() + (should - got).total())


def main(arguments: Sequence[str]) -> None:
    wanted = argparse.ArgumentParser("bench fold", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    wanted.add_argument("--events", type=int, default=100_000)
    wanted.add_argument("--stock-events", type=int, default=30_000)
    wanted.add_argument("--rounds", type=int, default=3)
    wanted.add_argument("--variants", default="bare,shoprelay,stock Faust (2 hops),stock Faust (1 hop)")
    a = wanted.parse_args(arguments)
    runs: dict[str, list[Run]] = {variant: [] for variant in a.variants.split(",")}
    for _ in range(a.rounds):
        for variant, done in runs.items():
            count = a.stock_events if "stock" in variant else a.events
            done.append(asyncio.run(measure(variant, count)))
            sys.stderr.write(f"{done[-1]}\n")
    base = results.median([run.cpu_100k for run in next(iter(runs.values()))])
    ours = results.median([run.cpu_100k for run in runs["shoprelay"]]) if "shoprelay" in runs else base
    results.append(
        "fold",
        "the real fold",
        f"{environment(*PACKAGES)}, Apache Kafka 3.9.1 on the same cores; {a.rounds} rounds taking turns, "
        f"{a.events:,} events ({a.stock_events:,} for stock Faust), {EVENTS_EACH} per customer, "
        f"{PARTITIONS} partitions.",
        results.table(
            ("variant", "events/s", "CPU s per 100k", "times bare", "times ours", "peak MB", "others' cores", "wrong"),
            [
                (
                    variant,
                    results.spread([run.events / run.seconds for run in done]),
                    results.spread([run.cpu_100k for run in done], ".1f"),
                    f"{(cost := results.median([run.cpu_100k for run in done])) / base:.2f}",
                    f"{cost / ours:.1f}",
                    max(run.peak_mb for run in done),
                    results.spread([run.others for run in done], ".1f"),
                    max(run.wrong for run in done),
                )
                for variant, done in runs.items()
            ],
        ),
    )


if __name__ == "__main__":
    main(sys.argv[1:])
