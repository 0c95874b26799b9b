"""What an answer means for a call: by the rules, unless it is not the call's own."""

from __future__ import annotations

from dataclasses import dataclass

from sinks.contract import Answer, Call, Sink, Verdict, classify


@dataclass(frozen=True)
class Unlent(Answer):
    """The answer to the asking for a token, where none was given: it stands for that of every call that waits."""

    @classmethod
    def by(cls, answer: Answer) -> Unlent:
        return cls(answer.status, answer.headers, answer.body, answer.fault)


def verdict_on(sink: Sink, call: Call, answer: Answer) -> Verdict:
    """Who is refused a token has wrong settings. Of the calls that wait for it nothing is known: they are neither
    parked nor delivered."""
    verdict = classify(answer, sink.rules_for(call))
    if isinstance(answer, Unlent) and verdict in (Verdict.REJECTED, Verdict.DELIVERED):
        return Verdict.MISCONFIGURED
    return verdict
