"""Before the hour: every process is started, the shop tells what it knew, and whoever wants history hears it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import httpx
from rich.console import Console

from schemas.events import ShopEvent
from shoprelay.connections import publisher_of, register_schemas
from shoprelay.demo.children import ChildDied, Children, free_port
from shoprelay.demo.report import summed
from shoprelay.demo.simulate import Hour, Step
from shoprelay.demo.stage import GATEWAY, SHOP, SINKS, SOURCES, Stage
from shoprelay.settings import load
from sinks.contract import load as load_sink

PATIENCE = 60.0  # seconds until something that was waited for counts as never happening


async def open_all(
    out: Console, stage: Stage, children: Children, client: httpx.AsyncClient, bootstrap: str, speed: float, hour: Hour
) -> None:
    """Raises `ChildDied`."""
    taken: set[int] = set()
    standins, sinks = [f"sandbox-{name}" for name in SINKS], [f"sink-{name}" for name in SINKS]
    pollers = [f"poll-{name}" for name in SOURCES]
    for name in ("registry", *standins, "worker", *sinks, *pollers, GATEWAY, f"{GATEWAY}-metrics"):
        stage.ports[name] = free_port(taken)
    with out.status("starting broker, registry, worker and the stand-ins of the platforms") as status:
        await _foundations(stage, children, client, bootstrap, speed)
        status.update("telling what the shop knew before")
        await _tell_before(stage, client, hour.before)
        status.update(f"starting {len(sinks)} sinks, a poller and the gateway")
        given = ("--config", str(stage.settings), "--log", "json")
        for name in SINKS:
            await children.start(f"sink-{name}", "shoprelay.cli", "sink", name, *given)
        for name in sinks:
            await children.answers(client, f"{stage.url(name)}/readyz")
        status.update("waiting until history is told")
        await _history_told(stage, children, client)
        for name in SOURCES:  # what JOOR's orders bring is no history
            await children.start(f"poll-{name}", "shoprelay.cli", "poll", name, *given)
        await children.start(GATEWAY, "shoprelay.cli", "gateway", *given)
        for name in (*pollers, f"{GATEWAY}-metrics"):
            await children.answers(client, f"{stage.url(name)}/readyz")


async def _foundations(
    stage: Stage, children: Children, client: httpx.AsyncClient, bootstrap: str, speed: float
) -> None:
    (stage.folder / "registry").mkdir()
    port = str(stage.ports["registry"])
    await children.start(
        "registry", "schemas.embedded_registry", "--dir", str(stage.folder / "registry"), "--port", port
    )
    ports = (f"{name}={stage.ports[f'sandbox-{name}']}" for name in SINKS)
    await children.start("sandboxes", "shoprelay.demo.standins", *ports)
    stage.write_settings(bootstrap, speed)
    await children.answers(client, f"{stage.url('registry')}/subjects")
    await register_schemas(load(stage.settings, {}))
    await children.start("worker", "shoprelay.cli", "worker", "--config", str(stage.settings), "--log", "json")
    for name in SINKS:
        await children.answers(client, f"{stage.url(f'sandbox-{name}')}/_stats")
    await children.answers(client, f"{stage.url('worker')}/readyz")


async def _tell_before(stage: Stage, client: httpx.AsyncClient, steps: Iterable[Step]) -> None:
    """As an import does it: with the times it happened, and behind what is live. Until the worker has folded it."""
    publisher = await publisher_of(load(stage.settings, {}))
    now = datetime.now(UTC)
    for n, step in enumerate(steps):
        at = now + timedelta(seconds=step.at)
        publisher.publish(
            ShopEvent(
                event_id=f"before-{n:05d}",
                shop=SHOP,
                occurred_at=at.replace(microsecond=0),
                priority="backfill",
                customer=step.ref,
                payload=step.payload,
            )
        )
    await asyncio.to_thread(publisher.flush)
    await _until_folded(stage, client, publisher.published)


async def _until_folded(stage: Stage, client: httpx.AsyncClient, told: int) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        metrics = (await client.get(f"{stage.url('worker')}/metrics")).text
        heard = sum(summed(metrics, "shoprelay_events_heard_total").values())
        behind = sum(summed(metrics, "shoprelay_lag_records").values())
        if heard >= told and behind == 0:
            return
        await asyncio.sleep(0.2)
    raise ChildDied("the worker did not fold in a minute what was before")


async def _history_told(stage: Stage, children: Children, client: httpx.AsyncClient) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        children.check()
        wanting = [f"sink-{name}" for name in SINKS if load_sink(name).mass is not None]
        told = [(await client.get(f"{stage.url(name)}/readyz")).json().get("history") for name in wanting]
        if all(each == "done" for each in told):
            return
        await asyncio.sleep(0.2)
    raise ChildDied("history was not told in a minute")
