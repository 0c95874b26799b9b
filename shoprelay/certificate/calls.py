"""Chapter 3: the calls. Pure functions from a signal to complete requests, the same on every replay."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from schemas.signals import Conclusion, Signal
from shoprelay.certificate import madeup
from shoprelay.certificate.behaviour import Broken, NotApplicable, behaviour, expect, missing, needs_a_table
from shoprelay.certificate.material import another, before, borrowed
from shoprelay.certificate.purity import impurities, joining_text
from shoprelay.certificate.subject import Case, Subject, asked, shown
from sinks.contract import Call, CannotSay, Unaddressable, Verdict, classify

MADE_UP = 40  # signals of each kind
PLACES = 8  # a quantity times a price, four places each: what has more went through a float
WORDS = 12  # different names for calls that one kind of signal may become


def _configs(subject: Subject, kind: type[Conclusion]) -> list[BaseModel]:
    """The stand-in's settings, and each variant that this signal has a case for."""
    changes = [case.changes for case in subject.cases if type(case.signal.payload) is kind and case.changes]
    return [subject.config(**each) for each in ({}, *changes)]


def _made_up(subject: Subject) -> Iterator[tuple[Signal, BaseModel]]:
    needs_a_table(subject)
    for kind in subject.sink.calls:
        configs = _configs(subject, kind)
        for nth, signal in enumerate(madeup.signals(kind, MADE_UP)):
            yield signal, configs[nth % len(configs)]
    for case in subject.cases:
        yield case.signal, subject.config(**case.changes)


def _said(subject: Subject, signal: Signal, config: BaseModel) -> tuple[Call, ...]:
    """No calls where it is refused: 3.5 says how that may be."""
    try:
        return subject.said(signal, config)
    except Exception:
        return ()


def _calls(subject: Subject) -> Iterator[tuple[Signal, Call]]:
    for signal, config in _made_up(subject):
        for call in _said(subject, signal, config):
            yield signal, call


def _kind(signal: Signal) -> str:
    return type(signal.payload).__name__


@behaviour("3.1", "what makes calls is pure")
def is_pure(subject: Subject) -> None:
    """`calls.py`, what joins and reads batches, and all that they import of `sinks` MUST have no clock, no randomness,
    no environment, no I/O, no `await` and no `float`."""
    found = impurities(subject)
    expect(not found, f"{'; '.join(found[:5])}: what differs from run to run, or waits, belongs to the runner")


@behaviour("3.2", "cases become exactly their calls")
def cases_become_their_calls(subject: Subject) -> None:
    """Each case's signal MUST become exactly the calls written beside it, or be refused as it says."""
    needs_a_table(subject)
    if not subject.cases:
        raise missing(subject, 6, "cases/: there is none")
    for case in subject.cases:
        became, written = _became(subject, case), _written(case)
        expect(became == written, f"cases/{case.path.name}: {_difference(written, became)}")


def _became(subject: Subject, case: Case) -> Any:
    try:
        return [shown(call) for call in subject.said(case.signal, case.config)]
    except Unaddressable:
        return "unaddressable"
    except CannotSay as reason:
        return f"cannot say: {reason}"


def _written(case: Case) -> Any:
    if case.unaddressable:
        return "unaddressable"
    return f"cannot say: {case.cannot_say}" if case.cannot_say is not None else case.calls


def _difference(written: Any, became: Any, place: str = "") -> str:
    """The first place where they differ."""
    if isinstance(written, dict) and isinstance(became, dict):
        for name in sorted({*written, *became}):
            if written.get(name) != became.get(name):
                return _difference(written.get(name), became.get(name), f"{place}.{name}".lstrip("."))
    if isinstance(written, list) and isinstance(became, list) and len(written) == len(became):
        for number, (one, other) in enumerate(zip(written, became, strict=True)):
            if one != other:
                return _difference(one, other, f"{place}[{number}]")
    return f"{place or 'calls'} should be {written!r} and is {became!r}"


@behaviour("3.3", "the same signal becomes the same bytes")
def is_deterministic(subject: Subject) -> None:
    """The same signal with the same settings MUST become the same calls, byte for byte and key for key, however
    often."""
    for signal, config in _made_up(subject):
        first, again = _said(subject, signal, config), _said(subject, signal, config.model_copy(deep=True))
        expect(first == again, f"calls.py: a {_kind(signal)} becomes other calls the second time")


@behaviour("3.4", "each call has a key of its own")
def has_a_key_of_its_own(subject: Subject) -> None:
    """The calls of one signal MUST have different keys, and so MUST those of different customers' facts."""
    for signal, config in _made_up(subject):
        keys = [call.key for call in _said(subject, signal, config)]
        expect(
            len(set(keys)) == len(keys) and all(keys),
            f"calls.py: the calls of a {_kind(signal)} have the keys {keys}; each needs its own",
        )
    for case in subject.cases:
        config = subject.config(**case.changes)
        first, second = (_said(subject, another(case.signal, who), config) for who in (1, 2))
        same = {call.key for call in first} & {call.key for call in second}
        expect(not same, f"calls.py: two customers' {_kind(case.signal)} have the same key {min(same, default='')!r}")


@behaviour("3.5", "every signal has an answer")
def is_total(subject: Subject) -> None:
    """Whatever the language can say, a function of the table MUST give calls, or raise `Unaddressable` or `CannotSay`,
    and nothing else."""
    for signal, config in _made_up(subject):
        try:
            calls = subject.said(signal, config)
        except (CannotSay, Unaddressable):
            continue
        except Exception as error:
            raise Broken(f"calls.py: a {_kind(signal)} raises {type(error).__name__}: {error}") from error
        expect(
            isinstance(calls, tuple) and all(isinstance(call, Call) for call in calls),
            f"calls.py: a {_kind(signal)} becomes {type(calls).__name__}; it must be a tuple of calls",
        )


