"""Planted in chapter 4: the stand-in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shoprelay.certificate.subject import Subject
from sinks.fake import Received, Reply
from tests.certificate.acme.fake import SECRET
from tests.certificate.planted.tools import Ground, planted, with_sink, with_stand_in


@planted("4.1", "the stand-in lends to everybody")
def _(subject: Subject, ground: Ground) -> Subject:
    def trusting(answer: Any) -> Any:
        own = b'{"client_secret":"%s"}' % SECRET.encode()
        return lambda request: answer(replace(request, body=own) if request.path == "/token" else request)

    return with_stand_in(subject, answer=trusting)


@planted("4.1", "the stand-in is at home everywhere")
def _(subject: Subject, ground: Ground) -> Subject:
    return with_stand_in(subject, answer=lambda answer: lambda request: _instead(answer(request), 404, 202))


@planted("4.2", "the stand-in takes anything")
def _(subject: Subject, ground: Ground) -> Subject:
    return with_stand_in(subject, answer=lambda answer: lambda request: _instead(answer(request), 400, 202))


def _instead(reply: Reply, status: int, other: int) -> Reply:
    return replace(reply, status=other) if reply.status == status else reply


@planted("4.3", "the stand-in keeps repeats")
def _(subject: Subject, ground: Ground) -> Subject:
    def counting(answer: Any) -> Any:
        def counted(request: Received) -> Reply:
            reply: Reply = answer(request)
            if reply.status == 409:
                answer.__self__.events[str(len(answer.__self__.events))] = "again"
            return reply

        return counted

    return with_stand_in(subject, answer=counting)


@planted("4.3", "a repeat is taken for a refusal", also="6.7")
def _(subject: Subject, ground: Ground) -> Subject:
    return with_sink(subject, rules=())
