"""How a batch goes from its first request to the verdict of each call, at the stand-in and without the runner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import structs

from shoprelay.certificate.asking import asked, taken
from shoprelay.certificate.behaviour import Broken
from shoprelay.certificate.material import Material, borrowed
from shoprelay.certificate.standin import one_other_value
from shoprelay.certificate.subject import Subject
from sinks.contract import Answer, Ask, Batch, Call, Verdict, classify

MOST_ASKS = 100


@dataclass(frozen=True, slots=True)
class Carried:
    """All requests it took, and one verdict for each call."""

    requests: tuple[Call, ...]
    verdicts: tuple[Verdict, ...]


def carried(
    subject: Subject, of: Material, batch: Batch, calls: Sequence[Call], earlier: Sequence[Call] = ()
) -> Carried:
    """After what the platform must have heard `earlier`. Raises `Broken` when it never comes to an end."""
    config, stand_in = subject.config(**of.changes), subject.stand_in()
    put, at = borrowed(subject, config, stand_in, of.signal), of.signal.occurred_at.timestamp() + 60
    for call in earlier:
        at += 60  # budgets are another matter
        taken(subject.sink, config, stand_in, call, at, put)
    requests: list[Call] = []
    answers: list[Answer] = []
    ask = Ask(batch.join(calls))
    for _ in range(MOST_ASKS):
        at += ask.seconds
        requests.append(ask.call)
        answers.append(asked(subject.sink, config, stand_in, put(ask.call), at))
        read = batch.read(calls, answers)
        if isinstance(read, Ask):
            ask = read
            continue
        verdicts = read or (classify(answers[-1], subject.sink.rules),) * len(calls)
        return Carried(tuple(requests), verdicts)
    raise Broken(f"sink.py: the batch of {batch.endpoint} asks {MOST_ASKS} times without coming to an end")


def refused_form(subject: Subject, of: Material, batch: Batch, call: Call) -> bytes | None:
    """The body with one other value in it, which can be joined and is refused by itself; `None` if there is none."""
    config = subject.config(**of.changes)
    for body in one_other_value(call.body):
        other = structs.replace(call, body=body)
        try:
            batch.join([other, call])
        except Exception:  # `join` need not read what no function of the table makes
            continue
        stand_in = subject.stand_in()
        put = borrowed(subject, config, stand_in, of.signal)
        verdict, _ = taken(subject.sink, config, stand_in, other, of.signal.occurred_at.timestamp() + 60, put)
        if verdict is Verdict.REJECTED:
            return body
    return None
