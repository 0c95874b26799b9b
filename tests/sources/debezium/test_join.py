"""Rows of one order, however they arrive: the same event, once; and a reason where a part is missing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.events import CartReplaced, OrderPaid, OrderPlaced, OrderStatusChanged, ShopEvent
from sources.debezium.envelope import Change
from sources.debezium.row import Row
from sources.debezium.state import Rules
from tests.sources.debezium.shop import ORDER, Joining, line, pieces, row

HEAD = row("orders", "c", ORDER, 10)
LINES = [row("order_lines", "c", line(n), 10 + n) for n in (1, 2, 3)]
ROWS = [HEAD, *LINES]
PLACED = ["order-placed:1001", "order-of:1001"]
COUNTED = row("orders", "c", ORDER | {"line_count": 3}, 10)


def placed(events: list[ShopEvent]) -> OrderPlaced:
    found = next(event.payload for event in events if event.event_id == "order-placed:1001")
    assert isinstance(found, OrderPlaced)
    return found


@given(st.permutations(ROWS), st.lists(st.floats(0, 1.9), min_size=4, max_size=4))
def test_any_order_of_rows_is_the_same_single_event(rows: list[Change], pauses: list[float]) -> None:
    joining = Joining()
    for each, pause in zip(rows, pauses, strict=True):
        joining.hears(each).waits(pause)
    joining.waits(3600)
    assert joining.ids == PLACED and not joining.missing
    assert joining.events == Joining().hears(*ROWS).waits(3600).events
    order = placed(joining.events).order
    assert [each.line_id for each in order.lines] == ["1", "2", "3"] and order.total == Decimal("45.00")


@given(st.permutations([COUNTED, *LINES]), st.lists(st.floats(0, 14), min_size=4, max_size=4))
def test_with_a_line_count_it_is_told_at_once_and_only_whole(rows: list[Change], pauses: list[float]) -> None:
    joining = Joining()
    for each, pause in zip(rows[:-1], pauses, strict=False):
        joining.hears(each).waits(pause)
    assert not joining.events and not joining.missing
    joining.hears(rows[-1])
    assert joining.ids == PLACED and len(placed(joining.events).order.lines) == 3
    assert joining.waits(3600).ids == PLACED


@given(st.data())
def test_what_is_told_again_changes_nothing(data: st.DataObject) -> None:
    """Restarts repeat a stretch of each table, in its order; a snapshot shows every row anew, at a later place."""
    changed = row("orders", "u", ORDER | {"status": "packed", "updated_at": "2026-11-21T07:30:00Z"}, 50)
    first = Joining().hears(*ROWS, changed).waits(60)
    known = list(first.ids)
    history = [HEAD, *LINES, changed]
    again = history[data.draw(st.integers(0, 4)) :]
    packed = ORDER | {"status": "packed", "updated_at": "2026-11-21T07:30:00Z"}
    snapshot = [row("orders", "r", packed, 900, snapshot="first")]
    snapshot += [row("order_lines", "r", line(n), 900, snapshot="true") for n in (1, 2, 3)]
    for each in data.draw(st.permutations(snapshot)) if data.draw(st.booleans()) else again:
        first.hears(each).waits(data.draw(st.sampled_from([0, 1, 5])))
    assert first.waits(3600).ids == known and not first.missing


def test_a_row_and_its_later_change_in_one_breath_tell_both_facts() -> None:
    paid = row("orders", "u", ORDER | {"status": "paid", "paid_at": "2026-11-21T07:21:00Z",
                                       "updated_at": "2026-11-21T07:21:00Z"}, 40)  # fmt: skip
    at_once = Joining().hears(HEAD, paid, *LINES).waits(60)
    apart = Joining().hears(*ROWS).waits(5).hears(paid).waits(60)
    assert set(at_once.ids) == set(apart.ids) == {
        *PLACED, "order:1001:2026-11-21T07:21:00Z", "order-status:1001:paid", "order-paid:1001:all",
    }  # fmt: skip
    told = next(event.payload for event in apart.events if isinstance(event.payload, OrderPaid))
    assert told.payment.amount == Decimal("45.00")


def test_a_status_that_comes_back_is_told_by_the_picture_alone() -> None:
    def status(word: str, minute: int, lsn: int) -> Change:
        return row("orders", "u", ORDER | {"status": word, "updated_at": f"2026-11-21T07:{minute}:00Z"}, lsn)

    joining = Joining().hears(*ROWS).waits(5)
    for word, minute, lsn in (("packed", 30, 50), ("placed", 40, 60), ("packed", 50, 70)):
        joining.hears(status(word, minute, lsn)).waits(5)
    said = [event.payload.status for event in joining.events if isinstance(event.payload, OrderStatusChanged)]
    assert said == ["packed"] and joining.ids[-1] == "order:1001:2026-11-21T07:50:00Z"


def test_that_it_was_placed_stands_in_front_of_every_later_picture() -> None:
    """As a webhook tells it: who has forgotten the order by then takes no picture of it for another purchase."""
    later = ORDER | {"total": "50.00", "updated_at": "2026-12-21T07:30:00Z"}
    joining = Joining().hears(*ROWS).waits(5).hears(row("orders", "u", later, 50)).waits(5)

    first, again, picture = (event for event in joining.events if isinstance(event.payload, OrderPlaced))
    assert (again.event_id, again.occurred_at) == (first.event_id, first.occurred_at)
    assert picture.event_id == "order:1001:2026-12-21T07:30:00Z" and picture.payload == again.payload


def test_two_changes_in_one_second_have_two_ids() -> None:
    later = {"updated_at": "2026-11-21T07:30:00Z"}
    joining = Joining().hears(*ROWS).waits(5)
    joining.hears(row("orders", "u", ORDER | later | {"total": "50.00"}, 50)).waits(5)
    joining.hears(row("orders", "u", ORDER | later | {"total": "55.00"}, 51)).waits(5)
    pictures = [event for event in joining.events if event.event_id.startswith("order:")]
    assert len({event.event_id for event in pictures}) == 2
    assert pictures[-1].occurred_at >= pictures[0].occurred_at


# -- what is missing


def test_an_order_without_lines_is_refused_with_a_reason_and_told_when_they_come() -> None:
    joining = Joining().hears(HEAD).waits(59)
    assert not joining.missing
    joining.waits(2).waits(3600)
    assert [(each.field, each.problem) for each in joining.missing] == [
        ("order", "has no row of order_lines after 60 s")
    ]
    assert not joining.events
    assert joining.hears(*LINES).waits(5).ids == PLACED and len(joining.missing) == 1


def test_a_missing_part_is_named_once_however_often_the_rest_changes() -> None:
    joining = Joining().hears(HEAD).waits(61)
    joining.hears(row("orders", "u", ORDER | {"total": "9.00"}, 50)).waits(3600)
    assert len(joining.missing) == 1 and not joining.events


def test_lines_without_their_order_and_fewer_lines_than_counted_are_missing_too() -> None:
    assert [each.problem for each in Joining().hears(*LINES).waits(61).missing] == ["has no row of orders after 60 s"]
    short = Joining().hears(COUNTED, *LINES[:2]).waits(61)
    assert [each.problem for each in short.missing] == ["has no row of order_lines after 60 s"] and not short.events
    assert short.hears(LINES[2]).ids == PLACED


def test_the_wait_is_bounded_however_often_rows_change() -> None:
    joining = Joining(Rules(shop="mugs", settle=timedelta(seconds=10), wait=timedelta(seconds=30))).hears(*ROWS)
    for n in range(8):
        joining.hears(row("order_lines", "u", line(1, sku=f"S-{n}"), 100 + n)).waits(5)
    assert joining.ids[:2] == PLACED


def test_a_draft_is_waited_for_without_end_and_no_reason() -> None:
    joining = Joining().hears(row("orders", "c", ORDER | {"status": "draft"}, 10), *LINES).waits(7200)
    assert not joining.events and not joining.missing
    assert joining.hears(row("orders", "u", ORDER, 90)).waits(5).ids == PLACED


def test_a_forgotten_order_repeats_itself_under_known_ids() -> None:
    joining = Joining().hears(*ROWS).waits(91 * 86_400)
    assert joining.states == {}
    again = [row("orders", "r", ORDER, 900), *(row("order_lines", "r", line(n), 900) for n in (1, 2, 3))]
    assert joining.hears(*again).waits(61).ids == PLACED * 2 and joining.events[0].payload == joining.events[2].payload


def test_a_snapshot_is_history_and_a_change_is_not() -> None:
    rows = [row("orders", "r", ORDER, 9), *(row("order_lines", "r", line(n), 9) for n in (1, 2, 3))]
    joining = Joining().hears(*rows).waits(61)
    assert {event.priority for event in joining.events} == {"backfill"}
    joining.hears(row("orders", "u", ORDER | {"total": "9.00", "updated_at": "2026-11-21T07:30:00Z"}, 50)).waits(5)
    assert joining.events[-1].priority == "live"


def test_a_snapshot_reads_table_after_table_and_nothing_is_missing_meanwhile() -> None:
    lines = [row("order_lines", "r", line(n), 9) for n in (1, 2)]
    joining = Joining().hears(row("orders", "r", ORDER, 9)).waits(6 * 3600)
    assert not joining.missing and not joining.events
    assert joining.hears(lines[0]).waits(30).hears(lines[1]).waits(61).ids == PLACED
    assert len(placed(joining.events).order.lines) == 2
    alone = Joining().hears(row("orders", "r", ORDER, 9)).waits(25 * 3600)
    assert [each.problem for each in alone.missing] == ["has no row of order_lines after 86400 s"]


def test_a_line_that_goes_over_to_another_order_leaves_the_first() -> None:
    over = row("order_lines", "u", line(2, order=1002), 50)
    both = pieces(replace(over, before=Row(line(2))))
    assert [(piece.owner, piece.content.line is None) for piece in both] == [  # type: ignore[union-attr]
        ("order:1002", False), ("order:1001", True)]  # fmt: skip
    picture = Joining().hears(*ROWS).waits(5).takes(both).waits(5).events[-1].payload
    assert isinstance(picture, OrderPlaced) and [each.line_id for each in picture.order.lines] == ["1", "3"]


def test_an_order_in_the_bin_says_nothing() -> None:
    binned = row("orders", "u", ORDER | {"status": "draft", "updated_at": "2026-11-21T07:30:00Z"}, 50)
    assert Joining().hears(*ROWS).waits(5).hears(binned).waits(3600).ids == PLACED


def test_a_deleted_order_says_nothing_and_a_deleted_line_changes_the_picture() -> None:
    joining = Joining().hears(*ROWS).waits(5).hears(row("order_lines", "d", line(2), 50)).waits(5)
    picture = joining.events[-1].payload
    assert isinstance(picture, OrderPlaced) and [each.line_id for each in picture.order.lines] == ["1", "3"]
    known = len(joining.events)
    assert len(joining.hears(row("orders", "d", ORDER, 60)).waits(3600).events) == known and not joining.missing


# -- carts

CART = {"id": "c-9", "customer_id": 7, "currency": "EUR", "active": True, "updated_at": "2026-11-21T07:10:00Z"}


def cart_line(n: int, **more: Any) -> dict[str, Any]:
    return {"id": n, "cart_id": "c-9", "product_id": 40 + n, "quantity": 2, "unit_price": "15.00"} | more


def carts(joining: Joining) -> list[CartReplaced]:
    return [event.payload for event in joining.events if isinstance(event.payload, CartReplaced)]


@given(st.permutations([row("carts", "c", CART, 5), *(row("cart_lines", "c", cart_line(n), 5 + n) for n in (1, 2))]))
def test_a_cart_is_told_whole_once_it_is_quiet(rows: list[Change]) -> None:
    joining = Joining().hears(*rows).waits(5)
    assert joining.ids == ["cart:c-9:2026-11-21T07:10:00Z"] and len(carts(joining)[0].lines) == 2
    joining.hears(row("cart_lines", "d", cart_line(1), 50)).waits(5)
    joining.hears(row("carts", "d", CART, 60)).waits(5)
    assert [len(each.lines) for each in carts(joining)] == [2, 1, 0] and len(set(joining.ids)) == 3
    assert not joining.waits(3600).missing


def test_an_empty_new_cart_and_one_that_became_an_order_say_nothing() -> None:
    assert not Joining().hears(row("carts", "c", CART, 5)).waits(3600).events
    ordered = row("carts", "u", CART | {"active": False}, 9)
    joining = Joining().hears(row("carts", "c", CART, 5), row("cart_lines", "c", cart_line(1), 6)).waits(5)
    assert len(joining.hears(ordered).waits(5).events) == 1


def test_pieces_name_their_owner_so_that_rows_of_one_order_meet() -> None:
    refund = row(
        "refunds", "c", {"id": 5, "order_id": 1001, "amount": "-3.00", "created_at": "2026-11-22T07:00:00Z"}, 80
    )
    assert {piece.owner for piece in pieces(*ROWS, refund)} == {"order:1001"}
