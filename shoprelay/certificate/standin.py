"""Chapter 4: the stand-in. One that accepts everything proves nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from msgspec import structs
from pydantic import BaseModel, ValidationError

from shoprelay.certificate.asking import asked, taken
from shoprelay.certificate.behaviour import behaviour, expect
from shoprelay.certificate.material import Material, borrowed, material
from shoprelay.certificate.subject import Subject
from sinks.contract import Answer, Call, Dedupe, Verdict, classify
from sinks.fake import StandIn


def _ask(
    subject: Subject, of: Material, config: BaseModel, stand_in: StandIn, call: Call, later: float = 60
) -> tuple[Verdict, Answer]:
    put = borrowed(subject, subject.config(**of.changes), stand_in, of.signal)
    return taken(subject.sink, config, stand_in, call, of.signal.occurred_at.timestamp() + later, put)


@behaviour("4.1", "the stand-in knows its own")
def knows_its_own(subject: Subject) -> None:
    """With another secret, or none, the stand-in MUST refuse in the way that holds the sink; and it MUST refuse what
    goes to an address that is not theirs."""
    of, stand_in = material(subject), subject.stand_in()
    config = subject.config(**of.changes)
    (call, *_) = subject.said(of.signal, config)
    path, mark, query = call.path.partition("?")
    verdict, nowhere = _ask(subject, of, config, stand_in, structs.replace(call, path=f"{path}/of-nobody{mark}{query}"))
    expect(
        verdict is not Verdict.DELIVERED,
        f"fake.py: {path}/of-nobody is answered {nowhere.status}; there is no such address",
    )
    for wrong in _wrongly_known(subject, of):
        token, at = subject.sink.token, of.signal.occurred_at.timestamp() + 60
        # A secret that lends the token shows where it is asked for; one of calls that want none, in those.
        calls = ([token.ask(wrong)] if token else []) + ([] if token and token.wanted(call) else [call])
        answers = [asked(subject.sink, wrong, stand_in, each, at) for each in calls]
        verdicts = [classify(answer, subject.sink.rules) for answer in answers]
        expect(
            Verdict.MISCONFIGURED in verdicts,
            f"fake.py: a wrong secret is answered {answers[-1].status}, which is {verdicts[-1].value}; it must be "
            "misconfigured",
        )


def _wrongly_known(subject: Subject, of: Material) -> Iterator[BaseModel]:
    """Settings with one secret changed, in a way that they allow."""
    for field, secret in subject.secrets.items():
        if secret not in subject.stand_in().secrets:
            continue  # optional, and not in use here
        for wrong in (f"{secret}x", secret[:-1], secret[:-1] + ("b" if secret.endswith("a") else "a")):
            try:
                yield subject.config(**{**of.changes, field: wrong})
            except ValidationError:
                continue
            break


@behaviour("4.2", "the stand-in reads what it is told")
def reads_what_it_is_told(subject: Subject) -> None:
    """A body that is cut off, empty, or holds other things than the documents allow MUST be refused in the way that
    parks the call."""
    of, stand_in = material(subject), subject.stand_in()
    config = subject.config(**of.changes)
    for call in subject.said(of.signal, config):
        for what, spoilt in _spoilt(call.body):
            verdict, answer = _ask(subject, of, config, stand_in, structs.replace(call, body=spoilt))
            expect(
                verdict is Verdict.REJECTED,
                f"fake.py: {call.says!r} with {what} is answered {answer.status}, which is {verdict.value}; "
                "it must be rejected",
            )


def _spoilt(body: bytes) -> Iterator[tuple[str, bytes]]:
    if not body:
        return
    yield "half a body", body[: len(body) // 2]
    yield "an empty body", b""
    try:
        document = json.loads(body)
    except ValueError:
        return
    yield "an empty object", b"{}"
    yield "other things in every place", json.dumps(_strange(document)).encode()


def one_other_value(body: bytes) -> Iterator[bytes]:
    """A JSON body again and again, each time with another thing in one of its places."""
    try:
        document = json.loads(body)
    except ValueError:
        return
    for other in _each_strange(document):
        yield json.dumps(other).encode()


def _each_strange(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from ({**value, name: other} for other in _each_strange(inner))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from ([*value[:place], other, *value[place + 1 :]] for other in _each_strange(inner))
    else:
        yield {"strange": [None]}


def _strange(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _strange(inner) for name, inner in value.items()}
    return [_strange(inner) for inner in value] if isinstance(value, list) else {"strange": [None]}


@behaviour("4.3", "a repeat is taken as promised")
def repeats_are_taken_as_promised(subject: Subject) -> None:
    """The same call again MUST be delivered where the sink declares that the platform keeps one per key or overwrites;
    one per key MUST be stored once."""
    of, stand_in = material(subject), subject.stand_in()
    config = subject.config(**of.changes)
    calls = subject.said(of.signal, config)
    kept: list[str] = []
    for later in (60, 120):
        for call in calls:
            verdict, answer = _ask(subject, of, config, stand_in, call, later)
            expect(
                verdict is Verdict.DELIVERED or subject.sink.dedupe is Dedupe.NONE,
                f"fake.py: {call.says!r} told again is answered {answer.status}; "
                f"sink.py promises that {subject.sink.dedupe.value}",
            )
        kept.append(repr(stand_in.stored()))
    if subject.sink.dedupe in (Dedupe.BY_KEY, Dedupe.LOOKED_FOR):
        expect(
            kept[0] == kept[1], "fake.py: stored() is another after the same calls again; sink.py promises one per key"
        )
