"""How fast a poller may ask: every window of the platform at once. Pure; times are monotonic seconds."""

from __future__ import annotations

from collections.abc import Sequence

from sinks.contract import Limit as SinkLimit
from sources.contract import Limit, Request
from streams.delivery.gate import Window

EVERYWHERE = "*"


class Pacing:
    def __init__(self, limits: Sequence[Limit]) -> None:
        self._windows: dict[str, list[Window]] = {}
        for limit in limits:
            window = Window(SinkLimit(limit.endpoint, limit.count, limit.seconds))
            self._windows.setdefault(limit.endpoint, []).append(window)

    def wait(self, request: Request, now: float) -> float:
        """Seconds until this request may leave. One is asked after the other, so there is always an end to it."""
        return max((w.opens_at(now, request.cost) - now for w in self._of(request)), default=0.0)

    def sent(self, request: Request) -> None:
        for window in self._of(request):
            window.sent(request.cost)

    def answered(self, request: Request, now: float) -> None:
        for window in self._of(request):
            window.answered(now, request.cost)

    def longest(self, request: Request) -> float:
        """Of the windows this request counts in: after so long all of them begin anew."""
        return max((w.seconds for w in self._of(request)), default=0.0)

    def _of(self, request: Request) -> list[Window]:
        return self._windows.get(request.endpoint, []) + self._windows.get(EVERYWHERE, [])
