"""Parked calls as an operator reads them. Pure: `now` is given, and nothing a platform or a shop wrote is obeyed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
import orjson
from rich.table import Table
from rich.text import Text

from schemas.records import Parked
from schemas.signals import Signal
from shoprelay.parked.rows import Row, as_json, by_code
from shoprelay.parked.selection import Family

BINARY_SHOWN = 64  # bytes
BEHIND = "behind"  # the code of those that were not tried: they wait for another one


def plain(text: str) -> str:
    """Without what a terminal would act on, an escape sequence for example."""
    return "".join(c if c.isprintable() or c in "\n\t" else "�" for c in text)


def age(now: datetime, at: datetime) -> str:
    seconds = max(0.0, (now - at).total_seconds())
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"


def moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")


def table(rows: Iterable[Row], length: int, now: datetime, along: frozenset[str] = frozenset()) -> Table:
    """`length` is how much of an id is shown; those in `along` are marked as not asked for."""
    shown = Table(show_edge=False, pad_edge=False, header_style="bold")
    for heading in ("id", "since", "last", "says", "customer", "reason", "tries"):
        right = heading in ("since", "last", "tries")
        wraps = heading in ("says", "customer", "reason")
        shown.add_column(
            heading, justify="right" if right else "left", no_wrap=not wraps, overflow="fold", min_width=len(heading)
        )
    for row in rows:
        cells = (
            row.parked_id[:length] + ("+" if row.parked_id in along else ""),
            age(now, row.first_at),
            age(now, row.last_at),
            row.says or "–",
            row.customer_key,
            _why(row),
            str(row.attempts),
        )
        shown.add_row(*(Text(plain(cell)) for cell in cells))  # nobody's words are markup
    return shown


def _why(row: Row) -> str:
    """The reason, with the answer to it, and what it waits behind where that is not the reason itself."""
    answer = f" ({row.answered})" if row.answered else ""
    behind = f"; behind {row.behind}" if row.behind and row.code != BEHIND else ""
    return f"{row.reason}{answer}{behind}"


def summary(rows: Sequence[Row], shown: int) -> str:
    counts = ", ".join(f"{count} {plain(code)}" for code, count in by_code(rows))
    cut = f"; the newest {shown} are shown, --limit shows more" if shown < len(rows) else ""
    return f"{len(rows)} parked: {counts}{cut}"


def line(row: Row) -> str:
    return orjson.dumps(as_json(row)).decode()


def stranded(pairs: Sequence[tuple[Row, Row]], length: int) -> list[str]:
    """Why such a selection is refused, one sentence for each of the first few."""
    said = [
        f"{row.parked_id[:length]} ({plain(row.says)}) waits behind {plain(stays.opens or '')}, which "
        f"{stays.parked_id[:length]} ({plain(stays.says)}, {plain(stays.reason)}) makes known and which stays parked"
        for row, stays in pairs[:5]
    ]
    more = [f"and {len(pairs) - 5} more"] if len(pairs) > 5 else []
    return [*said, *more, "add --with-openers to send those first, or choose without these; nothing was sent"]


def everything(
    parked: Parked, row: Row, signal: Signal | str, family: Family, length: int
) -> Iterator[tuple[str, str]]:
    """Headings and texts. `signal` is a sentence where it cannot be read."""
    yield "id", parked.parked_id
    yield "sink", plain(parked.sink if parked.account in (None, parked.sink) else f"{parked.account} ({parked.sink})")
    yield "customer", plain(parked.customer_key)
    yield "says", plain(parked.says) or "–"
    yield "reason", plain(parked.reason)
    yield "tries", str(parked.attempts)
    yield "since", moment(parked.first_at)
    if parked.attempts:
        yield "last tried", moment(parked.last_at)
    if parked.opens:
        yield "opens", plain(parked.opens)
    for each in family.dependants(row):
        yield "behind it", f"{each.parked_id[:length]} {plain(each.says)}"
    if parked.behind:
        ahead = ", ".join(each.parked_id[:length] for each in family.openers(row)) or "is parked no longer"
        yield "waits behind", f"{plain(parked.behind)}: {ahead}"
    yield "came from", f"{plain(parked.topic)}, partition {row.partition}, offset {parked.offset}"
    yield "signal id", plain(parked.signal_id) if isinstance(signal, Signal) else plain(signal)
    yield "call key", plain(parked.call_key)
    if isinstance(signal, Signal):
        yield "\nsignal", _pretty(msgspec.to_builtins(signal))
    if parked.method:
        yield "\nrequest", f"{plain(parked.method)} {plain(parked.path)}\n{body(parked.body)}"
    if parked.status or parked.fault:
        yield "\nanswer", f"{parked.status or parked.fault}\n{body(parked.answer)}"


def body(data: bytes) -> str:
    """JSON where it is, text where it is, a look at the bytes otherwise."""
    if not data:
        return "(empty)"
    try:
        return _pretty(orjson.loads(data))
    except orjson.JSONDecodeError:
        pass
    try:
        return plain(data.decode())
    except UnicodeDecodeError:
        return f"{len(data)} bytes that are no text: {data[:BINARY_SHOWN].hex()}"


def _pretty(document: Any) -> str:
    return plain(orjson.dumps(document, default=str, option=orjson.OPT_INDENT_2).decode())
