"""Planted in chapter 6: the delivery."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import structlog
from aiohttp import web
from msgspec import structs
from msgspec.structs import replace as changed

from schemas.signals import OrderFulfilled, Searched, Signal
from shoprelay.certificate import rehearsal
from shoprelay.certificate.subject import Subject
from sinks.contract import Answer, Call
from sinks.fake import application
from tests.certificate.acme.fake import AcmeStandIn
from tests.certificate.planted.tools import Ground, planted, saying, with_sink, with_stand_in


@planted("6.1", "parcels of other orders go astray")
def _(subject: Subject, ground: Ground) -> Subject:
    def astray(signal: Signal, config: Any, calls: tuple[Call, ...]) -> tuple[Call, ...]:
        other = isinstance(signal.payload, OrderFulfilled) and signal.payload.order_id.startswith("12340")
        return tuple(structs.replace(call, body=b"{}") if other else call for call in calls)

    return saying(subject, astray, backfill_only=False)


@planted("6.2", "one customer in many lanes")
def _(subject: Subject, ground: Ground) -> Subject:
    say = rehearsal.Log.say

    def scattered(log: rehearsal.Log, *said: Signal) -> None:
        say(log, *(_scattered(signal) for signal in said))

    ground.house.setattr(rehearsal.Log, "say", scattered)
    return subject


def _scattered(signal: Signal) -> Signal:
    """Searches only: whatever is about an order would break for other reasons, too."""
    if not isinstance(signal.payload, Searched):
        return signal
    return changed(signal, customer=changed(signal.customer, key=signal.signal_id))


@planted("6.3", "attempts are numbered")
def _(subject: Subject, ground: Ground) -> Subject:
    send, numbers = rehearsal.Hands.send, iter(range(10**9))

    async def numbered(hands: rehearsal.Hands, call: Call) -> Answer:
        return await send(hands, structs.replace(call, headers=(*call.headers, ("x-attempt", str(next(numbers))))))

    ground.house.setattr(rehearsal.Hands, "send", numbered)
    return subject


@planted("6.4", "more than they allow")
def _(subject: Subject, ground: Ground) -> Subject:
    return with_sink(subject, limits=tuple(replace(limit, count=limit.count * 10) for limit in subject.sink.limits))


@planted("6.5", "a reminder that is none")
def _(subject: Subject, ground: Ground) -> Subject:
    return with_sink(subject, reminders=frozenset())


@planted("6.6", "a sink that chats")
def _(subject: Subject, ground: Ground) -> Subject:
    def chatting(signal: Signal, config: Any, calls: tuple[Call, ...]) -> tuple[Call, ...]:
        structlog.get_logger("acme").info("making calls")
        return calls

    return saying(subject, chatting, backfill_only=False)


@planted("6.7", "a new process has new keys", also="6.8")
def _(subject: Subject, ground: Ground) -> Subject:
    begin, begun = rehearsal.Stage.start, dict[int, int]()

    def start(stage: rehearsal.Stage, **settings: Any) -> rehearsal.Process:
        nth = begun[id(stage)] = begun.get(id(stage), 0) + 1
        if nth > 1:
            stage.subject = saying(
                stage.subject, lambda s, c, calls: tuple(structs.replace(call, key=f"{call.key}'") for call in calls),
                backfill_only=False,
            )  # fmt: skip
        return begin(stage, **settings)

    ground.house.setattr(rehearsal.Stage, "start", start)
    return subject


@planted("6.8", "gone before the last answer")
def _(subject: Subject, ground: Ground) -> Subject:
    async def leave(process: rehearsal.Process) -> int:
        process.stop.set()
        return 0

    ground.house.setattr(rehearsal.Process, "end", leave)
    return subject


@planted("6.9", "the stand-in breaks on the wire")
def _(subject: Subject, ground: Ground) -> Subject:
    def app() -> web.Application:
        @web.middleware
        async def breaking(request: web.Request, handler: Any) -> web.StreamResponse:
            answer: web.StreamResponse = await handler(request)
            return web.Response(status=500) if request.path == "/events" else answer

        made = application(AcmeStandIn())
        made.middlewares.append(breaking)
        return made

    return replace(subject, app=app)


@planted("6.10", "the stand-in has no secrets")
def _(subject: Subject, ground: Ground) -> Subject:
    return with_stand_in(subject, secrets=lambda secrets: ())
