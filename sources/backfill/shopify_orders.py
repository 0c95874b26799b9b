"""Shopify's export of orders (CSV from its admin): a row a line, what concerns the whole order on the first. Pure.

Ids are those that the webhooks give: the order is known by its `Id`. What the export does not say stays unsaid: its
products are known by SKU, or by name where there is none; refunds and shipments have no names and are told as the
order's only ones; when money was given back is not said, so it counts for when the order was cancelled, paid or placed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from schemas.events import (
    OrderCancelled,
    OrderFulfilled,
    OrderPaid,
    OrderPlaced,
    OrderRefunded,
    ShopEvent,
    ShopPayload,
)
from schemas.values import Address, CustomerRef, LineItem, Order, Payment
from sources import facts
from sources.backfill import columns
from sources.backfill.format import Counted, Fact, Format, Found, Row, Telling, Unreadable, text

SOURCE = "shopify"
WHOLE = "all"  # the one payment, shipment or refund that is told of an order, as the webhooks name it
PAID = frozenset({"paid", "partially_refunded", "refunded"})
GUESTS = "orders without an address"
NUMBERED = "orders without an Id, known by their number: webhooks will know them by another"
AMOUNTS = ("Subtotal", "Shipping", "Taxes", "Total", "Discount Amount", "Refunded Amount")
TIMES = ("Created at", "Paid at", "Fulfilled at", "Cancelled at")


class _Refused(Exception):
    def __init__(self, line: int, field: str, problem: str, remedy: str) -> None:
        super().__init__(field)
        self.why = Unreadable(line, field, problem, remedy)


@dataclass(frozen=True, slots=True)
class _Head:
    """What the first row says of the order."""

    order_id: str
    said: Mapping[str, str]
    amounts: Mapping[str, Decimal | None]
    times: Mapping[str, datetime | None]
    placed_at: datetime
    currency: str
    who: CustomerRef

    def text(self, name: str) -> str | None:
        return text(self.said, name) or None


def order_of(row: Row) -> str:
    return text(row.said, "Name")


def tell(rows: Sequence[Row], telling: Telling) -> Iterator[Found]:
    """The facts of one order; refused whole where a part of it cannot be read."""
    try:
        head = _head(rows[0], telling)
        lines = tuple(_line(row) for row in rows if text(row.said, "Lineitem name"))
    except _Refused as refused:
        yield refused.why
        for row in rows:
            if row.line != refused.why.line:
                yield Unreadable(row.line, "Name", "belongs to an order that is refused",
                                 f"correct line {refused.why.line}")  # fmt: skip
        return
    line = rows[0].line
    if not text(rows[0].said, "Id"):
        yield Counted(line, NUMBERED)
    if head.who.cart_token:
        yield Counted(line, GUESTS)
    for event in _facts(head, lines, telling):
        yield Fact(line, event)


def _facts(head: _Head, lines: tuple[LineItem, ...], telling: Telling) -> Iterator[ShopEvent]:
    def event(event_id: str, at: datetime | None, payload: ShopPayload) -> ShopEvent:
        return ShopEvent(
            event_id=event_id, shop=telling.shop, occurred_at=max(at or head.placed_at, head.placed_at),
            source=SOURCE, priority="backfill", customer=head.who, payload=payload,
        )  # fmt: skip

    order_id, total = head.order_id, head.amounts["Total"] or Decimal(0)
    yield event(facts.order_placed(order_id), head.placed_at, OrderPlaced(order=_order(head, lines, total)))
    if head.who.email:
        yield facts.order_link(order_id, telling.shop, head.placed_at, head.who, source=SOURCE, priority="backfill")
    paid_at, cancelled_at, sent_at = (head.times[name] for name in ("Paid at", "Cancelled at", "Fulfilled at"))
    if total and (head.text("Financial Status") or "") in PAID:
        payment = Payment(payment_id=WHOLE, method=head.text("Payment Method"), amount=total, paid_at=paid_at)
        payload = OrderPaid(order_id=order_id, currency=head.currency, payment=payment)
        yield event(facts.order_paid(order_id, WHOLE), paid_at, payload)
    if sent_at and head.text("Fulfillment Status") == "fulfilled":
        yield event(facts.order_fulfilled(order_id, WHOLE), sent_at, OrderFulfilled(order_id=order_id))
    if cancelled_at:
        yield event(facts.order_cancelled(order_id), cancelled_at, OrderCancelled(order_id=order_id))
    if back := head.amounts["Refunded Amount"]:
        refund = OrderRefunded(order_id=order_id, refund_id=WHOLE, currency=head.currency, amount=back)
        yield event(facts.order_refunded(order_id, WHOLE), cancelled_at or paid_at, refund)


def _order(head: _Head, lines: tuple[LineItem, ...], total: Decimal) -> Order:
    return Order(
        order_id=head.order_id,
        number=head.text("Name"),
        placed_at=head.placed_at,
        currency=head.currency,
        total=total,
        subtotal=head.amounts["Subtotal"],
        shipping=head.amounts["Shipping"],
        tax=head.amounts["Taxes"],
        discount=head.amounts["Discount Amount"],
        discount_code=head.text("Discount Code"),
        status=head.text("Financial Status"),
        note=head.text("Notes"),
        lines=lines,
        billing_address=_address(head, "Billing"),
        shipping_address=_address(head, "Shipping"),
        shipping_method=head.text("Shipping Method"),
    )


def _address(head: _Head, which: str) -> Address | None:
    first, _, last = (head.text(f"{which} Name") or "").rpartition(" ")
    found = Address(
        first_name=first or None,
        last_name=last or None,
        company=head.text(f"{which} Company"),
        address1=head.text(f"{which} Address1") or head.text(f"{which} Street"),
        address2=head.text(f"{which} Address2"),
        city=head.text(f"{which} City"),
        region=head.text(f"{which} Province Name"),
        region_code=head.text(f"{which} Province"),
        country_code=head.text(f"{which} Country"),
        zip=(head.text(f"{which} Zip") or "").lstrip("'") or None,  # so that spreadsheets keep its zeros
        phone=head.text(f"{which} Phone"),
    )
    return None if found == Address() else found


# -- rows


def _head(row: Row, telling: Telling) -> _Head:
    name = order_of(row)
    if not name:
        raise _Refused(row.line, "Name", "is blank", "each row names its order")
    order_id = text(row.said, "Id").lstrip("'")
    if order_id and not order_id.isdecimal():
        raise _Refused(row.line, "Id", "is no number", "a spreadsheet has rounded it: use the file as it was exported")
    times = {each: _time(row, each, telling) for each in TIMES}
    amounts = {each: _amount(row, each) for each in AMOUNTS}
    placed_at = times["Created at"]
    if placed_at is None:
        raise _Refused(row.line, "Created at", "is blank", "the first row of an order says when it was placed")
    if amounts["Total"] is None:
        raise _Refused(row.line, "Total", "is blank", "the first row of an order has its total")
    currency = text(row.said, "Currency") or telling.currency
    if not currency:
        raise _Refused(row.line, "Currency", "is blank", "give it a value, or say it with --currency")
    order_id = order_id or name
    email, phone = text(row.said, "Email") or None, text(row.said, "Phone").lstrip("'") or None
    who = CustomerRef(email=email, phone=phone) if email else facts.order_ref(order_id)
    return _Head(order_id, row.said, amounts, times, placed_at, currency, who)


def _line(row: Row) -> LineItem:
    quantity, price = _amount(row, "Lineitem quantity"), _amount(row, "Lineitem price")
    sku, name = text(row.said, "Lineitem sku") or None, text(row.said, "Lineitem name")
    if quantity is None:
        raise _Refused(row.line, "Lineitem quantity", "is blank", "give it a value")
    return LineItem(
        product_id=sku or name,
        sku=sku,
        name=name,
        quantity=quantity,
        unit_price=price,
        compare_at_price=_amount(row, "Lineitem compare at price") or None,
        discount=_amount(row, "Lineitem discount") or None,
        brand=text(row.said, "Vendor") or None,
    )


def _time(row: Row, column: str, telling: Telling) -> datetime | None:
    said = text(row.said, column)
    found = columns.moment(said, telling.zone)
    if said and found is None:
        raise _Refused(row.line, column, "is no time", 'write it as "2024-05-01 10:00:00 +0200"')
    return found


def _amount(row: Row, column: str) -> Decimal | None:
    said = text(row.said, column)
    found = columns.amount(said)
    if said and found is None:
        raise _Refused(row.line, column, "is no number", "write a number with a point")
    return found


FORMAT = Format(
    name="shopify-orders",
    kind="csv",
    says="Shopify's export of orders: Name, Email, Financial Status, Total, Created at, Lineitem name, …",
    tell=tell,
    group=order_of,
    once=True,
    columns=tuple(
        (name,) for name in ("Name", "Email", "Total", "Created at", "Lineitem quantity", "Lineitem name",
                             "Lineitem price")
    ),
)  # fmt: skip
