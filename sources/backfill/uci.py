"""Invoice lines as the UCI Online Retail data has them (CSV): one line a product, consecutive lines one invoice. Pure.

Columns: InvoiceNo, StockCode, Description, Quantity, InvoiceDate, UnitPrice, CustomerID, Country; the second edition's
names (Invoice, Price, Customer ID) are known, too. An invoice is an order. A number that begins with C gives money
back: a refund under its own number, because the file does not say which invoice it takes back. Without a customer the
invoice is told of a guest who is known by nothing but this invoice. Lines below zero in other invoices, and guests'
invoices that cost nothing, correct stock or books: they are counted, and nobody's order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal

from schemas.events import OrderPlaced, OrderRefunded, ShopEvent, ShopPayload
from schemas.values import Address, CustomerRef, LineItem, Order
from sources import facts
from sources.backfill import columns
from sources.backfill.format import Counted, Fact, Format, Found, Row, Telling, Unreadable, text

SOURCE = "uci"
MOST_LINES = 1_000  # of one order, as the front door takes it
GUESTS = "orders of guests without an address"
GUEST_REFUNDS = "refunds of guests without an address"
UNNAMED = "refunds that do not name their order"
STOCK = "lines that correct stock or books"
SHORTENED = "orders with more lines than are taken; the total is whole"


@dataclass(frozen=True, slots=True)
class _Line:
    line: int
    at: datetime
    customer: str
    country: str
    item: LineItem

    @property
    def worth(self) -> Decimal:
        return self.item.quantity * (self.item.unit_price or Decimal(0))


def invoice_of(row: Row) -> str:
    return text(row.said, "InvoiceNo")


def tell(rows: Sequence[Row], telling: Telling) -> Iterator[Found]:
    """The facts of one invoice. An invoice with a line that cannot be read is refused whole: without that line its
    total would be a wrong one."""
    invoice = invoice_of(rows[0])
    read = [_read(row, telling.zone) for row in rows]
    bad = [line for line in read if isinstance(line, Unreadable)]
    lines = [line for line in read if isinstance(line, _Line)]
    if bad:
        yield from bad
        for line in lines:
            yield Unreadable(line.line, "InvoiceNo", "belongs to an invoice with a line that is refused",
                             f"correct line {bad[0].line}")  # fmt: skip
    elif invoice[:1] in ("C", "c"):
        yield from _refund(invoice, lines, telling)
    else:
        yield from _order(invoice, lines, telling)


def _order(invoice: str, lines: list[_Line], telling: Telling) -> Iterator[Found]:
    sold = [line for line in lines if line.item.quantity > 0 and line.worth >= 0]
    total = sum((line.worth for line in sold), Decimal(0))
    guest = not lines[0].customer
    if not sold or (guest and total == 0):
        yield Counted(lines[0].line, STOCK, len(lines))
        return
    if len(sold) < len(lines):
        yield Counted(lines[0].line, STOCK, len(lines) - len(sold))
    if guest:
        yield Counted(lines[0].line, GUESTS)
    if len(sold) > MOST_LINES:
        yield Counted(lines[0].line, SHORTENED)
    order = Order(
        order_id=invoice,
        placed_at=lines[0].at,
        currency=telling.currency,
        total=total,
        lines=tuple(line.item for line in sold[:MOST_LINES]),
        billing_address=Address(country=lines[0].country) if lines[0].country else None,
    )
    yield _fact(facts.order_placed(invoice), lines[0], invoice, OrderPlaced(order=order), telling)


def _refund(invoice: str, lines: list[_Line], telling: Telling) -> Iterator[Found]:
    back = [line for line in lines if line.item.quantity < 0 and line.worth <= 0]
    amount = -sum((line.worth for line in back), Decimal(0))
    if not back:
        yield Counted(lines[0].line, STOCK, len(lines))
        return
    if len(back) < len(lines):
        yield Counted(lines[0].line, STOCK, len(lines) - len(back))
    yield Counted(lines[0].line, UNNAMED)
    if not lines[0].customer:
        yield Counted(lines[0].line, GUEST_REFUNDS)
    payload = OrderRefunded(
        order_id=invoice,
        refund_id=invoice,
        currency=telling.currency,
        amount=amount,
        lines=tuple(_given_back(line.item) for line in back[:MOST_LINES]),
    )
    yield _fact(facts.order_refunded(invoice, invoice), lines[0], invoice, payload, telling)


def _given_back(item: LineItem) -> LineItem:
    return LineItem(product_id=item.product_id, name=item.name, quantity=-item.quantity, unit_price=item.unit_price)


def _fact(event_id: str, first: _Line, invoice: str, payload: ShopPayload, telling: Telling) -> Fact:
    who = CustomerRef(customer_id=first.customer) if first.customer else CustomerRef(anonymous_id=f"invoice:{invoice}")
    event = ShopEvent(
        event_id=event_id,
        shop=telling.shop,
        occurred_at=first.at,
        source=SOURCE,
        priority="backfill",
        customer=who,
        payload=payload,
    )
    return Fact(first.line, event)


# -- one line


def _read(row: Row, zone: tzinfo) -> _Line | Unreadable:
    for column in ("InvoiceNo", "StockCode"):
        if not text(row.said, column):
            return Unreadable(row.line, column, "is blank", "give it a value")
    at = columns.moment(text(row.said, "InvoiceDate"), zone)
    quantity, price = columns.amount(text(row.said, "Quantity")), columns.amount(text(row.said, "UnitPrice"))
    if at is None:
        return Unreadable(row.line, "InvoiceDate", "is no time", 'write it as "2010-12-01 08:26:00"')
    if quantity is None:
        return Unreadable(row.line, "Quantity", "is no number", "write a number with a point")
    if price is None:
        return Unreadable(row.line, "UnitPrice", "is no number", "write a number with a point")
    item = LineItem(
        product_id=text(row.said, "StockCode"),
        name=text(row.said, "Description") or None,
        quantity=quantity,
        unit_price=price,
    )
    return _Line(row.line, at, _customer(text(row.said, "CustomerID")), text(row.said, "Country"), item)


def _customer(said: str) -> str:
    """Spreadsheets and data frames write an account as 17850.0."""
    return said.removesuffix(".0")


FORMAT = Format(
    name="uci",
    kind="csv",
    says="invoice lines: InvoiceNo, StockCode, Description, Quantity, InvoiceDate, UnitPrice, CustomerID, Country",
    tell=tell,
    group=invoice_of,
    once=True,
    columns=(
        ("InvoiceNo", "Invoice"), ("StockCode",), ("Quantity",), ("InvoiceDate",), ("UnitPrice", "Price"),
        ("CustomerID", "Customer ID"),
    ),
    currency="GBP",
)  # fmt: skip
