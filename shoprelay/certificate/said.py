"""What the functions of a sink say: of its cases, and of made-up signals of each kind in its table."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

from schemas.signals import AnySignal, Conclusion
from shoprelay.certificate import madeup
from shoprelay.certificate.behaviour import needs_a_table
from shoprelay.certificate.subject import Subject
from sinks.contract import Call

MADE_UP = 40  # signals of each kind


def configs(subject: Subject, kind: type[Conclusion]) -> list[BaseModel]:
    """The stand-in's settings, and each variant that this signal has a case for."""
    changes = [case.changes for case in subject.cases if type(case.signal.payload) is kind and case.changes]
    return [subject.config(**each) for each in ({}, *changes)]


def asked_of(subject: Subject) -> Iterator[tuple[AnySignal, BaseModel]]:
    needs_a_table(subject)
    for kind in subject.table:
        variants = configs(subject, kind)
        for nth, signal in enumerate(madeup.signals(kind, MADE_UP)):
            yield signal, variants[nth % len(variants)]
    for case in subject.cases:
        yield case.signal, subject.config(**case.changes)


def said(subject: Subject, signal: AnySignal, config: BaseModel) -> tuple[Call, ...]:
    """No calls where it is refused: 3.5 says how that may be."""
    try:
        return subject.said(signal, config)
    except Exception:
        return ()


def all_calls(subject: Subject) -> Iterator[tuple[AnySignal, Call]]:
    for signal, config in asked_of(subject):
        for call in said(subject, signal, config):
            yield signal, call


def kind_of(signal: AnySignal) -> str:
    return type(signal.payload).__name__
