"""A token that the platform lends for a while: asked for once, kept until it ends, renewed once when it is refused."""

from __future__ import annotations

import asyncio
import math
import random
from typing import Any

import structlog
from msgspec import structs

from sinks.contract import Answer, Call, Sink, Token
from streams.delivery.clock import Clock
from streams.delivery.http import Transport
from streams.delivery.kept import Kept
from streams.delivery.registration import Registration
from streams.delivery.settings import Backoff
from streams.delivery.unlent import Unlent

log = structlog.get_logger("shoprelay.delivery")
MARGIN = 0.1  # of its life: a token that ends while a call is under way is renewed before


class Borrowed:
    """A `Transport` that puts the token on every call of another one.

    Whoever comes while a token is being asked for waits for that one: never two at once. A renewal that fails answers
    for the call itself, so a wrong secret holds the sink and an identity service that is away is waited for; what it
    refuses is never held against the call (`Unlent`).
    """

    def __init__(self, inner: Transport, token: Token, config: Any, clock: Clock) -> None:
        self._inner = inner
        self._token = token
        self._config = config
        self._clock = clock
        self._asking = asyncio.Lock()
        self._lent: str | None = token.given(config)
        self._ends_at = 0.0 if self._lent is None else math.inf

    async def send(self, call: Call) -> Answer:
        if call.bare or not self._token.wanted(call):
            return await self._inner.send(call)
        used = self._lent
        if used is None or self._clock.monotonic() >= self._ends_at:
            if (failed := await self._renew(used)) is not None:
                return failed
            used = self._lent
        answer = await self._send(call, used)
        if answer.fault is None and self._token.expired(answer):
            if (failed := await self._renew(used)) is not None:
                return failed
            answer = await self._send(call, self._lent)
        return answer

    async def close(self) -> None:
        await self._inner.close()

    async def _send(self, call: Call, lent: str | None) -> Answer:
        assert lent is not None, "a call that wants a token waits for one"
        return await self._inner.send(put_on(self._token, call, lent))

    async def _renew(self, refused: str | None) -> Answer | None:
        """`None` when there is a token other than `refused`; else the answer that stands for the call's own."""
        async with self._asking:
            if self._lent is not refused:
                return None
            if self._token.given(self._config) is not None:
                return Answer(401)  # there is no other
            answer = await self._inner.send(self._token.ask(self._config))
            lent = self._token.read(answer) if answer.fault is None and 200 <= answer.status < 300 else None
            if lent is None:
                log.warning("no token was lent", status=answer.status, fault=answer.fault)
                # A 2xx without a token is not the delivery of anything.
                return Unlent.by(Answer(502, fault="protocol") if 200 <= answer.status < 300 else answer)
            self._lent, seconds = lent
            self._ends_at = self._clock.monotonic() + seconds * (1 - MARGIN)
            return None


class Registered:
    """A `Transport` that puts the token of a registration on every call of another one. Nobody renews it: what is
    refused with it is refused, unless another process was given a new one meanwhile."""

    def __init__(self, inner: Transport, token: Token, registration: Registration) -> None:
        self._inner = inner
        self._token = token
        self._registration = registration

    async def send(self, call: Call) -> Answer:
        if call.bare or not self._token.wanted(call):
            return await self._inner.send(call)
        lent = await self._registration.lent()
        if isinstance(lent, Answer):
            return lent
        answer = await self._inner.send(put_on(self._token, call, lent))
        if answer.fault is not None or not self._token.expired(answer):
            return answer
        other = await self._registration.other_than(lent)
        return answer if other is None else await self._inner.send(put_on(self._token, call, other))

    async def close(self) -> None:
        await self._inner.close()


def put_on(token: Token, call: Call, lent: str) -> Call:
    """The call with a lent token in its headers or its body."""
    headers = token.headers(lent)
    call = structs.replace(call, headers=(*call.headers, *headers.items())) if headers else call
    return token.onto(call, lent)


def registered(
    inner: Transport, sink: Sink, config: Any, kept: Kept | None, backoff: Backoff, clock: Clock
) -> Registration | None:
    """`None` for a sink without a token that is given out once."""
    if sink.token is None or not sink.token.once or kept is None:
        return None
    return Registration(
        sink.token, config, kept, inner.send, backoff, sink.timeout_seconds, random.random, clock.monotonic
    )


def borrowing(
    inner: Transport, token: Token | None, config: Any, clock: Clock, registration: Registration | None = None
) -> Transport:
    if token is None:
        return inner
    return Borrowed(inner, token, config, clock) if registration is None else Registered(inner, token, registration)
