"""REES46 event history (Open CDP export, CSV): rows in order of time in, canonical events out. Pure.

Columns: `event_time` ("2022-10-01 00:00:00 UTC"), `event_type` (view, cart, remove_from_cart, purchase), `product_id`,
`price`, `user_id`, `user_session`; `brand` and `category_code` where the export has them. A cart row is one unit. The
purchase rows of one user, session and second are one order. The export names no currency, no cart and no order.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import blake2b
from itertools import groupby

from schemas.events import (
    CartItemAdded,
    CartItemRemoved,
    OrderPlaced,
    Priority,
    ProductViewed,
    ShopEvent,
    ShopPayload,
)
from schemas.values import CustomerRef, LineItem, Order
from sources.backfill import columns
from sources.backfill import format as history

Row = Mapping[str, str]

SOURCE = "rees46"
KINDS = frozenset({"view", "cart", "remove_from_cart", "purchase"})
_COLUMNS = ("event_time", "event_type", "product_id", "price", "user_id", "user_session")
_ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that is no event: `row` counts from 1 without the header; the texts hold nothing of a person."""

    row: int
    field: str
    problem: str
    remedy: str


@dataclass(frozen=True, slots=True)
class _Read:
    at: datetime
    kind: str
    user: str
    session: str
    item: LineItem
    event_id: str


def events_of(
    rows: Iterable[Row], *, shop: str, currency: str = "USD", priority: Priority = "backfill"
) -> Iterator[ShopEvent | Unreadable]:
    """One event for each view, addition and removal, one for each order, in the order of the rows.

    Ids derive from what a row says, and from its place among identical rows, so the same history gives the same ids
    whatever file or part of a file it comes from, as long as no second is cut in two.
    """
    second = groupby(enumerate(rows, 1), key=lambda numbered: numbered[1].get("event_time"))
    for _, together in second:
        alike: Counter[tuple[str, ...]] = Counter()
        read = [_read(n, row, alike) for n, row in together]
        yield from _told(read, shop, currency, priority)


def _told(
    read: list[_Read | Unreadable], shop: str, currency: str, priority: Priority
) -> Iterator[ShopEvent | Unreadable]:
    ordered: set[tuple[str, str]] = set()
    for row in read:
        if isinstance(row, Unreadable):
            yield row
            continue
        if row.kind != "purchase":
            yield _event(row, row.event_id, _payload(row, currency), shop, priority)
        elif (row.user, row.session) not in ordered:
            ordered.add((row.user, row.session))
            bought = [
                other.item
                for other in read
                if isinstance(other, _Read)
                and (other.kind, other.user, other.session) == ("purchase", row.user, row.session)
            ]
            order_id = _derived("order", row.at.isoformat(), row.user, row.session)
            yield _event(row, order_id, _order(row, order_id, bought, currency), shop, priority)


def _payload(row: _Read, currency: str) -> ShopPayload:
    if row.kind == "view":
        return ProductViewed(item=row.item, currency=currency)
    if row.kind == "cart":
        return CartItemAdded(item=row.item, currency=currency)
    return CartItemRemoved(item=row.item, quantity=_ONE)


def _order(row: _Read, order_id: str, lines: list[LineItem], currency: str) -> OrderPlaced:
    total = sum((line.unit_price or Decimal(0) for line in lines), Decimal(0))
    return OrderPlaced(
        order=Order(order_id=order_id, placed_at=row.at, currency=currency, total=total, lines=tuple(lines))
    )


def _event(row: _Read, event_id: str, payload: ShopPayload, shop: str, priority: Priority) -> ShopEvent:
    return ShopEvent(
        event_id=event_id,
        shop=shop,
        occurred_at=row.at,
        source=SOURCE,
        priority=priority,
        customer=CustomerRef(customer_id=row.user),
        payload=payload,
    )


# -- one row


def _read(n: int, row: Row, alike: Counter[tuple[str, ...]]) -> _Read | Unreadable:
    said = tuple(row.get(column) or "" for column in _COLUMNS)
    at, price = _time(said[0]), columns.amount(said[3])
    if at is None:
        return Unreadable(n, "event_time", "is no time", 'write it as "2022-10-01 00:00:00 UTC"')
    if said[1] not in KINDS:
        return Unreadable(n, "event_type", f"is {said[1][:40]!r}", f"use one of: {', '.join(sorted(KINDS))}")
    if price is None:
        return Unreadable(n, "price", f"is {said[3][:40]!r}", "write a number with a point")
    for column, value in (("product_id", said[2]), ("user_id", said[4])):
        if not value.strip():
            return Unreadable(n, column, "is blank", "give it a value")
    ordinal = alike[said]
    alike[said] += 1
    return _Read(
        at=at,
        kind=said[1],
        user=said[4],
        session=said[5],
        item=_item(row, said[2], price),
        event_id=_derived("row", *said, str(ordinal)),
    )


def _item(row: Row, product_id: str, price: Decimal) -> LineItem:
    category = row.get("category_code")
    return LineItem(
        product_id=product_id,
        unit_price=price if price >= 0 else None,  # the export has some below zero; nobody knows what they mean
        brand=row.get("brand") or None,
        categories=(category,) if category else (),
    )


def _time(text: str) -> datetime | None:
    try:
        return datetime.strptime(text.removesuffix(" UTC"), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def _derived(*parts: str) -> str:
    return f"{SOURCE}-" + blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()


# -- as a format of history


def tell(rows: Sequence[history.Row], telling: history.Telling) -> Iterator[history.Found]:
    """The facts of one second."""
    said = (row.said for row in rows)
    for found in events_of(said, shop=telling.shop, currency=telling.currency):
        if isinstance(found, Unreadable):
            yield history.Unreadable(rows[found.row - 1].line, found.field, found.problem, found.remedy)
        else:
            yield history.Fact(rows[0].line, found)


FORMAT = history.Format(
    name=SOURCE,
    kind="csv",
    says=f"a clickstream of REES46: {', '.join(_COLUMNS)}",
    tell=tell,
    group=lambda row: history.text(row.said, "event_time"),
    columns=tuple((column,) for column in _COLUMNS),
    currency="USD",
)
