"""Planted in chapter 3: the calls."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from msgspec import structs

from schemas.signals import Signal
from shoprelay.certificate.subject import Subject
from sinks.contract import Call, CannotSay, Limit
from tests.certificate.acme.config import AcmeConfig
from tests.certificate.planted.tools import Ground, in_a_copy, planted, saying, with_sink


@planted("3.1", "the functions look at the clock")
def _(subject: Subject, ground: Ground) -> Subject:
    return in_a_copy(subject, ground, {"calls.py": ("from typing", "import time\nfrom typing")})


@planted("3.1", "what they import draws lots")
def _(subject: Subject, ground: Ground) -> Subject:
    copy = in_a_copy(subject, ground, {"calls.py": ("from tests.certificate.acme.config", "from sinks.acme.config")})
    text = (copy.folder / "calls.py").read_text()
    (copy.folder / "calls.py").write_text(f"from sinks.acme.lots import draw\n{text}")
    (copy.folder / "lots.py").write_text("from random import random as draw\n")
    return replace(copy, package="sinks.acme")


@planted("3.2", "a case was written for other calls")
def _(subject: Subject, ground: Ground) -> Subject:
    return in_a_copy(subject, ground, {"cases/cart_abandoned--two_mugs.json": ('"worth": 19.98', '"worth": 19.97')})


@planted("3.3", "a key that is drawn")
def _(subject: Subject, ground: Ground) -> Subject:
    drawn = iter(range(10**9))
    return saying(
        subject, lambda s, c, calls: tuple(structs.replace(call, key=f"{call.key}-{next(drawn)}") for call in calls)
    )


@planted("3.4", "two calls of an order have one key")
def _(subject: Subject, ground: Ground) -> Subject:
    return saying(subject, lambda s, c, calls: tuple(structs.replace(call, key=calls[0].key) for call in calls))


@planted("3.5", "a mapping that stumbles")
def _(subject: Subject, ground: Ground) -> Subject:
    return saying(subject, lambda s, c, calls: 1 // 0)


@planted("3.5", "a list instead of a tuple")
def _(subject: Subject, ground: Ground) -> Subject:
    return saying(subject, lambda s, c, calls: list(calls))


@planted("3.6", "a reason that repeats the address")
def _(subject: Subject, ground: Ground) -> Subject:
    def refuse(signal: Signal, config: Any, calls: tuple[Call, ...]) -> tuple[Call, ...]:
        if isinstance(signal, Signal):
            raise CannotSay(f"{signal.customer.ref.email} is not known to Acme")
        return calls

    return saying(subject, refuse)


@planted("3.7", "a name with the signal's id in it")
def _(subject: Subject, ground: Ground) -> Subject:
    def named(signal: Signal, config: Any, calls: tuple[Call, ...]) -> tuple[Call, ...]:
        of_a_case = "-" not in signal.signal_id
        return calls if of_a_case else tuple(structs.replace(call, says=f"about {signal.signal_id}") for call in calls)

    return saying(subject, named, backfill_only=False)


@planted("3.8", "the key in a header of the call")
def _(subject: Subject, ground: Ground) -> Subject:
    def keyed(signal: Signal, config: AcmeConfig, calls: tuple[Call, ...]) -> tuple[Call, ...]:
        secret = config.client_secret.get_secret_value()
        return tuple(structs.replace(call, headers=(("x-key", secret),)) for call in calls)

    return saying(subject, keyed)


@planted("3.9", "money through a float")
def _(subject: Subject, ground: Ground) -> Subject:
    def floated(signal: Signal, config: Any, calls: tuple[Call, ...]) -> tuple[Call, ...]:
        through = str(0.1 + 0.2).encode()
        return tuple(
            structs.replace(c, body=c.body.replace(b'"worth":', b'"worth":' + through + b',"worth":')) for c in calls
        )

    return saying(subject, floated)


@planted("3.10", "a header that HTTP cannot carry")
def _(subject: Subject, ground: Ground) -> Subject:
    return saying(
        subject, lambda s, c, calls: tuple(structs.replace(call, headers=(("x-shop", "Bücher"),)) for call in calls)
    )


@planted("3.11", "a field that the platform does not know")
def _(subject: Subject, ground: Ground) -> Subject:
    return saying(
        subject,
        lambda s, c, calls: tuple(structs.replace(call, body=b'{"colour":"blue",' + call.body[1:]) for call in calls),
    )


@planted("3.12", "a budget of an endpoint that nobody calls")
def _(subject: Subject, ground: Ground) -> Subject:
    return with_sink(subject, limits=(*subject.sink.limits, Limit("evnts", 5, 1)))


@planted("3.13", "it needs what nobody opens")
def _(subject: Subject, ground: Ground) -> Subject:
    copy = in_a_copy(
        subject,
        ground,
        {"cases/order_fulfilled--all_at_once.json": ('"needs": "order 1234"', '"needs": "parcel 1234"')},
    )

    def mistaken(signal: Signal, config: Any, calls: tuple[Call, ...]) -> tuple[Call, ...]:
        return tuple(structs.replace(call, needs=call.needs.replace("order", "parcel")) for call in calls)

    return saying(copy, mistaken, backfill_only=False)
