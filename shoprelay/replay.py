"""Replay: a recorded clickstream through the front door, its gaps scaled onto the present."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from schemas.events import ShopEvent
from shoprelay.connections import publisher_of
from shoprelay.publish import NotPublished
from shoprelay.settings import Configuration
from sources.backfill import rees46

FORMATS = {"rees46": rees46.events_of_file}
EARLY = 0.02  # seconds: events nearer than this are sent together


def scaled(events: list[ShopEvent], start: datetime, speed: float, run: str) -> Iterator[ShopEvent]:
    """The same facts as if they happened from `start` on, `speed` times as fast. `run` makes them new facts: their ids
    end in it, so that the same file can be replayed again."""
    first = events[0].occurred_at
    for event in events:
        at = start + (event.occurred_at - first) / speed
        yield msgspec.structs.replace(event, occurred_at=at, event_id=f"{event.event_id}@{run}")


async def replay_file(
    out: Console, configuration: Configuration, file: Path, *, format: str, shop: str, speed: float
) -> int:
    """Returns the exit code: 0 when the broker has acked every event, 2 when the file cannot be used."""
    if format not in FORMATS:
        out.print(f"[red]✗[/] --format {format}: there is no such format; there are: {', '.join(FORMATS)}")
        return 2
    events = list(FORMATS[format](file, shop))
    if not events:
        out.print(f"[red]✗[/] {file}: holds no events")
        return 2
    publisher = await publisher_of(configuration)
    start = datetime.now(UTC)
    run = start.strftime("%Y%m%dT%H%M%S")
    length = (events[-1].occurred_at - events[0].occurred_at) / speed
    out.print(f"{len(events)} events of {file.name} in about {length.total_seconds():.0f} s, as shop [bold]{shop}[/]")
    bar = Progress(TextColumn("told"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=out)
    with bar:
        task = bar.add_task("told", total=len(events))
        for event in scaled(events, start, speed, run):
            await _until(event.occurred_at)
            publisher.publish(event)
            bar.advance(task)
        try:
            await asyncio.to_thread(publisher.flush)
        except NotPublished as lost:
            out.print(f"[red]✗[/] {lost}")
            return 1
    return 0


async def _until(at: datetime) -> None:
    ahead = (at - datetime.fromtimestamp(time.time(), UTC)) / timedelta(seconds=1)
    if ahead > EARLY:
        await asyncio.sleep(ahead)
