"""The platform of a rehearsal: the sink's own stand-in, asked without HTTP, with misbehaviour in front of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pydantic import BaseModel

from shoprelay.certificate.asking import asked
from shoprelay.certificate.subject import Subject
from sinks.contract import Answer, Call
from sinks.fake import StandIn
from streams.delivery.clock import Clock

# Given a call and how often it was sent before: its answer, or None to let the stand-in answer.
Script = Callable[[Call, int], Awaitable[Answer | None]]


@dataclass(frozen=True, slots=True)
class Sent:
    """`at` is virtual seconds since the rehearsal began; without an answer when the caller did not wait for it."""

    at: float
    call: Call
    answer: Answer | None


class Platform:
    """`sent` keeps every call in its order, those that ask for a token apart, in `lent`."""

    def __init__(self, subject: Subject, config: BaseModel, clock: Clock) -> None:
        self.stand_in: StandIn = subject.stand_in()
        self.script: Script = obedient
        self.sent: list[Sent] = []
        self.lent: list[Sent] = []
        self.taken: list[Call] = []  # by the stand-in, whatever it answered
        self._attempts: Counter[str] = Counter()
        self.busy = 0
        self.most_busy = 0
        self._subject = subject
        self._config = config
        self._clock = clock
        token = subject.sink.token
        self._ask = token.ask(config) if token else None

    async def send(self, call: Call) -> Answer:
        if self._ask is not None and (call.method, call.path) == (self._ask.method, self._ask.path):
            answer = self._stand_in_answers(call)
            self.lent.append(Sent(self._clock.monotonic(), call, answer))
            return answer
        place, before = len(self.sent), self.attempts(call.key)
        self._attempts[call.key] += 1
        self.sent.append(Sent(self._clock.monotonic(), call, None))
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        try:
            answer = await self.script(call, before) or self._stand_in_answers(call)
        finally:
            self.busy -= 1
        self.sent[place] = Sent(self.sent[place].at, call, answer)
        return answer

    async def close(self) -> None:
        pass

    def _stand_in_answers(self, call: Call) -> Answer:
        self.taken.append(call)
        return asked(self._subject.sink, self._config, self.stand_in, call, self._clock.wall().timestamp())

    def tokens(self) -> dict[str, str]:
        """Those that were lent, by a name to call them by."""
        token = self._subject.sink.token
        read = [token.read(each.answer) for each in self.lent if each.answer] if token else []
        return {f"lent token {nth}": lent[0] for nth, lent in enumerate(read, 1) if lent}

    def attempts(self, key: str) -> int:
        return self._attempts[key]

    def answered(self, *statuses: int) -> int:
        """How many calls got such an answer; any 2xx when none is named."""
        got = Counter(each.answer.status for each in self.sent if each.answer)
        return sum(n for status, n in got.items() if (status in statuses if statuses else 200 <= status < 300))


async def obedient(call: Call, before: int) -> Answer | None:
    return None


def at_first(*answers: Answer) -> Script:
    """Each call gets these, one after the other, and then the stand-in's own."""

    async def script(call: Call, before: int) -> Answer | None:
        return answers[before] if before < len(answers) else None

    return script


def always(answer: Answer, *keys: str) -> Script:
    """Calls with these keys get this answer every time; all calls when none is named."""

    async def script(call: Call, before: int) -> Answer | None:
        return answer if not keys or call.key in keys else None

    return script


def late(seconds: float, then: Script = obedient) -> Script:
    async def script(call: Call, before: int) -> Answer | None:
        await asyncio.sleep(seconds)
        return await then(call, before)

    return script


def silent_at_first(times: int = 1) -> Script:
    """Takes the call and never answers, so many times."""

    async def script(call: Call, before: int) -> Answer | None:
        if before < times:
            await asyncio.Event().wait()
        return None

    return script
