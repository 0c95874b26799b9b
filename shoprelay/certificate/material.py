"""What a rehearsal is played with: a case that stands alone, and as many like it as are needed. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from schemas.signals import OrderPlaced, Signal
from schemas.values import CustomerRef
from shoprelay.certificate.behaviour import Broken, missing, needs_a_table
from shoprelay.certificate.subject import Case, Subject, asked
from sinks.contract import Call, Verdict, classify

Struct = TypeVar("Struct", bound=msgspec.Struct)
# What a platform may tell one order, cart or parcel from another by.
OWN = ("order_id", "number", "cart_id", "checkout_id", "fulfillment_id", "refund_id", "payment_id", "list_id")


@dataclass(frozen=True)
class Material:
    """A case whose calls the stand-in takes without anything before them, and its settings."""

    signal: Signal
    changes: dict[str, Any]

    def of(self, who: int, nth: int = 0) -> Signal:
        return another(self.signal, who, nth)

    def many(self, people: int, each: int = 1) -> list[Signal]:
        """Of the first the first, of the second the first, …, of the first the second, …"""
        return [self.of(who, nth) for nth in range(each) for who in range(people)]


def material(subject: Subject, *, endpoint: str | None = None, among: Iterable[Case] | None = None) -> Material:
    """The simplest one; of calls to `endpoint` when it is named. Raises `Broken` when there is none, or `Unfilled`."""
    needs_a_table(subject)
    told = [case for case in (subject.cases if among is None else among) if case.calls]
    if not told:
        raise missing(subject, 6, "cases/: no case has calls")
    # First what needs no settings of its own and no second look before it leaves, then what is shortest.
    told.sort(key=lambda c: (bool(c.changes), type(c.signal.payload) in subject.sink.reminders, len(c.calls or ())))
    for case in told:
        calls = subject.said(case.signal, subject.config(**case.changes))
        if endpoint is not None and {call.endpoint for call in calls} != {endpoint}:
            continue
        if _stands_alone(subject, case, calls):
            return Material(case.signal, case.changes)
    of = f" to the endpoint {endpoint!r}" if endpoint else ""
    raise Broken(f"cases/: the stand-in takes no case's calls{of} by themselves: compare calls.py with fake.py")


def _stands_alone(subject: Subject, case: Case, calls: tuple[Call, ...]) -> bool:
    stand_in, config = subject.stand_in(), subject.config(**case.changes)
    headers = borrowed(subject, config, stand_in, case.signal)
    at = case.signal.occurred_at.timestamp() + 60
    answers = [asked(subject.sink, config, stand_in, call, at, **headers) for call in calls]
    return all(classify(answer, subject.sink.rules) is Verdict.DELIVERED for answer in answers)


def borrowed(subject: Subject, config: Any, stand_in: Any, signal: Signal) -> dict[str, str]:
    """The headers of a token that the stand-in lends; none where the sink borrows none."""
    if (token := subject.sink.token) is None:
        return {}
    answer = asked(subject.sink, config, stand_in, token.ask(config), signal.occurred_at.timestamp() + 60)
    if (lent := token.read(answer)) is None:
        raise Broken(f"token: the stand-in lends none, it answers {answer.status}: compare sink.py with fake.py")
    return dict(token.headers(lent[0]))


def before(signal: Signal) -> tuple[Signal, ...]:
    """What the platform must have heard before: the order that this is about."""
    order = getattr(signal.payload, "order", None)
    if order is None or isinstance(signal.payload, OrderPlaced):
        return ()
    return (replace(signal, signal_id=f"{signal.signal_id}-placed", payload=OrderPlaced(order=order)),)


# -- others like it


def another(signal: Signal, who: int, nth: int = 0) -> Signal:
    """The same fact of another customer, about another order or cart."""
    ref = signal.customer.ref
    names = CustomerRef(
        customer_id=_other(ref.customer_id, who),
        email=_mailbox(ref.email, who),
        phone=ref.phone,
        anonymous_id=_other(ref.anonymous_id, who),
        cart_token=_other(ref.cart_token, who),
    )
    return replace(
        signal,
        signal_id=f"{signal.signal_id}-{who}-{nth}",
        customer=replace(signal.customer, key=f"{signal.customer.key}-{who}", ref=names),
        payload=_renamed(signal.payload, f"{who:02}{nth:02}"),
    )


def _other(name: str | None, who: int) -> str | None:
    """A number stays one: some platforms take nothing else."""
    if name is None:
        return None
    return f"{name}{who:03}" if name.isdecimal() else f"{name}-{who}"


def _mailbox(email: str | None, who: int) -> str | None:
    if email is None or "@" not in email:
        return email
    name, _, domain = email.rpartition("@")
    return f"{name}.{who}@{domain}"


def _renamed(part: Struct, suffix: str) -> Struct:
    changes: dict[str, Any] = {}
    for field in part.__struct_fields__:
        value = getattr(part, field)
        if isinstance(value, msgspec.Struct):
            changes[field] = _renamed(value, suffix)
        elif field in OWN and value:
            changes[field] = f"{value}{suffix}"
    return replace(part, **changes)
