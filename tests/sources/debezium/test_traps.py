"""What Debezium is known to do that looks like something else; each case was met with a real connector.

Four of the nineteen are for those who run a connector, and nothing of them reaches this code: a NaN that stops the
task (9 in part), the registry's compatibility (12 in part), slots left behind, and plug-ins.
"""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from schemas.events import CustomerUpdated, OrderPlaced
from sources.debezium.envelope import Nothing, read, read_json
from sources.debezium.row import UNAVAILABLE, Unread
from sources.debezium.telling import told
from tests.sources.debezium.samples import COMMITTED, binlog, change, envelope, reading, source, typed
from tests.sources.debezium.shop import ORDER, REFERENCE, Joining, line, pieces, row

INVENTED = {"id": 7, "email": "", "full_name": None, "is_guest": False, "created_at": "1970-01-01T00:00:00.000000Z"}
LINES = [row("order_lines", "c", line(n), 10 + n) for n in (1, 2)]


def test_1_a_deletion_is_believed_in_its_key_only() -> None:
    gone = Joining().hears(change(envelope("d", INVENTED, source("shop.customers")), {"id": 7})).events[0]
    assert gone.customer.customer_id == "7" and gone.customer.email is None
    cart = {"id": "c-9", "customer_id": None, "items": "[]", "updated_at": "1970-01-01T00:00:00.000000Z"}
    assert not Joining().hears(change(envelope("d", cart, source("shop.carts")), {"id": "c-9"})).waits(99).events
    assert change(envelope("u", {"id": 1}, before=None)).before is None


@pytest.mark.parametrize("marker", [UNAVAILABLE, "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="])
def test_2_a_column_that_was_not_logged_is_as_it_was(marker: str) -> None:
    first = row("orders", "c", ORDER | {"note": "ring twice"}, 10)
    later = row("orders", "u", ORDER | {"note": marker, "total": "9.00", "updated_at": "2026-11-21T07:30:00Z"}, 50)
    joining = Joining().hears(first, *LINES).waits(5).hears(later).waits(5)
    orders = [event.payload.order for event in joining.events if isinstance(event.payload, OrderPlaced)]
    assert list(dict.fromkeys((each.note, each.total) for each in orders)) == [
        ("ring twice", Decimal("45.00")),
        ("ring twice", Decimal("9.00")),
    ]
    unknown = Joining().hears(row("orders", "r", ORDER | {"note": marker}, 10), *LINES).waits(5)
    assert all(event.payload.order.note is None for event in unknown.events if isinstance(event.payload, OrderPlaced))


