"""An outbox holds our own JSON: what its rows say, and what a router made of them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.debezium.outbox import routed_document, row_document
from sources.debezium.row import Unread
from sources.debezium.tables import Outbox, OutboxColumns
from tests.sources.debezium.samples import change, envelope, source

TABLE = Outbox(table="outbox", columns=OutboxColumns(id="id", payload="payload"))
AT = source("shop.outbox")
EVENT = {"type": "Searched", "payload": {"query": "mug"}}


def said(op: str, payload: Any, row_id: str = "a-1") -> object:
    return row_document(change(envelope(op, {"id": row_id, "payload": payload}, AT), {"id": row_id}), TABLE)


@pytest.mark.parametrize("op", ["c", "r"])
def test_a_rows_id_is_the_events_where_the_document_has_none(op: str) -> None:
    assert said(op, json.dumps(EVENT)) == {"event_id": "a-1", **EVENT}
    assert said(op, json.dumps({**EVENT, "event_id": "own"})) == {**EVENT, "event_id": "own"}
    several = {"events": [EVENT, EVENT]}
    assert said(op, json.dumps(several)) == several


def test_amounts_are_exact() -> None:
    assert said("c", '{"payload": {"total": 12.10}}') == {"event_id": "a-1", "payload": {"total": Decimal("12.10")}}


@pytest.mark.parametrize("op", ["u", "d"])
def test_what_becomes_of_a_row_later_says_nothing(op: str) -> None:
    assert said(op, json.dumps(EVENT)) is None


@pytest.mark.parametrize("payload", ["no JSON", None, "[" * 50_000])
def test_what_is_no_json_is_named_by_its_column(payload: Any) -> None:
    found = said("c", payload)

    assert isinstance(found, Unread) and (found.field, found.problem) == ("payload", "is no JSON")


def test_a_null_that_was_written_is_refused_and_one_that_deletes_says_nothing() -> None:
    written = (said("c", "null"), routed_document(b'"null"', [("id", b"a-1")]))
    assert [each.problem for each in written if isinstance(each, Unread)] == ["is no event"] * 2
    assert [routed_document(value, []) for value in (b"null", b'{"schema": null, "payload": null}')] == [None, None]


ROUTED = {
    "as it is": json.dumps(EVENT),
    "as a text": json.dumps(json.dumps(EVENT)),
    "with its schema": json.dumps({"schema": {"type": "string"}, "payload": json.dumps(EVENT)}),
}


@pytest.mark.parametrize("value", ROUTED.values(), ids=ROUTED)
def test_however_the_router_writes_it_it_is_the_document_with_the_id_of_its_header(value: str) -> None:
    for header in (b"a-1", b'"a-1"'):
        assert routed_document(value.encode(), [("id", header)]) == {"event_id": "a-1", **EVENT}
    assert routed_document(value.encode(), []) == EVENT
    assert routed_document(None, [("id", b"a-1")]) is None


@given(st.binary())
def test_any_bytes_are_a_document_a_reason_or_nothing(value: bytes) -> None:
    routed_document(value, [("id", b"\xff")])
