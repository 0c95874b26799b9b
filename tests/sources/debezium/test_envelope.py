"""Records as they come off the topic: a change, nothing to tell, or a reason; never an exception."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.debezium.envelope import Change, Nothing, read, read_json
from sources.debezium.row import UNAVAILABLE, Row, Unfit, Unread
from tests.sources.debezium.samples import binlog, change, envelope, reading, source, typed

AT = datetime(2026, 11, 21, 7, 20, 52, 92000, tzinfo=UTC)


@pytest.mark.parametrize(("op", "word"), [("c", "created"), ("u", "updated"), ("d", "deleted"), ("r", "read")])
def test_a_row_changed(op: str, word: str) -> None:
    found = change(envelope(op, {"id": 100, "status": "placed"}))
    assert (found.op, found.table, found.at) == (word, "shop.orders", AT)
    assert found.key.entity("id") == "100" and found.snapshot is (op == "r")
    assert (found.after is None) is (op == "d")


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ({"status": "BEGIN", "id": "737:26448568", "event_count": None, "ts_ms": 1}, "transaction"),
        ({"status": "END", "id": "0-5401-9", "event_count": 2, "data_collections": []}, "transaction"),
        ({"ts_ms": 1795245652092}, "heartbeat"),
        ({"op": "m", "ts_ms": 1, "source": {}, "message": {"prefix": "p", "content": "cA=="}}, "message"),
        ({"source": {}, "ddl": "ALTER TABLE x", "tableChanges": []}, "schema-change"),
        ({"schema": None, "payload": None}, "tombstone"),
        (None, "tombstone"),
    ],
)  # fmt: skip
def test_what_is_understood_and_changes_no_row(value: Any, word: str) -> None:
    assert reading(value) == Nothing(word)  # type: ignore[arg-type]


def test_no_bytes_at_all_are_a_tombstone() -> None:
    assert read_json(b'{"id":1}', None) == Nothing("tombstone") == read_json(None, b"")


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"id": 1004, "first_name": "Anne"}, None),  # ExtractNewRecordState
        ([1], None), ("text", None), (7, None), ({}, None),
        (envelope("c", {"id": 1}) | {"op": "t"}, "op"), (envelope("c", {"id": 1}) | {"op": "x"}, "op"),
        (envelope("c", {"id": 1}) | {"op": [1]}, "op"), (envelope("c", {"id": 1}) | {"source": {}}, "source.table"),
        (envelope("c", {"id": 1}) | {"source": "s"}, "source.table"),
        (envelope("c", {"id": 1}) | {"after": None}, "after"),
        (envelope("c", {"id": 1}, {"table": "t"}) | {"ts_ms": None}, "source.ts_ms"),
    ],
)  # fmt: skip
def test_what_is_not_read_says_where_and_what_to_do(value: Any, field: str | None) -> None:
    found = reading(value)
    assert isinstance(found, Unread) and found.field == field and found.problem and found.remedy


@pytest.mark.parametrize("key", [b"null", b"{}", b"[]", b'"k"', None])
def test_a_row_without_a_name_is_not_read(key: bytes | None) -> None:
    found = read_json(key, json.dumps(envelope("c", {"id": 1})).encode())
    assert isinstance(found, Unread) and found.field == "key"


@pytest.mark.parametrize("value", [b"\x00\x00\x00\x00\x04\x02", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_a_reason(value: bytes) -> None:
    assert isinstance(read_json(b"{}", value), Unread)


def test_with_a_schema_and_without_the_row_is_the_same() -> None:
    fields = [{"field": "id", "type": "int64"}, {"field": "total", "type": "string"}]
    told = envelope("c", {"id": 100, "total": "42.50"})
    key = {"schema": {"type": "struct", "fields": [{"field": "id", "type": "int64"}]}, "payload": {"id": 100}}
    plain, full = change(told), change(typed(fields, told), key)
    assert plain.after is not None and full.after is not None
    assert plain.after.cells == full.after.cells and plain.place == full.place
    assert full.key.kinds and full.after.kinds and plain.after.kinds is None


def test_names_in_capitals_are_read_as_any_other() -> None:
    found = change(envelope("c", {"ID": 1, "STATUS": "new"}, source("SHOP.ORDERS")), {"ID": 1})
    assert found.table == "shop.orders" and found.key.has("id") and found.after and found.after.text("status") == "new"


def test_places_of_other_databases_count_up_too() -> None:
    def place(**of: Any) -> tuple[int, ...]:
        return change(envelope("u", {"id": 1}, {"table": "t", "ts_ms": 1_795_245_652_092, **of})).position

    assert place(commit_lsn="00000027:00000758:0005", change_lsn="00000027:00000758:0003") > place(
        commit_lsn="00000027:00000758:0004", change_lsn="00000027:00000758:0009"
    )
    assert place(commit_scn="2126000", scn="2125998") < place(commit_scn="2126001", scn="2125997")
    assert (
        change(envelope("u", {"id": 1}, binlog(900, "mysql-bin.000009"))).position
        < change(envelope("u", {"id": 1}, binlog(4, "mysql-bin.000010"))).position
    )


# -- Avro, as a reader made it of a record, beside the writer's schema

SCHEMA = {
    "type": "record", "name": "Envelope", "namespace": "shop1.shop.orders",
    "connect.name": "shop1.shop.orders.Envelope",
    "fields": [
        {"name": "before", "default": None, "type": ["null", {"type": "record", "name": "Value", "fields": [
            {"name": "id", "type": {"type": "long", "connect.default": 0}, "default": 0},
            {"name": "total", "type": {"type": "bytes", "scale": 2, "precision": 12, "logicalType": "decimal",
                                       "connect.name": "org.apache.kafka.connect.data.Decimal"}},
            {"name": "discount", "default": None, "type": ["null", {
                "type": "record", "name": "VariableScaleDecimal", "namespace": "io.debezium.data",
                "connect.name": "io.debezium.data.VariableScaleDecimal",
                "fields": [{"name": "scale", "type": "int"}, {"name": "value", "type": "bytes"}]}]},
            {"name": "fee", "default": None, "type": ["null", "io.debezium.data.VariableScaleDecimal"]},
            {"name": "placed_on", "type": {"type": "int", "connect.name": "io.debezium.time.Date"}},
            {"name": "placed_at", "type": {"type": "long", "connect.name": "io.debezium.time.MicroTimestamp"}},
            {"name": "seen_at", "type": {"type": "string", "connect.name": "io.debezium.time.ZonedTimestamp"}},
        ]}]},
        {"name": "after", "type": ["null", "Value"], "default": None},
        {"name": "source", "type": {"type": "record", "name": "Source", "fields": [
            {"name": "table", "type": "string"}, {"name": "schema", "type": "string"},
            {"name": "ts_ms", "type": "long"},
            {"name": "lsn", "type": ["null", "long"]}, {"name": "snapshot", "type": ["string", "null"]}]}},
        {"name": "op", "type": "string"},
    ],
}  # fmt: skip
ROW = {
    "id": 100, "total": Decimal("42.50"), "discount": {"scale": 3, "value": b"\x04\x65"},
    "fee": {"scale": 1, "value": b"\x0f"}, "placed_on": 20455, "placed_at": 1767323045678901,
    "seen_at": "2026-01-02T03:04:05.678901Z",
}  # fmt: skip


def avro(value: dict[str, Any], schema: Any = SCHEMA) -> Change:
    parsed, out = fastavro.parse_schema(json.loads(json.dumps(schema))), io.BytesIO()
    fastavro.schemaless_writer(out, parsed, value)
    out.seek(0)
    found = read({"id": 100}, fastavro.schemaless_reader(out, parsed, None), (), None, schema)
    assert isinstance(found, Change)
    return found


def test_avro_says_the_same() -> None:
    of = {"table": "orders", "schema": "shop", "ts_ms": 1_795_245_652_092, "lsn": 5, "snapshot": "last"}
    found = avro({"before": None, "after": ROW, "source": of, "op": "r"})
    row = found.after
    assert row is not None and found.snapshot and found.table == "shop.orders"
    assert (row.amount("total"), row.amount("discount"), row.amount("fee")) == (
        Decimal("42.50"), Decimal("1.125"), Decimal("1.5"))  # fmt: skip
    assert row.moment("placed_on") == datetime(2026, 1, 2, tzinfo=UTC)
    assert row.moment("placed_at") == row.moment("seen_at") == datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    assert row.kind("placed_at").name == "io.debezium.time.MicroTimestamp" and row.kind("total").scale == 2


# -- anything at all

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False)
    | st.text(max_size=8) | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(
        ["id", "op", "source", "after", "before", "table", "ts_ms", "lsn", "sequence", "schema", "payload", "fields",
         "type", "name", "field", "file", "pos", "transaction", "total_order", "scn", "commit_lsn", "status", "x"]),
        inner, max_size=6),
    max_leaves=25,
)  # fmt: skip
mostly = st.fixed_dictionaries(
    {"op": st.sampled_from(["c", "u", "d", "r", "m", "t"]) | anything, "after": anything, "before": anything,
     "source": st.fixed_dictionaries({"table": st.just("t") | anything, "ts_ms": st.integers() | anything},
                                     optional={"lsn": anything, "sequence": anything, "file": anything, "pos": anything,
                                               "commit_lsn": anything, "scn": anything, "ts_us": anything})},
    optional={"ts_ms": anything, "transaction": anything},
)  # fmt: skip


@given(anything, anything | mostly, anything, anything)
def test_whatever_comes_is_a_change_nothing_or_a_reason(key: Any, value: Any, one: Any, other: Any) -> None:
    found = read(key, value, (), one, other)
    assert isinstance(found, Change | Nothing | Unread)
    rows = (found.key, found.before, found.after) if isinstance(found, Change) else ()
    for row in rows:
        for name in row.cells if row else ():
            asked(row, name)


def asked(row: Row | None, name: str) -> None:
    assert row is not None
    for ask in (row.text, row.entity, row.amount, row.moment, row.day, row.truth, row.inexact):
        try:
            ask(name)
        except Unfit as unfit:
            assert unfit.why.problem and unfit.why.remedy


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_whatever_bytes_come_are_read_or_a_reason(key: bytes, value: bytes) -> None:
    assert isinstance(read_json(key, value), Change | Nothing | Unread)


def test_a_marker_of_what_was_not_logged_is_never_a_value() -> None:
    told = envelope("u", {"id": 1, "note": UNAVAILABLE}, before={"id": 1, "note": "long"})
    assert (full := change(told).after) is not None and full.text("note") == "long" and not full.unchanged
    told = envelope("u", {"id": 1, "note": UNAVAILABLE})
    assert (bare := change(told).after) is not None and bare.text("note") is None and bare.unchanged == {"note"}


def test_places_are_counts_of_63_bits_and_nothing_else() -> None:
    def lsn(told: Any) -> tuple[int, ...]:
        return change(envelope("u", {"id": 1}, source() | {"lsn": told, "sequence": None})).position

    assert lsn(2**63 - 1) == lsn(str(2**63 - 1)) == (2**63 - 1,)
    for told in (2**63, str(2**63), "²", "x", "9" * 40, 1.5e300, True):
        assert 2**63 - 1 not in lsn(told) and all(abs(part) < 2**63 for part in lsn(told))
    bare = {"table": "orders", "ts_ms": -(10**18)}
    assert change(envelope("u", {"id": 1}, bare)).position == (0, 0), "in microseconds it is none"


def test_avro_names_its_doubles() -> None:
    schema = json.loads(json.dumps(SCHEMA))
    schema["fields"][0]["type"][1]["fields"].append({"name": "rough", "type": ["null", "double"], "default": None})
    of = {"table": "orders", "schema": "shop", "ts_ms": 1_795_245_652_092, "lsn": 5, "snapshot": "false"}
    row = avro({"before": None, "after": ROW | {"rough": None}, "source": of, "op": "u"}, schema).after
    assert row is not None and [name for name in row.cells if row.inexact(name)] == ["rough"]
    assert row.kind("fee").type.endswith("VariableScaleDecimal") and row.text("fee") == "1.5"
