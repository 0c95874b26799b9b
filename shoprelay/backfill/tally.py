"""What was found in a file, counted: kept beside the position, so that the counts go on after a kill. Pure."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from schemas.events import OrderPlaced, OrderRefunded, ShopEvent
from sources.backfill.format import Counted, Unreadable

KINDS_KEPT = 40  # of problems; the report has all of them
OTHERS = "other problems"
ZERO = Decimal(0)


class Money(msgspec.Struct):
    """Sums in one currency. `unsaid` refunds gave back an amount that the file does not name."""

    orders: Decimal = ZERO
    refunds: Decimal = ZERO
    unsaid: int = 0


class Tally(msgspec.Struct):
    """`facts` by kind; `refused` lines by problem; `counted` by what, and in `passed` the lines that led to nothing."""

    facts: dict[str, int] = {}
    refused: dict[str, int] = {}
    counted: dict[str, int] = {}
    passed: dict[str, int] = {}
    money: dict[str, Money] = {}
    first: datetime | None = None
    last: datetime | None = None

    @property
    def told(self) -> int:
        return sum(self.facts.values())

    @property
    def lines_refused(self) -> int:
        return sum(self.refused.values())

    def fact(self, event: ShopEvent) -> None:
        payload = event.payload
        kind = type(payload).__name__
        self.facts[kind] = self.facts.get(kind, 0) + 1
        if self.first is None or event.occurred_at < self.first:
            self.first = event.occurred_at
        if self.last is None or event.occurred_at > self.last:
            self.last = event.occurred_at
        if isinstance(payload, OrderPlaced):
            if payload.order.placed_at is not None and event.occurred_at > payload.order.placed_at:
                return  # a later picture of an order that was counted
            self._money(payload.order.currency).orders += payload.order.total
        elif isinstance(payload, OrderRefunded):
            if payload.amount is None or payload.currency is None:
                self._money(payload.currency or "").unsaid += 1
            else:
                self._money(payload.currency).refunds += payload.amount

    def add(self, other: Tally) -> None:
        """What another file came to."""
        for mine, theirs in (
            (self.facts, other.facts), (self.refused, other.refused), (self.counted, other.counted),
            (self.passed, other.passed),
        ):  # fmt: skip
            for name, count in theirs.items():
                mine[name] = mine.get(name, 0) + count
        for currency, money in other.money.items():
            sums = self._money(currency)
            sums.orders, sums.refunds = sums.orders + money.orders, sums.refunds + money.refunds
            sums.unsaid += money.unsaid
        self.first = min(filter(None, (self.first, other.first)), default=None)
        self.last = max(filter(None, (self.last, other.last)), default=None)

    def _money(self, currency: str) -> Money:
        return self.money.setdefault(currency, Money())

    def refuse(self, line: Unreadable) -> None:
        what = f"{line.field} {line.problem}".strip()
        if what not in self.refused and len(self.refused) >= KINDS_KEPT:
            what = OTHERS
        self.refused[what] = self.refused.get(what, 0) + 1

    def count(self, found: Counted) -> None:
        self.counted[found.what] = self.counted.get(found.what, 0) + 1
        if found.lines:
            self.passed[found.what] = self.passed.get(found.what, 0) + found.lines
