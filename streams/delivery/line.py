"""Who stands before one endpoint's gate, and who goes next: one by one, or many in one request. Pure.

Those who must go alone (reminders, whoever is under suspicion) first, then what is live, then history. One by one as
long as few wait: nobody waits for company. Once enough do, together, for as long as the budget of the joined request
lasts; then one by one again.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from enum import IntEnum

from sinks.contract import Batch, Call
from streams.delivery.entries import Entry, Lane
from streams.delivery.gate import Gate

IN_A_ROW = 8  # calls of one customer in one request, where others wait: enough that what is oldest is soon finished


class Kind(IntEnum):
    """Who may go next."""

    ALONE = 0
    LOAD = 1
    LIVE = 2
    HISTORY = 3
    NOBODY = 4


@dataclass(eq=False, slots=True)
class Load:
    """The lanes whose next calls travel in one request. Each is busy until the load's turn is over."""

    batch: Batch
    lanes: list[Lane] = field(default_factory=list)


class Line:
    def __init__(self, gate: Gate, batch: Batch | None, batch_gate: Gate | None) -> None:
        self._gate = gate
        self._batch = batch
        self._batch_gate = batch_gate
        self._alone: deque[Lane] = deque()
        self._live: deque[Lane] = deque()
        self._history: deque[Lane] = deque()
        self.loads = 0  # turns of loads under way

    def stand(self, lane: Lane, first: bool) -> None:
        entry = lane.entries[0]
        queue = self._alone if entry.alone else self._history if entry.history else self._live
        (queue.appendleft if first else queue.append)(lane)

    def lets_pass(self, entry: Entry, call: Call, coming: int, now: float) -> bool:
        """Whether a call may leave at once, `coming` being those who may soon stand here, too."""
        if self._alone or self._live or (self._history and entry.history):
            return False
        if self._batch and not entry.alone and self._waiting + coming >= self._batch.from_items:
            return False
        return self._gate.opens_at(now, call.cost, history=entry.history) <= now

    def opens(self, now: float, single: bool = False) -> tuple[float, Kind]:
        """When the next may go, `now` at the earliest, and who. Infinity while only an event can let somebody go."""
        choices = [(math.inf, Kind.NOBODY)]
        if lane := _head(self._alone):
            choices.append((self._at(lane, now), Kind.ALONE))
        live, history = _head(self._live), _head(self._history)
        one_by_one = True
        if self._batch and self._batch_gate and not single and self._waiting >= self._batch.from_items:
            together = (
                self._batch_gate.opens_at(now, history=not live) if self.loads < self._batch.in_flight else math.inf
            )
            choices.append((max(now, together), Kind.LOAD))
            one_by_one = now < together < math.inf  # only a budget keeps them from travelling together
        if one_by_one and live:
            choices.append((self._at(live, now), Kind.LIVE))
        elif one_by_one and history:
            choices.append((self._at(history, now, history=True), Kind.HISTORY))
        return min(choices)

    @property
    def _waiting(self) -> int:
        return len(self._live) + len(self._history)

    def _at(self, lane: Lane, now: float, *, history: bool = False) -> float:
        call = lane.entries[0].next_call
        assert call is not None, "a lane stands in line with a call"
        return max(now, self._gate.opens_at(now, call.cost, history=history))

    def take(self, now: float, single: bool = False) -> Lane | Load | None:
        at, kind = self.opens(now, single)
        if at > now:
            return None
        match kind:
            case Kind.ALONE:
                return _pop(self._alone)
            case Kind.LOAD:
                return self._load()
            case Kind.LIVE:
                return _pop(self._live)
            case Kind.HISTORY:
                return _pop(self._history)
        return None

    def _load(self) -> Load:
        assert self._batch is not None
        load, size, calls = Load(self._batch), 0, 0
        for queue in (self._live, self._history):
            while calls < self._batch.most_items and (lane := _head(queue)):
                call = lane.entries[0].next_call
                assert call is not None
                size += len(call.body)
                if load.lanes and size > self._batch.most_bytes:
                    break
                _pop(queue)
                lane.loaded = True
                load.lanes.append(lane)
                calls += 1 if self._batch.one_per_customer else min(len(lane.entries), IN_A_ROW)
        self.loads += 1
        return load


def _head(queue: deque[Lane]) -> Lane | None:
    """The first who is still there."""
    while queue and not alive(queue[0]):
        queue.popleft().queued = False
    return queue[0] if queue else None


def _pop(queue: deque[Lane]) -> Lane:
    lane = queue.popleft()
    lane.queued = False
    return lane


def alive(lane: Lane) -> bool:
    return not (lane.dropped or lane.shard.halted)
