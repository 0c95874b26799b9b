"""Records of a database as they come off its topics: framed Avro, JSON, and what is neither."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import Any

import fastavro
import pytest

from sources.debezium.envelope import Change, Nothing
from sources.debezium.row import Unread
from streams.worker import envelopes
from streams.worker.envelopes import KEPT, MISFIT, NOT_AVRO, REGISTER, Envelopes
from tests.sources.debezium.samples import COMMITTED, envelope
from tests.worker.world import Desk, Written

VALUE = {
    "type": "record", "name": "Envelope", "fields": [
        {"name": "after", "type": ["null", {"type": "record", "name": "Value", "fields": [
            {"name": "id", "type": "long"},
            {"name": "total", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
            {"name": "at", "type": {"type": "long", "connect.name": "io.debezium.time.MicroTimestamp"}}]}]},
        {"name": "source", "type": {"type": "record", "name": "Source", "fields": [
            {"name": "ts_ms", "type": "long"}, {"name": "table", "type": "string"}, {"name": "lsn", "type": "long"}]}},
        {"name": "op", "type": "string"}],
}  # fmt: skip
KEY = {"type": "record", "name": "Key", "fields": [{"name": "id", "type": "long"}]}
TOLD = {
    "after": {"id": 1, "total": Decimal("12.50"), "at": COMMITTED}, "op": "c",
    "source": {"ts_ms": COMMITTED // 1000, "table": "orders", "lsn": 9},
}  # fmt: skip


def framed(desk: Desk, schema: Any, told: Any) -> bytes:
    out = io.BytesIO(b"\x00" + desk.file(json.dumps(schema)).to_bytes(4, "big"))
    out.seek(5)
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), told)
    return out.getvalue()


def record(value: bytes | None, key: bytes | None = b'{"id": 1}', *headers: tuple[str, bytes]) -> Written:
    return Written("cdc.mugs.shop.orders", 0, 0, key, value, headers)


async def test_avro_is_read_with_the_schema_that_wrote_it_and_each_schema_is_asked_for_once(desk: Desk) -> None:
    value, key = framed(desk, VALUE, TOLD), framed(desk, KEY, {"id": 1})
    read = Envelopes(desk.client())
    for _ in range(3):
        found = await read(record(value, key))

    assert isinstance(found, Change) and found.after is not None
    assert (found.key.needs("id"), str(found.after.amount("total"))) == ("1", "12.50")
    moment = found.after.moment("at")
    assert moment is not None and int(moment.timestamp() * 10**6) == COMMITTED
    assert desk.asked == ["GET /schemas/ids/1", "GET /schemas/ids/2"]


async def test_a_key_in_json_stands_beside_a_value_in_avro(desk: Desk) -> None:
    found = await Envelopes(desk.client())(record(framed(desk, VALUE, TOLD)))

    assert isinstance(found, Change) and found.key.needs("id") == "1"


async def test_a_registry_that_is_away_is_waited_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envelopes, "FIRST_WAIT", 0.0)
    value, desk.away = framed(desk, VALUE, TOLD), 2

    assert isinstance(await Envelopes(desk.client())(record(value)), Change)


async def test_json_and_tombstones_need_no_registry(desk: Desk) -> None:
    read = Envelopes(desk.client())
    told = json.dumps(envelope("c", {"id": 1})).encode()

    assert isinstance(await read(record(told)), Change)
    assert await read(record(None)) == Nothing("tombstone")
    assert desk.asked == []


async def test_what_cannot_be_read_has_a_reason(desk: Desk) -> None:
    read = Envelopes(desk.client())
    value = framed(desk, VALUE, TOLD)
    bad = {
        b"\x00\x00": MISFIT,
        value[:-3]: MISFIT,
        b"\x00\x00\x00\x00\x63rest": REGISTER,
        b"\x00" + desk.file('{"type": "nonsense"}').to_bytes(4, "big"): NOT_AVRO,
        b"\x00" + desk.file("no JSON").to_bytes(4, "big"): NOT_AVRO,
    }
    assert {each: await read(record(each)) for each in bad} == bad
    assert isinstance(await read(record(value)), Change)
    assert isinstance(await read(record(value, b"\x00\x00")), Unread)
    assert isinstance(await read(record(value, b"{")), Unread)


async def test_a_row_that_goes_on_under_another_key_is_no_deletion_of_its_own(desk: Desk) -> None:
    gone = json.dumps(envelope("d", {"id": 1})).encode()
    found = await Envelopes(desk.client())(record(gone, b'{"id": 1}', ("__debezium.newkey", b"{}")))

    assert isinstance(found, Change) and found.moved


async def test_as_many_schemas_as_a_busy_database_makes_are_kept_and_no_more(desk: Desk) -> None:
    read = Envelopes(desk.client())
    for n in range(KEPT + 5):
        schema = {**KEY, "name": f"Key{n}"}
        await read(record(framed(desk, schema, {"id": n})))

    assert len(read._schemas) == KEPT
