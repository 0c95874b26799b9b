"""Chapter 3, the requests: what the calls are made of, and whether the platform takes them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from decimal import Decimal

from msgspec.structs import replace
from pydantic import BaseModel

from schemas.signals import AnySignal
from shoprelay.certificate import madeup
from shoprelay.certificate.asking import taken
from shoprelay.certificate.behaviour import NotApplicable, behaviour, expect, needs_a_table
from shoprelay.certificate.material import before, borrowed
from shoprelay.certificate.purity import joining_text
from shoprelay.certificate.said import MADE_UP, all_calls, configs, kind_of, said
from shoprelay.certificate.subject import Subject
from sinks.contract import Verdict

PLACES = 8  # a quantity times a price, four places each: what has more went through a float
WORDS = 12  # different names for calls that one kind of signal may become


@behaviour("3.8", "no call holds a secret")
def holds_no_secret(subject: Subject) -> None:
    """A call MUST NOT hold a secret in any part: calls are kept when they are parked. Secrets are added when it
    leaves."""
    for signal, call in all_calls(subject):
        for field, secret in subject.secrets.items():
            expect(secret not in repr(call), f"calls.py: a call of a {kind_of(signal)} holds {field}")


@behaviour("3.9", "amounts leave digit by digit")
def amounts_are_exact(subject: Subject) -> None:
    """A number of a body MUST NOT have more places than its factors had, nor an exponent: money never goes through a
    float."""
    for signal, call in all_calls(subject):
        for written in _numbers(call.body):
            exact = re.fullmatch(r"-?\d+(\.\d+)?", written) is not None
            places = len(written.partition(".")[2])
            expect(
                exact and places <= PLACES,
                f"calls.py: a {kind_of(signal)} sends {written}; make numbers with sinks.body, from Decimal",
            )


def _numbers(body: bytes) -> list[str]:
    """As they are written; none where the body is not JSON."""
    found: list[str] = []

    def seen(text: str) -> Decimal:
        found.append(text)
        return Decimal(0)

    try:
        json.loads(body, parse_float=seen, parse_int=seen, parse_constant=seen)
    except ValueError:
        return []
    return found


@behaviour("3.10", "a call is a complete request")
def is_a_complete_request(subject: Subject) -> None:
    """A call MUST have a method, a path that is appended to the base address or a whole one, and headers that HTTP can
    carry."""
    for signal, call in all_calls(subject):
        where = f"calls.py: a call of a {kind_of(signal)}"
        expect(call.method in ("GET", "POST", "PUT", "PATCH", "DELETE"), f"{where} has the method {call.method!r}")
        whole = call.path.startswith(("https://", "http://"))
        expect(whole or call.path == "" or call.path.startswith(("/", "?")), f"{where} has the path {call.path!r}")
        clean = re.fullmatch(r"[!-~]*", call.path) is not None
        expect(clean, f"{where} has the path {call.path!r}: quote what stands in it")
        for name, value in call.headers:
            fits = re.fullmatch(r"[!-~]+", name) is not None and re.fullmatch(r"[ -~]*", value) is not None
            expect(fits, f"{where} has the header {name!r}: HTTP carries printable ASCII")
        expect(call.cost >= 1, f"{where} costs {call.cost}; at least 1")


@behaviour("3.11", "what leaves, the platform takes")
def the_platform_takes_it(subject: Subject) -> None:
    """Every call that the functions make MUST be taken by the strict stand-in: what it would refuse must be refused
    before, with a reason."""
    needs_a_table(subject)
    for kind in subject.table:
        for config in configs(subject, kind):
            _all_taken(subject, config, madeup.signals(kind, MADE_UP))
    for case in subject.cases:
        _all_taken(subject, subject.config(**case.changes), (case.signal,))


def _all_taken(subject: Subject, config: BaseModel, signals: Sequence[AnySignal]) -> None:
    stand_in, at = subject.stand_in(), madeup.LATEST.timestamp() + 60
    put = borrowed(subject, config, stand_in, replace(signals[0], occurred_at=madeup.LATEST))
    for signal in signals:
        earlier = [said(subject, each, config) for each in before(signal) if type(each.payload) in subject.table]
        if before(signal) and not all(earlier):
            continue  # the platform cannot know the order that this is about
        for call in (*(call for calls in earlier for call in calls), *said(subject, signal, config)):
            at += 60  # budgets are another matter
            verdict, answer = taken(subject.sink, config, stand_in, call, at, put)
            expect(
                verdict is Verdict.DELIVERED,
                f"calls.py: a {kind_of(signal)} becomes {call.says!r}, which is answered {answer.status} "
                f"{answer.body[:200].decode(errors='replace')}",
            )


@behaviour("3.12", "budgets belong to what is called")
def budgets_belong_to_what_is_called(subject: Subject) -> None:
    """Every limit MUST be of an endpoint that some case calls, or of all, and MUST leave room for every call's cost."""
    if not subject.sink.limits:
        raise NotApplicable("declares no limits")
    needs_a_table(subject)
    calls = [call for _, call in all_calls(subject)]
    if subject.sink.token is not None:
        calls.append(subject.sink.token.ask(subject.config()))
    if subject.sink.check is not None:
        calls.append(subject.sink.check(subject.config()))
    called = {call.endpoint for call in calls} | {batch.budget for batch in subject.sink.batches} | {"*"}
    asking = joining_text(subject)  # how a batch went may be asked at endpoints that only show in trouble
    for limit in subject.sink.limits:
        known = limit.endpoint in called or f'"{limit.endpoint}"' in asking
        expect(known, f"sink.py: a limit is of {limit.endpoint!r}; called are {sorted(called)}")
        expect(limit.count > 0 and limit.seconds > 0, f"sink.py: {limit} lets nothing through")
        dear = [c.cost for c in calls if limit.endpoint in (c.endpoint, "*") and c.cost > limit.count]
        expect(not dear, f"sink.py: {limit} has no room for a call that costs {max(dear, default=0)}")


@behaviour("3.13", "what is needed is opened")
def what_is_needed_is_opened(subject: Subject) -> None:
    """What a call `needs` MUST be what some call of the sink `opens`, by the same name."""
    needs_a_table(subject)
    opened: set[str] = set()
    needed: dict[str, str] = {}
    for case in subject.cases:
        config = subject.config(**case.changes)
        for signal in (*before(case.signal), case.signal):
            for call in said(subject, signal, config) if type(signal.payload) in subject.table else ():
                opened |= {call.opens} - {""}
                needed |= {call.needs: case.path.name} if call.needs else {}
    if not (opened or needed):
        raise NotApplicable("no call opens or needs anything")
    for name, case_file in needed.items():
        expect(name in opened, f"calls.py: a call of cases/{case_file} needs {name!r}, which no call opens")
