"""One poller: rounds of questions, one after the other, each answer durable before the next question.

Says, remembers, asks: events are acked by the broker before the position is, and the position before the next round. A
process that dies in between asks the same again and tells the same events under the same ids.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog
from aiokafka.errors import KafkaError

from schemas.records import Refused
from sinks.contract import Answer, Verdict, classify
from sources.contract import Polled, Request, Source, Unreadable, Visit
from streams.delivery.clock import Clock
from streams.delivery.http import Transport
from streams.delivery.mistakes import where
from streams.delivery.pace import Random, asked_for, jittered
from streams.polling.asking import as_call
from streams.polling.health import PollingHealth
from streams.polling.metrics import PollingMetrics
from streams.polling.pacing import Pacing
from streams.polling.ports import Hands
from streams.polling.settings import PollingSettings

log = structlog.get_logger("shoprelay.polling")
NOWHERE = -1  # partition and offset of a row that came from an answer, not from a topic


class Poller:
    """`trouble` in a row without an answer lengthens the wait; a good answer ends it."""

    def __init__(
        self, source: Source, config: Any, settings: PollingSettings, *, hands: Hands, transport: Transport,
        metrics: PollingMetrics, clock: Clock, random: Random,
    ) -> None:  # fmt: skip
        self._source, self._config, self._settings = source, config, settings
        self._hands, self._transport, self._metrics = hands, transport, metrics
        self._clock, self._random = clock, random
        self._pacing = Pacing(source.limits)
        self._failures = 0
        self._health = PollingHealth("recalling")

    def health(self) -> PollingHealth:
        return self._health

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; whatever is under way is left then, and asked again by whoever comes next."""
        polling, stopped = asyncio.ensure_future(self._polling()), asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait((polling, stopped), return_when=asyncio.FIRST_COMPLETED)
            if polling.done():
                polling.result()
        finally:
            for task in (polling, stopped):
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await polling

    async def _polling(self) -> None:
        position: bytes | None = None
        while True:
            try:
                if position is None:
                    position = await self._hands.recall()
                position = await self._round(position)
            except KafkaError as away:
                position = None  # what the broker has of it is not known: read it again
                await self._kafka_away(away)
                continue
            self._metrics.finished(self._clock.wall().timestamp())
            self._health = PollingHealth("resting", finished=self._clock.wall())
            await asyncio.sleep(self._settings.every_seconds)

    async def _round(self, position: bytes) -> bytes:
        """How far it has read afterwards."""
        visit = Visit(self._settings.shop, self._clock.wall(), position)
        request: Request | None = self._source.begin(visit, self._config)
        while request is not None:
            polled = await self._answered(visit, request)
            await self._keep(polled, visit.at)
            if polled.position is not None:
                await self._hands.remember(polled.position)
                position = polled.position
            if polled.next is not None and polled.seconds:
                await asyncio.sleep(polled.seconds)
            request = polled.next
        return position

    async def _keep(self, polled: Polled, at: datetime) -> None:
        if polled.events:
            await self._hands.publish(polled.events)
            for event in polled.events:
                self._metrics.published(type(event.payload).__name__)
        if polled.unreadable:
            await self._hands.refuse([self._refused(row, at) for row in polled.unreadable])
            self._tell(polled.unreadable)

    def _refused(self, row: Unreadable, at: datetime) -> Refused:
        return Refused(
            source=self._settings.account, reason=row.reason, field=row.field, problem=row.problem, remedy=row.remedy,
            topic=self._settings.account, partition=NOWHERE, offset=NOWHERE, key=row.key.encode(), value=row.row,
            refused_at=at,
        )  # fmt: skip

    def _tell(self, rows: Sequence[Unreadable]) -> None:
        for row in rows:
            self._metrics.refused(row.reason)
            log.warning(
                "a row was refused", source=self._settings.account, key=row.key, reason=row.reason, field=row.field,
                problem=row.problem, remedy=row.remedy,
            )  # fmt: skip

    # -- asking

    async def _answered(self, visit: Visit, request: Request) -> Polled:
        """Asks until there is an answer that can be used; as long as it takes."""
        while True:
            verdict, answer = await self._asked(request)
            if verdict is Verdict.DELIVERED:
                polled = self._read(visit, request, answer)
                if not polled.trouble:
                    self._well()
                    return polled
                await self._trouble(f"{request.says}: {polled.trouble}", "answer")
            elif verdict is Verdict.THROTTLED:
                await self._wait("throttled", f"{request.says}: too fast", self._throttled(request, answer))
            elif verdict is Verdict.UNAVAILABLE:
                self._failures += 1
                wait = jittered(self._settings.backoff, self._failures, self._random)
                await self._wait("unavailable", f"{request.says}: {answer.fault or answer.status}", wait)
            else:  # a 4xx that is not ours to wait for: nobody parks a question
                await self._trouble(f"{request.says}: answered {answer.status}", "misconfigured")

    def _read(self, visit: Visit, request: Request, answer: Answer) -> Polled:
        """A mistake in reading one odd answer must not end the process, which would meet the same answer again."""
        try:
            return self._source.read(visit, request, answer, self._config)
        except Exception as error:
            log.error("reading an answer failed", source=self._settings.account, error=where(error))
            return Polled(trouble="reading its answer failed, a mistake of ours")

    async def _asked(self, request: Request) -> tuple[Verdict, Answer]:
        while (wait := self._pacing.wait(request, self._clock.monotonic())) > 0:  # noqa: ASYNC110  (a clock)
            await asyncio.sleep(wait)
        self._pacing.sent(request)
        try:
            async with asyncio.timeout(self._source.timeout_seconds):
                answer = await self._transport.send(as_call(request))
        except TimeoutError:
            answer = Answer(0, fault="timeout")
        finally:
            self._pacing.answered(request, self._clock.monotonic())
        # Of an answer that was cut off, what is missing would be lost.
        verdict = Verdict.UNAVAILABLE if answer.fault else classify(answer, ())
        self._metrics.answered(request.says, verdict)
        return verdict, answer

    def _throttled(self, request: Request, answer: Answer) -> float:
        """As long as it asks for; where it does not say, until its longest window has begun anew."""
        asked = asked_for(answer.headers, self._clock.wall())
        if not asked:
            self._failures += 1
            asked = self._pacing.longest(request) or 1 + jittered(self._settings.backoff, self._failures, self._random)
        return min(asked, self._settings.longest_wait_seconds)

    # -- waiting

    async def _trouble(self, why: str, reason: str) -> None:
        self._metrics.held(reason)
        if self._health.state != "held":
            log.error("the source is held", source=self._settings.account, reason=why)
        await self._wait("held", why, self._settings.probe_seconds)

    async def _wait(self, state: Any, why: str, seconds: float) -> None:
        self._health = PollingHealth(state, why, self._health.finished)
        await asyncio.sleep(seconds)

    async def _kafka_away(self, away: KafkaError) -> None:
        self._failures += 1
        wait = 0.2 + jittered(self._settings.backoff, self._failures, self._random)
        log.warning("Kafka does not take it; the round begins again", error=type(away).__name__, seconds=round(wait, 1))
        await self._wait("recalling", "Kafka does not answer", wait)

    def _well(self) -> None:
        self._failures = 0
        self._metrics.held("")
        if self._health.state != "polling":
            self._health = PollingHealth("polling", finished=self._health.finished)
