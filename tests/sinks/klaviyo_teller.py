"""Tells Klaviyo's strict stand-in what signals mean, one call after the other, each followed to its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sinks.contract import Answer, Ask, Batch, Call, Verdict, classify, load
from sinks.fake import Received
from sinks.klaviyo.fake import KlaviyoStandIn
from tests.sinks.folders import config, said

SINK = load("klaviyo")
NOON = 1_795_262_400.0  # 2026-11-21T12:00:00Z


class Teller:
    """`sent` are all requests, with the status of each; `waited` is how many seconds the questions took."""

    def __init__(self, **options: Any) -> None:
        self.stand_in = KlaviyoStandIn(limits=(), **options)
        self._config = config("klaviyo", **self.stand_in.settings("http://127.0.0.1"))
        self.sent: list[tuple[str, int]] = []
        self.waited = 0.0

    def tell(self, signal: Any, **settings: Any) -> list[Verdict]:
        told = said(signal, self._config.model_copy(update=settings), "klaviyo")
        return [self.alone(call) for call in told]

    def alone(self, call: Call) -> Verdict:
        answers, follow = [self.answer(call)], SINK.follow.get(call.endpoint)
        while (verdict := classify(answers[-1], SINK.rules)) not in (Verdict.THROTTLED, Verdict.UNAVAILABLE):
            next_step = follow(call, answers) if follow else None
            if not isinstance(next_step, Ask):
                return next_step or verdict
            self.waited += next_step.seconds
            answers.append(self.answer(next_step.call))
        return verdict

    def together(self, batch: Batch, calls: Sequence[Call]) -> tuple[Verdict, ...]:
        answers = [self.answer(batch.join(calls))]
        while isinstance(read := batch.read(calls, answers), Ask):
            self.waited += read.seconds
            answers.append(self.answer(read.call))
        return read or (classify(answers[-1], SINK.rules),) * len(calls)

    def answer(self, call: Call) -> Answer:
        headers = {name.lower(): value for name, value in SINK.headers(self._config).items()}
        at = NOON + self.waited + len(self.sent)
        reply = self.stand_in.answer(Received(at, call.method, call.path, headers, call.body))
        self.sent.append((call.says, reply.status))
        return Answer(reply.status, reply.headers, reply.body)

    def kept(self, kind: str) -> dict[str, dict[str, Any]]:
        """Things of the catalog by the shop's own ids."""
        there: dict[str, dict[str, Any]] = self.stand_in.stored()["catalog"][kind]
        return {name.removeprefix("$custom:::$default:::"): known for name, known in there.items()}
