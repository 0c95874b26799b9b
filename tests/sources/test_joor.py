"""How an order list of JOOR becomes events, and how a round goes through its window."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from schemas.events import ShopEvent, WholesaleOrderApproved
from shoprelay.certificate.answers import strange_answers
from sinks.contract import Answer
from sinks.joor.fake import JoorStandIn
from sinks.joor.fakeorders import order
from sources.contract import Polled, Visit
from sources.joor.source import SOURCE
from tests.delivery.moved import NOON, moved_clock, until
from tests.polling.asked import Kafka
from tests.sinks.documents import changed
from tests.sources.joor import Joor, answer, config, polling

VISIT = Visit("mugs", NOON)


def read(given: Answer, **settings: Any) -> Polled:
    return SOURCE.read(VISIT, SOURCE.begin(VISIT, config(**settings)), given, config(**settings))


def event(row: dict[str, Any], **settings: Any) -> ShopEvent:
    (made,) = read(answer([row]), **settings).events
    return made


def approved(row: dict[str, Any], **settings: Any) -> WholesaleOrderApproved:
    payload = event(row, **settings).payload
    assert isinstance(payload, WholesaleOrderApproved)
    return payload


def test_an_order_becomes_an_event_with_all_that_is_known() -> None:
    made, said = event(order("7001")), approved(order("7001"))

    assert (made.event_id, made.shop, made.source, made.customer.customer_id) == (
        "joor:7001:approved", "mugs", "joor", "42",
    )  # fmt: skip
    assert (said.account_code, said.account_name) == ("42", "Ada's Boutique")
    of = said.order
    assert (of.order_id, of.currency, of.total, of.shipping, of.status) == (
        "7001", "EUR", Decimal("25.00"), Decimal("5.00"), "approved",
    )  # fmt: skip
    (line,) = of.lines
    assert (line.product_id, line.variant_id, line.quantity, line.unit_price) == ("P1", "1001", 2, Decimal("10.00"))
    assert of.shipping_address is not None and of.shipping_address.company == "Ada's Boutique"
    assert of.properties["purchase_order"] == "PO-7001" and of.properties["email"] == "ada@boutique.example"


def test_the_same_row_becomes_the_same_event_whenever_it_is_read() -> None:
    later = Visit("mugs", NOON + timedelta(hours=3), b'{"until":"2026-06-01T12:00:00Z"}')
    (again,) = SOURCE.read(later, SOURCE.begin(later, config()), answer([order("7001")]), config()).events

    assert again == event(order("7001"))


def test_an_order_without_a_customer_code_is_the_shops() -> None:
    made = event(order("7001", code=""))

    assert made.customer.customer_id is None
    assert approved(order("7001", code="")).account_code is None


def test_numbers_may_be_numbers_and_keep_every_digit() -> None:
    row = order("7001") | {"order_id": 7001, "order_total": 1234.1, "customer_code": 42}

    assert (approved(row).order.order_id, approved(row).order.total) == ("7001", Decimal("1234.1"))


def test_a_upc_may_be_the_sku() -> None:
    (line,) = approved(order("7001"), upc="sku").order.lines

    assert (line.variant_id, line.sku) == (None, "1001")


def test_lines_without_a_quantity_are_left_out() -> None:
    row = order("7001")
    row["line_items"] = [{**row["line_items"][0], "item_quantity": "0"}, *row["line_items"]]

    assert len(approved(row).order.lines) == 1


@pytest.mark.parametrize(
    ("way", "value", "field"),
    [
        ("order_id", ..., "order_id"),
        ("order_id", "", "order_id"),
        ("order_currency", ..., "order_currency"),
        ("order_total", ..., "order_total"),
        ("order_total", "a lot", "order_total"),
        ("order_total", "NaN", "order_total"),
        ("order_total", "1e999999", "order_total"),
        ("order_total", 1e300, "order_total"),
        ("line_items", ..., "line_items"),
        ("line_items", [], "line_items"),
        ("line_items", ["mug"], "line_items.0"),
        ("line_items.0.item_quantity", ..., "line_items.0.item_quantity"),
        ("line_items.0.item_quantity", "two", "line_items.0.item_quantity"),
        ("line_items.0.item_style_identifier", None, None),
    ],
)
def test_a_row_that_is_no_order_is_refused_with_its_own_text(way: str, value: Any, field: str | None) -> None:
    row = changed(order("7001"), way, value)
    polled = read(answer([row, order("7002")]))

    if field is None:  # the style number stands in
        assert len(polled.events) == 2
        return
    (refused,) = polled.unreadable
    assert (refused.field, refused.reason) == (field, "order_shape")
    assert json.loads(refused.row) == row
    assert "Boutique" not in refused.problem + refused.key
    assert [made.event_id for made in polled.events] == ["joor:7002:approved"]


@pytest.mark.parametrize(
    "document",
    [
        {"response": {"code": 0}, "orders": [order("1")]},
        {"orders": {"response": {"code": 0}, "orders": [order("1")]}},
        {"orders": {"response": {"code": "0"}, "orders": {"order": [order("1")]}}},
        {"response": {"code": 0}, "order": [order("1")]},
    ],
    ids=str,
)
def test_the_list_is_found_in_whatever_it_is_wrapped(document: dict[str, Any]) -> None:
    polled = read(Answer(200, {}, json.dumps(document).encode()))

    assert [made.event_id for made in polled.events] == ["joor:1:approved"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"{}", b'{"orders":"x"}', b"<html>", b"\xff"])
def test_an_answer_without_a_list_is_trouble(body: bytes) -> None:
    assert read(Answer(200, {}, body)).trouble


def test_a_code_other_than_0_is_trouble_and_its_comment_is_not_repeated() -> None:
    polled = read(Answer(200, {}, b'{"response":{"code":5,"comment":"Ada owes us"},"orders":[]}'))

    assert polled.trouble == "its response.code is 5"


# -- a round


def memos(*answers: Answer, **settings: Any) -> list[tuple[str, str]]:
    """`sync` and `start_from` of what is asked, one question after the other."""
    from urllib.parse import parse_qs, urlsplit

    request, asked = SOURCE.begin(VISIT, config(**settings)), []
    for given in answers:
        query = parse_qs(urlsplit(request.path).query)
        asked.append((query["sync"][0], query["start_from"][0]))
        polled = SOURCE.read(VISIT, request, given, config(**settings))
        if polled.next is None:
            assert polled.position == b'{"until":"2026-06-01T12:00:00.000Z"}'
            break
        assert polled.position is None
        request = polled.next
    return asked


def test_pages_overlap_so_that_what_moves_forward_is_not_missed() -> None:
    full, last = answer([order("1")] * 50, next_start=50), answer([order("2")])

    assert memos(full, last) == [("0", "0"), ("0", "40")]


def test_a_page_that_leads_nowhere_is_the_last() -> None:
    assert memos(answer([order("1")], next_start=0), answer([])) == [("0", "0")]
    assert memos(answer([], next_start=50), answer([])) == [("0", "0")]


def test_taking_over_begins_when_all_was_looked_at_and_goes_on_until_nothing_is_left() -> None:
    asked = memos(answer([order("1")]), answer([order("1")]), answer([order("2")]), answer([]), takes_over=True)

    assert asked == [("0", "0"), ("1", "0"), ("1", "0"), ("1", "0")]


def test_a_mark_that_does_not_hold_does_not_keep_it_for_ever() -> None:
    asked = memos(*[answer([order("1")])] * 500, takes_over=True)

    assert len(asked) < 250


@moved_clock
async def test_who_only_looks_marks_nothing() -> None:
    joor, kafka = Joor(JoorStandIn(order("1"), order("2")), config()), Kafka()
    running = polling(kafka, joor, config(history_days=3650))
    await until(lambda: running.state == "resting")

    joor.stand_in.orders.approved.clear()
    assert {query["sync"] for query in joor.asked} == {"0"} and joor.stand_in.orders.exported == set()
    await running.end()


def test_the_second_window_begins_before_the_first_one_ended() -> None:
    visit = Visit("mugs", NOON + timedelta(minutes=15), b'{"until":"2026-06-01T12:00:00.000Z"}')
    request = SOURCE.begin(visit, config(overlap_minutes=60))

    assert "date_start=2026-06-01T11%3A00%3A00.000Z" in request.path
    assert "date_end=2026-06-01T12%3A15%3A00.000Z" in request.path


def test_a_clock_that_was_set_back_asks_for_no_window_that_ends_before_it_begins() -> None:
    visit = Visit("mugs", NOON - timedelta(days=2), b'{"until":"2026-06-01T12:00:00.000Z"}')

    assert "date_start=2026-05-30T11%3A00%3A00.000Z&date_end=2026-05-30T12%3A00%3A00.000Z" in (
        SOURCE.begin(visit, config()).path
    )


@pytest.mark.parametrize("position", [b"", b"{", b"{}", b'{"until":7}', b'{"until":"yesterday"}'])
def test_a_position_nobody_can_read_is_the_very_beginning(position: bytes) -> None:
    request = SOURCE.begin(Visit("mugs", NOON, position), config(history_days=30))

    assert "date_start=2026-05-02T12%3A00%3A00.000Z" in request.path


@pytest.mark.parametrize("value", ["", "soon", "0001-01-01T00:00:00+05:00", None, 7, ["2026-11-25"]])
def test_a_date_nobody_can_read_is_left_out_and_the_next_one_counts(value: Any) -> None:
    made = event({**order("7001"), "date_approved": value})

    assert made.occurred_at.isoformat() == "2026-11-25T09:00:00+00:00"
    nothing = dict.fromkeys(("date_approved", "date_modified", "date_created"), value)
    assert event({**order("7001"), **nothing}).occurred_at == NOON


STRANGE: tuple[Any, ...] = (None, "", "x", 0, -1, 1e308, True, [], {}, [None], {"a": [1]}, "9" * 5000, "\x00")


@pytest.mark.parametrize("value", STRANGE, ids=lambda value: repr(value)[:20])
def test_whatever_stands_in_a_place_a_row_is_an_event_or_refused(value: Any) -> None:
    row = order("7001")
    spoilt = [{**row, field: value} for field in row]
    spoilt += [{**row, "line_items": [{**row["line_items"][0], field: value}]} for field in row["line_items"][0]]

    polled = read(answer([*spoilt, value]))

    assert len(polled.events) + len(polled.unreadable) == len(spoilt) + 1


def test_no_answer_is_too_strange() -> None:
    for given in strange_answers():
        polled = read(given)
        assert polled.trouble or polled.events == ()
