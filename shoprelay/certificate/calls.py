"""Chapter 3: the calls. Pure functions from a signal to complete requests, the same on every replay."""

from __future__ import annotations

from typing import Any

from schemas.signals import AnySignal, Signal
from shoprelay.certificate.behaviour import Broken, behaviour, expect, missing, needs_a_table
from shoprelay.certificate.material import another
from shoprelay.certificate.purity import impurities
from shoprelay.certificate.said import all_calls, asked_of, kind_of, said
from shoprelay.certificate.subject import Case, Subject, shown
from sinks.contract import Call, CannotSay, Unaddressable

PLACES = 8  # a quantity times a price, four places each: what has more went through a float
WORDS = 12  # different names for calls that one kind of signal may become


@behaviour("3.1", "what makes calls is pure")
def is_pure(subject: Subject) -> None:
    """`calls.py`, what joins and reads batches, what follows calls, and all that they import of `sinks` MUST have no
    clock, no randomness, no environment, no I/O, no `await` and no `float`."""
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
    for signal, config in asked_of(subject):
        first, again = said(subject, signal, config), said(subject, signal, config.model_copy(deep=True))
        expect(first == again, f"calls.py: a {kind_of(signal)} becomes other calls the second time")


@behaviour("3.4", "each call has a key of its own")
def has_a_key_of_its_own(subject: Subject) -> None:
    """The calls of one signal MUST have different keys, and so MUST those of different customers' facts."""
    for signal, config in asked_of(subject):
        keys = [call.key for call in said(subject, signal, config)]
        expect(
            len(set(keys)) == len(keys) and all(keys),
            f"calls.py: the calls of a {kind_of(signal)} have the keys {keys}; each needs its own",
        )
    for case in subject.cases:
        config = subject.config(**case.changes)
        first, second = (said(subject, another(case.signal, who), config) for who in (1, 2))
        same = {call.key for call in first} & {call.key for call in second}
        expect(not same, f"calls.py: two customers' {kind_of(case.signal)} have the same key {min(same, default='')!r}")


@behaviour("3.5", "every signal has an answer")
def is_total(subject: Subject) -> None:
    """Whatever the language can say, a function of the table MUST give calls, or raise `Unaddressable` or `CannotSay`,
    and nothing else."""
    for signal, config in asked_of(subject):
        try:
            calls = subject.said(signal, config)
        except (CannotSay, Unaddressable):
            continue
        except Exception as error:
            raise Broken(f"calls.py: a {kind_of(signal)} raises {type(error).__name__}: {error}") from error
        expect(
            isinstance(calls, tuple) and all(isinstance(call, Call) for call in calls),
            f"calls.py: a {kind_of(signal)} becomes {type(calls).__name__}; it must be a tuple of calls",
        )


@behaviour("3.6", "a refusal names the field, never the value")
def names_the_field_only(subject: Subject) -> None:
    """The reason of `CannotSay` MUST be there, and MUST NOT repeat what the customer's data hold: it is shown to people
    and kept."""
    for signal, config in asked_of(subject):
        try:
            subject.said(signal, config)
        except CannotSay as refused:
            reason = str(refused)
            expect(bool(reason), f"calls.py: CannotSay of a {kind_of(signal)} has no reason")
            told = [value for value in _personal(signal) if value in reason]
            expect(not told, f"calls.py: CannotSay of a {kind_of(signal)} repeats a value: name the field")
        except Exception:
            continue  # 3.5 says so


def _personal(signal: AnySignal) -> list[str]:
    """Values long enough not to stand in a sentence by chance."""
    if not isinstance(signal, Signal):
        return [signal.signal_id]
    ref = signal.customer.ref
    values = [ref.customer_id, ref.email, ref.phone, ref.anonymous_id, ref.cart_token, signal.signal_id]
    values += [getattr(part, "order_id", None) for part in (signal.payload, getattr(signal.payload, "order", None))]
    return [value for value in values if value and len(value) > 5]


@behaviour("3.7", "what is heard has few names")
def has_few_names(subject: Subject) -> None:
    """`says` MUST be short and from a bounded set: metrics are counted by it."""
    words: dict[str, set[str]] = {}
    for signal, call in all_calls(subject):
        expect(0 < len(call.says) < 128, f"calls.py: says is {call.says!r}; it must have 1 to 127 characters")
        words.setdefault(kind_of(signal), set()).add(call.says)
    for case in subject.cases:
        config = subject.config(**case.changes)
        of_one, of_another = (said(subject, signal, config) for signal in (case.signal, another(case.signal, 1)))
        names = {call.says for call in (*of_one, *of_another)}
        expect(names == {call.says for call in of_one}, f"calls.py: {sorted(names)} are one thing; `says` takes no ids")
    for kind, names in words.items():
        expect(len(names) <= WORDS, f"calls.py: a {kind} is called {sorted(names)[:3]} and more; `says` takes no ids")
