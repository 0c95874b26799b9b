"""Whose turn it is: lanes in line, the gates before them, and the hold over all. Pure.

A lane stands in at most one line: `ready` until it is known which endpoint its next call goes to, then that endpoint's.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

from sinks.contract import Call, Limit
from streams.delivery.gate import Gate
from streams.delivery.hold import Hold
from streams.delivery.lanes import Lane
from streams.delivery.settings import Backoff


class Turns:
    """A call leaves with a slot, which counts against its gate and against `max_bytes`, the bound of all bodies in
    flight (except that one call may always leave). `in_flight` is how many slots are taken."""

    def __init__(
        self, limits: Iterable[Limit], max_in_flight: int, max_bytes: int, backoff: Backoff, hold: Hold
    ) -> None:
        self._limits = tuple(limits)
        self._max_in_flight = max_in_flight
        self._max_bytes = max_bytes
        self._bytes = 0
        self.in_flight = 0
        self._backoff = backoff
        self._hold = hold
        self._share = 1.0
        self._gates: dict[str, Gate] = {}
        self._ready: deque[Lane] = deque()
        self._lines: dict[str, deque[Lane]] = {}

    def gate(self, endpoint: str) -> Gate:
        gate = self._gates.get(endpoint)
        if gate is None:
            mine = [limit for limit in self._limits if limit.endpoint == endpoint]
            gate = self._gates[endpoint] = Gate(mine, self._max_in_flight, self._backoff)
            gate.share(self._share)
            self._lines[endpoint] = deque()
        return gate

    def share(self, share: float) -> None:
        self._share = share
        for gate in self._gates.values():
            gate.share(share)

    @property
    def state(self) -> str:
        """ "open", "throttled" or "unavailable": the worst of the gates."""
        states = {gate.state for gate in self._gates.values()}
        return next((s for s in ("unavailable", "throttled") if s in states), "open")

    def ready(self, lane: Lane, *, first: bool = False) -> None:
        self._stand(self._ready, lane, first)

    def wait(self, endpoint: str, lane: Lane, *, first: bool = False) -> None:
        """In line before the endpoint's gate; `first` for one that has been at the head already."""
        self._stand(self._lines[endpoint], lane, first)

    def _stand(self, line: deque[Lane], lane: Lane, first: bool) -> None:
        if lane.queued or lane.dropped:
            return
        lane.queued = True
        if first:
            line.appendleft(lane)
        else:
            line.append(lane)

    def enter(self, lane: Lane, call: Call, now: float) -> bool:
        """Takes a slot for the lane's next call, unless it has one. False when it has to stand in line instead."""
        gate = self.gate(call.endpoint)
        if lane.slot is None and not self._lines[call.endpoint] and not self._full and gate.opens_at(now) <= now:
            self._reserve(lane, call)
        return lane.slot is not None

    def leave(self, lane: Lane, now: float) -> None:
        """The call was answered, or whatever else became of it."""
        if (call := lane.slot) is not None:
            self._release(lane, call)
            self._gates[call.endpoint].answered(now)

    def unused(self, lane: Lane) -> None:
        """The turn ended without sending."""
        if (call := lane.slot) is not None:
            self._release(lane, call)
            self._gates[call.endpoint].unsent()

    def _reserve(self, lane: Lane, call: Call) -> None:
        self._gates[call.endpoint].sent()
        lane.slot = call
        self.in_flight += 1
        self._bytes += len(call.body)

    def _release(self, lane: Lane, call: Call) -> None:
        lane.slot = None
        self.in_flight -= 1
        self._bytes -= len(call.body)

    @property
    def _full(self) -> bool:
        return self._bytes >= self._max_bytes

    def take(self, now: float) -> Lane | None:
        """The next lane; from a line it comes with its slot. While the sink holds: only a probe, in time."""
        hold = self._hold
        if self._full:
            return None
        if hold.reason is None:
            return self._next(now)
        if hold.prober is not None or now < hold.next_probe:
            return None
        lane, hold.lane = hold.lane, None
        if lane is None or not _alive(lane):
            lane = self._next(now)
        elif (call := lane.entries[0].next_call) is not None:
            if self._gates[call.endpoint].opens_at(now) > now:
                self.wait(call.endpoint, lane, first=True)
                return None
            self._reserve(lane, call)
        hold.prober = lane
        return lane

    def _next(self, now: float) -> Lane | None:
        if (lane := _pop(self._ready)) is not None:
            return lane
        for endpoint, line in self._lines.items():
            if line and self._gates[endpoint].opens_at(now) <= now and (lane := _pop(line)) is not None:
                call = lane.entries[0].next_call
                assert call is not None, "a lane stands in line with a call"
                self._reserve(lane, call)
                return lane
        return None

    def next_at(self, now: float) -> float:
        """When `take` should be asked again, at the latest; infinity while only an event can change its answer."""
        hold = self._hold
        opens = math.inf
        if self._full:
            return opens
        if self._ready:
            opens = now
        for endpoint, line in self._lines.items():
            if line:
                opens = min(opens, self._gates[endpoint].opens_at(now))
        if hold.reason is None:
            return opens
        if hold.prober is not None:
            return math.inf
        return max(hold.next_probe, now if hold.lane else opens)


def _pop(line: deque[Lane]) -> Lane | None:
    while line:
        lane = line.popleft()
        lane.queued = False
        if _alive(lane):
            return lane
    return None


def _alive(lane: Lane) -> bool:
    return not (lane.dropped or lane.partition.halted)
