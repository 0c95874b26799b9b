"""Shopify's exports of orders and customers: the ids its webhooks give, and nothing that the export does not say."""

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal

from schemas import events
from schemas.events import ShopEvent
from schemas.values import CustomerRef
from sources import facts
from sources.backfill import shopify_customers, shopify_orders
from sources.backfill.format import Counted, Fact, Found, Row, Telling, Unreadable

TELLING = Telling("mugs", "", UTC, datetime(2026, 1, 1, tzinfo=UTC))
ORDERS = """\
Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,Currency,Subtotal,Shipping,Taxes,Total,Discount Code,Discount Amount,Shipping Method,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem compare at price,Lineitem sku,Lineitem requires shipping,Lineitem taxable,Lineitem fulfillment status,Billing Name,Billing Street,Billing Address1,Billing Address2,Billing Company,Billing City,Billing Zip,Billing Province,Billing Country,Billing Phone,Notes,Cancelled at,Payment Method,Refunded Amount,Vendor,Id,Tags,Source,Lineitem discount,Phone
#1001,ada@example.com,paid,2024-05-01 10:05:00 +0200,fulfilled,2024-05-02 09:00:00 +0200,no,EUR,27.00,5.00,4.31,32.00,MAY,0.00,Standard,2024-05-01 10:00:00 +0200,2,Blue Mug,10.00,12.00,MUG-B,true,true,fulfilled,Ada King Lovelace,Main 1,Main 1,,,Ulm,'01067,,DE,,"a
note",,visa,0.00,Mugs Ltd,5001,,web,0.00,
#1001,ada@example.com,,,,,,,,,,,,,,2024-05-01 10:00:00 +0200,1,Plate,7.00,,,true,true,fulfilled,,,,,,,,,,,,,,,Mugs Ltd,,,,0.00,
#1002,bob@example.com,refunded,2024-05-03 10:05:00 +0200,unfulfilled,,no,EUR,10.00,0.00,0.00,10.00,,0.00,,2024-05-03 10:00:00 +0200,1,Blue Mug,10.00,,MUG-B,true,true,pending,,,,,,,,,,,,2024-05-04 10:00:00 +0200,visa,10.00,,5002,,web,0.00,
"""  # noqa: E501


def rows(text: str) -> list[Row]:
    return [Row(n, said) for n, said in enumerate(csv.DictReader(io.StringIO(text)), 2)]


def order(rows: list[Row], *numbers: int, **changed: str) -> list[Found]:
    chosen = [rows[n] for n in numbers]
    chosen[0] = Row(chosen[0].line, chosen[0].said | {name.replace("_", " "): said for name, said in changed.items()})
    return list(shopify_orders.tell(chosen, TELLING))


def told(found: list[Found]) -> dict[str, ShopEvent]:
    return {each.event.event_id: each.event for each in found if isinstance(each, Fact)}


def test_an_order_of_two_rows_is_told_with_all_that_became_of_it() -> None:
    said = told(order(rows(ORDERS), 0, 1))

    assert list(said) == [
        "order-placed:5001", "order-of:5001", "order-paid:5001:all", "order-fulfilled:5001:all",
    ]  # fmt: skip
    placed = said["order-placed:5001"]
    assert isinstance(placed.payload, events.OrderPlaced)
    body = placed.payload.order
    assert placed.occurred_at == datetime(2024, 5, 1, 8, tzinfo=UTC)
    assert placed.customer == CustomerRef(email="ada@example.com")
    assert (body.number, body.total, body.shipping, body.status, body.note) == (
        "#1001", Decimal("32.00"), Decimal("5.00"), "paid", "a\nnote",
    )  # fmt: skip
    assert [(line.product_id, line.sku, line.quantity, line.unit_price) for line in body.lines] == [
        ("MUG-B", "MUG-B", 2, Decimal("10.00")), ("Plate", None, 1, Decimal("7.00")),
    ]  # fmt: skip
    assert body.billing_address is not None and body.billing_address.zip == "01067"
    assert (body.billing_address.first_name, body.billing_address.last_name) == ("Ada King", "Lovelace")
    assert {event.priority for event in said.values()} == {"backfill"}


