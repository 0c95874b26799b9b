"""Planted in chapter 7: trouble."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from msgspec.structs import replace as changed

from schemas.records import Parked
from schemas.signals import Signal
from shoprelay.certificate import hands, rehearsal, trouble
from shoprelay.certificate.subject import Subject
from sinks.contract import Answer, Call, CannotSay, Rule, Unaddressable, Verdict
from streams.delivery import BrakeLimits, GiveUp
from tests.certificate.acme.fake import SECRET, TOKEN
from tests.certificate.planted.tools import Ground, meddling, planted, with_sink


@planted("7.1", "nobody reads the seconds")
def _(subject: Subject, ground: Ground) -> Subject:
    meddling(ground, lambda call, answer: _without_wait(answer, str.isdecimal))
    return subject


@planted("7.2", "nobody reads the date")
def _(subject: Subject, ground: Ground) -> Subject:
    meddling(ground, lambda call, answer: _without_wait(answer, lambda wait: not wait.isdecimal()))
    return subject


def _without_wait(answer: Answer, drop: Callable[[str], bool]) -> Answer:
    kept = {name: value for name, value in answer.headers.items() if name != "retry-after" or not drop(value)}
    return replace(answer, headers=kept)


@planted("7.3", "an hour for an answer")
def _(subject: Subject, ground: Ground) -> Subject:
    return with_sink(subject, timeout_seconds=3600.0)


@planted("7.4", "maintenance is a refusal")
def _(subject: Subject, ground: Ground) -> Subject:
    rule = Rule(Verdict.REJECTED, frozenset({503}), containing=b"maintenance", why="they do not want it")
    return with_sink(subject, rules=(*subject.sink.rules, rule))


@planted("7.5", "a key that has expired is a refusal")
def _(subject: Subject, ground: Ground) -> Subject:
    rule = Rule(Verdict.REJECTED, frozenset({401}), containing=b"expired", why="they do not want it")
    return with_sink(subject, rules=(*subject.sink.rules, rule))


@planted("7.6", "a refusal that is waited for")
def _(subject: Subject, ground: Ground) -> Subject:
    rule = Rule(Verdict.UNAVAILABLE, frozenset({400}), at="why", equals="no such thing", why="it may come")
    return with_sink(subject, rules=(*subject.sink.rules, rule))


@planted("7.7", "nothing is ever given up")
def _(subject: Subject, ground: Ground) -> Subject:
    ground.house.setattr(trouble, "GiveUp", lambda attempts, seconds: GiveUp(10**6, 10.0**9))
    return subject


@planted("7.8", "a brake that does not hold")
def _(subject: Subject, ground: Ground) -> Subject:
    weak = replace(rehearsal.SETTINGS, brake=BrakeLimits(in_a_row=10**6, share=1.0, out_of=10**6))
    ground.house.setattr(rehearsal, "SETTINGS", weak)
    return subject


@planted("7.9", "nobody to tell is parked")
def _(subject: Subject, ground: Ground) -> Subject:
    def wrapped(calls: Any) -> Any:
        def said(signal: Signal, config: Any) -> tuple[Call, ...]:
            try:
                made: tuple[Call, ...] = calls(signal, config)
            except Unaddressable:
                if signal.signal_id.endswith("-1-0"):
                    raise CannotSay("customer.ref.email is required") from None
                raise
            return made

        return said

    return with_sink(subject, calls={kind: wrapped(calls) for kind, calls in subject.sink.calls.items()})


def _leaking(ground: Ground, what: str) -> None:
    encode = hands.Parkings.encode

    def leaking(parked: Parked) -> bytes:
        return encode(changed(parked, reason=f"{parked.reason} {what}") if parked.status == 400 else parked)

    ground.house.setattr(hands.Parkings, "encode", staticmethod(leaking))


@planted("7.10", "a secret is parked with the reason")
def _(subject: Subject, ground: Ground) -> Subject:
    _leaking(ground, SECRET)
    return subject


@planted("7.10", "a lent token is parked with the reason")
def _(subject: Subject, ground: Ground) -> Subject:
    _leaking(ground, TOKEN)
    return subject
