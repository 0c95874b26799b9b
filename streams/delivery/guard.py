"""The guard: parks what can never pass, and holds the sink when the fault is more likely ours."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from sinks.contract import Answer, Verdict
from streams.delivery.clock import Clock
from streams.delivery.entries import Entry, Lane
from streams.delivery.hold import BRAKE, MISCONFIGURED, Brake, Hold
from streams.delivery.metrics import PARKING, DeliveryMetrics
from streams.delivery.pace import Random, jittered
from streams.delivery.park import BEHIND, Parking
from streams.delivery.settings import DeliverySettings
from streams.delivery.turns import Turns

log = structlog.get_logger("shoprelay.delivery")


class Guard:
    def __init__(
        self,
        sink: str,
        settings: DeliverySettings,
        hold: Hold,
        turns: Turns,
        parking: Parking,
        metrics: DeliveryMetrics,
        clock: Clock,
        random: Random,
    ) -> None:
        self._sink = sink
        self._backoff = settings.backoff
        self._brake = Brake(settings.brake)
        self._hold = hold
        self._turns = turns
        self._parking = parking
        self._metrics = metrics
        self._clock = clock
        self._random = random
        self._unparked = 0  # calls the parked topic does not take just now

    def delivered(self, many: int = 1) -> None:
        self._brake.delivered(many)

    def misconfigured(self, lane: Lane, answer: Answer) -> None:
        """Holds, with this lane's call as the probe; or lets it wait while the sink holds already."""
        if self._hold.reason is None:
            self._begin(MISCONFIGURED, lane, answer)
        else:
            self._turns.ready(lane, first=True)

    def settle(self, lane: Lane, verdict: Verdict) -> None:
        """What an answer means for the hold, if there is one."""
        hold = self._hold
        if hold.reason is None:
            return
        probe = hold.prober is lane
        through = verdict is Verdict.DELIVERED or (verdict is Verdict.REJECTED and hold.reason == MISCONFIGURED)
        if through and (probe or not hold.strict):
            self._end(hold.reason)
        elif probe and (verdict is not Verdict.REJECTED or hold.reason == MISCONFIGURED):
            hold.again(lane, self._clock.monotonic())  # a refusal is put aside, and asks for the brake itself

    async def put_aside(self, entry: Entry, code: str, answer: Answer | None, detail: str) -> bool:
        """Whether it is parked, durably. Otherwise the sink holds because too much was parked already, or the parking
        was cut short: then it is not finished, and comes again."""
        if code != BEHIND:  # nobody has refused those
            if self._brake.on:
                self._brake_on(entry.lane, answer)
                return False
            self._brake.parked()
        reason, now = f"{code}: {detail}" if detail else code, self._clock.wall()
        if not await self.lasting(entry.lane, lambda: self._parking.put(entry, reason, answer, now)):
            return False
        self._metrics.parked(code)
        return True

    async def taken_away(self, entry: Entry) -> bool:
        """Whether what was parked is so no longer, durably; False when that was cut short."""
        return await self.lasting(entry.lane, lambda: self._parking.take_away(entry))

    async def opened(self, lane: Lane, name: str) -> bool:
        """Whether those who waited for this are on their way, durably; False when that was cut short."""
        return await self.lasting(lane, lambda: self._parking.opened(lane, name))

    async def lasting(self, lane: Lane, act: Callable[[], Awaitable[None]]) -> bool:
        """Whether something durable was done, however often it failed; False when it was cut short."""
        try:
            async with asyncio.timeout(None) as lane.scope:
                await self._until_done(act)
        except TimeoutError:
            return False
        finally:
            lane.scope = None
        return True

    def _brake_on(self, lane: Lane, answer: Answer | None) -> None:
        if self._hold.reason is None:
            self._begin(BRAKE, lane if self._brake.too_large_a_share else None, answer)
        elif self._hold.prober is lane:
            self._hold.again(lane, self._clock.monotonic())
        if self._hold.lane is not lane:
            self._turns.ready(lane)

    async def _until_done(self, act: Callable[[], Awaitable[None]]) -> None:
        failures = 0
        try:
            while not await self._done(act, first=failures == 0):
                failures += 1
                await asyncio.sleep(jittered(self._backoff, failures, self._random))
        finally:
            if failures:
                self._unparked -= 1
                self._metrics.held(PARKING, self._unparked > 0)

    async def _done(self, act: Callable[[], Awaitable[None]], *, first: bool) -> bool:
        try:
            await act()
        except Exception as error:
            if first:
                told = "the broker does not take what has to last; trying until it works"
                log.error(told, sink=self._sink, error=type(error).__name__)
                self._unparked += 1
                self._metrics.held(PARKING, True)
            return False
        return True

    def _begin(self, reason: str, lane: Lane | None, answer: Answer | None) -> None:
        self._hold.begin(reason, lane, self._clock.monotonic())
        self._metrics.held(reason, True)
        status = answer.status if answer else None
        log.error("the sink holds until a probe passes", sink=self._sink, reason=reason, status=status)

    def _end(self, reason: str) -> None:
        if (lane := self._hold.end()) is not None:
            self._turns.ready(lane, first=True)
        self._brake.release()
        self._metrics.held(reason, False)
        log.warning("the sink goes on", sink=self._sink, after=reason)
