"""A month of invoices through the running system: `kill -9` half-way, gone on with, and told again: the same facts, and
totals that are somebody else's, to the cent."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.real.invoices import Books, agree, month, oracle
from tests.system.procs import Process, until
from tests.system.running import Running

pytestmark = [pytest.mark.system, pytest.mark.real]
INVOICES = 2025 - 140  # those that correct the stock are no facts


@pytest_asyncio.fixture
async def system(tmp_path: Path) -> AsyncIterator[Running]:
    running = await Running.start(tmp_path, wait=False)
    yield running
    await running.close()


def begin(system: Running, file: Path, *more: str) -> Process:
    folder = system.lane.folder / "progress"
    given = ("--format", "uci", "--shop", "giftware", "--progress", str(folder), "--config", str(system.settings()))
    return system.lane.shoprelay(f"backfill-{len(system.lane.processes)}", "backfill", str(file), *given, *more,
                                 **system.environment)  # fmt: skip


async def said(system: Running) -> tuple[Books, dict[str, set[bytes]]]:
    books, values = Books(), defaultdict(set)
    signals = await system.signals()
    books.take(signal for _, signal in signals)
    for value, signal in signals:
        values[signal.signal_id].add(value)
    return books, values


async def test_killed_half_way_and_told_twice_it_adds_up_to_the_cent(system: Running, real_data: Path) -> None:
    file, expected = month(real_data, system.lane.folder / "december.csv"), oracle(real_data)
    front_door = system.lane.topics.shop_events
    await system.started("worker")

    first = begin(system, file, "--rate", "400/s")

    async def half() -> bool:
        assert first.exit_code is None, first.output()
        return len(await system.lane.records(front_door)) > 1_000

    await until(half, 30, "half of it is told")
    first.kill()
    (saved,) = (system.lane.folder / "progress").glob("*.json")
    line = json.loads(saved.read_bytes())["spot"][0]
    assert 1_000 < line < 40_000
    told = len(await system.lane.records(front_door))

    second = begin(system, file)
    assert await second.ended(40) == 0, second.output()
    assert f"goes on after line {line:,}" in second.output()
    repeated = len(await system.lane.records(front_door)) - INVOICES
    assert 0 < repeated < told, "what lies between the saved place and the kill is told again, and nothing else"

    async def all_of_it() -> bool:
        return len((await said(system))[0].ids) == INVOICES

    await until(all_of_it, 40, "everything is said")
    books, _ = await said(system)
    agree(books, expected)
    third = begin(system, file)
    assert await third.ended(20) == 0 and "told already" in third.output()
    assert len(await system.lane.records(front_door)) == INVOICES + repeated

    fourth = begin(system, file, "--again")
    assert await fourth.ended(40) == 0, fourth.output()

    async def nothing_left() -> bool:
        ends = {record.partition: record.offset + 1 for record in await system.lane.records(front_door)}
        return await system.lane.committed(f"{system.lane.topics.prefix}shoprelay", front_door) == ends

    await until(nothing_left, 40, "the workers have taken it in once more")
    books, values = await said(system)
    agree(books, expected)
    assert all(len(each) == 1 for each in values.values()), "a fact that is told again says the same bytes"
