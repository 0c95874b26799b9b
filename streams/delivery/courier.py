"""The courier: one turn of one lane. Sends the next call of its first entry, and does what the verdict asks for."""

from __future__ import annotations

import asyncio
from datetime import datetime

import structlog

from schemas.codec import SchemaMissing
from schemas.registry import RegistryError
from sinks.contract import Answer, Call, Sink, Verdict, deciding
from streams.delivery import park
from streams.delivery.asking import Asking
from streams.delivery.attempt import Step, blame, is_poison, step
from streams.delivery.beforehand import Beforehand
from streams.delivery.carrier import Carrier
from streams.delivery.clock import Clock
from streams.delivery.crew import Crew
from streams.delivery.entries import Entry, Lane
from streams.delivery.guard import Guard
from streams.delivery.hold import Hold
from streams.delivery.http import Transport
from streams.delivery.lanes import Lanes
from streams.delivery.lastlook import SENT_AGAIN, withheld
from streams.delivery.metrics import DeliveryMetrics
from streams.delivery.pace import NO_QUOTA, Random, asked_for, quota
from streams.delivery.park import Parking
from streams.delivery.remembered import Remembered
from streams.delivery.reminders import Reminders
from streams.delivery.rests import Rests
from streams.delivery.say import DELIVERED, NOT_TOLD, PARKED, UNKNOWN, WITHHELD, Finished, Speaker, Unsayable
from streams.delivery.second import SecondWay
from streams.delivery.settings import DeliverySettings
from streams.delivery.turns import Turns

log = structlog.get_logger("shoprelay.delivery")
LEEWAY = 1.5  # of `commit_records` may be at risk: the next half is finished while a commit is on its way


