"""Chapter 5: the answers. Every one has a verdict, and the verdict names who acts."""

from __future__ import annotations

from collections.abc import Iterator

from shoprelay.certificate.behaviour import Broken, NotApplicable, behaviour, expect
from shoprelay.certificate.subject import Subject
from sinks.contract import Answer, Rule, Verdict, classify

STATUSES = range(100, 600)
USUAL = {
    Verdict.DELIVERED: (200, 201, 202, 204),
    Verdict.THROTTLED: (429,),
    Verdict.UNAVAILABLE: (408, 425, 500, 502, 503, 504, 524),
    Verdict.MISCONFIGURED: (301, 302, 401, 403, 404, 405, 410),
    Verdict.REJECTED: (400, 422),
}
BODIES = (
    b"",
    b"{",
    b"null",
    b"[]",
    b"{}",
    b'"text"',
    b"17",
    b"\xff\xfe\x00",
    b"<html>502</html>",
    b'{"errors":[]}',
    b'{"errors":[null]}',
    b'{"errors":"text"}',
    b'{"data":{"errors":{"0":{}}}}',
    b"[" * 200,
    b" " * 5000,
)


@behaviour("5.1", "every status has a verdict")
def every_status_has_a_verdict(subject: Subject) -> None:
    """Every status from 100 to 599 MUST have one of the five verdicts."""
    for status in STATUSES:
        try:
            found = classify(Answer(status), subject.sink.rules)
        except Exception as error:
            raise Broken(f"sink.py: the rules raise {type(error).__name__} for the status {status}") from error
        expect(isinstance(found, Verdict), f"sink.py: the status {status} means {found!r}, which is no verdict")


@behaviour("5.2", "the usual means the usual")
def the_usual_means_the_usual(subject: Subject) -> None:
    """A status that means the same on every platform MUST keep its meaning while the body says nothing: 2xx, 301, 400,
    401, 403, 404, 408, 410, 422, 429, 5xx."""
    for verdict, statuses in USUAL.items():
        for status in statuses:
            found = classify(Answer(status), subject.sink.rules)
            expect(
                found is verdict,
                f"sink.py: {status} without a body is {found.value}, not {verdict.value}; give the rule a body",
            )


@behaviour("5.3", "silence is nobody's fault")
def silence_is_nobodys_fault(subject: Subject) -> None:
    """A connection that fails or breaks, an answer that does not come in time and one that is nonsense MUST be
    unavailable, never a refusal; too large an answer keeps its status."""
    for fault in ("connect", "timeout", "reset", "protocol"):
        for status in (0, *STATUSES):
            found = classify(Answer(status, fault=fault), subject.sink.rules)
            expect(found is Verdict.UNAVAILABLE, f"{fault} with status {status} is {found.value}")
    large = {status: classify(Answer(status, fault="too_large"), subject.sink.rules) for status in STATUSES}
    expect(large[200] is Verdict.DELIVERED, "too large an answer to a call that was taken must be delivered")


@behaviour("5.4", "no body is too strange")
def no_body_is_too_strange(subject: Subject) -> None:
    """A body of any kind MUST have a verdict: rules look into answers, and platforms answer in HTML when they break."""
    for answer in strange_answers():
        try:
            found = classify(answer, subject.sink.rules)
        except Exception as error:
            raise Broken(
                f"sink.py: {answer.status} with the body {answer.body[:40]!r} raises {type(error).__name__}"
            ) from error
        if 500 <= answer.status < 600:
            expect(
                found is Verdict.UNAVAILABLE,
                f"sink.py: {answer.status} with the body {answer.body[:40]!r} is {found.value}, not unavailable",
            )


def strange_answers() -> Iterator[Answer]:
    for status in (200, 202, 302, 400, 401, 404, 409, 413, 422, 429, 500, 503):
        for body in BODIES:
            yield Answer(status, {"content-type": "application/json"}, body)


@behaviour("5.5", "every rule counts and says why")
def every_rule_counts(subject: Subject) -> None:
    """Every rule MUST say why, be of statuses that exist, and be reached: not hidden by one before it."""
    if not subject.sink.rules:
        raise NotApplicable("declares no rules of its own")
    hidden: set[int] = set()
    for rule in subject.sink.rules:
        what = f"sink.py: the rule {rule.verdict.value} for {sorted(rule.statuses)[:4]}"
        expect(bool(rule.why), f"{what} does not say why")
        expect(bool(rule.statuses) and rule.statuses <= set(STATUSES), f"{what} is of statuses that do not exist")
        expect(not rule.statuses <= hidden, f"{what} is never reached: another one comes before it")
        if _is_unconditional(rule):
            hidden |= rule.statuses


def _is_unconditional(rule: Rule) -> bool:
    return rule.containing is None and not rule.at and not rule.unless_json
