"""A sink is a value: what we tell a platform, when, under which key, how fast, and what its answers mean.

The runner in `streams.delivery` is the only one that acts on it; a platform folder holds no I/O of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from pydantic import BaseModel

from schemas.signals import CartAbandoned, Conclusion, Signal


class Verdict(Enum):
    """What an answer means, and who acts next."""

    DELIVERED = "delivered"  # accepted, or already known: nobody
    THROTTLED = "throttled"  # too fast: time; never counts as an attempt
    UNAVAILABLE = "unavailable"  # platform or network down: time
    MISCONFIGURED = "misconfigured"  # key, permission, address: us; the sink holds, nothing is parked
    REJECTED = "rejected"  # this call can never pass: a person; the call is parked


class Dedupe(Enum):
    """Whether a repeat with the same key is stored once. README's table of platforms is made from this."""

    BY_KEY = "the platform keeps one per key"
    UPSERT = "a repeat overwrites itself"
    NONE = "a repeat is stored twice"


@dataclass(frozen=True, slots=True)
class Call:
    """One complete request to one platform. Same signal, same config: same bytes and same key, on every attempt.

    `says` is the platform's word for it ("Placed Order"), a bounded set: it labels metrics. `path` is appended to the
    sink's base URL. `key` identifies this call for ever; where the platform has a place for it, it is in `body` too.
    `endpoint` names the budget it draws from.
    """

    says: str
    method: str
    path: str
    body: bytes
    key: str
    endpoint: str = "default"
    headers: tuple[tuple[str, str], ...] = ()


class CannotSay(Exception):
    """This signal should become a call and cannot: parked with this reason. Name the field, never its value."""


class Unaddressable(Exception):
    """Nobody to tell: the customer has no address this platform could use. Counted, not parked."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status from 100 to 599 with headers (lower-case names) and body, or a fault and status 0.

    `fault` is one of "connect", "timeout", "reset", "protocol", "too_large".
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """The first rule whose status matches, and whose `containing` is found in the body when given, decides."""

    verdict: Verdict
    statuses: frozenset[int]
    containing: bytes | None = None
    why: str = ""

    def matches(self, answer: Answer) -> bool:
        return answer.status in self.statuses and (self.containing is None or self.containing in answer.body)


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
    if answer.fault is not None:
        return Verdict.UNAVAILABLE
    for rule in (*rules, *USUAL):
        if rule.matches(answer):
            return rule.verdict
    return Verdict.UNAVAILABLE


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` calls in any `seconds`, for the calls whose `endpoint` is this one."""

    endpoint: str
    count: int
    seconds: float


Calls = Callable[[Signal, Any], tuple[Call, ...]]


@dataclass(frozen=True, slots=True)
class Sink:
    """One platform, on one screen.

    `config` is the pydantic model of its settings (`extra="forbid"`, secrets as `SecretStr`). `headers(config)` gives
    auth and fixed headers, added to every call at the moment of sending, never stored. `calls` maps a signal's payload
    class to a pure function `(signal, config) -> calls`; a signal that is not in the table is not told to this
    platform. `reminders` are the payloads that must not leave once something newer is known about that cart.
    `answer_limit` is how many bytes of an answer are read.
    """

    name: str
    config: type[BaseModel]
    base_url: Callable[[Any], str]
    headers: Callable[[Any], Mapping[str, str]]
    calls: Mapping[type[Conclusion], Calls]
    dedupe: Dedupe
    rules: tuple[Rule, ...] = ()
    limits: tuple[Limit, ...] = ()
    max_in_flight: int = 64
    timeout_seconds: float = 30.0
    answer_limit: int = 65_536
    reminders: frozenset[type[Conclusion]] = frozenset({CartAbandoned})
    tells: str = ""  # one line for README's table: what is told, and when


def load(name: str) -> Sink:
    """`sinks.<name>.sink.SINK`. Raises `LookupError` naming the sinks there are."""
    from importlib import import_module
    from pathlib import Path

    known = sorted(p.parent.name for p in Path(__file__).parent.glob("*/sink.py"))
    if name not in known:
        raise LookupError(f"no sink {name!r}; there are: {', '.join(known)}")
    sink: Sink = import_module(f"sinks.{name}.sink").SINK
    return sink
