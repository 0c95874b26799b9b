"""The gate in front of one endpoint: when the next call may leave. Pure; times are monotonic seconds.

Three things close it: the platform's word (throttled), the platform's absence (outage), and the budget, every window
of the platform at once, corrected by what the platform says of it. After trouble it opens for one call, and doubles
with the answers that come back.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

from sinks.contract import Limit
from streams.delivery.pace import Quota, Random, jittered
from streams.delivery.settings import Backoff

OUTAGE = 16  # failures in a row, of whichever calls, before the platform counts as down


class Window:
    """At most `count` in any `seconds`, each call weighing its cost.

    A call weighs from the moment it is sent until `seconds` after its answer. It arrived somewhere in between, so the
    limit holds on the platform's clock too, whatever the network does.
    """

    __slots__ = ("_answered", "_count", "_limit", "_open", "_recent", "_seconds", "_share", "_told")

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._told = math.inf
        self._share = 1.0
        self._open = 0
        self._recent = 0  # the weight of `_answered`
        self._answered: deque[tuple[float, int]] = deque()
        self._resize()

    @property
    def seconds(self) -> float:
        """Of the whole limit, as the platform counts it."""
        return self._limit.seconds

    def share(self, share: float) -> None:
        self._share = share
        self._resize()

    def told(self, count: float) -> None:
        """The platform says how much the whole account has here. More than we know of is not taken at its word."""
        self._told = count
        self._resize()

    def _resize(self) -> None:
        """Our part of the limit; where that is less than one call, one call in a longer time."""
        mine = min(self._limit.count, self._told) * self._share
        self._count = max(1, math.floor(mine))
        self._seconds = self._limit.seconds if mine >= 1 else self._limit.seconds / max(mine, 1e-6)

    def opens_at(self, now: float, cost: int = 1, reserve: float = 0.0) -> float:
        """The earliest time with room for `cost` when `reserve` of it all stays free; infinity while only an answer can
        make some. A call that costs more than there is leaves alone."""
        answered = self._answered
        while answered and answered[0][0] <= now - self._seconds:
            self._recent -= answered.popleft()[1]
        room = max(1, math.floor(self._count * (1 - reserve))) if reserve else self._count
        surplus = self._open + self._recent + min(cost, room) - room
        if surplus <= 0:
            return now
        for at, weight in answered:
            surplus -= weight
            if surplus <= 0:
                return at + self._seconds
        return math.inf

    def sent(self, cost: int = 1) -> None:
        self._open += cost

    def unsent(self, cost: int = 1) -> None:
        self._open -= cost

    def answered(self, now: float, cost: int = 1) -> None:
        self._open -= cost
        self._recent += cost
        self._answered.append((now, cost))


class Gate:
    """`windows` may be shared with other gates. `reserve` is the share of everything that history leaves to what is
    live."""

    def __init__(self, windows: Iterable[Window], max_in_flight: int, backoff: Backoff, reserve: float = 0.0) -> None:
        self._windows = tuple(windows)
        self._reserve = reserve
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
        for window in self._windows:
            window.share(share)

    def opens_at(self, now: float, cost: int = 1, *, history: bool = False) -> float:
        """`now` or earlier when a call may leave; infinity while only an answer can make room."""
        reserve = self._reserve if history else 0.0
        if self._in_flight >= max(1, math.floor(self._allowance * (1 - reserve))):
            return math.inf
        opens = self.closed_until
        for window in self._windows:
            opens = max(opens, window.opens_at(now, cost, reserve))
        return opens

    def sent(self, cost: int = 1) -> None:
        self._in_flight += 1
        for window in self._windows:
            window.sent(cost)

    def unsent(self, cost: int = 1) -> None:
        """It did not leave after all."""
        self._in_flight -= 1
        for window in self._windows:
            window.unsent(cost)

    def answered(self, now: float, cost: int = 1) -> None:
        """Every other `sent` is followed by one `answered`, whatever came of it."""
        self._in_flight -= 1
        for window in self._windows:
            window.answered(now, cost)

    def told(self, quota: Quota, now: float, longest: float) -> None:
        """What the platform said of the longest window beside an answer. Somebody else may use the account too: when
        nothing is left for what is under way, nothing more leaves before the window ends."""
        if quota.limit is not None and quota.limit >= 1 and self._windows:
            max(self._windows, key=lambda window: window.seconds).told(quota.limit)
        if quota.remaining is not None and quota.reset is not None and quota.remaining <= self._in_flight:
            self.closed_until = max(self.closed_until, now + min(quota.reset, longest))

    def passed(self) -> bool:
        """The platform took a call seriously: it is up and has room. True if the call before it found nobody."""
        came_back = self._failed > 0
        self._failed = self._throttled = 0
        self.state = "open"
        if self._allowance < self._max_in_flight:
            self._allowance += 1
        return came_back

    def throttled(self, sent_at: float, now: float, asked: float | None, random: Random) -> None:
        """`asked`: seconds the platform wants, or `None`; 0 tells no more than that. Calls that left before the gate
        closed are one wave."""
        if sent_at >= self._opened_at:
            self._throttled += 1
        wait = asked if asked else 1.0 + jittered(self._backoff, self._throttled, random)
        self._close(now + wait, "throttled")

    def failed(self, sent_at: float, now: float, random: Random) -> None:
        """One call found nobody. From `OUTAGE` in a row the platform is down, and is asked by one call at a time."""
        self._failed += 1
        if self._failed >= OUTAGE and sent_at >= self._opened_at:
            self._close(now + jittered(self._backoff, self._failed - OUTAGE + 1, random), "unavailable")

    def shut(self, until: float) -> None:
        """Nothing leaves here before."""
        self.closed_until = max(self.closed_until, until)

    @property
    def outage(self) -> bool:
        return self.state == "unavailable"

    def _close(self, until: float, state: str) -> None:
        self.closed_until = self._opened_at = max(self.closed_until, until)
        self._allowance = 1
        self.state = state
