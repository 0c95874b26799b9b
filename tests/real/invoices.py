"""December 2010 of a British wholesaler (UCI Online Retail), and what an oracle that is not ours says it adds up to."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from schemas.signals import OrderPlaced, OrderRefunded, Signal

ZERO = Decimal(0)


def days(data: Path) -> list[Path]:
    return sorted((data / "uci-online-retail" / "dec2010").glob("*.csv"))


def month(data: Path, into: Path) -> Path:
    """All days as one file."""
    head, *_ = days(data)[0].read_bytes().split(b"\n", 1)
    with into.open("wb") as file:
        file.write(head + b"\n")
        for day in days(data):
            file.write(day.read_bytes().split(b"\n", 1)[1])
    return into


def oracle(data: Path) -> dict[str, Any]:
    return dict(json.loads((data / "expected" / "uci-dec2010.json").read_text()))


@dataclass
class Sums:
    orders: int = 0
    cancellations: int = 0
    value: Decimal = ZERO
    refunded: Decimal = ZERO
    lines: int = 0
    lines_back: int = 0


@dataclass
class Books:
    """What signals add up to, each counted once by its id; guests apart from customers."""

    customers: dict[str, Sums] = field(default_factory=lambda: defaultdict(Sums))
    guests: Sums = field(default_factory=Sums)
    ids: set[str] = field(default_factory=set)
    repeats: int = 0

    def take(self, signals: Iterable[Signal]) -> None:
        for signal in signals:
            if signal.signal_id in self.ids:
                self.repeats += 1
                continue
            self.ids.add(signal.signal_id)
            who = signal.customer.ref.customer_id
            self._enter(self.customers[who] if who else self.guests, signal.payload)

    def _enter(self, sums: Sums, said: Any) -> None:
        match said:
            case OrderPlaced(order=order):
                sums.orders += 1
                sums.value += order.total
                sums.lines += len(order.lines)
                assert order.total == sum((line.quantity * (line.unit_price or ZERO) for line in order.lines), ZERO)
            case OrderRefunded(amount=amount, lines=lines):
                sums.cancellations += 1
                sums.refunded -= amount or ZERO
                sums.lines_back += len(lines)
            case _:
                raise AssertionError(f"{type(said).__name__} was not expected")


def agree(books: Books, expected: dict[str, Any]) -> None:
    """To the cent, customer by customer."""
    per_customer = {
        who: (each["orders"], each["cancellations"], Decimal(each["value"]), Decimal(each["refunded"]))
        for who, each in expected["per_customer"].items()
    }
    found = {who: (s.orders, s.cancellations, s.value, s.refunded) for who, s in books.customers.items()}
    assert found == per_customer
    all_sums = books.customers.values()
    assert sum(s.orders for s in all_sums) == expected["placed_orders"]
    assert sum(s.lines for s in all_sums) == expected["ordered_lines"]
    assert sum(s.cancellations for s in all_sums) == expected["cancelled_orders"]
    assert sum(s.lines_back for s in all_sums) == expected["cancelled_lines"]
    assert sum((s.value for s in all_sums), ZERO) == Decimal(expected["total_value"])
    assert sum((s.refunded for s in all_sums), ZERO) == Decimal(expected["total_cancelled"])
