"""Requests that no single lane has a turn for: a batch, and what is asked before there is a verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from sinks.contract import Answer, Ask, Call, Sink, Verdict
from streams.delivery.clock import Clock
from streams.delivery.http import Transport
from streams.delivery.metrics import DeliveryMetrics
from streams.delivery.mistakes import where
from streams.delivery.turns import Turns
from streams.delivery.unlent import Unlent, verdict_on

log = structlog.get_logger("shoprelay.delivery")
LOOK_AGAIN_SECONDS = 1.0  # how long at most until a closed gate is looked at again
SILENT_ASKS = 10  # questions about a job in a row that nobody answers; then it counts as not answered
WAITING = (Verdict.THROTTLED, Verdict.UNAVAILABLE)
Correct = Callable[[Call, Verdict, Answer, float, float], None]


class Asking:
    """`correct` is told what each answer says of the platform as a whole."""

    def __init__(
        self, sink: Sink, transport: Transport, turns: Turns, metrics: DeliveryMetrics, clock: Clock, correct: Correct
    ) -> None:
        self._sink = sink
        self._transport = transport
        self._turns = turns
        self._metrics = metrics
        self._clock = clock
        self._correct = correct

    async def exchange(self, call: Call, items: int = 0) -> tuple[Verdict, Answer]:
        """Waits for its gate first. What the answer means by the rules; no verdict is acted on."""
        turns, gate = self._turns, self._turns.gate(call.endpoint)
        while (opens := gate.opens_at(now := self._clock.monotonic(), call.cost)) > now:  # noqa: ASYNC110  (a clock)
            await asyncio.sleep(min(opens - now, LOOK_AGAIN_SECONDS))
        turns.load_leaves(call)
        try:
            async with asyncio.timeout(self._sink.timeout_seconds):
                answer = await self._transport.send(call)
        except TimeoutError:
            answer = Answer(0, fault="timeout")
        finally:
            turns.load_answered(call, self._clock.monotonic())
        verdict = verdict_on(self._sink, call, answer)
        if items or verdict in WAITING:
            self._metrics.load_answered(call, items, verdict, self._clock.monotonic() - now)
        else:  # what it means is for whoever asked to say
            self._metrics.timed(call, self._clock.monotonic() - now)
        self._correct(call, verdict, answer, now, self._clock.monotonic())
        return verdict, answer

    async def asked(self, ask: Ask) -> tuple[Verdict, Answer]:
        """Asks until somebody answers, but not for ever; once only where a repeat would do harm."""
        wait = ask.seconds
        for _ in range(SILENT_ASKS if ask.repeats else 1):
            await asyncio.sleep(wait)
            verdict, answer = await self.exchange(ask.call)
            if verdict not in WAITING:
                break
            wait = min(2 * max(wait, 1.0), 60.0)
        return verdict, answer

    async def followed(self, call: Call, verdict: Verdict, answer: Answer) -> tuple[Verdict, Answer]:
        """What became of a call whose answer only began something, and the answer that says so; what the rules say of
        the last one where the sink has nothing to add."""
        follow, answers = self._sink.follow.get(call.endpoint), [answer]
        while follow is not None and verdict not in WAITING and not isinstance(answers[-1], Unlent):
            try:
                said = follow(call, answers)
            except Exception as error:  # the process would meet the same odd answer again
                log.error("following a call failed", sink=self._sink.name, error=where(error))
                break
            if not isinstance(said, Ask):
                return said or verdict, answers[-1]
            verdict, answer = await self.asked(said)
            answers.append(answer)
        return verdict, answers[-1]
