"""Replay: a recorded clickstream through the front door, its gaps scaled onto the present."""

from __future__ import annotations

import asyncio
import csv
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from schemas.events import ShopEvent
from shoprelay.connections import publisher_of
from shoprelay.publish import NotPublished
from shoprelay.settings import Configuration
from sources.backfill import rees46

FORMATS = {"rees46": rees46.events_of}
NAMED = 10  # of the rows that cannot be used
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
        out.print(f"[red]✗[/] --format {escape(format)}: there is no such format; there are: {', '.join(FORMATS)}")
        return 2
    events = _read(out, file, format, shop)
    if not events:
        out.print(f"[red]✗[/] {escape(str(file))}: holds no events of this format")
        return 2
    publisher = await publisher_of(configuration)
    start = datetime.now(UTC)
    run = start.strftime("%Y%m%dT%H%M%S")
    seconds = (events[-1].occurred_at - events[0].occurred_at).total_seconds() / speed
    out.print(f"{len(events)} events of {escape(file.name)} in about {seconds:.0f} s, as shop [bold]{escape(shop)}[/]")
    bar = Progress(TextColumn("told"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=out)
    try:
        with bar:
            task = bar.add_task("told", total=len(events))
            for event in scaled(events, start, speed, run):
                await _until(event.occurred_at)
                publisher.publish(event)
                bar.advance(task)
            await asyncio.to_thread(publisher.flush)
    except NotPublished as lost:
        out.print(f"[red]✗[/] {escape(str(lost))}")
        return 1
    return 0


def _read(out: Console, file: Path, format: str, shop: str) -> list[ShopEvent]:
    """The file's events; rows that are none are left out, and the first few named."""
    with file.open(encoding="utf-8", newline="") as lines:
        read = list(FORMATS[format](csv.DictReader(lines), shop=shop, priority="live"))
    wrong = [row for row in read if not isinstance(row, ShopEvent)]
    for row in wrong[:NAMED]:
        out.print(f"[yellow]![/] row {row.row}: {escape(f'{row.field} {row.problem}; {row.remedy}')}", highlight=False)
    if len(wrong) > NAMED:
        out.print(f"[yellow]![/] and {len(wrong) - NAMED} more rows", highlight=False)
    return [event for event in read if isinstance(event, ShopEvent)]


async def _until(at: datetime) -> None:
    ahead = (at - datetime.fromtimestamp(time.time(), UTC)) / timedelta(seconds=1)
    if ahead > EARLY:
        await asyncio.sleep(ahead)
