"""What one sink process says about itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["joining", "running", "throttled", "unavailable", "held"]


@dataclass(frozen=True, slots=True)
class Health:
    """`reason` is set while held. `lag` counts records not finished in the owned partitions, `quiet_seconds` the time
    since the last one was."""

    state: State
    reason: str | None
    quiet_seconds: float
    lag: int
    partitions: int
    in_flight: int
    history: str = ""  # how far the mass load is, for a person

    @property
    def ready(self) -> bool:
        """Whether somebody here has nothing to repair. A platform that is slow or away is not ours to repair."""
        return self.state not in ("joining", "held")
