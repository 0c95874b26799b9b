"""Chapter 1: the folder. What a reader, the runner and the next engineer find in it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

from schemas import signals
from schemas.signals import Conclusion
from shoprelay.certificate.behaviour import Broken, Unfilled, behaviour, expect, missing
from shoprelay.certificate.subject import Subject

FILES = ("README.md", "config.py", "example.toml", "calls.py", "fake.py", "sink.py")
HEADINGS = ("Endpoints", "Authentication", "Limits", "Repeats", "Answers", "What is told", "Choices", "Sources")
LEFT = re.compile(r"TODO (\d): *(.+)$")


@behaviour("1.1", "the folder has its files")
def has_its_files(subject: Subject) -> None:
    """`README.md`, `config.py`, `example.toml`, `calls.py`, `fake.py` and `sink.py` MUST be there, so that whoever has
    opened one platform can open them all."""
    absent = [file for file in FILES if not (subject.folder / file).is_file()]
    expect(not absent, f"{subject.folder.name}/ has no {', '.join(absent)}")


@behaviour("1.2", "the declaration says who and what")
def says_who_and_what(subject: Subject) -> None:
    """`SINK.name` MUST be the folder's name, and `tells` MUST say in one line what the platform is told."""
    sink = subject.sink
    expect(sink.name == subject.name, f"sink.py: name is {sink.name!r}; the folder is called {subject.name!r}")
    if not sink.tells:
        raise missing(subject, 5, "sink.py: `tells` is empty; say in one line what the platform is told")
    expect("\n" not in sink.tells, "sink.py: `tells` must be one line, it stands in a table")


@behaviour("1.3", "the README has its headings")
def readme_has_its_headings(subject: Subject) -> None:
    """`README.md` MUST have the headings Endpoints, Authentication, Limits, Repeats, Answers, What is told, Choices,
    Sources, in this order and with text below each."""
    readme = subject.text("README.md")
    if not readme:
        return  # 1.1 says so
    found = re.findall(r"^## (.+)$", readme, re.MULTILINE)
    expected = [heading for heading in found if heading in HEADINGS]
    expect(expected == list(HEADINGS), f"README.md: the headings are {found}; they must be {list(HEADINGS)}")
    sections = re.split(r"^## .+$", readme, flags=re.MULTILINE)[1:]
    bare = [heading for heading, section in zip(found, sections, strict=True) if not section.strip()]
    expect(not bare, f"README.md: nothing stands below {', '.join(bare)}")


@behaviour("1.4", "the sources have a date")
def sources_have_a_date(subject: Subject) -> None:
    """`README.md` MUST say on which day its sources were checked, as `checked YYYY-MM-DD`: documents change, and a
    reader must know which ones were read."""
    readme = subject.text("README.md")
    if not readme:
        return  # 1.1 says so
    days = re.findall(r"checked (\d{4}-\d\d-\d\d)", readme, re.IGNORECASE)
    if not days:
        raise missing(subject, 1, "README.md: write `checked YYYY-MM-DD` beside the sources")
    try:
        read = [date.fromisoformat(day) for day in days]
    except ValueError as wrong:
        raise Broken(f"README.md: {wrong}; write the day as `checked YYYY-MM-DD`") from None
    tomorrow = datetime.now(UTC).date().toordinal() + 1
    later = [str(day) for day in read if day.toordinal() > tomorrow]
    expect(not later, f"README.md: {', '.join(later)} is still to come")


@behaviour("1.5", "the README names what is told")
def readme_names_what_is_told(subject: Subject) -> None:
    """Every signal of the table MUST be named in `README.md`, with what the platform hears."""
    readme = subject.text("README.md")
    if not readme:
        return  # 1.1 says so
    unnamed = [kind.__name__ for kind in subject.table if not re.search(rf"\b{kind.__name__}\b", readme)]
    expect(not unnamed, f"README.md: {', '.join(unnamed)} is told, and not named under What is told")


