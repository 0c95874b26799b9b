"""The gate in front of one endpoint: when the next call may leave. Pure; times are monotonic seconds.

Three things close it: the platform's word (throttled), the platform's absence (outage), and the budget, every window
of the platform at once. After trouble it opens for one call, and doubles with the answers that come back.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

from sinks.contract import Limit
from streams.delivery.pace import Random, jittered
from streams.delivery.settings import Backoff

OUTAGE = 16  # failures in a row, of whichever calls, before the platform counts as down


class Window:
    """At most `count` calls in any `seconds`.

    A call weighs from the moment it is sent until `seconds` after its answer. It arrived somewhere in between, so the
    limit holds on the platform's clock too, whatever the network does.
    """

    __slots__ = ("_answered", "_count", "_open", "_seconds")

    def __init__(self, count: int, seconds: float) -> None:
        self._count = count
        self._seconds = seconds
        self._open = 0
        self._answered: deque[float] = deque()

    def resize(self, limit: Limit, share: float) -> None:
        """Our part of the limit; where that is less than one call, one call in a longer time."""
        mine = limit.count * share
        self._count = max(1, math.floor(mine))
        self._seconds = limit.seconds if mine >= 1 else limit.seconds / max(mine, 1e-6)

    def opens_at(self, now: float) -> float:
        """The earliest time with room; infinity while only an answer can make some."""
        answered = self._answered
        while answered and answered[0] <= now - self._seconds:
            answered.popleft()
        surplus = self._open + len(answered) - self._count
        if surplus < 0:
            return now
        return answered[surplus] + self._seconds if surplus < len(answered) else math.inf

    def sent(self) -> None:
        self._open += 1

    def unsent(self) -> None:
        self._open -= 1

    def answered(self, now: float) -> None:
        self._open -= 1
        self._answered.append(now)


class Gate:
    def __init__(self, limits: Iterable[Limit], max_in_flight: int, backoff: Backoff) -> None:
        self._limits = tuple(limits)
        self._windows = tuple(Window(limit.count, limit.seconds) for limit in self._limits)
        self._max_in_flight = max_in_flight
        self._backoff = backoff
        self._allowance = max_in_flight
        self._in_flight = 0
        self._opened_at = -math.inf  # the last time it was meant to open again
        self._throttled = 0  # waves of throttling in a row
        self._failed = 0  # failures in a row
        self.closed_until = -math.inf
        self.state = "open"  # or "throttled", "unavailable"

    def share(self, share: float) -> None:
        """This process now owns `share` (0 to 1) of the partitions, and as much of the budget."""
        for window, limit in zip(self._windows, self._limits, strict=True):
            window.resize(limit, share)

    def opens_at(self, now: float) -> float:
        """`now` or earlier when a call may leave; infinity while only an answer can make room."""
        if self._in_flight >= self._allowance:
            return math.inf
        opens = self.closed_until
        for window in self._windows:
            opens = max(opens, window.opens_at(now))
        return opens

    def sent(self) -> None:
        self._in_flight += 1
        for window in self._windows:
            window.sent()

    def unsent(self) -> None:
        """It did not leave after all."""
        self._in_flight -= 1
        for window in self._windows:
            window.unsent()

    def answered(self, now: float) -> None:
        """Every other `sent` is followed by one `answered`, whatever came of it."""
        self._in_flight -= 1
        for window in self._windows:
            window.answered(now)

    def passed(self) -> bool:
        """The platform took a call seriously: it is up and has room. True if the call before it found nobody."""
        came_back = self._failed > 0
        self._failed = self._throttled = 0
        self.state = "open"
        if self._allowance < self._max_in_flight:
            self._allowance += 1
        return came_back

    def throttled(self, sent_at: float, now: float, asked: float | None, random: Random) -> None:
        """`asked`: seconds the platform wants, or `None`. Calls that left before the gate closed are one wave."""
        if sent_at >= self._opened_at:
            self._throttled += 1
        wait = asked if asked is not None else 1.0 + jittered(self._backoff, self._throttled, random)
        self._close(now + wait, "throttled")

    def failed(self, sent_at: float, now: float, random: Random) -> None:
        """One call found nobody. From `OUTAGE` in a row the platform is down, and is asked by one call at a time."""
        self._failed += 1
        if self._failed >= OUTAGE and sent_at >= self._opened_at:
            self._close(now + jittered(self._backoff, self._failed - OUTAGE + 1, random), "unavailable")

    @property
    def outage(self) -> bool:
        return self.state == "unavailable"

    def _close(self, until: float, state: str) -> None:
        self.closed_until = self._opened_at = max(self.closed_until, until)
        self._allowance = 1
        self.state = state
