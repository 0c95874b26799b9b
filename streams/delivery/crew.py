"""The crew: as many turns at once as there may be, of lanes and of loads, an alarm for the next one, and an orderly
end."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable, Collection, Iterable

from streams.delivery.clock import Clock
from streams.delivery.entries import Lane
from streams.delivery.lanes import Lanes
from streams.delivery.line import Load
from streams.delivery.turns import Turns

SOON = 0.001  # seconds that are not worth waiting for
CUT_AGAIN = 0.1  # seconds until what was cut short, and has not ended, is cut once more
BREATH = 200  # turns after which others get to run, for those that wait for nothing
Turn = Callable[[Lane], Awaitable[None]]
LoadTurn = Callable[[Load], Awaitable[None]]


class Crew:
    """Runs `turn` for every lane that may go, `load_turn` for those that go together. `failure` gets what a turn
    raises: a mistake of ours, never the platform's, and the process must end with it."""

    def __init__(self, turns: Turns, turn: Turn, load_turn: LoadTurn, max_in_flight: int, clock: Clock) -> None:
        self._turns = turns
        self._turn = turn
        self._load_turn = load_turn
        self._max_in_flight = max_in_flight
        self._clock = clock
        self._workers: set[asyncio.Task[None]] = set()
        self._hired = False  # one who has not begun yet
        self._alarm: asyncio.TimerHandle | None = None
        self._one_ended = asyncio.Event()
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def wake(self, lanes: Iterable[Lane] = ()) -> None:
        """These lanes have something to do; or time has passed, or an answer has come."""
        for each in lanes:
            self._turns.ready(each)
        now = self._clock.monotonic()
        self._hire(now)
        self._set_alarm(now)

    def _hire(self, now: float) -> None:
        """One more worker, if there is something for it to do. It takes its first turn when it gets to run, not sooner:
        until then whoever works already may have taken more than one along."""
        if self._hired or len(self._workers) >= self._max_in_flight or self._turns.next_at(now) > now:
            return
        self._hired = True
        worker = asyncio.create_task(self._work())
        self._workers.add(worker)
        worker.add_done_callback(self._left)

    async def _work(self) -> None:
        self._hired = False
        turns = 0
        while (taken := self._turns.take(self._clock.monotonic())) is not None:
            lanes = (taken,) if isinstance(taken, Lane) else taken.lanes
            for lane in lanes:
                lane.busy = True
            if not self._hired:
                self._hire(self._clock.monotonic())  # somebody for the rest, while this one waits
            try:
                await (self._turn(taken) if isinstance(taken, Lane) else self._load_turn(taken))
            finally:
                for lane in lanes:
                    lane.busy = False
                self._one_ended.set()
            if (turns := turns + 1) % BREATH == 0:
                await asyncio.sleep(0)

    def _left(self, worker: asyncio.Task[None]) -> None:
        self._workers.discard(worker)
        if worker.cancelled():
            return
        if (error := worker.exception()) is None:
            self._set_alarm(self._clock.monotonic())
        else:
            self.fail(error)

    def fail(self, error: BaseException) -> None:
        """A mistake of ours."""
        if not self.failure.done():
            self.failure.set_exception(error)

    def _set_alarm(self, now: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._hired or len(self._workers) >= self._max_in_flight:
            return  # whoever works takes the next turn without being woken
        if (at := self._turns.next_at(now)) < math.inf:
            self._alarm = asyncio.get_running_loop().call_later(max(at - now, SOON), self.wake)

    async def finish(self, lanes: Lanes, numbers: Collection[int], seconds: float) -> None:
        """Nothing of these (halted) partitions is sent any more when this returns. Calls in flight have `seconds` to
        finish; what is left then is dropped, and comes again to whoever owns the partition next."""
        deadline = self._clock.monotonic() + seconds
        while busy := lanes.busy(numbers):
            self._one_ended.clear()
            left = deadline - self._clock.monotonic()
            if left <= SOON:
                left = CUT_AGAIN  # for who was between two things to wait for
                for lane in busy:
                    cut(lane)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._one_ended.wait(), left)

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
    if lane.scope is not None and not lane.scope.expired():  # it may need a while to end
        lane.scope.reschedule(asyncio.get_running_loop().time())
