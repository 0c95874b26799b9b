"""Holding the whole sink: something is ours to repair, so nothing leaves but a probe now and then. And the brake.
Pure."""

from __future__ import annotations

from collections import deque

from streams.delivery.entries import Lane
from streams.delivery.settings import BrakeLimits

MISCONFIGURED = "misconfigured"
BRAKE = "brake"
REASONS = (MISCONFIGURED, BRAKE)
FIRST_PROBE_SECONDS = 1.0


class Hold:
    """`lane` is the one whose call is the next probe; without one, whoever is next. `prober` is the lane that is
    probing now. `strict`: only the probe that passes ends it, nobody else's success. Times are monotonic seconds."""

    def __init__(self, probe_seconds: float) -> None:
        self.longest = probe_seconds
        self._wait = 0.0
        self.reason: str | None = None
        self.lane: Lane | None = None
        self.prober: Lane | None = None
        self.strict = False
        self.next_probe = 0.0

    def begin(self, reason: str, lane: Lane | None, now: float) -> None:
        self.reason, self.strict = reason, lane is not None
        self._wait = min(FIRST_PROBE_SECONDS, self.longest)
        self._next(lane, now)

    def again(self, lane: Lane, now: float) -> None:
        """The lane's probe did not pass: the next one after twice the time, at most every `probe_seconds`."""
        self._wait = min(2 * self._wait, self.longest)
        self._next(lane if self.strict else None, now)

    def _next(self, lane: Lane | None, now: float) -> None:
        self.lane, self.prober = lane, None
        self.next_probe = now + self._wait

    def end(self) -> Lane | None:
        """Returns the lane that was set aside for the next probe, if there was one."""
        lane, self.lane = self.lane, None
        self.reason = self.prober = None
        return lane


class Brake:
    """Counts what is parked against what is delivered. `on` means: do not park on, hold."""

    def __init__(self, limits: BrakeLimits) -> None:
        self._limits = limits
        self._in_a_row = 0
        self._last: deque[bool] = deque(maxlen=limits.out_of)
        self._parked = 0

    @property
    def on(self) -> bool:
        return self._in_a_row >= self._limits.in_a_row or self.too_large_a_share

    @property
    def too_large_a_share(self) -> bool:
        """Then the success of others proves nothing: only the refused call itself can let go of the brake."""
        return len(self._last) == self._limits.out_of and self._parked > self._limits.share * self._limits.out_of

    def parked(self) -> None:
        self._in_a_row += 1
        self._count(True)

    def delivered(self, many: int = 1) -> None:
        self._in_a_row = 0
        if not self._parked:  # then no one that falls out of sight was, either
            self._last.extend([False] * many)
            return
        for _ in range(many):
            self._count(False)

    def release(self) -> None:
        """A call got through: count afresh."""
        self._in_a_row = self._parked = 0
        self._last.clear()

    def _count(self, parked: bool) -> None:
        if len(self._last) == self._limits.out_of:
            self._parked -= self._last[0]
        self._last.append(parked)
        self._parked += parked