class Courier:
    def __init__(
        self,
        sink: Sink,
        settings: DeliverySettings,
        lanes: Lanes,
        speaker: Speaker,
        transport: Transport,
        parking: Parking,
        metrics: DeliveryMetrics,
        clock: Clock,
        random: Random,
        remembered: Remembered,
    ) -> None:
        self._sink = sink
        self._settings = settings
        self._lanes = lanes
        self._remembered = remembered
        self._speaker = speaker
        self._transport = transport
        self._metrics = metrics
        self._clock = clock
        self._random = random
        self.successes = 0
        self._unlearned = 0  # failures of the registry in a row
        self._reminders = Reminders(settings.remembered_reminders, metrics)
        most = settings.max_in_flight or sink.max_in_flight
        self.hold = Hold(settings.probe_seconds)
        self.turns = Turns(
            sink, most, settings.max_in_flight_bytes, settings.backoff, self.hold,
            most + int(LEEWAY * settings.commit_records), lambda: lanes.at_risk,
        )  # fmt: skip
        self.asking = Asking(sink, transport, self.turns, metrics, clock, self.correct)
        self.crew = Crew(self.turns, self.turn, Carrier(self, sink, self.asking, metrics, clock).turn, most, clock)
        self.rests = Rests(settings.backoff, random, self.crew.wake)
        self.guard = Guard(sink.name, settings, self.hold, self.turns, parking, metrics, clock, random)
        self._beforehand = Beforehand(remembered, speaker, self.guard)
        self._second = SecondWay(parking, self.guard, sink.timeout_seconds)
        self.progressed_at = clock.monotonic()

    async def turn(self, lane: Lane) -> None:
        """Ends with the lane where it belongs: in a line, resting, looking, set aside as the probe, or gone."""
        await self._serve(lane, lane.entries[0])
        self.turns.unused(lane)
        if self.hold.prober is lane:  # nothing was sent, so another may probe
            self.hold.prober = None

    # -- before sending

    async def _serve(self, lane: Lane, entry: Entry) -> None:
        try:
            said: Finished | Unsayable | None = None
            if entry.partition.second:
                said = await self._second.taken_up(entry)
            if said is None and self._remembered.silent and not await self._beforehand.listened(entry):
                return None
            said = said or self.prepare(entry)
            if isinstance(said, Finished):
                return await self._settle(entry, said.outcome)
            if isinstance(said, Unsayable):
                await self.put_aside(entry, said.code, None, said.detail)
                return None
            if self._is_reminder(entry) and not await self._may_leave(entry):
                return None
        except SchemaMissing as missing:
            return await self._learn(entry, missing.schema_id)
        except (RegistryError, TimeoutError) as away:
            return self._wait_for_registry(entry, away)
        call = entry.next_call
        assert call is not None, "an entry that is prepared has calls left"
        if call.needs and lane.shard.sequence.blocks(lane.key, call.needs):
            await self.put_aside(entry, park.BEHIND, None, call.needs)
            return None
        if call.opens and lane.shard.sequence.blocks(lane.key, call.opens):
            entry.alone = True  # in company it could not say at once that others need not wait any longer
        if self._remembered.lacks(entry, call) and not await self._kept(entry, call):
            return None
        if not self.turns.enter(lane, call, self._clock.monotonic()):
            return self._stand(lane, call)
        return await self._attempt(entry, call)

    async def _settle(self, entry: Entry, outcome: str) -> None:
        """Nothing of it is left to send. What was parked is taken away before that is committed; while the shop is away
        it stays."""
        if self._remembered.silent or await self._second.settled(entry):
            self.progressed_at = self._clock.monotonic()
            self._finish(entry, outcome, self._clock.wall() if outcome == DELIVERED else None)

    async def _kept(self, entry: Entry, call: Call) -> bool:
        kept = await self._beforehand.kept(entry, call)
        if isinstance(kept, Unsayable):
            await self.put_aside(entry, kept.code, None, kept.detail)
        return kept is True

    def prepare(self, entry: Entry) -> Finished | Unsayable | None:
        """The calls it means, once; or why there are none. Raises `SchemaMissing`."""
        if self._remembered.silent:
            return Finished(NOT_TOLD)
        if entry.calls is not None:
            return None
        said = self._speaker.prepare(entry) or self._remembered.prepared(entry)
        if said is not None:
            entry.calls = None  # looked at ahead of its turn, it has to be finished in its turn
        self._reminders.notice(entry)
        entry.alone = entry.alone or self._is_reminder(entry)
        return said

    def _is_reminder(self, entry: Entry) -> bool:
        return entry.signal is not None and type(entry.signal.payload) in self._sink.reminders

    def _stand(self, lane: Lane, call: Call, *, first: bool = False) -> None:
        self.turns.wait(call, lane, first=first)
        if lane.entries[0].history:
            self._lanes.defer(lane)

    async def _may_leave(self, entry: Entry) -> bool:
        """The last look, before every attempt. A reminder on its second way cannot see what came since its first."""
        signal, lane = entry.signal, entry.lane
        assert signal is not None
        looking = lane.shard.looking
        looking.pop(lane, None)  # nobody else is to look for it during its turn
        reason = SENT_AGAIN if entry.again else withheld(signal, self._speaker.behind(lane), self._clock.wall())
        if reason:
            self._metrics.reminder_withheld(reason)
            await self._settle(entry, WITHHELD)
            return False
        looking[lane] = None
        if not self._lanes.may_leave(entry, self._clock.monotonic()):
            return False
        looking.pop(lane, None)
        return True

    async def _learn(self, entry: Entry, schema_id: int) -> None:
        try:
            async with asyncio.timeout(self._sink.timeout_seconds) as entry.lane.scope:
                await self._speaker.codec_of(entry).fetch(schema_id)
        except (RegistryError, TimeoutError) as away:
            self._wait_for_registry(entry, away)
            return
        finally:
            entry.lane.scope = None
        self._unlearned = 0
        self.turns.ready(entry.lane, first=True)

    def _wait_for_registry(self, entry: Entry, away: Exception) -> None:
        self._unlearned += 1
        if self._unlearned == 1:
            log.warning("the schema registry is away; waiting", error=type(away).__name__)
        self.rests.rest(entry.lane, self._unlearned)

    # -- sending, and what follows

    async def _attempt(self, entry: Entry, call: Call) -> None:
        lane, sent_at = entry.lane, self._clock.monotonic()
        entry.first_at = entry.first_at or self._clock.wall().timestamp()
        answer = await self._exchange(lane, call)
        if answer is None:
            return
        now, verdict = self._clock.monotonic(), self._remembered.verdict_on(call, answer)
        self._metrics.timed(call, now - sent_at)
        self.correct(call, verdict, answer, sent_at, now)
        if call.endpoint in self._sink.follow:
            followed = await self._followed(lane, call, verdict, answer)
            if followed is None:
                return
            verdict, answer = followed
        self._metrics.calls(call.says, verdict)
        if verdict is Verdict.UNAVAILABLE:
            self.failed(entry)
        self.guard.settle(lane, verdict)
        await self._follow(entry, call, verdict, answer)

    async def _followed(
        self, lane: Lane, call: Call, verdict: Verdict, answer: Answer
    ) -> tuple[Verdict, Answer] | None:
        """`None` when it was cut short from outside."""
        try:
            async with asyncio.timeout(None) as lane.scope:
                return await self.asking.followed(call, verdict, answer)
        except TimeoutError:
            return None
        finally:
            lane.scope = None

    def correct(self, call: Call, verdict: Verdict, answer: Answer, sent_at: float, now: float) -> None:
        """What one answer says of the platform as a whole."""
        gate, longest = self.turns.gate(call.endpoint), self._settings.longest_wait_seconds
        if verdict is Verdict.THROTTLED:
            asked = asked_for(answer.headers, self._clock.wall()) or self._sink.throttled_seconds or None
            gate.throttled(sent_at, now, None if asked is None else min(asked, longest), self._random)
            if (rule := deciding(answer, self._sink.rules_for(call))) and rule.wait_seconds:
                self.turns.shut(now + rule.wait_seconds)
            return
        if verdict is Verdict.UNAVAILABLE:
            gate.failed(sent_at, now, self._random)
        elif gate.passed():
            self.rests.wake_the_blameless()
        if answer.headers and (told := quota(answer.headers, self._clock.wall())) is not NO_QUOTA:
            gate.told(told, now, longest)

    async def _exchange(self, lane: Lane, call: Call) -> Answer | None:
        """`None` when it was cut short from outside."""
        try:
            async with asyncio.timeout(self._sink.timeout_seconds) as lane.scope:
                return await self._transport.send(call)
        except TimeoutError:
            return None if lane.cut else Answer(0, fault="timeout")
        finally:
            lane.scope = None
            self.turns.leave(lane, self._clock.monotonic())

    async def _follow(self, entry: Entry, call: Call, verdict: Verdict, answer: Answer) -> None:
        lane, outage = entry.lane, self.turns.gate(call.endpoint).outage
        poison = verdict is Verdict.UNAVAILABLE and is_poison(entry, self._settings.give_up_after, self._clock.wall())
        match step(verdict, poison=poison, outage=outage):
            case Step.ADVANCE:
                if await self._beforehand.forgotten(entry, call) and await self._second.passed(entry, call):
                    self.got_through(1)
                    self.advance(entry, self._clock.wall())
            case Step.WAIT if self.hold.lane is not lane:
                self._stand(lane, call, first=verdict is Verdict.THROTTLED)
            case Step.REST if self.hold.lane is not lane:
                self.rests.rest(lane, entry.attempts)
            case Step.HOLD if self.hold.lane is not lane:
                self.guard.misconfigured(lane, answer)
            case Step.PARK:
                if self.hold.lane is lane:  # what comes behind is as good a probe, and parking may take its time
                    self.hold.lane = None
                await self.put_aside(entry, park.GAVE_UP if poison else park.REJECTED, answer)

    def got_through(self, calls: int) -> None:
        """So many were delivered."""
        self.successes += calls
        self.guard.delivered(calls)
        self.progressed_at = self._clock.monotonic()

    def advance(self, entry: Entry, wall: datetime) -> None:
        """Its next call is one of those that got through, at this time."""
        assert entry.calls is not None
        entry.at += 1
        entry.attempts = entry.blamed = 0
        entry.first_at = 0.0
        if entry.at < len(entry.calls):
            self.turns.ready(entry.lane)
        else:
            self._finish(entry, DELIVERED, wall)

    def failed(self, entry: Entry) -> None:
        """How often its call failed, and whether while others got through."""
        blame(entry, self.successes)

    async def put_aside(self, entry: Entry, code: str, answer: Answer | None, detail: str = "") -> bool:
        """Whether it is parked; if not, it is where it has to wait."""
        parked = await self.guard.put_aside(entry, code, answer, detail)
        if parked:
            self.progressed_at = self._clock.monotonic()
            self._finish(entry, PARKED)
        return parked

    def _finish(self, entry: Entry, outcome: str, wall: datetime | None = None) -> None:
        """`wall` is when it was delivered."""
        lane, signal = entry.lane, entry.signal
        self._metrics.finished(type(signal.payload).__name__ if signal else UNKNOWN, outcome)
        if wall is not None and signal is not None:
            if type(signal.payload) in self._sink.reminders:
                self._reminders.sent(signal.signal_id)
            if signal.priority == "live":
                self._metrics.told((wall - signal.occurred_at).total_seconds())
        if (exact := self._remembered.exact) is not None:
            exact.finished(entry)
        self._lanes.finish(entry)
        if lane.entries:
            self.turns.ready(lane)
