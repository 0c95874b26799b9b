"""Asking the platform: under its limits, in time, with a token renewed once, and never while it has banned us."""

from __future__ import annotations

import random
from asyncio import timeout
from contextvars import ContextVar
from typing import Any

import structlog
from pydantic import BaseModel

from shoprelay.gateway.errors import FieldProblem, Problem
from shoprelay.gateway.keys import Secrets
from shoprelay.gateway.limits import Lines
from shoprelay.gateway.metrics import GatewayMetrics
from shoprelay.http import Readiness
from sinks.contract import Answer, Call, Rule
from sinks.questions import Asked, Told
from sinks.reading import Asking, Declined, NotThere, Reads, Unaskable, Unreadable
from streams.delivery.clock import Clock
from streams.delivery.http import Transport
from streams.delivery.pace import Random, asked_for

log = structlog.get_logger("shoprelay.gateway")
LONGEST_PAUSE = 300.0  # seconds that a platform can ask for
GRACE = 0.05  # for those who wait for a token that another question asked for
AWAY = frozenset({408, 425, *range(500, 600)})
REFUSED = frozenset(range(300, 500)) - AWAY - {429}
TOKEN = "token"  # the endpoint of calls that ask for one
_deadline: ContextVar[float] = ContextVar("deadline")


class Limited:
    """A `Transport` below the token's: whatever is sent, a request for a token too, is sent from here. Unlike others it
    raises: `Problem`, when something is not sent or not answered in time."""

    def __init__(
        self,
        inner: Transport,
        rules: tuple[Rule, ...],
        lines: Lines,
        secrets: Secrets,
        metrics: GatewayMetrics,
        clock: Clock,
        random: Random = random.random,
    ) -> None:
        self._inner, self._rules, self._lines, self._secrets = inner, rules, lines, secrets
        self._metrics, self._clock, self._random = metrics, clock, random
        self._banned_until = 0.0
        self.lends = True  # tokens: whether it did the last time
        metrics.watch_ban(lambda: self.banned_for() > 0)

    def banned_for(self) -> float:
        """Seconds in which nothing is sent; 0 when something may."""
        return max(0.0, self._banned_until - self._clock.monotonic())

    def check_ban(self) -> None:
        """Raises `Problem` while nothing may be sent."""
        if left := self.banned_for():
            raise Problem("banned", "the platform blocks this address and is not asked", retry_after=left)

    async def send(self, call: Call) -> Answer:
        self.check_ban()
        line, deadline = self._lines.of(call.endpoint), _deadline.get()
        await line.enter(deadline)
        if self.banned_for():  # since it stood in line
            line.unsent()
            self.check_ban()
        self._secrets.note(call.headers)
        sent_at, answer = self._clock.monotonic(), Answer(0, fault="timeout")
        try:
            async with timeout(deadline - sent_at):
                answer = await self._inner.send(call)
        except TimeoutError:
            pass
        finally:
            now = self._clock.monotonic()
            self._learn(call, answer, sent_at, now)
            line.left(sent_at)
            self._lines.wake_others(line)
        return self._of_token(answer) if call.endpoint == TOKEN else answer

    async def close(self) -> None:
        await self._inner.close()

    def _of_token(self, answer: Answer) -> Answer:
        """A token that is not lent, for whatever reason, is not the question's fault."""
        if answer.status in REFUSED:
            self.lends = False
            return Answer(401)
        self.lends = self.lends or 200 <= answer.status < 300
        return answer

    def _shuts_out(self, call: Call, answer: Answer) -> float:
        """For how many seconds no call may leave; 0 for nearly every answer."""
        rules = () if call.bare else self._rules
        return next((rule.wait_seconds for rule in rules if rule.matches(answer)), 0.0)

    def _learn(self, call: Call, answer: Answer, sent_at: float, now: float) -> None:
        """What one answer says of the platform as a whole."""
        self._metrics.called(call.endpoint, answer.fault or str(answer.status), now - sent_at)
        gate = self._lines.of(call.endpoint).gate
        if answer.fault is None and (seconds := self._shuts_out(call, answer)):
            log.error("the platform blocks this address; nothing is asked", status=answer.status, seconds=seconds)
            self._banned_until = now + seconds
        elif answer.fault is not None or answer.status in AWAY:
            gate.failed(sent_at, now, self._random)
        elif answer.status == 429:
            asked = asked_for(answer.headers, self._clock.wall())
            gate.throttled(sent_at, now, None if asked is None else min(asked, LONGEST_PAUSE), self._random)
        else:
            gate.passed()