@behaviour("3.6", "a refusal names the field, never the value")
def names_the_field_only(subject: Subject) -> None:
    """The reason of `CannotSay` MUST be there, and MUST NOT repeat what the customer's data hold: it is shown to people
    and kept."""
    for signal, config in _made_up(subject):
        try:
            subject.said(signal, config)
        except CannotSay as refused:
            reason = str(refused)
            expect(bool(reason), f"calls.py: CannotSay of a {_kind(signal)} has no reason")
            told = [value for value in _personal(signal) if value in reason]
            expect(not told, f"calls.py: CannotSay of a {_kind(signal)} repeats a value of the signal: name the field")
        except Exception:
            continue  # 3.5 says so


def _personal(signal: Signal) -> list[str]:
    """Values long enough not to stand in a sentence by chance."""
    ref = signal.customer.ref
    values = [ref.customer_id, ref.email, ref.phone, ref.anonymous_id, ref.cart_token, signal.signal_id]
    values += [getattr(part, "order_id", None) for part in (signal.payload, getattr(signal.payload, "order", None))]
    return [value for value in values if value and len(value) > 5]


@behaviour("3.7", "what is heard has few names")
def has_few_names(subject: Subject) -> None:
    """`says` MUST be short and from a bounded set: metrics are counted by it."""
    words: dict[str, set[str]] = {}
    for signal, call in _calls(subject):
        expect(0 < len(call.says) < 128, f"calls.py: says is {call.says!r}; it must have 1 to 127 characters")
        words.setdefault(_kind(signal), set()).add(call.says)
    for case in subject.cases:
        config = subject.config(**case.changes)
        of_one, of_another = (_said(subject, signal, config) for signal in (case.signal, another(case.signal, 1)))
        names = {call.says for call in (*of_one, *of_another)}
        expect(names == {call.says for call in of_one}, f"calls.py: {sorted(names)} are one thing; `says` takes no ids")
    for kind, names in words.items():
        expect(len(names) <= WORDS, f"calls.py: a {kind} is called {sorted(names)[:3]} and more; `says` takes no ids")


@behaviour("3.8", "no call holds a secret")
def holds_no_secret(subject: Subject) -> None:
    """A call MUST NOT hold a secret in any part: calls are kept when they are parked. Secrets are added when it
    leaves."""
    for signal, call in _calls(subject):
        for field, secret in subject.secrets.items():
            expect(secret not in repr(call), f"calls.py: a call of a {_kind(signal)} holds {field}")


@behaviour("3.9", "amounts leave digit by digit")
def amounts_are_exact(subject: Subject) -> None:
    """A number of a body MUST NOT have more places than its factors had, nor an exponent: money never goes through a
    float."""
    for signal, call in _calls(subject):
        for written in _numbers(call.body):
            exact = re.fullmatch(r"-?\d+(\.\d+)?", written) is not None
            places = len(written.partition(".")[2])
            expect(
                exact and places <= PLACES,
                f"calls.py: a {_kind(signal)} sends {written}; make numbers with sinks.body, from Decimal",
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
    for signal, call in _calls(subject):
        where = f"calls.py: a call of a {_kind(signal)}"
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
    for kind in subject.sink.calls:
        for config in _configs(subject, kind):
            _all_taken(subject, config, madeup.signals(kind, MADE_UP))
    for case in subject.cases:
        _all_taken(subject, subject.config(**case.changes), (case.signal,))


def _all_taken(subject: Subject, config: BaseModel, signals: Sequence[Signal]) -> None:
    stand_in, at = subject.stand_in(), madeup.LATEST.timestamp() + 60
    headers = borrowed(subject, config, stand_in, signals[0])
    for signal in signals:
        earlier = [_said(subject, each, config) for each in before(signal) if type(each.payload) in subject.sink.calls]
        if before(signal) and not all(earlier):
            continue  # the platform cannot know the order that this is about
        for call in (*(call for calls in earlier for call in calls), *_said(subject, signal, config)):
            at += 60  # budgets are another matter
            answer = asked(subject.sink, config, stand_in, call, at, **headers)
            expect(
                classify(answer, subject.sink.rules) is Verdict.DELIVERED,
                f"calls.py: a {_kind(signal)} becomes {call.says!r}, which is answered {answer.status} "
                f"{answer.body[:200].decode(errors='replace')}",
            )


@behaviour("3.12", "budgets belong to what is called")
def budgets_belong_to_what_is_called(subject: Subject) -> None:
    """Every limit MUST be of an endpoint that some case calls, or of all, and MUST leave room for every call's cost."""
    if not subject.sink.limits:
        raise NotApplicable("declares no limits")
    needs_a_table(subject)
    calls = [call for _, call in _calls(subject)]
    if subject.sink.token is not None:
        calls.append(subject.sink.token.ask(subject.config()))
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
            for call in _said(subject, signal, config) if type(signal.payload) in subject.sink.calls else ():
                opened |= {call.opens} - {""}
                needed |= {call.needs: case.path.name} if call.needs else {}
    if not (opened or needed):
        raise NotApplicable("no call opens or needs anything")
    for name, case_file in needed.items():
        expect(name in opened, f"calls.py: a call of cases/{case_file} needs {name!r}, which no call opens")
