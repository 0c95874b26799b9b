"""How the parked commands speak: lines, tables, and bars that are gone when they are done."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from shoprelay.parked.rows import Row

PIPED_WIDTH = 160  # where there is no window, none is narrow


def say(out: Console, text: str | Text, mark: str = "", style: str = "") -> None:
    """One line, however long; nobody's words are markup."""
    out.print(Text.assemble((f"{mark} " if mark else "", style), text), soft_wrap=True, highlight=False)


def good(out: Console, text: str) -> None:
    say(out, text, "✓", "green")


def odd(out: Console, text: str) -> None:
    say(out, text, "!", "yellow")


def bad(out: Console, text: str) -> None:
    say(out, text, "✗", "red")


def show(out: Console, table: Table) -> None:
    wide = out if out.is_terminal else Console(file=out.file, width=max(out.width, PIPED_WIDTH))
    wide.print(table)


def not_one(err: Console, start: str, found: Sequence[Row], length: int) -> None:
    """Why the beginning of an id names no one call."""
    if found:
        names = ", ".join(row.parked_id[:length] for row in found[:10])
        bad(err, f"{start}: {len(found)} ids begin like this ({names}); write more of it")
    else:
        odd(err, f"{start}: not parked: delivered or dropped meanwhile, or never there")


def bars(out: Console) -> Progress:
    """Tasks have a field `more`, shown behind the counts."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[more]}"))
    return Progress(*columns, TimeRemainingColumn(), console=out, transient=True, disable=not out.is_terminal)
