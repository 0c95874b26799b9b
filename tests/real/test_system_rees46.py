"""Two recorded half-hours of a shop through the running system, at 80 times their pace, against somebody else's oracle.

Once in peace, and once with `kill -9` of the worker and of the sink in the middle: the same customers are reminded.
"""

from __future__ import annotations

import csv
import json
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.events import ShopEvent
from schemas.signals import CartAbandoned, Signal
from sinks.klaviyo.sink import SINK
from sources.backfill.rees46 import events_of
from tests.sinks.openapi import judge
from tests.system.procs import Process, until
from tests.system.running import Call, Running, repeats_are_equal

pytestmark = [pytest.mark.system, pytest.mark.real]

SPEED = 80
MONTHS = ("oct", "nov")
STAGE_SECONDS = 600 / SPEED
PAST_THE_DELICATE = timedelta(seconds=1900)  # of the recording; see `events_until`
IN_FLIGHT = 5
POLICY = f"""
[shops.default]
stages = ["{STAGE_SECONDS}s"]
grace = "100ms"
expires_after = "1h"
"""


def robust(data: Path, month: str) -> dict[str, Any]:
    """Verdicts that stay the same when the ten minutes are five percent longer or shorter."""
    return dict(json.loads((data / "expected" / f"robust-rees46-cosmetics-2022_{month}.json").read_text()))


def events_until(data: Path, month: str, moment: timedelta) -> int:
    """How many events of the recording lie before that moment of it.

    Customers who change or buy a cart soon after it was abandoned get their reminder only if it leaves in between: in a
    longer outage it is withheld, and rightly so. After 1,900 s there are none of them among those who must be reminded.
    """
    with (data / "rees46-cosmetics-hours" / f"data_2022_{month}.csv").open() as rows:
        events = [event for event in events_of(csv.DictReader(rows), shop=month) if isinstance(event, ShopEvent)]
    return sum(event.occurred_at - events[0].occurred_at < moment for event in events)


def replay(system: Running, data: Path, month: str) -> Process:
    file = data / "rees46-cosmetics-hours" / f"data_2022_{month}.csv"
    given = ("--format", "rees46", "--speed", str(SPEED), "--shop", month, "--config", str(system.settings()))
    return system.lane.shoprelay(f"replay-{month}", "replay", str(file), *given, **system.environment)


async def everything_told(system: Running, replays: list[Process]) -> None:
    """Every replay has ended, time has run on until the last cart was due, and everybody has finished what there is."""
    for process in replays:
        assert await process.ended(120) == 0, process.output()
    over = time.monotonic() + STAGE_SECONDS + 2
    await until(lambda: time.monotonic() > over, STAGE_SECONDS + 5, "the last cart is due")
    topics, prefix = system.lane.topics, system.lane.topics.prefix
    groups = [
        (f"{prefix}shoprelay", topics.shop_events),
        (f"{prefix}shoprelay", topics.customer_events),
        (f"{prefix}shoprelay-sink-klaviyo", topics.customer_signals),
    ]

    async def finished() -> bool:
        for group, topic in groups:
            if sum((await system.lane.committed(group, topic)).values()) < len(await system.lane.records(topic)):
                return False
        return True

    await until(finished, 60, "worker and sink have finished everything")


def reminders(calls: list[Call]) -> dict[str, Counter[str]]:
    """Month -> customer -> reminders stored, each of another version or stage of the cart."""
    stored: dict[str, Counter[str]] = {month: Counter() for month in MONTHS}
    for call in calls:
        if call.says == "Abandoned Cart" and call.verdict == "accepted":
            stored[call.unique_id.partition(":")[0]][call.customer] += 1
    return stored


async def judged(system: Running, data: Path) -> int:
    """The whole verdict over what the platform was told; returns how many calls were sent again."""
    calls = await system.calls()
    found = reminders(calls)
    for month in MONTHS:
        oracle = robust(data, month)
        assert set(oracle["must"]) <= set(found[month])
        assert not set(oracle["must_not_with_cart"]) & set(found[month])
        assert {who: found[month][who] for who in oracle["exact_counts"]} == oracle["exact_counts"]
    for call in calls:
        judge(data, call.path).validate(call.body)
    said = await system.signals()
    once_for_each_version_and_stage([signal for _, signal in said])
    nothing_lost(said, calls)
    assert await system.refused() == []
    assert await system.lane.records(system.lane.topics.parked("klaviyo")) == []
    return repeats_are_equal(calls)


def once_for_each_version_and_stage(said: list[Signal]) -> None:
    ids: dict[tuple[str, str, int, int], set[str]] = {}
    for signal in said:
        if isinstance(signal.payload, CartAbandoned):
            cart = signal.payload.cart
            ids.setdefault((signal.customer.key, cart.cart_id, cart.version, signal.payload.stage), set()).add(
                signal.signal_id
            )
    assert all(len(each) == 1 for each in ids.values())


def nothing_lost(said: list[tuple[bytes, Signal]], calls: list[Call]) -> None:
    """A signal said again has the same bytes; each one's calls are stored, reminders apart, which may be withheld."""
    written: dict[str, set[bytes]] = {}
    for value, signal in said:
        written.setdefault(signal.signal_id, set()).add(value)
    assert all(len(values) == 1 for values in written.values())
    stored = {(call.says, call.unique_id) for call in calls if call.verdict == "accepted"}
    config = SINK.config(api_key="pk_sandbox")
    for _, signal in said:
        if type(signal.payload) in SINK.calls and type(signal.payload) not in SINK.reminders:
            for call in SINK.calls[type(signal.payload)](signal, config):
                told = json.loads(call.body)["data"]["attributes"]
                assert (call.says, told["unique_id"]) in stored


async def test_whom_it_must_and_nobody_else(tmp_path: Path, real_data: Path) -> None:
    system = await Running.start(tmp_path, POLICY)
    try:
        await everything_told(system, [replay(system, real_data, month) for month in MONTHS])
        assert await judged(system, real_data) == 0, "nothing was told twice"
    finally:
        await system.close()


async def test_the_same_when_worker_and_sink_are_killed_in_the_middle(tmp_path: Path, real_data: Path) -> None:
    system = await Running.start(tmp_path, POLICY)
    try:
        replays = [replay(system, real_data, month) for month in MONTHS]
        first_part = sum(events_until(real_data, month, PAST_THE_DELICATE) for month in MONTHS)

        async def in_the_middle() -> bool:
            return await system.metric("shoprelay_events_heard_total", "worker") >= first_part

        await until(in_the_middle, 60, "the recordings are past the middle")
        await system.script({"path": "/api/events", "times": IN_FLIGHT, "delay_ms": 20_000})

        async def asked() -> bool:
            return await system.metric("shoprelay_in_flight", "sink") >= IN_FLIGHT

        await until(asked, 30, "calls are taken in and not answered")
        for name in ("sink", "worker"):
            system.processes[name].kill()
        await system.started("sink", "worker")
        await everything_told(system, replays)
        assert await judged(system, real_data) >= IN_FLIGHT, "what was in flight was sent again"
    finally:
        await system.close()