@behaviour("1.6", "nothing outside needs the folder")
def nothing_outside_needs_it(subject: Subject) -> None:
    """A file outside the folder MUST NOT import it: deleting the folder removes the platform, and nothing else."""
    rooms = subject.folder.parent.parent
    needing = []
    for path in _sources(rooms):
        # Parsing every file of the house would take a second.
        if subject.folder in path.parents or subject.name not in (text := path.read_text()):
            continue
        if subject.package in _imports(text):
            needing.append(str(path.relative_to(rooms)))
    expect(not needing, f"{', '.join(needing)} import {subject.package}: let them find it by its name")


def _sources(rooms: Path) -> Iterator[Path]:
    for room in ("schemas", "sources", "streams", "sinks", "shoprelay"):
        yield from (rooms / room).rglob("*.py")


def _imports(text: str) -> set[str]:
    """The first two steps of everything a file imports, such as `sinks.klaviyo`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {".".join(alias.name.split(".")[:2]) for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {".".join(f"{node.module}.{alias.name}".split(".")[:2]) for alias in node.names}
    return found


@behaviour("1.7", "the table holds signals and functions")
def table_holds_signals(subject: Subject) -> None:
    """Every key of `calls` MUST be a signal of the language and every value a function."""
    language = {kind for kind in vars(signals).values() if isinstance(kind, type) and issubclass(kind, Conclusion)}
    for kind, calls in subject.table.items():
        expect(kind in language - {Conclusion}, f"sink.py: {kind!r} in `calls` is no signal of schemas.signals")
        expect(callable(calls), f"sink.py: `calls` has {calls!r} for {kind.__name__}; it must be a function")


@behaviour("1.8", "each signal has a case")
def each_signal_has_a_case(subject: Subject) -> None:
    """Every signal of the table MUST have a case that shows its calls, or that there are none."""
    shown = {type(case.signal.payload) for case in subject.cases if case.calls is not None}
    absent = sorted(kind.__name__ for kind in subject.table if kind not in shown)
    if absent:
        raise missing(subject, 6, f"cases/: {', '.join(absent)} has no case with calls")
    if subject.is_empty_form:
        raise Unfilled((6, "cases/: one for each signal of the table"))


@behaviour("1.9", "cases are named and whole")
def cases_are_named(subject: Subject) -> None:
    """A case MUST be called `<signal>--<what_is_special>.json`, be about a signal of the table, and say exactly one of
    `calls`, `unaddressable` and `cannot_say`."""
    for case in subject.cases:
        kind = type(case.signal.payload)
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()
        expect(
            re.fullmatch(rf"{name}--[a-z0-9_]+", case.path.stem) is not None,
            f"cases/{case.path.name} holds a {kind.__name__}: call it {name}--<what_is_special>.json",
        )
        if kind not in subject.table:
            raise missing(subject, 5, f"sink.py: {kind.__name__} of cases/{case.path.name} is not in the table")
        said = [case.calls is not None, case.unaddressable, case.cannot_say is not None]
        expect(sum(said) == 1, f"cases/{case.path.name}: exactly one of calls, unaddressable and cannot_say")


@behaviour("1.10", "nothing is left to fill")
def nothing_is_left(subject: Subject) -> None:
    """A `TODO` MUST NOT be left in the folder."""
    left: list[tuple[int, str]] = []
    for path in sorted(subject.folder.rglob("*")):
        if path.suffix in (".py", ".md", ".toml", ".json"):
            lines = [line for line in path.read_text().splitlines() if "TODO" in line]
            left += [_todo(path.name, line) for line in lines]
    if left and subject.is_empty_form:
        raise Unfilled(*left)
    expect(not left, f"{len(left)} TODO are left, the first in {min(left, default=(0, ''))[1]}")


def _todo(file: str, line: str) -> tuple[int, str]:
    """One without a number belongs to the last step."""
    numbered = LEFT.search(line)
    return (int(numbered[1]), f"{file}: {numbered[2].strip(' |')}") if numbered else (7, f"{file}: {line.strip()}")
