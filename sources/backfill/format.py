"""A format of history is a value: which rows belong together, and which events they tell. Pure; no file is seen here.

Rows come one by one; consecutive ones of the same `group` are told together, and nothing else is kept. Whatever a
format finds names the line it stands on, so that each line ends as a fact, as refused, or as counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Literal, NamedTuple

from schemas.events import ShopEvent


class Row(NamedTuple):
    """`line` counts from 1, as an editor does. `said` is a mapping of texts in a CSV, the bytes of a line in JSON
    lines, the parsed document in a dump of documents."""

    line: int
    said: Any


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A line that is no event. The texts hold nothing of a person."""

    line: int
    field: str
    problem: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Counted:
    """Something to be counted beside the facts, from a small set of words. Where a line leads to nothing else, it is
    understood, and nobody's business: `lines` says how many those are."""

    line: int
    what: str
    lines: int = 0


class Fact(NamedTuple):
    line: int
    event: ShopEvent


Found = Fact | Unreadable | Counted


@dataclass(frozen=True, slots=True)
class Telling:
    """What the file does not say: whose history it is, and, where it names none, its currency and its clock. `as_of` is
    when it was written: the time of what has none of its own."""

    shop: str
    currency: str
    zone: tzinfo
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Format:
    """`columns` must stand in the head of a CSV, each under one of its names (the first is how `tell` knows it).

    `group` says which rows are told together; `None`: each alone. A row it cannot say that of is told alone, too.
    `currency` is that of a file which cannot name one; empty: the operator must say it where a row does not.
    `once`: rows of a group stand together, and the same name further down would be the same fact told differently.
    `tell` must name the same fact the same way whenever it is given the same rows.
    """

    name: str
    kind: Literal["csv", "lines", "documents"]
    says: str
    tell: Callable[[Sequence[Row], Telling], Iterable[Found]]
    group: Callable[[Row], str] | None = None
    once: bool = False
    columns: tuple[tuple[str, ...], ...] = ()
    currency: str = ""


def head_problem(format: Format, head: Sequence[str]) -> str:
    """Why these are not the columns of this format; empty when they are."""
    there = {name.strip() for name in head}
    missing = [" or ".join(names) for names in format.columns if not there.intersection(names)]
    return f"has no column {', '.join(missing)}" if missing else ""


def named(format: Format, head: Sequence[str]) -> list[str]:
    """The head in the words `tell` knows."""
    known = {name: names[0] for names in format.columns for name in names}
    return [known.get(name.strip(), name.strip()) for name in head]


def text(said: Mapping[str, str], name: str) -> str:
    return (said.get(name) or "").strip()
