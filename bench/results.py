"""Results are appended, never replaced: what was fast once stays readable beside what is now."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

FOLDER = Path(__file__).parent / "results"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def spread(values: Sequence[float], form: str = ",.0f") -> str:
    """min / **median** / max, or the only one."""
    ordered = sorted(values)
    if len(ordered) < 2:
        return "–" if not ordered else format(ordered[0], form)
    return f"{ordered[0]:{form}} / **{median(ordered):{form}}** / {ordered[-1]:{form}}"


def median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def append(name: str, title: str, *paragraphs: str) -> None:
    """A dated section at the end of results/<name>.md, and on the screen."""
    section = "\n\n".join([f"## {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {title}", *paragraphs])
    sys.stdout.write(f"\n{section}\n")
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / f"{name}.md").open("a", encoding="utf-8") as file:
        file.write(f"\n{section}\n")
