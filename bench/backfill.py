"""`shoprelay backfill`: lines a second, CPU and memory at 100,000 and a million lines, and where the time goes.

The command runs as an operator runs it, in a process of its own, on the embedded broker, with no worker to wait for.
The files are made here: invoices of the UCI kind with five lines each, and cart events as JSON lines in our own words.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench import results
from bench.lane import Lane, lane
from bench.machine import Watch, environment
from schemas.codec import Codec
from schemas.events import ShopEvent
from shoprelay.backfill.formats import FORMATS
from shoprelay.backfill.grouping import groups
from shoprelay.backfill.reading import Source
from shoprelay.connections import SUBJECTS, codec_of, registry_of
from sources.backfill.format import Fact, Format, Telling
from streams.domain.policy import Policy
from streams.domain.validate import problem_of

START = datetime(2024, 1, 1, tzinfo=UTC)
LINES_AN_INVOICE = 5
PROFILED = 100_000


def invoices(lines: int) -> Iterator[str]:
    seeded = random.Random(7)
    yield "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
    for n in range(lines):
        number = n // LINES_AN_INVOICE
        at = (START + timedelta(minutes=number)).strftime("%Y-%m-%d %H:%M:00")
        price = f"{seeded.randrange(10, 2000) / 100:.2f}"
        yield (
            f"{500_000 + number},{seeded.randrange(4000)},WHITE HANGING HEART T-LIGHT HOLDER,{seeded.randrange(1, 30)},"
            f"{at},{price},{12_000 + number % 20_000}.0,United Kingdom\n"
        )


def carts(lines: int) -> Iterator[str]:
    seeded = random.Random(7)
    for n in range(lines):
        at = (START + timedelta(seconds=n)).strftime("%Y-%m-%dT%H:%M:%SZ")
        yield (
            f'{{"event_id": "cart-{n}", "type": "CartItemAdded", "occurred_at": "{at}", '
            f'"customer": {{"customer_id": "C{n % 20_000}", "email": "c{n % 20_000}@example.com"}}, "payload": '
            f'{{"item": {{"product_id": "P{seeded.randrange(4000)}", "name": "Blue Mug", "quantity": 1, '
            f'"unit_price": "12.50", "url": "https://shop.example/p/1"}}, "currency": "EUR"}}}}\n'
        )


MADE: dict[str, Callable[[int], Iterable[str]]] = {"uci": invoices, "jsonl": carts}


def _file(folder: Path, format: str, lines: int) -> Path:
    path = folder / f"{format}-{lines}"
    with path.open("w") as file:
        file.writelines(MADE[format](lines))
    return path


def _command(at: Lane, file: Path, format: str, *more: str) -> tuple[float, float, float]:
    """Seconds, CPU seconds and peak RSS in MB of one run."""
    settings = at.folder / "shoprelay.toml"
    command = [sys.executable, "-m", "shoprelay.cli", "backfill", str(file), "--format", format, "--shop", "bench",
               "--ahead", "0", "--progress", str(at.folder / "progress"), "--config", str(settings), *more]  # fmt: skip
    begin = time.perf_counter()
    process = subprocess.Popen(command, env={**os.environ, **at.children.environment}, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, f"{format}: the backfill failed"
    return time.perf_counter() - begin, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


async def _codec(at: Lane) -> Codec[ShopEvent]:
    configuration = at.configuration("")
    registry = registry_of(configuration)
    try:
        codec: Codec[Any] = codec_of(registry, configuration, *SUBJECTS[0])
        await codec.prepare()
        return codec
    finally:
        await registry.close()


def _stages(file: Path, format: Format, codec: Codec[ShopEvent]) -> list[tuple[str, float]]:
    """CPU µs a line of each step, by doing one step more each time; the best of three."""
    telling = Telling("bench", "EUR", UTC, START)

    def grouped() -> Iterator[Any]:
        with Source(file) as source:
            yield from groups(source.rows(format), format)

    def events() -> Iterator[ShopEvent]:
        for group in grouped():
            for found in format.tell(group.rows, telling):
                assert isinstance(found, Fact)
                yield found.event

    policy = Policy()
    steps: list[tuple[str, Callable[[], Any]]] = [
        ("read", lambda: sum(1 for _ in grouped())),
        ("tell", lambda: sum(1 for _ in events())),
        ("check", lambda: [problem_of(event, policy) for event in events()][-1:]),
        ("encode", lambda: [codec.encode(event) and problem_of(event, policy) for event in events()][-1:]),
    ]
    found, before = [], 0.0
    for name, step in steps:
        spent = min(_cpu(step) for _ in range(3)) / PROFILED * 1e6
        found.append((name, spent - before))
        before = spent
    return found


def _cpu(step: Callable[[], Any]) -> float:
    begin = time.process_time()
    step()
    return time.process_time() - begin


async def _run(sizes: list[int]) -> None:
    async with lane(12, embedded=True) as at:
        at.configuration("")
        codec, rows, stages, watch, begin = await _codec(at), [], [], Watch(at.ours()), time.monotonic()
        for format in MADE:
            for lines in sizes:
                file = _file(at.folder, format, lines)
                seconds, cpu, peak = await asyncio.to_thread(_command, at, file, format)
                dry, *_ = await asyncio.to_thread(_command, at, file, format, "--dry-run", "--samples", "0")
                size = file.stat().st_size / 1e6
                rows.append((format, f"{lines:,}", f"{size:.0f}", f"{lines / seconds:,.0f}", f"{lines / dry:,.0f}",
                             f"{cpu / lines * 1e6:.1f}", f"{peak:.0f}"))  # fmt: skip
                file.unlink()
            file = _file(at.folder, format, PROFILED)
            spent = await asyncio.to_thread(_stages, file, FORMATS[format], codec)
            stages.append((format, *(f"{each:.1f}" for _, each in spent)))
        others = watch.others(time.monotonic() - begin)
    results.append(
        "backfill",
        "the command on the embedded broker, no worker",
        environment("confluent-kafka", "msgspec") + f"; others used {others:.1f} cores meanwhile.",
        results.table(("format", "lines", "MB", "lines/s", "lines/s, dry run", "CPU µs a line", "peak RSS, MB"), rows),
        "CPU µs a line, step by step in one process (what is left of the whole is Kafka's client, with gzip):",
        results.table(("format", "read", "tell", "check", "encode"), stages),
    )


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench backfill", description=__doc__)
    parser.add_argument("--lines", type=int, nargs="+", default=[100_000, 1_000_000])
    asyncio.run(_run(parser.parse_args(arguments).lines))