def test_what_was_cancelled_and_given_back_is_told_at_the_best_time_there_is() -> None:
    said = told(order(rows(ORDERS), 2))
    refund = said["order-refunded:5002:all"]

    assert said["order-cancelled:5002"].occurred_at == refund.occurred_at == datetime(2024, 5, 4, 8, tzinfo=UTC)
    assert isinstance(refund.payload, events.OrderRefunded) and refund.payload.amount == Decimal("10.00")


def test_without_an_address_the_order_itself_is_the_name() -> None:
    found = order(rows(ORDERS), 2, Email="")

    assert told(found)["order-placed:5002"].customer == facts.order_ref("5002")
    assert [each.what for each in found if isinstance(each, Counted)] == [shopify_orders.GUESTS]


def test_without_an_id_the_number_names_it_and_that_is_counted() -> None:
    found = order(rows(ORDERS), 2, Id="")

    assert "order-placed:#1002" in told(found)
    assert [each.what for each in found if isinstance(each, Counted)] == [shopify_orders.NUMBERED]


def test_an_order_with_a_bad_row_is_refused_whole() -> None:
    for changed in ({"Id": "5.0E+12"}, {"Total": ""}, {"Created_at": "yesterday"}, {"Currency": ""}, {"Total": "ten"}):
        found = order(rows(ORDERS), 0, 1, **changed)
        assert [each.line for each in found if isinstance(each, Unreadable)] == [2, 3], changed
        assert not told(found)


CUSTOMERS = """\
Customer ID,First Name,Last Name,Email,Accepts Email Marketing,Default Address Company,Default Address Address1,Default Address Address2,Default Address City,Default Address Province Code,Default Address Country Code,Default Address Zip,Default Address Phone,Phone,Accepts SMS Marketing,Total Spent,Total Orders,Note,Tax Exempt,Tags
'207119551,Ada,Lovelace,ada@example.com,yes,,Main 1,,Ulm,,DE,'01067,,'+49301234567,no,32.00,1,,no,"vip, mugs"
,Bob,,bob@example.com,no,,,,,,,,,,no,0.00,0,,no,
,,,,no,,,,,,,,,,no,0.00,0,,no,
"""  # noqa: E501


def test_a_customer_is_pictured_and_a_yes_is_consent() -> None:
    said = told(list(shopify_customers.tell(rows(CUSTOMERS)[:1], TELLING)))
    picture, consent = said.values()

    assert picture.event_id.startswith("customer:207119551:") and picture.occurred_at == TELLING.as_of
    assert consent.event_id == "consent-email:207119551:subscribed:export"
    assert picture.customer == CustomerRef(customer_id="207119551", email="ada@example.com", phone="+49301234567")
    assert isinstance(picture.payload, events.CustomerUpdated)
    profile = picture.payload.profile
    assert profile.address is not None and (profile.address.zip, profile.tags) == ("01067", ("vip", "mugs"))
    assert isinstance(consent.payload, events.NewsletterSubscribed)


def test_a_no_is_nobodys_word_and_ids_hold_no_address() -> None:
    (picture,) = told(list(shopify_customers.tell(rows(CUSTOMERS)[1:2], TELLING))).values()

    assert "bob" not in picture.event_id
    (refused,) = shopify_customers.tell(rows(CUSTOMERS)[2:], TELLING)
    assert isinstance(refused, Unreadable)


def test_the_same_row_is_the_same_fact_and_a_changed_one_another() -> None:
    row = rows(CUSTOMERS)[0]
    changed = Row(row.line, row.said | {"First Name": "Augusta"})

    def first(row: Row) -> str:
        return next(iter(told(list(shopify_customers.tell([row], TELLING)))))

    assert first(row) == first(Row(99, row.said)) != first(changed)
