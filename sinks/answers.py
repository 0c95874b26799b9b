"""What comes back from a platform, and what it means: five verdicts, decided by rules. Total: every answer has one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any

import orjson


class Verdict(Enum):
    """What an answer means, and who acts next."""

    DELIVERED = "delivered"  # accepted, or already known: nobody
    THROTTLED = "throttled"  # too fast: time; never counts as an attempt
    UNAVAILABLE = "unavailable"  # platform or network down: time
    MISCONFIGURED = "misconfigured"  # key, permission, address: us; the sink holds, nothing is parked
    REJECTED = "rejected"  # this call can never pass: a person; the call is parked


@dataclass(frozen=True)
class Answer:
    """What came back: a status from 100 to 599 with headers (lower-case names) and body, or a fault and status 0.

    `fault` is one of "connect", "timeout", "reset", "protocol", "too_large".
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    fault: str | None = None

    @cached_property
    def document(self) -> Any:
        """The body as JSON; `None` when it is none."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None

    def at(self, path: str) -> Any:
        """What stands at a place of the JSON body, `errors.0.code` for example; `None` when there is nothing."""
        found = self.document
        for step in path.split("."):
            if isinstance(found, dict):
                found = found.get(step)
            elif isinstance(found, list) and step.isdecimal() and int(step) < len(found):
                found = found[int(step)]
            else:
                return None
        return found


@dataclass(frozen=True, slots=True)
class Rule:
    """The first rule decides whose status matches, whose `containing` is found in the body when given, and whose `at`
    leads to `equals` in the JSON body when given (see `Answer.at`); with `differs`, to anything else but `equals`. With
    `unless_json` only a body that is there and is no JSON matches.

    `wait_seconds` is for a platform that shuts us out: with THROTTLED, no call to any endpoint leaves for so long."""

    verdict: Verdict
    statuses: frozenset[int]
    containing: bytes | None = None
    at: str = ""
    equals: Any = None
    differs: bool = False
    why: str = ""
    unless_json: bool = False
    wait_seconds: float = 0.0

    def matches(self, answer: Answer) -> bool:
        return (
            answer.status in self.statuses
            and (self.containing is None or self.containing in answer.body)
            and (not self.unless_json or (answer.body.strip() != b"" and answer.document is None))
            and (not self.at or self._fits(answer.at(self.at)))
        )

    def _fits(self, found: Any) -> bool:
        """What is not there differs from nothing."""
        return found is not None and found != self.equals if self.differs else bool(found == self.equals)


def _statuses(*ranges: range | int) -> frozenset[int]:
    return frozenset(s for r in ranges for s in ([r] if isinstance(r, int) else r))


# Total from 100 to 599 together with `classify`: a platform's own rules come first.
USUAL: tuple[Rule, ...] = (
    Rule(Verdict.DELIVERED, _statuses(range(200, 300)), why="accepted"),
    Rule(Verdict.THROTTLED, _statuses(429), why="too fast"),
    Rule(Verdict.UNAVAILABLE, _statuses(408, 425, range(500, 600)), why="the platform has trouble"),
    Rule(
        Verdict.MISCONFIGURED, _statuses(401, 402, 403, 404, 405, 407, 410, 415, range(300, 400)), why="key or address"
    ),
    Rule(Verdict.REJECTED, _statuses(range(400, 500)), why="refused"),
)


def classify(answer: Answer, rules: tuple[Rule, ...]) -> Verdict:
    """Total: every answer has a verdict. Faults and statuses nobody should send (1xx, out of range) are UNAVAILABLE."""
    if answer.fault == "too_large":
        return Verdict.DELIVERED if 200 <= answer.status < 300 else Verdict.UNAVAILABLE
    rule = deciding(answer, rules)
    return rule.verdict if rule else Verdict.UNAVAILABLE


def deciding(answer: Answer, rules: tuple[Rule, ...]) -> Rule | None:
    """The rule that gives an answer its verdict; `None` where there was no answer, or one that nobody should send."""
    if answer.fault is not None:
        return None
    return next((rule for rule in (*rules, *USUAL) if rule.matches(answer)), None)