def customer(name: str, lsn: int, sequence: str, order: int = 1, us: int = COMMITTED, op: str = "u") -> Any:
    at = source("shop.customers", lsn, sequence=sequence, ts_us=us, ts_ms=us // 1000)
    return change(
        envelope(op, {"id": 7, "first_name": name}, at, transaction={"id": "t", "total_order": order}), {"id": 7}
    )


def test_3_a_place_that_goes_back_is_another_rows() -> None:
    """T2 wrote later and committed first: its rows come first, with the higher lsn. They are other rows than T1's, or
    T2 would have waited for T1 to end."""
    second = row("customers", "u", {"id": 8, "first_name": "T2"}, 26778712)
    first = row("customers", "u", {"id": 7, "first_name": "T1"}, 26778472)
    said = [event.payload for event in Joining().hears(second, first, second).events]
    assert [each.profile.first_name for each in said if isinstance(each, CustomerUpdated)] == ["T2", "T1"]


def test_3_what_is_told_again_with_another_commit_before_it_has_the_place_it_had() -> None:
    """Of a slot's first transaction the commit before it is known only once a connector was started anew."""
    first, again = (customer("T", 26778472, sequence) for sequence in ('[null,"26778472"]', '["26778400","26778472"]'))
    assert first.position == again.position == (26778472,)
    older = customer("older", 26778470, '["26778400","26778470"]')
    assert len(Joining().hears(first, older, again).events) == 1


def test_4_rows_that_share_a_place_are_told_apart_by_table_and_key() -> None:
    rows = [row("customers", "r", {"id": n, "email": f"c{n}@mugs.example"}, 5) for n in (1, 2)]
    assert len(set(Joining().hears(*rows).ids)) == 2
    stock = [row("stock", "r", {"product_id": 41, "variant_id": n, "quantity": 1}, 5) for n in (1, 2)]
    assert len(set(Joining().hears(*stock).ids)) == 2
    at = source("shop.customers", 26449928)
    moved = change(envelope("d", INVENTED | {"id": 2}, at), {"id": 2}, ("__debezium.newkey",))
    new = change(envelope("c", {"id": 11, "email": "bo@mugs.example"}, at), {"id": 11}, ("__debezium.oldkey",))
    assert moved.position == new.position and Joining().hears(moved, new).ids == ["customer-registered:11"]
    in_one_commit = [customer(name, n, f'["4","{n}"]', n) for n, name in enumerate("ab", 5)]
    assert len(Joining().hears(*in_one_commit, *in_one_commit).events) == 2


def test_4_what_is_told_again_from_inside_its_transaction_has_the_place_it_had() -> None:
    """Seen of a connector that was killed: it goes on with the first row that was not committed, and numbers it 1."""
    first, again = (customer("T", 26778472, '["26778400","26778472"]', number) for number in (40, 1))
    assert first.place == again.place


def test_5_transactions_are_nobodys_rows() -> None:
    for told_of in (
        {"status": "BEGIN", "id": "737:26448568"},
        {"status": "END", "id": "737:26449184", "event_count": 3},
    ):
        assert reading(told_of, {"id": told_of["id"]}) == Nothing("transaction")


def test_6_tables_have_no_order_among_them() -> None:
    rows = [row("orders", "c", ORDER, 10), *LINES, row("customers", "c", {"id": 7, "email": "ada@mugs.example"}, 9)]
    seen = {tuple(sorted(Joining().hears(*each).waits(5).ids)) for each in permutations(rows)}
    assert seen == {("customer-registered:7", "order-of:1001", "order-placed:1001")}


@pytest.mark.parametrize(
    ("flag", "is_one"),
    [("first", True), ("true", True), ("first_in_data_collection", True), ("last", True), ("incremental", True),
     (True, True), ("false", False), (False, False), (None, False)],
)  # fmt: skip
def test_7_the_snapshot_flag_is_a_word(flag: Any, is_one: bool) -> None:
    assert change(envelope("c", {"id": 1}, source(snapshot=flag))).snapshot is is_one
    assert change(envelope("r", {"id": 1}, source(snapshot=flag))).op == "read"


def test_8_bytes_of_avro_are_no_json() -> None:
    assert isinstance(read_json(b"\x00\x00\x00\x00\x03\xc8\x01", b"\x00\x00\x00\x00\x04\x02\x02"), Unread)


@pytest.mark.parametrize("text", ["NaN", "NAN", "Infinity"])
def test_9_what_is_not_a_number_is_no_money(text: str) -> None:
    problems = told(row("orders", "c", ORDER | {"total": text}, 5), REFERENCE).problems
    assert [each.field for each in problems] == ["total"]


def test_9_a_numeric_without_a_scale_is_exact() -> None:
    found = pieces(row("orders", "c", ORDER | {"total": {"scale": 3, "value": "BGU="}}, 5))
    assert found[0].content.order.total == Decimal("1.125")  # type: ignore[union-attr]


def test_10_times_without_a_schema_are_counted_by_their_size() -> None:
    for value in (1795245651, 1795245651000, 1795245651000000, 1795245651000000000, "2026-11-21T07:20:51Z"):
        found = pieces(row("orders", "c", ORDER | {"placed_at": value}, 5))
        assert found[0].content.order.placed_at.isoformat() == "2026-11-21T07:20:51+00:00"  # type: ignore[union-attr]
    assert change(envelope("u", {"id": 1}, binlog(3))).at.microsecond == 0  # whole seconds there


def test_11_a_default_of_zero_is_not_known() -> None:
    zero = {"id": 7, "email": "", "created_at": "1970-01-01T00:00:00.000000Z", "updated_at": 0, "birthday": 0}
    event = Joining().hears(row("customers", "c", zero, 5)).events[0]
    assert event.occurred_at.year == 2026 and event.customer.email is None
    nobody = row("orders", "c", ORDER | {"customer_id": 0, "email": ""}, 5)
    assert Joining().hears(nobody, *LINES).waits(5).ids == ["order-placed:1001"]


def test_12_a_column_more_and_a_number_that_was_a_text_change_nothing() -> None:
    first = Joining().hears(row("customers", "r", {"id": 7, "first_name": "Ada"}, 5))
    again = first.hears(row("customers", "r", {"id": "7", "first_name": "Ada", "loyalty": 3}, 6))
    assert len(again.events) == 1


def test_13_names_of_schemas_are_nobodys_business() -> None:
    fields = [{"field": "x", "type": "int64", "name": "io.debezium.time.MicroTimestamp"}]
    value = typed(fields, envelope("c", {"x": 1_000_000}))
    value["schema"]["name"] = "other.prefix.Envelope"
    after = change(value).after
    assert after is not None and (at := after.moment("x")) is not None and at.second == 1


def test_14_what_comes_again_comes_under_the_same_id_or_not_at_all() -> None:
    rows = [row("orders", "c", ORDER, 10), *LINES, row("customers", "c", {"id": 7, "email": "ada@mugs.example"}, 9)]
    once, fresh = Joining().hears(*rows).waits(5), Joining().hears(*rows).waits(5)
    assert once.events == fresh.events and len(once.hears(*rows, *rows).waits(99).events) == len(fresh.events)


def test_14_a_server_that_counts_anew_is_heard() -> None:
    def at(file: str, pos: int, second: int) -> Any:
        us = COMMITTED + second * 10**6
        told_at = binlog(pos, file, table="customers", ts_ms=us // 1000)
        return change(envelope("u", {"id": 7, "first_name": f"{file}:{pos}"}, told_at), {"id": 7})

    before, after = at("mysql-bin.000042", 900, 0), at("mysql-bin.000001", 4, 60)
    joining = Joining().hears(before, after)
    assert len(joining.events) == 2
    again = joining.hears(before, after)  # the topic read again: known ids, and the later server has the last word
    assert len(set(again.ids)) == 2 and again.ids[-1] == again.ids[1]


def test_15_a_tombstone_is_nothing() -> None:
    assert read_json(b'{"id":100}', None) == Nothing("tombstone") == read({"id": 100}, None)


def test_16_a_table_that_was_emptied_is_not_passed_over() -> None:
    found = reading({"op": "t", "source": source(), "ts_ms": 1})
    assert isinstance(found, Unread) and "emptied" in found.problem


def test_17_to_19_what_is_no_envelope_says_what_to_change_in_the_connector() -> None:
    cloud = {"id": "name:test;lsn:1", "source": "/debezium", "specversion": "1.0", "type": "x", "data": {"op": "r"}}
    for value in (cloud, {"id": 1004, "email": "annek@noanswer.org"}):
        found = read_json(b'{"id":1}', json.dumps(value).encode())
        assert isinstance(found, Unread) and "connector" in found.remedy
