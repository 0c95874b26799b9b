"""Runs every behaviour for a sink, and says what was found."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from shoprelay.certificate import (
    answers,
    behind,
    calls,
    delivery,
    folder,
    followed,
    lent,
    requests,
    settings,
    standin,
    together,
    trouble,
    wire,
)  # fmt: skip
from shoprelay.certificate.behaviour import Behaviour, Broken, NotApplicable, Unfilled
from shoprelay.certificate.subject import Subject

CHAPTERS = {
    1: ("The folder", (folder,)),
    2: ("The settings", (settings,)),
    3: ("The calls", (calls, requests)),
    4: ("The stand-in", (standin,)),
    5: ("The answers", (answers,)),
    6: ("The delivery", (delivery, wire)),
    7: ("Trouble", (trouble,)),
    8: ("What only some declare", (lent, together, behind, followed)),
}
BEHAVIOURS: tuple[Behaviour, ...] = tuple(
    sorted(
        (
            found
            for _, rooms in CHAPTERS.values()
            for room in rooms
            for found in vars(room).values()
            if isinstance(found, Behaviour)
        ),
        key=lambda behaviour: behaviour.place,
    )
)


class Outcome(Enum):
    KEPT = "kept"
    BROKEN = "broken"
    NOT_APPLICABLE = "not applicable"
    UNFILLED = "to fill"


@dataclass(frozen=True, slots=True)
class Finding:
    """`note` says what is broken, or why it does not apply; `todo` what is to be filled, and in which step."""

    behaviour: Behaviour
    outcome: Outcome
    note: str = ""
    todo: tuple[tuple[int, str], ...] = ()
    seconds: float = 0.0


def find(behaviour: Behaviour, subject: Subject) -> Finding:
    began = time.perf_counter()
    outcome, note = Outcome.KEPT, ""
    todo: tuple[tuple[int, str], ...] = ()
    try:
        behaviour.check(subject)
    except Broken as broken:
        outcome, note = Outcome.BROKEN, str(broken)
    except NotApplicable as reason:
        outcome, note = Outcome.NOT_APPLICABLE, str(reason)
    except Unfilled as open_:
        outcome, note, todo = Outcome.UNFILLED, str(open_), open_.todo
    except Exception as error:  # what a sink's own code raises is a finding, not the end
        outcome, note = Outcome.BROKEN, f"{type(error).__name__}: {error}"
    return Finding(behaviour, outcome, note, todo, time.perf_counter() - began)


def certify(
    subject: Subject,
    behaviours: Sequence[Behaviour] = BEHAVIOURS,
    watch: Callable[[Finding], None] = lambda finding: None,
) -> list[Finding]:
    """One finding for each behaviour, in their order; `watch` hears each as it is found."""
    findings = []
    for behaviour in behaviours:
        findings.append(find(behaviour, subject))
        watch(findings[-1])
    return findings
