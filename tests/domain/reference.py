"""The plain reference: what ought to be said, worked out the slow way, sharing no code with `streams.domain`.

It keeps every event it ever heard, and whenever it is asked sorts them and walks through all of them anew. It knows one
customer, quantities in units, and logs in which each event is at least as new as the one before; only the contents of a
cart are answered for events in any order.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

Kind = Literal["add", "remove", "remove_all", "picture", "order", "view"]


@dataclass(frozen=True)
class Happened:
    """`cart=None` on an order means every cart. `lines` is a picture, or the one product of an item event."""

    name: str
    at: datetime
    kind: Kind
    cart: str | None = None
    lines: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Fact:
    """One abandonment: which cart, at what stage, when due, with what in it."""

    cart: str
    stage: int
    due: datetime
    contents: tuple[tuple[str, int], ...]


@dataclass
class Reference:
    stages: tuple[timedelta, ...]
    heard: list[Happened] = field(default_factory=list)

    def hear(self, event: Happened) -> None:
        if all(event.name != known.name for known in self.heard):
            self.heard.append(event)

    def carts(self) -> set[str]:
        return {event.cart for event in self.heard if event.cart is not None}

    def contents(self, cart: str, until: datetime | None = None) -> dict[str, int]:
        """What is in the cart after everything not later than `until`; equal times in the order heard."""
        inside: dict[str, int] = {}
        for event in sorted(self.heard, key=lambda event: event.at):
            if until is None or event.at <= until:
                self._happens(event, cart, inside)
        return {product: count for product, count in inside.items() if count > 0}

    def _happens(self, event: Happened, cart: str, inside: dict[str, int]) -> None:
        if event.kind == "order" and event.cart in (None, cart):
            inside.clear()
        if event.cart != cart:
            return
        if event.kind == "picture":
            inside.clear()
            inside.update(event.lines)
        for product, count in event.lines:
            if event.kind == "add":
                inside[product] = inside.get(product, 0) + count
            elif event.kind == "remove":
                inside[product] = max(inside.get(product, 0) - count, 0)
            elif event.kind == "remove_all":
                inside[product] = 0

    # -- only for logs in order of time

    def is_change(self, n: int, cart: str) -> bool:
        """Taking out what is not there is still touching the cart; a picture of the same is not."""
        event = self.heard[n]
        if event.cart != cart or event.kind in ("order", "view"):
            return False
        return event.kind != "picture" or self._before(n).contents(cart) != dict(event.lines)

    def _before(self, n: int) -> "Reference":
        return Reference(self.stages, self.heard[:n])

    def facts(self) -> set[Fact]:
        """Every abandonment, time having run on for ever: stage by stage after each change, until something happens."""
        return {fact for cart in self.carts() for fact in self._facts_of(cart)}

    def _facts_of(self, cart: str) -> set[Fact]:
        facts = set()
        for n, change in enumerate(self.heard):
            if not self.is_change(n, cart):
                continue
            contents = self._before(n + 1).contents(cart)
            later = [
                event.at
                for m, event in enumerate(self.heard)
                if m > n and (self.is_change(m, cart) or (event.kind == "order" and event.cart in (None, cart)))
            ]
            for stage, wait in enumerate(self.stages, 1):
                due = change.at + wait
                if contents and all(at > due for at in later):
                    facts.add(Fact(cart, stage, due, tuple(sorted(contents.items()))))
        return facts
