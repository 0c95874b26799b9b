"""`parked list` and `parked show`: what is there, and everything about one of them. Each returns its exit code."""

from __future__ import annotations

from datetime import datetime

from rich.console import Console
from rich.text import Text

from schemas.codec import Undecodable
from schemas.signals import Signal
from shoprelay.parked import render
from shoprelay.parked.selection import Family, Wanted, beginning, newest
from shoprelay.parked.session import Session
from shoprelay.parked.speech import not_one, odd, say, show

SHOWN = 100  # lines of a table, unless asked for more
HEADING = 14  # characters


def list_parked(out: Console, err: Console, session: Session, wanted: Wanted, now: datetime, *, json: bool) -> int:
    rows = newest(session.index.rows.values(), wanted)
    if unreadable := session.index.unreadable:
        odd(err, f"{unreadable} records could not be read; they are left out")
    if json:
        for row in rows[: wanted.limit]:
            out.file.write(render.line(row) + "\n")
    elif rows:
        shown = rows[: wanted.limit or SHOWN]
        show(out, render.table(shown, session.length, now))
        say(out, render.summary(rows, len(shown)))
    elif others := len(session.index.rows):
        say(out, f"nothing that is parked for {session.name} matches; there are {others} others")
    else:
        say(out, f"nothing is parked for {session.name}")
    return 0


async def show_parked(out: Console, err: Console, session: Session, start: str) -> int:
    found = beginning(session.index.rows.values(), start)
    if len(found) == 1:
        async for row, value in session.topic.values(found):
            parked = await session.parked(value)
            signal = await _signal(session, parked.signal)
            family = Family(session.index.rows.values())
            for heading, text in render.everything(parked, row, signal, family, session.length):
                gap = "\n" if heading.startswith("\n") else " " * (HEADING - len(heading))
                out.print(Text.assemble((heading, "bold"), gap, text), soft_wrap=True, highlight=False)
            return 0
        found = []  # gone between two looks
    not_one(err, start, found, session.length)
    return 1


async def _signal(session: Session, framed: bytes) -> Signal | str:
    """A sentence where it cannot be read."""
    try:
        return await session.signals(framed)
    except Undecodable as broken:
        return f"{len(framed)} bytes that cannot be read: {broken.reason}: {broken.problem}"
