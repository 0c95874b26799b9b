"""How much goes on at once: 10,000 signals of one partition, 0 to 5 ms of work at the platform, 100 in flight.

    python -m bench.keys

Beside it the same by arithmetic: one call at a time needs 2.5 ms of work for each, so one customer takes 25 s and more;
with n customers at once it is an n-th of that, until the client's CPU is the limit. All of `streams.delivery` over a
feed in memory, in a process of its own. `violations` are counted by the platform: a call that comes while another of
its customer is under way, or after a later one.
"""

from __future__ import annotations

import argparse
import gc
import time
import urllib.request
from collections.abc import Sequence
from multiprocessing.connection import Connection

import uvloop

from bench import results
from bench.delivery import cpu
from bench.machine import Watch, environment
from bench.platforms import in_process, working
from bench.signals import Memory, delivery_of, sink_of

SIGNALS, IN_FLIGHT = 10_000, 100
KEYS = (1, 10, 100, 10_000)


async def deliver(url: str, keys: int) -> tuple[float, float]:
    """Seconds, and seconds of CPU."""
    feed = Memory(SIGNALS, keys, 1)
    delivery, http = delivery_of(sink_of(url, IN_FLIGHT), feed)
    gc.collect()
    gc.freeze()
    began, used = time.monotonic(), cpu()
    code = await delivery.run(feed.done)
    took = time.monotonic() - began, cpu() - used
    await http.close()
    assert code == 0
    return took


def delivering(url: str, keys: int, told: Connection) -> None:
    told.send(uvloop.run(deliver(url, keys)))


def one(keys: int) -> tuple[float, float, int, float]:
    served, port = in_process(working)
    url = f"http://127.0.0.1:{port.recv()}"
    process, told = in_process(delivering, url, keys)
    began, watch = time.monotonic(), Watch([served.pid or 0, process.pid or 0])
    seconds, used = told.recv()
    others = watch.others(time.monotonic() - began)
    with urllib.request.urlopen(url, timeout=5) as answer:
        violations = int(answer.read())
    process.join()
    served.terminate()
    return seconds, used, violations, others


def main(arguments: Sequence[str] | None = None) -> None:
    wanted = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    wanted.add_argument("--rounds", type=int, default=3)
    rounds = wanted.parse_args(arguments).rounds
    runs = {keys: [one(keys) for _ in range(1 if keys == 1 else rounds)] for keys in KEYS}
    rows = [
        (
            f"{keys:,}",
            results.spread([run[0] for run in each], ".2f"),
            results.spread([run[1] * 1e5 / SIGNALS for run in each], ".1f"),
            sum(run[2] for run in each),
            results.spread([run[3] for run in each], ".1f"),
        )
        for keys, each in runs.items()
    ]
    results.append(
        "delivery",
        f"{SIGNALS:,} signals of one partition, 0-5 ms of work each, {IN_FLIGHT} in flight (`keys.py`)",
        environment("aiohttp", "httpx-aiohttp", "uvloop"),
        results.table(["customers", "seconds", "CPU s per 100,000", "violations", "others' cores"], rows),
    )


if __name__ == "__main__":
    main()
