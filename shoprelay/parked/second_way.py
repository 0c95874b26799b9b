"""`parked redrive` and `parked drop`: what is asked of the sink, and what became of it. Each returns its exit code."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.console import Console
from rich.progress import Progress

from shoprelay.parked import render
from shoprelay.parked.rows import Row
from shoprelay.parked.selection import Family, Selection, Wanted, beginning, select
from shoprelay.parked.sending import Action, ask_for, until_dealt_with
from shoprelay.parked.session import Session
from shoprelay.parked.speech import bad, bars, good, not_one, odd, say, show
from shoprelay.parked.tally import Counts

DONE, NOT_ALL, REFUSED = 0, 1, 2
SHOWN = 100
PAST = {"redrive": "delivered", "drop": "dropped"}


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """`rate` is per second; `patience` is how many seconds may pass in which the sink does nothing, 0 not to wait."""

    rate: float | None = None
    patience: float = 30.0


async def redrive(
    out: Console, err: Console, session: Session, wanted: Wanted, how: How, now: datetime,
    *, with_openers: bool, dry_run: bool,
) -> int:  # fmt: skip
    selection = _chosen(err, session, wanted, with_openers=with_openers)
    if selection is None:
        return REFUSED
    if selection.stranded:
        for sentence in render.stranded(selection.stranded, session.length):
            bad(err, sentence)
        return REFUSED
    if not selection.rows:
        say(out, f"nothing to send again for {session.name}")
        return DONE
    if dry_run:
        _announce(out, session, selection, now)
        say(out, f"{_calls(selection.rows)} would be sent again, in this order; nothing was sent")
        return DONE
    return await _send(out, session, "redrive", selection.rows, how, now)


async def drop(
    out: Console, err: Console, session: Session, wanted: Wanted, how: How, now: datetime,
    *, agreed: Callable[[str], bool],
) -> int:  # fmt: skip
    """`agreed` is asked with what is about to happen. Who waits behind a dropped call is not dropped with it."""
    selection = _chosen(err, session, wanted, with_openers=False)
    if selection is None:
        return REFUSED
    rows = [row for row in selection.rows if row.parked_id not in selection.along]
    if not rows:
        say(out, f"nothing to drop for {session.name}")
        return DONE
    show(out, render.table(rows[:SHOWN], session.length, now))
    if behind := Family(session.index.rows.values()).behind(rows).keys() - {row.parked_id for row in rows}:
        names = ", ".join(sorted(name[: session.length] for name in behind)[:10])
        odd(out, f"{len(behind)} wait behind what is dropped, and will be sent without it: {names}")
    if not agreed(f"drop {_calls(rows)} for ever?"):
        bad(err, "nothing was dropped; --yes agrees beforehand")
        return REFUSED
    # Who waits behind one that goes too must have gone before: it would be sent after all.
    return await _send(out, session, "drop", rows[::-1], how, now)


def _chosen(err: Console, session: Session, wanted: Wanted, *, with_openers: bool) -> Selection | None:
    """None where an id fits more than one. One that is parked no longer is said and left out: a command that is run
    again names what it has done already."""
    rows = session.index.rows.values()
    for start in wanted.ids:
        if len(found := beginning(rows, start)) != 1:
            not_one(err, start, found, session.length)
            if found:
                return None
    return select(rows, wanted, with_openers=with_openers)


def _announce(out: Console, session: Session, selection: Selection, now: datetime) -> None:
    show(out, render.table(selection.rows[:SHOWN], session.length, now, selection.along))
    if len(selection.rows) > SHOWN:
        say(out, f"… and {len(selection.rows) - SHOWN} more")
    if selection.along:
        why = "waits behind another, or is waited for"
        say(out, f"+ was not asked for and comes along, because it {why}: {_calls(selection.along)}")


async def _send(
    out: Console, session: Session, action: Action, rows: Sequence[Row], how: How, now: datetime
) -> int:  # fmt: skip
    with bars(out) as shown:
        asked = await _ask(shown, session, action, rows, how.rate)
        if how.patience > 0:
            counts, again = await _wait(shown, session, asked, how.patience)
    if how.patience <= 0:
        good(out, f"asked for {_calls(asked)}; `shoprelay sink {session.name}` does the rest")
        return DONE
    if len(asked) < len(rows):
        say(out, f"{len(rows) - len(asked)} had gone before they were asked for")
    _tell(out, session, action, counts, again, now)
    return DONE if counts.all_gone else NOT_ALL


async def _ask(
    shown: Progress, session: Session, action: Action, rows: Sequence[Row], rate: float | None
) -> list[Row]:  # fmt: skip
    bar, started = shown.add_task("asking", total=len(rows), more=""), time.monotonic()

    def told(acked: int) -> None:
        shown.update(bar, completed=acked, more=f"{acked / max(time.monotonic() - started, 0.001):.0f}/s")

    return await ask_for(session.topic, session.requests(), action, rows, rate=rate, told=told)


async def _wait(shown: Progress, session: Session, asked: Sequence[Row], patience: float) -> tuple[Counts, list[Row]]:
    bar = shown.add_task("dealt with", total=len(asked), more="")

    def heard(counts: Counts) -> None:
        done = len(asked) - counts.open
        shown.update(bar, completed=done, more=f"{counts.again} parked again" if counts.again else "")

    return await until_dealt_with(session.topic, session.index, asked, patience=patience, heard=heard)


def _tell(
    out: Console, session: Session, action: Action, counts: Counts, again: Sequence[Row], now: datetime
) -> None:  # fmt: skip
    if counts.gone:
        good(out, f"{counts.gone} {PAST[action]}")
    if counts.again:
        show(out, render.table(again[:SHOWN], session.length, now))
        odd(out, f"{counts.again} parked again")
    if counts.waiting:
        odd(out, f"{counts.waiting} still wait behind one that is parked")
    if counts.open:
        odd(
            out,
            f"{counts.open} asked for and not dealt with yet: it happens while `shoprelay sink {session.name}` runs; "
            f"`shoprelay parked list {session.name}` shows what is left",
        )


def _calls(rows: Sequence[Row] | frozenset[str]) -> str:
    return "1 call" if len(rows) == 1 else f"{len(rows)} calls"
