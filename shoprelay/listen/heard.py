"""One record of any of our topics as a line of the listener. Pure; nothing of a person is in it unless it is asked for.

A customer is shown as logs show them: kind of name and a short hash, the same for the same customer. Account numbers
are hashed like addresses are, because many a shop uses addresses as account numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from schemas.events import CartTransferred, CatalogPayload, CustomerEvent, DeadlineReached, IdentityLinked, ShopEvent
from schemas.records import Parked, Refused
from schemas.signals import CartAbandoned, CatalogSignal, Signal
from schemas.values import CustomerRef, LineItem
from sources.debezium.state import SOURCE as DATABASE
from streams.domain.identity import OURS, key_of, masked

Sort = Literal["events", "signals", "refused", "parked"]
SORTS: tuple[Sort, ...] = ("events", "signals", "refused", "parked")
HISTORY = "history"  # the note on what a backfill told
HASHED = 8  # characters of a hash that are shown
_IDS = {"cart_id": "cart", "order_id": "order", "checkout_id": "checkout", "product_id": "product",
        "variant_id": "variant", "refund_id": "refund", "fulfillment_id": "fulfilment"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Heard:
    """`at` is when it came, `delay` how long after it happened. `key` is the customer's, or empty; `names` are all
    names of the customer, to search by. `shop` is empty where nobody knows it."""

    at: datetime
    sort: Sort
    shop: str
    kind: str
    key: str = ""
    names: frozenset[str] = frozenset()
    ids: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    delay: timedelta | None = None
    bad: bool = False

    def who(self, show_personal: bool) -> str:
        key = self.key if show_personal else short(self.key)
        return key.partition("/")[2] or key


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be shown; nothing said: all. A line whose shop nobody knows may be this shop's."""

    shop: str | None = None
    customer: str | None = None
    only: frozenset[str] = field(default_factory=lambda: frozenset(SORTS))
    since: datetime | None = None

    def __call__(self, heard: Heard) -> bool:
        return (
            heard.sort in self.only
            and (self.shop is None or heard.shop in ("", self.shop))
            and (self.since is None or heard.at >= self.since)
            and (self.customer is None or self._is(self.customer.strip(), heard))
        )

    @staticmethod
    def _is(customer: str, heard: Heard) -> bool:
        """By any name of theirs, by the key, or as the listener shows them."""
        shown = short(heard.key)
        return customer in (heard.key, shown, shown.partition("/")[2]) or customer.lower() in heard.names


def short(key: str) -> str:
    hidden = masked(key)
    head, mark, digest = hidden.partition("#")
    return f"{head}{mark}{digest[:HASHED]}" if mark else hidden


# -- what comes in


def event(at: datetime, told: ShopEvent) -> Heard:
    catalog = isinstance(told.payload, CatalogPayload)
    key = "" if catalog else key_of(told.shop, told.customer)
    return Heard(
        at, "events", told.shop, _kind(told.payload), key, _names(told.customer), _ids(told.payload),
        _priority(told.priority), at - told.occurred_at,
    )  # fmt: skip


def entry(at: datetime, entry: CustomerEvent) -> Heard | None:
    """What only we write into a customer's log, and what a database told; the rest stands in `shop-events`, or was a
    delivery."""
    match entry.fact:
        case ShopEvent(source=source) as fact if source == DATABASE:
            told = event(at, fact)
            return replace(told, key=entry.key, notes=("by its database", *told.notes))
        case DeadlineReached(cart_id=cart_id, shop=shop, due_at=due):
            about = (("cart", cart_id),) if cart_id else ()
            return Heard(at, "events", shop, "DeadlineReached", entry.key, frozenset(), about, (), at - due)
        case CartTransferred(shop=shop, ref=ref):
            moved = tuple(("cart", cart.cart_id) for cart in entry.fact.carts)
            return Heard(at, "events", shop, "CartTransferred", entry.key, _names(ref), moved)
        case ShopEvent(source=source, payload=IdentityLinked(other=other), shop=shop) if source == OURS:
            linked = f"to {short(key_of(shop, other)).partition('/')[2]}"
            return Heard(at, "events", shop, "IdentityLinked", entry.key, _names(other), (), (linked,))
    return None


