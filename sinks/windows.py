"""How a stand-in counts calls against a platform's limits."""

from __future__ import annotations

from sinks.contract import Limit


class Windows:
    """Fixed windows per endpoint, as platforms count: all of an endpoint's windows must have room."""

    def __init__(self, limits: tuple[Limit, ...]) -> None:
        self._limits: dict[str, list[Limit]] = {}
        for limit in sorted(limits, key=lambda limit: limit.seconds):
            self._limits.setdefault(limit.endpoint, []).append(limit)
        self._used: dict[tuple[str, float], tuple[int, int]] = {}  # -> number of the window, calls in it

    def take(self, endpoint: str, now: float) -> float:
        """0 when there is room, and the call is counted; else the seconds until there is."""
        limits = self._limits.get(endpoint, [])
        for limit in limits:
            if self.remaining(limit, now) == 0:
                return self.reset(limit, now)
        for limit in limits:
            window = int(now // limit.seconds)
            number, used = self._used.get((endpoint, limit.seconds), (window, 0))
            self._used[endpoint, limit.seconds] = (window, used + 1 if number == window else 1)
        return 0

    def longest(self, endpoint: str) -> Limit | None:
        limits = self._limits.get(endpoint)
        return limits[-1] if limits else None

    def remaining(self, limit: Limit, now: float) -> int:
        number, used = self._used.get((limit.endpoint, limit.seconds), (-1, 0))
        return limit.count - used if number == int(now // limit.seconds) else limit.count

    def reset(self, limit: Limit, now: float) -> float:
        return limit.seconds - now % limit.seconds
