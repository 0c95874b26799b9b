"""A stage for one sink: the real runner over a log in memory, in virtual time, in front of the sink's own stand-in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, generate_latest
from pydantic import BaseModel

from schemas.signals import AnySignal
from shoprelay.certificate.behaviour import Broken
from shoprelay.certificate.hands import SETTINGS, Hands, Log, Notes, NothingKnown, Parkings, Signals
from shoprelay.certificate.platform import Platform, Sent
from shoprelay.certificate.said import said as calls_of
from shoprelay.certificate.subject import Subject
from shoprelay.certificate.virtual import VirtualClock, until
from sinks.contract import Answer, Ask, Call, Follow, Sink, Verdict, classify
from streams.delivery import DeliverySettings
from streams.delivery.kept import Kept
from streams.delivery.metrics import DeliveryMetrics
from streams.delivery.park import Parking
from streams.delivery.runner import Delivery
from streams.delivery.say import Speaker
from streams.delivery.token import borrowing, registered

KEPT_KEY = 43 * "A" + "="
PATIENCE = 3600.0  # virtual seconds before something counts as never happening


class Process:
    """One sink process, running. Its end is the stage's."""

    def __init__(self, stage: Stage, settings: DeliverySettings) -> None:
        sink = stage.overheard(stage.subject.sink)
        self.hands = Hands(stage.log, stage.platform)
        self.metrics = CollectorRegistry()
        self.stop = asyncio.Event()
        kept = Kept(Notes(stage.log, self.hands), [KEPT_KEY]) if sink.remembers else None
        registration = registered(self.hands, sink, stage.config, kept, settings.backoff, stage.clock)
        self.delivery = Delivery(
            sink,
            settings,
            feed=self.hands,
            speaker=Speaker(sink, stage.config, Signals()),
            transport=borrowing(self.hands, sink.token, stage.config, stage.clock, registration),
            parking=Parking(self.hands, Parkings(), sink.name, settings.account),
            metrics=DeliveryMetrics(self.metrics, sink.name),
            clock=stage.clock,
            random=lambda: 0.5,
            kept=kept,
            registration=registration,
            history=NothingKnown(),
        )
        self.running = asyncio.create_task(self.delivery.run(self.stop))

    async def end(self) -> int:
        """As SIGTERM does; the exit code."""
        self.stop.set()
        return await self.running

    async def die(self) -> None:
        """As `kill -9` does: from now on nothing it does reaches anybody."""
        self.hands.dead = True
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)


class Stage:
    """The log, the platform and the clock of one rehearsal. `logs` are the log lines of the processes."""

    def __init__(self, subject: Subject, config: BaseModel, begins: AnySignal, logs: list[Any]) -> None:
        self.subject = subject
        self.config = config
        self.clock = VirtualClock(begins.occurred_at + timedelta(seconds=60))
        self.log = Log()
        self.platform = Platform(subject, config, self.clock)
        self.processes: list[Process] = []
        self.logs = logs
        self.asked: set[str] = set()  # keys of what was asked to follow a call to its end
        self.followed: dict[str, None] = {}  # keys of calls that were followed to a good one

    def start(self, **settings: Any) -> Process:
        self.processes.append(Process(self, replace(SETTINGS, **settings)))
        return self.processes[-1]

    def overheard(self, sink: Sink) -> Sink:
        """The same sink, except that what it asks is remembered."""

        def listening(follow: Follow) -> Follow:
            def said(call: Call, answers: Sequence[Answer]) -> Verdict | Ask | None:
                if isinstance(next_step := follow(call, answers), Ask):
                    self.asked.add(next_step.call.key)
                elif (next_step or classify(answers[-1], sink.rules)) is Verdict.DELIVERED:
                    self.followed[call.key] = None
                return next_step

            return said

        return replace(sink, follow={endpoint: listening(follow) for endpoint, follow in sink.follow.items()})

    @property
    def now(self) -> float:
        return self.clock.monotonic()

    @property
    def sent(self) -> list[Sent]:
        """Of calls that signals became; not what was asked of the platform to follow them."""
        return [each for each in self.platform.sent if each.call.key not in self.asked]

    def keys(self, signals: Collection[AnySignal]) -> list[str]:
        return [call.key for signal in signals for call in calls_of(self.subject, signal, self.config)]

    def delivered(self) -> list[str]:
        """Keys the stand-in took in, in the order it first did; then those that were taken in another way."""
        taken = [s.call.key for s in self.sent if s.answer and 200 <= s.answer.status < 300 and not s.answer.fault]
        return list(dict.fromkeys([*taken, *self.followed]))

    async def done(self, what: str, seconds: float = PATIENCE) -> None:
        """Until everything said is finished and committed."""
        if not await until(lambda: self.log.is_done, seconds):
            answers = [f"{s.answer.status or s.answer.fault}" for s in self.sent if s.answer]
            raise Broken(f"{what}: not finished after {seconds:.0f} s; the last answers were {answers[-5:]}")

    async def passes(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def start_and_finish(self, what: str) -> int:
        process = self.start()
        await self.done(what)
        return await process.end()

    async def reached(self, condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
        if not await until(condition, seconds):
            raise Broken(f"{what}: not there after {seconds:.0f} s")

    def everything_shown(self) -> str:
        """All that leaves a process on ways other than a call: metrics, parked records, health and logs."""
        shown = [generate_latest(process.metrics).decode() for process in self.processes]
        shown += [str(process.delivery.health()) for process in self.processes]
        return "\n".join([*shown, *map(repr, self.log.parked), *map(str, self.logs)])


@asynccontextmanager
async def stage(subject: Subject, begins: AnySignal, **changes: Any) -> AsyncIterator[Stage]:
    """`changes` are settings of the sink other than those that lead to the stand-in."""
    with structlog.testing.capture_logs() as logs:
        made = Stage(subject, subject.config(**changes), begins, logs)
        try:
            yield made
        finally:
            for process in made.processes:
                if not process.running.done():
                    await process.end()
