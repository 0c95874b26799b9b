"""How a backfill speaks: the bar while it goes, the summary when it ends. Nothing of a person is ever in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from shoprelay.backfill.reading import Spot
from shoprelay.backfill.tally import Tally
from shoprelay.parked.speech import odd, say

SHOWN = 10  # kinds of problems


class Rate(ProgressColumn):
    """Facts in a second, since this run began."""

    def render(self, task: Task) -> Text:
        seconds = task.finished_time or task.elapsed or 0.0
        rate = task.fields["told"] / seconds if seconds else 0.0
        return Text(f"{task.fields['told']:,} told, {rate:,.0f}/s")


def bar(out: Console) -> Progress:
    """By the bytes of the file; tasks have the fields `told` and `more`."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), Rate(), TimeRemainingColumn())
    return Progress(*columns, TextColumn("{task.fields[more]}"), console=out, transient=True,
                    disable=not out.is_terminal)  # fmt: skip


def summary(out: Console, tally: Tally, spot: Spot, report: Path | None) -> None:
    """What the whole file came to, with what was told before a kill."""
    read = (spot.documents, "documents read") if spot.documents else (spot.line, "lines read")
    _counts(out, tally, *read)
    _refused(out, tally, report)


def all_files(out: Console, tallies: Sequence[Tally]) -> None:
    total = Tally()
    for tally in tallies:
        total.add(tally)
    out.print()
    _counts(out, total, len(tallies), "files")


def _counts(out: Console, tally: Tally, count: int, what: str) -> None:
    rows = [(count, what, "")]
    rows += [
        (facts, kind, "green") for kind, facts in sorted(tally.facts.items(), key=lambda each: (-each[1], each[0]))
    ]
    rows += [(tally.passed.get(word) or times, word, "dim") for word, times in sorted(tally.counted.items())]
    if tally.lines_refused:
        rows.append((tally.lines_refused, "lines refused", "yellow"))
    width = max(len(f"{number:,}") for number, _, _ in rows)
    for number, text, style in rows:
        say(out, Text.assemble(f"{number:>{width},}  ", (text, style)))
    if tally.first and tally.last:
        say(out, f"from {_day(tally.first)} to {_day(tally.last)} (UTC)")
    for currency, money in sorted(tally.money.items()):
        unsaid = f", and {money.unsaid} refunds without an amount" if money.unsaid else ""
        say(out, f"ordered {money.orders:,} {currency}, given back {money.refunds:,} {currency}{unsaid}")


def _refused(out: Console, tally: Tally, report: Path | None) -> None:
    most = sorted(tally.refused.items(), key=lambda each: (-each[1], each[0]))
    for what, count in most[:SHOWN]:
        odd(out, f"{count:,} × {what}")
    if len(most) > SHOWN:
        odd(out, f"and {len(most) - SHOWN} more kinds of problems")
    if most and report is not None:
        odd(out, f"line by line, with remedies: {report}")


def _day(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M")
