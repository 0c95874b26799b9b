"""Whose turn it is: lanes in line, the gates before them, and the hold over all. Pure.

A lane stands in at most one line: `ready` until it is known which endpoint its next call goes to, then that endpoint's.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable

from sinks.contract import Call, Sink
from streams.delivery.entries import Lane
from streams.delivery.gate import Gate, Window
from streams.delivery.hold import Hold
from streams.delivery.line import Line, Load, alive
from streams.delivery.settings import Backoff

EVERYWHERE = "*"


class Turns:
    """A call leaves with a slot, which counts against its gate and against `max_bytes`, the bound of all bodies in
    flight (except that one request may always leave). `in_flight` is how many slots are taken. Together with what
    `at_risk` tells, it stays below `most_at_risk`: a crash repeats no more calls than that, and what a batch holds."""

    def __init__(
        self,
        sink: Sink,
        max_in_flight: int,
        max_bytes: int,
        backoff: Backoff,
        hold: Hold,
        most_at_risk: float = math.inf,
        at_risk: Callable[[], int] = lambda: 0,
    ) -> None:
        self._sink = sink
        self._max_in_flight = max_in_flight
        self._max_bytes = max_bytes
        self._most_at_risk = most_at_risk + max((batch.most_items for batch in sink.batches), default=0)
        self._at_risk = at_risk
        self._bytes = 0
        self.in_flight = 0
        self._backoff = backoff
        self._hold = hold
        self._share = 1.0
        self._everywhere = self._windows(EVERYWHERE)
        self._shut_until = -math.inf
        self._gates: dict[str, Gate] = {}
        self._ready: deque[Lane] = deque()
        self._lines: dict[str, Line] = {}
        self._order: deque[Line] = deque()  # whose turn it is among the lines

    def _windows(self, endpoint: str) -> list[Window]:
        windows = [Window(limit) for limit in self._sink.limits if limit.endpoint == endpoint]
        for window in windows:
            window.share(self._share)
        return windows

    def gate(self, endpoint: str) -> Gate:
        gate = self._gates.get(endpoint)
        if gate is None:
            windows = [*self._windows(endpoint), *self._everywhere]
            gate = self._gates[endpoint] = Gate(windows, self._max_in_flight, self._backoff, self._sink.reserve)
            gate.shut(self._shut_until)
        return gate

    def shut(self, until: float) -> None:
        """Nothing leaves anywhere before."""
        self._shut_until = max(self._shut_until, until)
        for gate in self._gates.values():
            gate.shut(until)

    def line(self, endpoint: str) -> Line:
        line = self._lines.get(endpoint)
        if line is None:
            exact = endpoint in self._sink.kept  # in company it would not be the same bytes again
            batch = next((b for b in self._sink.batches if b.endpoint == endpoint and not exact), None)
            batch_gate = self.gate(batch.budget) if batch else None
            line = self._lines[endpoint] = Line(self.gate(endpoint), batch, batch_gate)
            self._order.append(line)
        return line

    def share(self, share: float) -> None:
        """This process now owns `share` (0 to 1) of the partitions, and as much of every budget."""
        self._share = share
        for window in self._everywhere:
            window.share(share)
        for gate in self._gates.values():
            gate.share(share)

    def gates(self) -> Iterable[tuple[str, Gate]]:
        return self._gates.items()

    @property
    def state(self) -> str:
        """ "open", "throttled" or "unavailable": the worst of the gates."""
        states = {gate.state for gate in self._gates.values()}
        return next((s for s in ("unavailable", "throttled") if s in states), "open")

    # -- lines

    def ready(self, lane: Lane, *, first: bool = False) -> None:
        if not (lane.queued or lane.dropped or lane.loaded):
            lane.queued = True
            (self._ready.appendleft if first else self._ready.append)(lane)

    def wait(self, call: Call, lane: Lane, *, first: bool = False) -> None:
        """In line before the call's gate; `first` for one that has been at the head already."""
        if not (lane.queued or lane.dropped or lane.loaded):
            lane.queued = True
            self.line(call.endpoint).stand(lane, first)

    # -- slots

    def enter(self, lane: Lane, call: Call, now: float) -> bool:
        """Takes a slot for the lane's next call, unless it has one. False when it has to stand in line instead: behind
        others, before a closed gate, or because enough come after it to travel together."""
        if lane.slot is None and not self._full:
            line = self.line(call.endpoint)
            if line.lets_pass(lane.entries[0], call, len(self._ready), now):
                self._reserve(lane, call)
        return lane.slot is not None

    def leave(self, lane: Lane, now: float) -> None:
        """The call was answered, or whatever else became of it."""
        if (call := lane.slot) is not None:
            lane.slot = None
            self.load_answered(call, now)

    def unused(self, lane: Lane) -> None:
        """The turn ended without sending."""
        if (call := lane.slot) is not None:
            lane.slot = None
            self.gate(call.endpoint).unsent(call.cost)
            self._landed(call)

    def _reserve(self, lane: Lane, call: Call) -> None:
        lane.slot = call
        self.load_leaves(call)

    def load_leaves(self, call: Call) -> None:
        """A request of many; its gate was asked before."""
        self.gate(call.endpoint).sent(call.cost)
        self.in_flight += 1
        self._bytes += len(call.body)

    def load_answered(self, call: Call, now: float) -> None:
        self.gate(call.endpoint).answered(now, call.cost)
        self._landed(call)

    def _landed(self, call: Call) -> None:
        self.in_flight -= 1
        self._bytes -= len(call.body)

    def unload(self, load: Load) -> None:
        """The turn of a load is over."""
        self._lines[load.batch.endpoint].loads -= 1

    @property
    def _full(self) -> bool:
        return self._bytes >= self._max_bytes or self.in_flight + self._at_risk() >= self._most_at_risk

    # -- turns

    def take(self, now: float) -> Lane | Load | None:
        """The next lane, or a load of them; a lane from a line comes with its slot. While the sink holds: only a probe,
        in time, and alone."""
        hold = self._hold
        if self._full:
            return None
        if hold.reason is None:
            return self._next(now)
        if hold.prober is not None or now < hold.next_probe:
            return None
        lane, hold.lane = hold.lane, None
        if lane is None or not alive(lane):
            taken = self._next(now, single=True)
            assert not isinstance(taken, Load)
            lane = taken
        elif (call := lane.entries[0].next_call) is not None:
            if self.gate(call.endpoint).opens_at(now, call.cost) > now:
                self.wait(call, lane, first=True)
                return None
            self._reserve(lane, call)
        hold.prober = lane
        return lane

    def _next(self, now: float, *, single: bool = False) -> Lane | Load | None:
        while self._ready:
            lane = self._ready.popleft()
            lane.queued = False
            if alive(lane):
                return lane
        for _ in range(len(self._order)):
            line = self._order[0]
            self._order.rotate(-1)  # the next one is asked first next time
            if (taken := line.take(now, single)) is not None:
                if isinstance(taken, Lane):
                    call = taken.entries[0].next_call
                    assert call is not None, "a lane stands in line with a call"
                    self._reserve(taken, call)
                return taken
        return None

    def next_at(self, now: float) -> float:
        """When `take` should be asked again, at the latest; infinity while only an event can change its answer."""
        hold = self._hold
        if self._full:
            return math.inf
        single = hold.reason is not None
        opens = (
            now if self._ready else min((line.opens(now, single)[0] for line in self._lines.values()), default=math.inf)
        )
        if hold.reason is None:
            return opens
        if hold.prober is not None:
            return math.inf
        return max(hold.next_probe, now if hold.lane else opens)
