"""Invoice lines become orders and refunds; what is neither is counted, and each line ends somewhere."""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from schemas.events import OrderPlaced, OrderRefunded
from schemas.values import CustomerRef
from sources.backfill import uci
from sources.backfill.format import Counted, Fact, Found, Row, Telling, Unreadable

LONDON = Telling("giftware", "GBP", ZoneInfo("Europe/London"), datetime(2011, 1, 1, tzinfo=UTC))


def row(line: int = 2, invoice: str = "536365", quantity: str = "6", **more: str) -> Row:
    said = {
        "InvoiceNo": invoice, "StockCode": "85123A", "Description": " MUG ", "Quantity": quantity,
        "InvoiceDate": "2011-07-01 08:26:00", "UnitPrice": "2.55", "CustomerID": "17850.0", "Country": "United Kingdom",
    }  # fmt: skip
    return Row(line, said | more)


def told(*rows: Row) -> list[Found]:
    return list(uci.tell(rows, LONDON))


def fact(*rows: Row) -> Fact:
    (found,) = [each for each in told(*rows) if isinstance(each, Fact)]
    return found


def counted(*rows: Row) -> dict[str, int]:
    return {each.what: each.lines for each in told(*rows) if isinstance(each, Counted)}


def test_an_invoice_is_an_order_under_the_id_it_has_everywhere() -> None:
    event = fact(row(), row(3, StockCode="71053", UnitPrice="3.39", quantity="2")).event
    payload = event.payload
    assert isinstance(payload, OrderPlaced)

    assert (event.event_id, event.priority, event.source) == ("order-placed:536365", "backfill", "uci")
    assert event.customer == CustomerRef(customer_id="17850")
    assert event.occurred_at == datetime(2011, 7, 1, 7, 26, tzinfo=UTC), "summer, on the shop's clock"
    assert payload.order.total == Decimal("22.08") and payload.order.currency == "GBP"
    assert [(line.product_id, line.name, line.quantity) for line in payload.order.lines] == [
        ("85123A", "MUG", 6), ("71053", "MUG", 2),
    ]  # fmt: skip


def test_a_cancelled_invoice_gives_money_back_under_its_own_number() -> None:
    rows = row(invoice="C536379", quantity="-2"), row(3, invoice="C536379", quantity="-1", UnitPrice="27.50")
    payload = fact(*rows).event.payload
    assert isinstance(payload, OrderRefunded)

    assert (payload.order_id, payload.amount, payload.currency) == ("C536379", Decimal("32.60"), "GBP")
    assert [line.quantity for line in payload.lines] == [2, 1]
    assert counted(*rows) == {uci.UNNAMED: 0}


def test_without_a_customer_it_is_a_guest_of_this_invoice() -> None:
    assert fact(row(CustomerID="")).event.customer == CustomerRef(anonymous_id="invoice:536365")
    assert counted(row(CustomerID="")) == {uci.GUESTS: 0}
    assert counted(row(CustomerID="", invoice="C1", quantity="-1")) == {uci.UNNAMED: 0, uci.GUEST_REFUNDS: 0}


def test_corrections_of_stock_and_books_are_counted_and_nobodys_order() -> None:
    assert told(row(CustomerID="", quantity="-10", UnitPrice="0.0")) == [Counted(2, uci.STOCK, 1)]
    assert told(row(CustomerID="", UnitPrice="0.0")) == [Counted(2, uci.STOCK, 1)]
    assert told(row(CustomerID="", UnitPrice="-11062.06", quantity="1")) == [Counted(2, uci.STOCK, 1)]
    assert counted(row(), row(3, quantity="-1")) == {uci.STOCK: 1}
    assert fact(row(UnitPrice="0.0")).event.event_id == "order-placed:536365", "a customer's order may cost nothing"


def test_an_invoice_with_a_bad_line_is_refused_whole() -> None:
    found = told(row(2), row(3, quantity="many"), row(4))

    assert all(isinstance(each, Unreadable) for each in found)
    assert {each.line: each.field for each in found} == {2: "InvoiceNo", 3: "Quantity", 4: "InvoiceNo"}  # type: ignore[union-attr]
    for wrong in ({"InvoiceDate": "yesterday"}, {"UnitPrice": "NaN"}, {"StockCode": " "}, {"InvoiceDate": ""},
                  {"UnitPrice": f"{'9' * 29}.12345"}, {"UnitPrice": "1e999999"}, {"Quantity": "1e99"}):  # fmt: skip
        (refused,) = told(row(**wrong))
        assert isinstance(refused, Unreadable) and refused.field == next(iter(wrong))


def test_dates_of_both_editions_are_read() -> None:
    for said in ("2011-07-01 08:26:00", "7/1/2011 8:26", "2011-07-01T08:26", "2011-07-01 08:26:00 +0100"):
        assert fact(row(InvoiceDate=said)).event.occurred_at == datetime(2011, 7, 1, 7, 26, tzinfo=UTC)


def test_a_long_invoice_keeps_its_total() -> None:
    rows = [row(n, StockCode=str(n), UnitPrice="1", quantity="1") for n in range(2, 1_103)]
    payload = fact(*rows).event.payload
    assert isinstance(payload, OrderPlaced)

    assert (payload.order.total, len(payload.order.lines)) == (1_101, 1_000)
    assert uci.SHORTENED in counted(*rows)
