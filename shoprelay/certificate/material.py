"""What a rehearsal is played with: a case that stands alone, and as many like it as are needed. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from schemas.signals import (
    AnySignal,
    BackInStockRequested,
    CatalogSignal,
    OrderPlaced,
    ProductChanged,
    Signal,
    WholesaleOrderApproved,
)
from schemas.values import CustomerRef, Product, Variant
from shoprelay.certificate.asking import PutOn, asked, taken
from shoprelay.certificate.behaviour import Broken, missing, needs_a_table
from shoprelay.certificate.subject import Case, Subject
from sinks.contract import Call, Token, Verdict
from streams.delivery.token import put_on

Struct = TypeVar("Struct", bound=msgspec.Struct)
# What a platform may tell one order, cart or parcel from another by.
OWN = ("order_id", "number", "cart_id", "checkout_id", "fulfillment_id", "refund_id", "payment_id", "list_id")
OF_PRODUCTS = ("product_id", "variant_id", "sku", "gone", "categories")


@dataclass(frozen=True)
class Material:
    """A case whose calls the stand-in takes without anything before them, and its settings."""

    signal: AnySignal
    changes: dict[str, Any]

    def of(self, who: int, nth: int = 0) -> AnySignal:
        return another(self.signal, who, nth)

    def many(self, people: int, each: int = 1) -> list[AnySignal]:
        """Of the first the first, of the second the first, …, of the first the second, …"""
        return [self.of(who, nth) for nth in range(each) for who in range(people)]


def material(subject: Subject, *, endpoint: str | None = None, among: Iterable[Case] | None = None) -> Material:
    """The simplest one; with calls to `endpoint` when it is named, and others only where it must be. Raises `Broken`
    when there is none, or `Unfilled`."""
    needs_a_table(subject)
    told = [case for case in (subject.cases if among is None else among) if case.calls]
    if not told:
        raise missing(subject, 6, "cases/: no case has calls")
    # First what needs no settings of its own, no second look before it leaves and nothing after it, then what is
    # shortest.
    told.sort(key=lambda case: _oddness(subject, case, endpoint))
    for case in told:
        calls = subject.said(case.signal, subject.config(**case.changes))
        if endpoint is not None and endpoint not in {call.endpoint for call in calls}:
            continue
        if _stands_alone(subject, case, calls):
            return Material(case.signal, case.changes)
    of = f" to the endpoint {endpoint!r}" if endpoint else ""
    raise Broken(f"cases/: the stand-in takes no case's calls{of} by themselves: compare calls.py with fake.py")


def _oddness(subject: Subject, case: Case, endpoint: str | None) -> tuple[bool, bool, bool, bool, int]:
    called = [call.get("endpoint", "default") for call in case.calls or ()]
    others = endpoint is not None and {*called} != {endpoint}
    followed = any(each in subject.sink.follow for each in called)
    reminder = type(case.signal.payload) in subject.sink.reminders
    return others, bool(case.changes), reminder, followed, len(called)


def _stands_alone(subject: Subject, case: Case, calls: tuple[Call, ...]) -> bool:
    stand_in, config = subject.stand_in(), subject.config(**case.changes)
    put = borrowed(subject, config, stand_in, case.signal)
    at = case.signal.occurred_at.timestamp() + 60
    verdicts = [taken(subject.sink, config, stand_in, call, at, put)[0] for call in calls]
    return all(verdict is Verdict.DELIVERED for verdict in verdicts)


def borrowed(subject: Subject, config: Any, stand_in: Any, signal: AnySignal) -> PutOn:
    """What puts a token on that the stand-in lends; nothing where the sink borrows none."""
    if (token := subject.sink.token) is None:
        return lambda call: call
    if (given := token.given(config)) is not None:
        return _putting(token, given)
    answer = asked(subject.sink, config, stand_in, token.ask(config), signal.occurred_at.timestamp() + 60)
    if (lent := token.read(answer)) is None:
        raise Broken(f"token: the stand-in lends none, it answers {answer.status}: compare sink.py with fake.py")
    return _putting(token, lent[0])


def _putting(token: Token, lent: str) -> PutOn:
    return lambda call: call if call.bare or not token.wanted(call) else put_on(token, call, lent)


def before(signal: AnySignal) -> tuple[AnySignal, ...]:
    """What the platform must have heard before: the order, or the product, that this is about."""
    if isinstance(signal, CatalogSignal):
        product = getattr(signal.payload, "product", None)
        if product is None or isinstance(signal.payload, ProductChanged):
            return ()
        return (
            replace(signal, signal_id=f"{signal.signal_id}-made", payload=ProductChanged(product=product, new=True)),
        )
    if isinstance(signal.payload, BackInStockRequested):
        return (_made_for(signal, signal.payload),)
    order = getattr(signal.payload, "order", None)
    if order is None or isinstance(signal.payload, OrderPlaced | WholesaleOrderApproved):
        return ()
    return (replace(signal, signal_id=f"{signal.signal_id}-placed", payload=OrderPlaced(order=order)),)


def _made_for(signal: Signal, wanted: BackInStockRequested) -> CatalogSignal:
    """The product that somebody waits for."""
    price, url = Decimal(12), "https://mugs.example/mug"
    variants = (Variant(variant_id=wanted.variant_id),) if wanted.variant_id else ()
    product = Product(product_id=wanted.product_id, title="Mug", url=url, price=price, variants=variants)
    return CatalogSignal(
        signal_id=f"{signal.signal_id}-made",
        shop=signal.shop,
        occurred_at=signal.occurred_at,
        cause=signal.cause,
        payload=ProductChanged(product=product, new=True),
    )


# -- others like it


def another(signal: AnySignal, who: int, nth: int = 0) -> AnySignal:
    """The same fact of another customer, about another order or cart; or of another product."""
    if isinstance(signal, CatalogSignal):
        payload = _renamed(signal.payload, f"{who:02}{nth:02}", OF_PRODUCTS)
        return replace(signal, signal_id=f"{signal.signal_id}-{who}-{nth}", payload=payload)
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


def _renamed(part: Struct, suffix: str, own: tuple[str, ...] = OWN) -> Struct:
    changes: dict[str, Any] = {}
    for field in part.__struct_fields__:
        value = getattr(part, field)
        if isinstance(value, msgspec.Struct):
            changes[field] = _renamed(value, suffix, own)
        elif field == "variants":
            changes[field] = tuple(_renamed(each, suffix, own) for each in value)
        elif field in own and isinstance(value, tuple):
            changes[field] = tuple(f"{each}{suffix}" for each in value)
        elif field in own and value:
            changes[field] = f"{value}{suffix}"
    return replace(part, **changes)