class Platform:
    """`transport` is the account's, with its token, over `limited`. `seconds` is all the time one question has."""

    def __init__(
        self, reads: Reads, config: BaseModel, transport: Transport, limited: Limited, lines: Lines,
        metrics: GatewayMetrics, clock: Clock, seconds: float,
    ) -> None:  # fmt: skip
        self._reads, self._config, self._transport, self._limited = reads, config, transport, limited
        self._lines, self._metrics, self._clock, self._seconds = lines, metrics, clock, seconds
        self._let_in: dict[str, bool] = {}  # by endpoint: whether we were the last time

    async def ask(self, asked: Asked) -> Told:
        """The reply, or `Problem`."""
        _deadline.set(self._clock.monotonic() + self._seconds)
        try:
            async with timeout(self._seconds + GRACE):
                return await self._asked(self._reads.questions[type(asked)](asked, self._config))
        except TimeoutError:
            raise self._late() from None
        except NotThere as unknown:
            raise Problem("not-found", f"the platform knows no {unknown}") from None
        except Unaskable as no:
            field = FieldProblem(field=no.field, problem=no.problem, remedy=no.remedy)
            raise Problem("invalid-question", str(no), (field,)) from None
        except Declined as no:
            raise Problem("declined", f"the platform's word for it: {no.code or 'none'}") from None
        except Unreadable as foreign:
            log.error("an answer of the platform is not as documented", kind=type(asked).__name__, problem=str(foreign))
            raise Problem("unreadable-answer", "it was logged where it differs") from None

    def readiness(self) -> Readiness:
        """One endpoint that is refused, for want of a permission, leaves the others useful; the metric tells of it."""
        banned, detail = self._limited.banned_for(), dict[str, Any](endpoints=dict(self._lines.states()))
        if banned:
            return Readiness(False, f"the platform blocks this address for {banned:.0f} s more", detail)
        refused = sorted(name for name, let_in in self._let_in.items() if not let_in)
        detail["refused"] = refused
        if not self._limited.lends or (refused and len(refused) == len(self._let_in)):
            return Readiness(False, "the platform refuses this account's credentials", detail)
        return Readiness(True, "", detail)

    async def close(self) -> None:
        await self._transport.close()

    async def _asked(self, asking: Asking) -> Told:
        call = next(asking)
        while True:
            answer = await self._transport.send(call)
            if answer.fault == "reset":  # most often a connection that had been kept too long; reading changes nothing
                answer = await self._transport.send(call)
            self._check(call, answer)
            try:
                call = asking.send(answer)
            except StopIteration as done:
                told: Told = done.value
                return told

    def _check(self, call: Call, answer: Answer) -> None:
        """What is no answer to the question. Raises `Problem`."""
        if answer.fault == "timeout":
            raise self._late()
        if answer.fault == "too_large":
            raise Problem("unreadable-answer", "it is larger than the gateway reads")
        if answer.fault is not None or answer.status in AWAY or answer.status < 200:
            raise Problem("away", "the platform could not answer", retry_after=self._pause(call, 1.0))
        if answer.status == 429:
            raise Problem("throttled", "the platform wants fewer questions", retry_after=self._pause(call, 1.0))
        self._limited.check_ban()
        let_in = answer.status not in (401, 403)
        self._note(call.endpoint, let_in)
        if not let_in:
            raise Problem("not-let-in", "key, secret or permissions of the gateway's account are wrong")

    def _note(self, endpoint: str, let_in: bool) -> None:
        if self._let_in.get(endpoint, True) != let_in:
            what = "the platform lets us in again" if let_in else "the platform refuses the account's credentials"
            log.warning(what, endpoint=endpoint)
        self._let_in[endpoint] = let_in
        self._metrics.not_let_in(not all(self._let_in.values()))

    def _pause(self, call: Call, least: float) -> float:
        return max(least, self._lines.of(call.endpoint).gate.closed_until - self._clock.monotonic())

    def _late(self) -> Problem:
        return Problem("timeout", f"the platform did not answer within {self._seconds:g} s")
