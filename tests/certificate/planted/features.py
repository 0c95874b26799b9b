"""Planted in chapter 8: what only some declare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from msgspec import structs

from shoprelay.certificate import rehearsal
from shoprelay.certificate.subject import Subject
from sinks.contract import Answer, Ask, Call, Follow, Verdict
from streams.delivery.asking import Asking
from tests.certificate.acme.batch import join
from tests.certificate.acme.calls import follow
from tests.certificate.planted.tools import Ground, planted, saying, with_sink


def with_token(subject: Subject, **changes: Any) -> Subject:
    assert subject.sink.token is not None
    return with_sink(subject, token=replace(subject.sink.token, **changes))


def with_batch(subject: Subject, **changes: Any) -> Subject:
    return with_sink(subject, batches=tuple(replace(batch, **changes) for batch in subject.sink.batches))


@planted("8.1", "a token that ends at once")
def _(subject: Subject, ground: Ground) -> Subject:
    return with_token(
        subject, read=lambda answer: (answer.at("access_token") or "", 0.0) if answer.at("expires_in") else None
    )


@planted("8.2", "a refused token is not noticed")
def _(subject: Subject, ground: Ground) -> Subject:
    return with_token(subject, expired=lambda answer: answer.status == 403)


@planted("8.3", "every answer is believed to hold a token")
def _(subject: Subject, ground: Ground) -> Subject:
    return with_token(subject, read=lambda answer: (answer.document["access_token"], 86400.0))


@planted("8.4", "the last one is forgotten", also="8.7")
def _(subject: Subject, ground: Ground) -> Subject:
    return with_batch(subject, join=lambda calls: join(calls[:-1]))


@planted("8.5", "every answer is believed to hold results")
def _(subject: Subject, ground: Ground) -> Subject:
    def read(calls: Sequence[Call], given: Sequence[Answer]) -> tuple[Verdict, ...]:
        results = given[-1].document["results"]
        return tuple(Verdict.REJECTED if result == "refused" else Verdict.DELIVERED for result in results)

    return with_batch(subject, read=read)


@planted("8.6", "nothing ever travels together")
def _(subject: Subject, ground: Ground) -> Subject:
    begin = rehearsal.Stage.start

    def start(stage: rehearsal.Stage, **settings: Any) -> rehearsal.Process:
        stage.subject = stage.subject.unbatched()
        return begin(stage, **settings)

    ground.house.setattr(rehearsal.Stage, "start", start)
    return subject


@planted("8.7", "nobody reads which one was refused")
def _(subject: Subject, ground: Ground) -> Subject:
    return with_batch(subject, read=lambda calls, given: None)


@planted("8.8", "nobody looks what a call needs")
def _(subject: Subject, ground: Ground) -> Subject:
    begin = rehearsal.Stage.start

    def start(stage: rehearsal.Stage, **settings: Any) -> rehearsal.Process:
        stage.subject = saying(
            stage.subject,
            lambda s, c, calls: tuple(structs.replace(call, needs="") for call in calls),
            backfill_only=False,
        )
        return begin(stage, **settings)

    ground.house.setattr(rehearsal.Stage, "start", start)
    return subject


def with_follow(subject: Subject, follow: Follow) -> Subject:
    return with_sink(subject, follow={"products": follow})


@planted("8.9", "it asks for ever", also="3.11 6.1 6.6 8.10 8.11")
def _(subject: Subject, ground: Ground) -> Subject:
    def again(call: Call, answers: Sequence[Answer]) -> Ask | Verdict | None:
        return Ask(structs.replace(call, method="GET", path="/jobs/mug", key=f"{call.key}:job"), seconds=5)

    return with_follow(subject, again)


@planted("8.10", "every answer is believed to name a job")
def _(subject: Subject, ground: Ground) -> Subject:
    def believing(call: Call, answers: Sequence[Answer]) -> Ask | Verdict | None:
        answers[0].document["job"]
        return follow(call, answers)

    return with_follow(subject, believing)


@planted("8.11", "nobody waits for the job")
def _(subject: Subject, ground: Ground) -> Subject:
    async def asked(self: Asking, ask: Ask) -> tuple[Verdict, Answer]:
        await self.exchange(ask.call)
        return Verdict.DELIVERED, Answer(200, {}, b'{"state": "done"}')

    ground.house.setattr(Asking, "asked", asked)
    return subject
