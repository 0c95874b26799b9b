"""What one poller says about itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

State = Literal["recalling", "polling", "resting", "throttled", "unavailable", "held"]


@dataclass(frozen=True, slots=True)
class PollingHealth:
    """`reason` says what it waits for; `finished` is when the last round ended."""

    state: State
    reason: str = ""
    finished: datetime | None = None

    @property
    def ready(self) -> bool:
        """Whether somebody here has nothing to repair. A platform that is slow or away is not ours to repair."""
        return self.state not in ("recalling", "held")
