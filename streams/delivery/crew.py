"""The crew: as many turns at once as there may be, an alarm for the next one, and an orderly end."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Collection, Iterable

from streams.delivery.clock import Clock
from streams.delivery.lanes import Lane, Lanes
from streams.delivery.turns import Turns

SOON = 0.001  # seconds that are not worth waiting for
Turn = Callable[[Lane], Awaitable[None]]


class Crew:
    """Runs `turn` for every lane that may go. `failure` gets what a turn raises: a mistake of ours, never the
    platform's, and the process must end with it."""

    def __init__(self, turns: Turns, turn: Turn, max_in_flight: int, clock: Clock) -> None:
        self._turns = turns
        self._turn = turn
        self._max_in_flight = max_in_flight
        self._clock = clock
        self._workers: set[asyncio.Task[None]] = set()
        self._alarm: asyncio.TimerHandle | None = None
        self._one_ended = asyncio.Event()
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def wake(self, lanes: Iterable[Lane] = ()) -> None:
        """These lanes have something to do; or time has passed, or an answer has come."""
        for each in lanes:
            self._turns.ready(each)
        now = self._clock.monotonic()
        while len(self._workers) < self._max_in_flight and (lane := self._turns.take(now)) is not None:
            self._hire(lane)
        self._set_alarm(now)

    def _hire(self, lane: Lane) -> None:
        lane.busy = True  # from now on, not only when the task gets to run
        worker = asyncio.create_task(self._work(lane))
        self._workers.add(worker)
        worker.add_done_callback(self._left)

    async def _work(self, first: Lane) -> None:
        lane: Lane | None = first
        while lane is not None:
            lane.busy = True
            try:
                await self._turn(lane)
            finally:
                lane.busy = False
                self._one_ended.set()
            if len(self._workers) < self._max_in_flight:
                self.wake()  # this turn may have opened a gate for more than one
            lane = self._turns.take(self._clock.monotonic())

    def _left(self, worker: asyncio.Task[None]) -> None:
        self._workers.discard(worker)
        if worker.cancelled():
            return
        if (error := worker.exception()) is None:
            self.wake()
        elif not self.failure.done():
            self.failure.set_exception(error)

    def _set_alarm(self, now: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        at = self._turns.next_at(now)
        if now < at < math.inf:
            self._alarm = asyncio.get_running_loop().call_later(at - now, self.wake)

    async def finish(self, lanes: Lanes, numbers: Collection[int], seconds: float) -> None:
        """Nothing of these (halted) partitions is sent any more when this returns. Calls in flight have `seconds` to
        finish; what is left then is dropped, and comes again to whoever owns the partition next."""
        deadline = self._clock.monotonic() + seconds
        while busy := lanes.busy(numbers):
            self._one_ended.clear()
            left = deadline - self._clock.monotonic()
            if left > SOON:
                try:
                    await asyncio.wait_for(self._one_ended.wait(), left)
                except TimeoutError:
                    continue
            else:
                for lane in busy:
                    cut(lane)
                await self._one_ended.wait()

    def ended(self) -> BaseException | None:
        return self.failure.exception() if self.failure.done() and not self.failure.cancelled() else None

    async def close(self) -> None:
        """Ends what still runs; to be called when nothing of it matters any more."""
        if self._alarm is not None:
            self._alarm.cancel()
        for worker in list(self._workers):
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)


def cut(lane: Lane) -> None:
    """Ends what the lane is waiting for, now; no verdict follows."""
    lane.cut = True
    if lane.scope is not None:
        lane.scope.reschedule(asyncio.get_running_loop().time())
