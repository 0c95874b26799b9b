"""What a bug is planted with: changes to the sink, to its folder, to its stand-in, and to the house."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from schemas.signals import Signal
from shoprelay.certificate import rehearsal
from shoprelay.certificate.subject import Subject
from sinks.contract import Answer, Call, Rule
from sinks.fake import application
from tests.certificate.acme.fake import AcmeStandIn


@dataclass(frozen=True)
class Ground:
    """Where a bug is planted: a folder for a copy, and a hand that undoes what it changes in the house."""

    path: Path
    house: pytest.MonkeyPatch


Plant = Callable[[Subject, Ground], Subject]


@dataclass(frozen=True)
class Planted:
    """`also` are behaviours that honestly break with it."""

    number: str
    bug: str
    plant: Plant
    also: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.number} {self.bug}"


PLANTED: list[Planted] = []


def planted(number: str, bug: str, *, also: str = "") -> Callable[[Plant], Plant]:
    def made(plant: Plant) -> Plant:
        PLANTED.append(Planted(number, bug, plant, frozenset(also.split())))
        return plant

    return made


# -- tools


def with_sink(subject: Subject, **changes: Any) -> Subject:
    return replace(subject, sink=replace(subject.sink, **changes))


def in_a_copy(subject: Subject, ground: Ground, edits: Mapping[str, tuple[str, str]] | None = None) -> Subject:
    """The folder in a house of its own; `edits` replace text in files."""
    folder = ground.path / "sinks" / "acme"
    shutil.copytree(subject.folder, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file, (old, new) in (edits or {}).items():
        text = (folder / file).read_text()
        assert old in text, f"{file} does not hold {old!r}"
        (folder / file).write_text(text.replace(old, new))
    return replace(subject, folder=folder)


Saying = Callable[[Signal, Any, tuple[Call, ...]], Any]


def saying(subject: Subject, change: Saying, *, backfill_only: bool = True) -> Subject:
    """`change` is given what the sink says. History only, as a rule: Acme's cases are live, so only made-up signals
    meet the bug, and the cases do not fail beside it."""

    def wrapped(calls: Callable[[Any, Any], tuple[Call, ...]]) -> Callable[[Any, Any], tuple[Call, ...]]:
        def said(signal: Any, config: Any) -> tuple[Call, ...]:
            made = calls(signal, config)
            concerned = not backfill_only or signal.priority == "backfill"
            changed: tuple[Call, ...] = change(signal, config, made) if concerned else made
            return changed

        return said

    return with_sink(
        subject,
        calls={kind: wrapped(calls) for kind, calls in subject.sink.calls.items()},
        catalog={kind: wrapped(calls) for kind, calls in subject.sink.catalog.items()},
    )


class FaultyStandIn(AcmeStandIn):
    """Acme's, with one thing other than it should be."""

    def __init__(self, **faults: Any) -> None:
        super().__init__()
        for name, fault in faults.items():
            setattr(self, name, fault(getattr(self, name)))


def with_stand_in(subject: Subject, **faults: Any) -> Subject:
    """Each fault is given the method or value it replaces."""
    return replace(subject, app=lambda: application(FaultyStandIn(**faults)))


def meddling(ground: Ground, meddle: Callable[[Call, Answer], Answer]) -> None:
    """Somebody stands between the runner and the platform, and changes answers."""
    send = rehearsal.Hands.send

    async def meddled(hands: rehearsal.Hands, call: Call) -> Answer:
        return meddle(call, await send(hands, call))

    ground.house.setattr(rehearsal.Hands, "send", meddled)


@dataclass(frozen=True)
class OddRule(Rule):
    """A rule that decides by itself."""

    decide: Callable[[Answer], bool] = lambda answer: False

    def matches(self, answer: Answer) -> bool:
        return answer.status in self.statuses and self.decide(answer)
