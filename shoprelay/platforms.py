"""The platforms there are, from their declarations: what each is told and when, what a repeat does, limits, direction.

README's table is written by this and by nobody else: `shoprelay platforms --write README.md`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import sinks
from sinks.contract import Dedupe, Limit, Sink, load

BEGIN, END = "<!-- platforms: written by `shoprelay platforms --write` -->", "<!-- end of platforms -->"
HEAD = ("platform", "what it is told, and when", "a repeat", "limits kept", "direction")
REPEATS = {
    Dedupe.BY_KEY: "stored once: the platform keeps one per key",
    Dedupe.UPSERT: "overwrites itself",
    Dedupe.LOOKED_FOR: "is looked for first, and made only when it is not there",
    Dedupe.NONE: "may be stored twice: the platform knows no key",
}
EVERYWHERE = "*"
MOST_NAMED = 3  # endpoints with the same windows


@dataclass(frozen=True, slots=True)
class Row:
    platform: str
    tells: str
    repeat: str
    limits: str
    direction: str

    def cells(self) -> tuple[str, ...]:
        return self.platform, self.tells, self.repeat, self.limits, self.direction


def rows() -> list[Row]:
    """One for each folder of `sinks`, by name."""
    folder = Path(next(iter(sinks.__path__)))
    names = sorted(path.parent.name for path in folder.glob("*/sink.py"))
    return [_row(load(name), _title(folder / name)) for name in names]


def _row(sink: Sink, title: str) -> Row:
    heard = find_spec(f"sources.{sink.name}") is not None
    return Row(title, sink.tells, REPEATS[sink.dedupe], _limits(sink.limits), "out and in" if heard else "out")


def _title(folder: Path) -> str:
    """The README's heading."""
    return (folder / "README.md").read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")


def _limits(limits: Iterable[Limit]) -> str:
    """Endpoints that have the same windows are told together."""
    windows: dict[str, list[str]] = {}
    for limit in limits:
        windows.setdefault(limit.endpoint, []).append(f"{limit.count:,}/{_seconds(limit.seconds)}")
    together: dict[str, list[str]] = {}
    for endpoint, some in windows.items():
        together.setdefault(" and ".join(some), []).append("all together" if endpoint == EVERYWHERE else endpoint)
    return "; ".join(f"{some} ({_names(endpoints)})" for some, endpoints in together.items()) or "none documented"


def _names(endpoints: list[str]) -> str:
    """All of them stand in the platform's own README."""
    more = len(endpoints) - MOST_NAMED
    return ", ".join(endpoints) if more <= 0 else f"{', '.join(endpoints[:MOST_NAMED])} and {more} more"


def _seconds(seconds: float) -> str:
    return {1: "s", 60: "min"}.get(int(seconds), f"{seconds:g} s")


def table(found: Iterable[Row]) -> str:
    """As Markdown."""
    lines = [HEAD, ("---",) * len(HEAD), *(row.cells() for row in found)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def written_into(text: str, found: Iterable[Row]) -> str:
    """The text with the table between its two marks. Raises `ValueError` when they are not there."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the lines {BEGIN} and {END} are not there: put them where the table belongs")
    return f"{before}{BEGIN}\n{table(found)}\n{END}{after}"
