"""Planted in chapter 5: the answers."""

from __future__ import annotations

from shoprelay.certificate import answers
from shoprelay.certificate.subject import Subject
from sinks.contract import Answer, Rule, Verdict, classify
from tests.certificate.planted.tools import Ground, OddRule, planted, with_sink


@planted("5.1", "a rule that stumbles over a status")
def _(subject: Subject, ground: Ground) -> Subject:
    stumbling = OddRule(Verdict.REJECTED, frozenset({418}), why="no tea", decide=lambda answer: bool(1 // 0))
    return with_sink(subject, rules=(*subject.sink.rules, stumbling))


@planted("5.2", "not found is the call's fault")
def _(subject: Subject, ground: Ground) -> Subject:
    return with_sink(subject, rules=(*subject.sink.rules, Rule(Verdict.REJECTED, frozenset({404}), why="not there")))


@planted("5.3", "no answer in time is a refusal")
def _(subject: Subject, ground: Ground) -> Subject:
    def impatient(answer: Answer, rules: tuple[Rule, ...]) -> Verdict:
        return Verdict.REJECTED if answer.fault == "timeout" else classify(answer, rules)

    ground.house.setattr(answers, "classify", impatient)
    return subject


@planted("5.4", "a rule that believes every body")
def _(subject: Subject, ground: Ground) -> Subject:
    def believing(answer: Answer) -> bool:
        return bool(answer.body) and answer.document["errors"][0]["code"] == "known"

    rule = OddRule(Verdict.DELIVERED, frozenset({413}), why="they have it already", decide=believing)
    return with_sink(subject, rules=(*subject.sink.rules, rule))


@planted("5.5", "a rule without a reason")
def _(subject: Subject, ground: Ground) -> Subject:
    return with_sink(subject, rules=(*subject.sink.rules, Rule(Verdict.REJECTED, frozenset({413}))))


@planted("5.5", "a rule behind another one")
def _(subject: Subject, ground: Ground) -> Subject:
    first = Rule(Verdict.REJECTED, frozenset({413, 414}), why="too large")
    second = Rule(Verdict.MISCONFIGURED, frozenset({414}), why="our address is too long")
    return with_sink(subject, rules=(*subject.sink.rules, first, second))
