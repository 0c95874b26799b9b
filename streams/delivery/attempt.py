"""What follows from a verdict, for the call that was sent. Pure: the table of the five verdicts."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from sinks.contract import Verdict
from streams.delivery.entries import Entry
from streams.delivery.settings import GiveUp


class Step(Enum):
    ADVANCE = "this call is finished"
    WAIT = "the same call again, when its gate opens"
    REST = "the same call again, after its own back-off"
    HOLD = "the sink holds, and this call is the probe"
    PARK = "this call is put aside for a person"


def step(verdict: Verdict, *, poison: bool, outage: bool) -> Step:
    """`poison`: this call alone keeps failing. `outage`: nobody gets through."""
    match verdict:
        case Verdict.DELIVERED:
            return Step.ADVANCE
        case Verdict.THROTTLED:
            return Step.WAIT
        case Verdict.MISCONFIGURED:
            return Step.HOLD
        case Verdict.UNAVAILABLE if not poison:
            return Step.WAIT if outage else Step.REST
        case _:
            return Step.PARK


def blame(entry: Entry, successes: int) -> None:
    """Counts one failure of the entry's call; as its own fault only if somebody got through since the last one.
    `successes` is how many calls of this process got through so far."""
    entry.attempts += 1
    if successes > entry.seen and entry.attempts > 1:
        entry.blamed += 1
    entry.seen = successes


def is_poison(entry: Entry, give_up: GiveUp, now: datetime) -> bool:
    """`now` is the wall clock."""
    long_enough = now.timestamp() - entry.first_at >= give_up.seconds
    return entry.blamed > 0 and entry.blamed + 1 >= give_up.attempts and long_enough
