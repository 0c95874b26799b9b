"""A heard line as a terminal shows it: coloured, in columns, and without anything a terminal would act on. Pure."""

from __future__ import annotations

from datetime import timedelta, tzinfo

from rich.text import Text

from shoprelay.listen.heard import HISTORY, Heard
from shoprelay.parked.render import plain

STYLES = {"events": "cyan", "signals": "green", "refused": "red", "parked": "yellow"}
MARKS = {"events": "→", "signals": "←", "refused": "✗", "parked": "!"}
LATE = timedelta(minutes=1)


def line(heard: Heard, zone: tzinfo | None, show_personal: bool) -> Text:
    """`zone` is the clock of who looks; `None`: the machine's."""
    at = heard.at.astimezone(zone)
    style = STYLES[heard.sort]
    text = Text()
    text.append(f"{at:%H:%M:%S}.{at.microsecond // 1000:03} ", "dim")
    text.append(f"{MARKS[heard.sort]} {heard.sort:<7} ", style)
    text.append(f"{plain(heard.shop) or '?':<10} ", "bold")
    text.append(f"{plain(heard.kind):<22} ", style)
    text.append(f"{plain(heard.who(show_personal)) or '–':<11}")
    for word, value in heard.ids:
        text.append(f" {word}=", "dim").append(plain(value))
    for note in heard.notes:
        text.append(f"  {plain(note)}", style if heard.bad else "dim")
    if heard.delay is not None and HISTORY in heard.notes:
        text.append(f"  of {heard.at - heard.delay:%Y-%m-%d}", "dim")
    elif heard.delay is not None:
        text.append(f"  {delay(heard.delay)}", "yellow" if heard.delay > LATE else "dim")
    return text


def delay(after: timedelta) -> str:
    """How long after it happened; a clock that is ahead shows as a negative one."""
    seconds = after.total_seconds()
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if abs(seconds) >= 2 * size:
            return f"{seconds / size:+,.0f} {unit}"
    return f"{seconds:+.1f} s"
