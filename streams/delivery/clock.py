"""Time as an argument: the wall for dates and expiry, a monotonic one for waiting. Sleeping is the event loop's."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def wall(self) -> datetime:
        """Aware, UTC."""

    def monotonic(self) -> float:
        """Seconds that pass as fast as the event loop's."""


class SystemClock:
    def wall(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()