# -- what becomes of it


def signal(at: datetime, said: Signal) -> Heard:
    payload = said.payload
    notes = _priority(said.priority)
    since = said.occurred_at
    if isinstance(payload, CartAbandoned):
        notes, since = (f"stage {payload.stage}", *notes), payload.due_at
    customer = said.customer
    return Heard(
        at, "signals", said.shop, _kind(payload), customer.key, _names(customer.ref), _ids(payload), notes, at - since
    )


def catalog(at: datetime, said: CatalogSignal) -> Heard:
    return Heard(
        at, "signals", said.shop, _kind(said.payload), "", frozenset(), _ids(said.payload), _priority(said.priority),
        at - said.occurred_at,
    )  # fmt: skip


def refused(at: datetime, why: Refused, original: ShopEvent | None, shop: str = "") -> Heard:
    """`original` is the event where it could be read and was refused for what it says; `shop` whose it is where only
    that is known."""
    where = f"{why.field} {why.problem}" if why.field else why.problem
    notes = (f"{where}; {why.remedy}", f"{why.topic}/{why.partition} at {why.offset}")
    if original is None:
        return Heard(at, "refused", shop, why.reason, notes=notes, bad=True)
    key, names = key_of(original.shop, original.customer), _names(original.customer)
    kind = f"{_kind(original.payload)}: {why.reason}"
    return Heard(at, "refused", original.shop, kind, key, names, notes=notes, bad=True)


def parked(at: datetime, account: str, call: Parked | None, parked_id: str) -> Heard:
    """`None` when the call is parked no longer."""
    if call is None:
        return Heard(at, "parked", "", f"{account}: gone", notes=(f"{parked_id[:HASHED]} was delivered or dropped",))
    key = call.customer_key
    answered = f" ({call.status})" if call.status else f" ({call.fault})" if call.fault else ""
    notes = (
        f"{call.reason}{answered}",
        f"tried {call.attempts}×",
        f"shoprelay parked show {account} {parked_id[:HASHED]}",
    )
    return Heard(at, "parked", key.partition("/")[0], f"{account}: {call.says}", key, notes=notes, bad=True)


def unreadable(at: datetime, sort: Sort, topic: str, why: str) -> Heard:
    return Heard(at, sort, "", "unreadable", notes=(f"{topic}: {why}",), bad=True)


# -- the parts of a line


def _kind(payload: Any) -> str:
    return type(payload).__name__


def _priority(priority: str) -> tuple[str, ...]:
    return (HISTORY,) if priority == "backfill" else ()


def _names(ref: CustomerRef) -> frozenset[str]:
    said = (ref.customer_id, ref.email, ref.phone, ref.anonymous_id, ref.cart_token)
    return frozenset(name.strip().lower() for name in said if name)


def _ids(payload: Any) -> tuple[tuple[str, str], ...]:
    """Orders, carts and products a payload speaks of, with how much is in them."""
    found = [(word, str(value)) for name, word in _IDS.items() if (value := getattr(payload, name, None))]
    if (order := getattr(payload, "order", None)) is not None:
        found += [("order", order.order_id)] if ("order", order.order_id) not in found else []
        found.append(("total", f"{order.total} {order.currency}"))
    if (cart := getattr(payload, "cart", None)) is not None:
        found += [("cart", cart.cart_id), ("total", f"{cart.total} {cart.currency}")]
    if isinstance(item := getattr(payload, "item", None) or getattr(payload, "added", None), LineItem):
        found.append(("product", f"{item.product_id} ×{item.quantity.normalize():f}"))
    if (product := getattr(payload, "product", None)) is not None and ("product", product.product_id) not in found:
        found.append(("product", product.product_id))
    if (status := getattr(payload, "status", None)) is not None:
        found.append(("status", str(status)))
    return tuple(found)
