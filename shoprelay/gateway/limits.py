"""Waiting for room under the platform's limits: in turn, and only if it would not take longer than there is time."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace

from shoprelay.gateway.errors import Problem
from sinks.contract import Limit
from streams.delivery.clock import Clock
from streams.delivery.gate import Gate, Window
from streams.delivery.settings import Backoff

BACKOFF = Backoff(cap_seconds=10.0)  # somebody waits for an answer: look soon whether the platform is back
SMOOTHING = 0.1
MARGIN = 2.0  # calls' own ways that must fit in after the wait: who is let in at the last moment gets no answer


class Line:
    """The calls of one endpoint. Whoever was let in calls `left` exactly once. `windows` are those of the gate, each
    with the part of its limit that is ours."""

    def __init__(self, gate: Gate, at_once: int, windows: Iterable[tuple[Window, Limit]], clock: Clock) -> None:
        self.gate = gate
        self._at_once, self._windows, self._clock = at_once, tuple(windows), clock
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._seconds = 0.1  # that a call takes, smoothed
        self._timer: asyncio.TimerHandle | None = None

    async def enter(self, deadline: float) -> None:
        """Returns when the call may be sent. Raises `Problem` at once when that would be after `deadline`, and when the
        gate is closed or closes meanwhile."""
        now = self._clock.monotonic()
        if self.gate.closed_until > now:
            raise self._closed(now)
        if not self._waiting and self.gate.opens_at(now) <= now:
            self.gate.sent()
            return
        if (room := self._room_at(now)) + MARGIN * self._seconds > deadline:
            raise Problem("overloaded", "there is no room for this question in time", retry_after=room - now)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._let_in()
        try:
            async with asyncio.timeout(deadline - now):
                await turn
        except BaseException as cut:
            self._gone(turn)
            if isinstance(cut, TimeoutError):
                raise Problem("overloaded", "there was no room for this question in time", retry_after=1) from None
            raise

    def unsent(self) -> None:
        """Let in, and not sent after all."""
        self.gate.unsent()
        self._let_in()

    def left(self, sent_at: float) -> None:
        now = self._clock.monotonic()
        self._seconds += SMOOTHING * (now - sent_at - self._seconds)
        self.gate.answered(now)
        self.wake()

    def wake(self) -> None:
        """Something may have made room: an answer, or another line's under a common limit."""
        self._let_in()

    def _room_at(self, now: float) -> float:
        """When whoever comes now could be sent: a lower bound where limits decide, a guess where answers do."""
        ahead = len(self._waiting)
        room = now + self._seconds * (ahead // self._at_once)
        for window, limit in self._windows:
            full, rest = divmod(ahead, limit.count)
            period = limit.seconds + self._seconds  # a call weighs on its way, too
            opens = window.opens_at(now, rest + 1)
            room = max(room, (opens if opens < math.inf else now + period) + full * period)
        return room

    def _let_in(self) -> None:
        """Lets in, in turn, as many as there is room for; comes back when there will be more."""
        while self._waiting:
            now = self._clock.monotonic()
            if self.gate.closed_until > now:
                return self._turn_away(now)
            opens = self.gate.opens_at(now)
            if opens > now:
                if opens < math.inf and self._timer is None:
                    self._timer = asyncio.get_running_loop().call_later(opens - now, self._again)
                return None
            turn = self._waiting.popleft()
            if not turn.done():  # cut short, and not gone yet
                self.gate.sent()
                turn.set_result(None)
        return None

    def _turn_away(self, now: float) -> None:
        """The gate has closed: nobody waits before it."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(self._closed(now))

    def _again(self) -> None:
        self._timer = None
        self._let_in()

    def _gone(self, turn: asyncio.Future[None]) -> None:
        """It waits no longer. If it was let in at the same moment, somebody else is instead."""
        if turn in self._waiting:
            self._waiting.remove(turn)
        elif turn.done() and not turn.cancelled() and turn.exception() is None:
            self.unsent()

    def _closed(self, now: float) -> Problem:
        kind = "throttled" if self.gate.state == "throttled" else "away"
        return Problem(kind, "the platform is not asked just now", retry_after=self.gate.closed_until - now)


class Lines:
    """One line for each endpoint, made when it is first needed: endpoints are the platform's, not the shop's. The
    limits of "*" are common to all. `share` is how much of every limit this process may use."""

    def __init__(self, limits: tuple[Limit, ...], share: float, at_once: int, clock: Clock) -> None:
        self._limits, self._share, self._at_once, self._clock = limits, share, at_once, clock
        self._common = [self._window(limit) for limit in limits if limit.endpoint == "*"]
        self._lines: dict[str, Line] = {}

    def of(self, endpoint: str) -> Line:
        if (line := self._lines.get(endpoint)) is None:
            line = self._lines[endpoint] = self._made(endpoint)
        return line

    def wake_others(self, line: Line) -> None:
        if self._common:
            for other in self._lines.values():
                if other is not line:
                    other.wake()

    def states(self) -> Mapping[str, str]:
        return {name: line.gate.state for name, line in self._lines.items()}

    def _made(self, endpoint: str) -> Line:
        windows = [self._window(limit) for limit in self._limits if limit.endpoint == endpoint] + self._common
        gate = Gate((window for window, _ in windows), self._at_once, BACKOFF)
        return Line(gate, self._at_once, windows, self._clock)

    def _window(self, limit: Limit) -> tuple[Window, Limit]:
        window = Window(limit)
        window.share(self._share)
        return window, replace(limit, count=max(1, int(limit.count * self._share)))
