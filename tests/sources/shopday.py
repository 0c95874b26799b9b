"""A day of a WooCommerce shop, drawn by its seed, as the shop itself knows it: who bought what, and what became of it.

How it is told stands elsewhere; what must come of it (`facts`) is said here, in a few lines that know no source.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

MORNING = datetime(2026, 11, 20, 6, tzinfo=UTC)
DRAFT, COMPLETED, CANCELLED = "checkout-draft", "completed", "cancelled"
LIVES = (
    ("pending", "processing", COMPLETED),
    ("pending", "on-hold", "processing", COMPLETED, "back"),
    ("processing", "back", "back"),
    ("processing", COMPLETED, "back", "refunded"),
    ("pending", CANCELLED),
    ("processing", CANCELLED, "back"),
    ("pending", "failed", "pending", "processing"),
    (DRAFT, "pending", "processing"),
    (DRAFT, "on-hold"),
    (DRAFT,),
)
"""Statuses as they follow each other; at `back` some of the money is given back, and the status stays."""


@dataclass(frozen=True)
class Buyer:
    """A guest has no account. Some who have one buy as guests, too."""

    account: int
    email: str


@dataclass(frozen=True)
class Item:
    """Money in cents, without tax; `off` is what a coupon took of the whole line."""

    number: int
    product: int
    variation: int
    quantity: int
    price: int
    off: int
    tax: int


@dataclass(frozen=True)
class Moment:
    """What the order showed from then on: its status, when it was paid, and what was given back so far."""

    at: datetime
    status: str
    paid_at: datetime | None
    refunds: tuple[tuple[int, int, datetime], ...]


@dataclass(frozen=True)
class Bought:
    number: int
    buyer: Buyer
    currency: str
    items: tuple[Item, ...]
    shipping: int
    moments: tuple[Moment, ...]

    @property
    def placed_at(self) -> datetime:
        return self.moments[0].at

    @property
    def total(self) -> int:
        return self.shipping + sum(each.quantity * each.price - each.off + each.tax for each in self.items)

    @property
    def is_order(self) -> bool:
        return self.moments[-1].status != DRAFT


def money(cents: int) -> Decimal:
    return Decimal(cents) / 100


def drawn(seed: int, orders: int = 40, buyers: int = 25) -> list[Bought]:
    """Nobody buys so often that a customer's log forgets the first orders before the last is told."""
    draw = Random(seed)
    people = [Buyer(n if n < buyers - 8 else 0, f"buyer{n}@mugs.example") for n in range(1, buyers + 1)]
    people[-1] = Buyer(0, people[0].email)  # without logging in this time
    numbers = iter(range(5_000, 9_000))
    chosen = [*people, *draw.sample(people * 2, orders - buyers)]
    return [_bought(1_000 + n, buyer, draw, numbers) for n, buyer in enumerate(chosen)]


def _bought(number: int, buyer: Buyer, draw: Random, numbers: Iterator[int]) -> Bought:
    items = []
    for _ in range(draw.randint(1, 4)):
        quantity, price = draw.choice((1, 1, 2, 3, 7)), draw.randint(99, 20_000)
        off = draw.choice((0, 0, draw.randint(1, quantity * price)))
        variation = draw.choice((0, draw.randint(300, 400)))
        items.append(Item(next(numbers), draw.randint(40, 60), variation, quantity, price, off, draw.randint(0, 999)))
    currency, shipping = draw.choice(("EUR", "EUR", "USD")), draw.choice((0, 490))
    bought = Bought(number, buyer, currency, tuple(items), shipping, ())
    at = MORNING + timedelta(seconds=draw.randint(0, 36_000))
    moments = _moments(draw.choice(LIVES), at, bought.total, draw, numbers)
    return Bought(number, buyer, currency, tuple(items), shipping, tuple(moments))


def _moments(life: tuple[str, ...], at: datetime, total: int, draw: Random, numbers: Iterator[int]) -> Iterator[Moment]:
    paid_at: datetime | None = None
    refunds: tuple[tuple[int, int, datetime], ...] = ()
    status, left = life[0], total
    for step in life:
        if step == "processing":
            paid_at = paid_at or at
        if step in ("back", "refunded") and left:
            amount = left if step == "refunded" else draw.randint(1, max(left // 2, 1))
            refunds, left = (*refunds, (next(numbers), amount, at)), left - amount
        status = status if step == "back" else step
        yield Moment(at, status, paid_at, refunds)
        at += timedelta(seconds=draw.randint(60, 3_000))


# -- what must come of it


@dataclass(frozen=True)
class Facts:
    """What a whole day comes to. Lines are product, variation, quantity and price of one; refunds are by their number.
    Of what an order went through only the last status is known to everybody who tells it."""

    placed: dict[str, tuple[str, Decimal, datetime, tuple[tuple[str, str | None, Decimal, Decimal], ...]]]
    paid: dict[str, Decimal]
    refunded: dict[str, dict[str, Decimal]]
    ended: dict[str, str]


def facts(day: list[Bought]) -> Facts:
    orders = [each for each in day if each.is_order]
    return Facts(
        placed={str(each.number): (each.currency, money(each.total), each.placed_at, lines(each)) for each in orders},
        paid={str(each.number): money(each.total) for each in orders if each.moments[-1].paid_at and each.total},
        refunded={
            str(each.number): {str(number): money(cents) for number, cents, _ in each.moments[-1].refunds}
            for each in orders
            if each.moments[-1].refunds
        },
        ended={str(each.number): each.moments[-1].status for each in orders},
    )


def lines(bought: Bought) -> tuple[tuple[str, str | None, Decimal, Decimal], ...]:
    return tuple(
        (str(each.product), str(each.variation) if each.variation else None, Decimal(each.quantity), money(each.price))
        for each in bought.items
    )


def reached(day: list[Bought], status: str) -> set[str]:
    """Orders that had this status at any time."""
    return {str(each.number) for each in day if any(moment.status == status for moment in each.moments)}
