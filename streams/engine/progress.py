"""How the worker is doing, in one snapshot for readiness checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["joining", "restoring", "running", "stalled", "stopping"]


@dataclass(frozen=True, slots=True)
class Progress:
    """`ready` means: takes part in the group and moves, even if it owns nothing because there are more workers than
    partitions.

    Durations are seconds; `restore_eta_seconds` is None while nothing restores or no rate is known yet.
    """

    state: State
    doing: str
    """For messages: what it is busy with."""
    idle_seconds: float
    """Since the last progress; 0.0 with nothing to do."""
    partitions: int
    restored_records: int
    restore_records: int
    restore_eta_seconds: float | None

    @property
    def ready(self) -> bool:
        return self.state == "running"


def eta_seconds(done: int, total: int, seconds: float) -> float | None:
    """At the rate so far; None without one."""
    return (total - done) * seconds / done if done and seconds > 0 else None
