"""How long until a worker has a million keys back, beside a plain aiokafka reader that fills a dict from the same
topic.

    BOOTSTRAP=127.0.0.1:9092 python bench/restore.py [--keys 1000000] [--runs 3]

Fills a compacted changelog of four partitions with 130-byte values, then runs each variant in a process of its own,
taking turns, and
prints one table row per variant. The topic is deleted in the end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

BOOTSTRAP = os.environ.get("BOOTSTRAP", "127.0.0.1:9092")
GROUP, PARTITIONS = "bench-restore", 4
CHANGELOG = f"{GROUP}-carts-changelog"
VARIANTS = ("plain reader", "memory", "rocksdb cold", "rocksdb warm")


def fill(keys: int) -> None:
    admin = AdminClient({"bootstrap.servers": BOOTSTRAP})
    new = NewTopic(CHANGELOG, PARTITIONS, 1, config={"cleanup.policy": "compact"})
    admin.create_topics([new])[CHANGELOG].result(30)
    time.sleep(1)
    p = Producer({"bootstrap.servers": BOOTSTRAP, "partitioner": "murmur2_random", "linger.ms": 50})
    for i in range(keys):
        while True:
            try:
                p.produce(CHANGELOG, key=b"cust-%08d" % i, value=(b"value-%08d-" % i).ljust(130, b"x"))
                break
            except BufferError:
                p.poll(0.05)
    p.flush()


async def plain() -> int:
    import aiokafka

    c = aiokafka.AIOKafkaConsumer(bootstrap_servers=BOOTSTRAP, enable_auto_commit=False)
    await c.start()
    tps = [aiokafka.TopicPartition(CHANGELOG, p) for p in range(PARTITIONS)]
    c.assign(tps)
    await c.seek_to_beginning(*tps)
    ends, state = await c.end_offsets(tps), {}
    while any([await c.position(tp) < ends[tp] for tp in tps]):
        for run in (await c.getmany(timeout_ms=500, max_records=10_000)).values():
            for r in run:
                state[r.key] = r.value
    await c.stop()
    return len(state)


async def engine(store: str, folder: str) -> int:
    from streams.engine import EngineSettings, create_app
    from streams.engine.restore import Restore

    settings = EngineSettings(bootstrap=BOOTSTRAP, group=GROUP, state_dir=Path(folder), store=store)  # type: ignore[arg-type]
    app = create_app(settings)
    table = app.Table("carts", partitions=PARTITIONS)

    async def ready(_: int) -> None:
        return None

    await app.producer.start()
    restore = Restore(app.engine, ready)
    await restore.run([(table, p) for p in range(PARTITIONS)])
    await app.producer.stop()
    for p in range(PARTITIONS):
        await table.drop(p)
    return restore.done


def measure(variant: str, folder: str) -> None:
    """One variant in this process; imports count as start-up and are left out."""
    import aiokafka  # noqa: F401

    import streams.engine  # noqa: F401

    before, began = time.process_time(), time.perf_counter()
    done = asyncio.run(plain() if variant == "plain reader" else engine(variant.split()[0], folder))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    seconds, cpu = time.perf_counter() - began, time.process_time() - before
    print(json.dumps({"records": done, "seconds": seconds, "cpu": cpu, "peak_mb": peak}))


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--keys", type=int, default=1_000_000)
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--measure", nargs=2)
    a = arguments.parse_args()
    if a.measure:
        measure(*a.measure)
        return
    folder = tempfile.mkdtemp()
    fill(a.keys)
    try:
        results: dict[str, list[dict[str, float]]] = {v: [] for v in VARIANTS}
        for _ in range(a.runs):
            shutil.rmtree(folder)
            for variant in VARIANTS:
                child = [sys.executable, __file__, "--measure", variant, folder]
                out = subprocess.run(
                    child,
                    check=True,
                    capture_output=True,
                    text=True,
                    env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
                )
                results[variant].append(json.loads(out.stdout.splitlines()[-1]))
        print("| variant | records | seconds (min / median / max) | CPU s | peak RSS MB | times the plain reader |")
        print("|---|---|---|---|---|---|")
        base = statistics.median(r["seconds"] for r in results[VARIANTS[0]])
        for variant, rows in results.items():
            s = sorted(r["seconds"] for r in rows)
            cpu = statistics.median(r["cpu"] for r in rows)
            mid = statistics.median(s)
            print(
                f"| {variant} | {rows[0]['records']:,.0f} | {s[0]:.2f} / {mid:.2f} / {s[-1]:.2f} | {cpu:.2f} "
                f"| {max(r['peak_mb'] for r in rows):.0f} | {mid / base:.2f} |"
            )
    finally:
        admin = AdminClient({"bootstrap.servers": BOOTSTRAP})  # named, because a collected client never answers
        admin.delete_topics([CHANGELOG])[CHANGELOG].exception(30)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
