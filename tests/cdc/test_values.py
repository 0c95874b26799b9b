"""Real records of real databases are read as what was written by SQL: amounts, times, ids and the rest, in every form
a connector can be set to write them in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from sources.debezium.row import Row, Unfit
from tests.cdc.databases import Kind
from tests.cdc.lane import Shop, as_json

pytestmark = pytest.mark.cdc
Shops = Callable[[Kind], Awaitable[Shop]]
both = pytest.mark.parametrize("kind", ["postgres", "mariadb"])
PLAIN = as_json(schemas=False)
SETTINGS: dict[str, dict[str, str]] = {
    "avro": {},
    "avro, connect's times, amounts as text": {"time.precision.mode": "connect", "decimal.handling.mode": "string"},
    "avro, adaptive times, doubles": {"time.precision.mode": "adaptive", "decimal.handling.mode": "double"},
    "json, adaptive times": {"time.precision.mode": "adaptive", **as_json(schemas=True)},
    "json, iso times": {"time.precision.mode": "isostring", **as_json(schemas=True)},
    "json without schemas": {"decimal.handling.mode": "string", **PLAIN},
    "json without schemas, connect's times": {
        "decimal.handling.mode": "string",
        "time.precision.mode": "connect",
        **PLAIN,
    },
}
AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
AMOUNTS = {"two": "-0.05", "four": "1234567890.1234", "whole": "42", "real8": "19.9"}
COLUMNS = {
    "postgres": """id uuid PRIMARY KEY, two numeric(12,2), four numeric(14,4), whole integer, real8 double precision,
        zoned timestamptz, zoneless timestamp, in_ms timestamp(3), in_s timestamp(0), day date,
        clock time, clock_zoned timetz, span interval, number bigint, code char(5), truth boolean, sort shop.sort,
        said jsonb, bytes bytea, many text[], nothing text""",
    "mariadb": """id char(36) PRIMARY KEY, two decimal(12,2), four decimal(14,4), whole integer, real8 double,
        zoned timestamp(6) NULL, zoneless datetime(6), in_ms datetime(3), in_s datetime, day date,
        clock time(6), number bigint, code char(5), truth boolean, sort enum('new', 'used'), said json, bytes blob,
        bit bit(1), year year, nothing text""",
}
VALUES = {
    "id": "11111111-2222-3333-4444-555555555555", "zoned": f"{AT:%F %T.%f}", "zoneless": f"{AT:%F %T.%f}",
    "in_ms": "2026-01-02 03:04:05.678", "in_s": "2026-01-02 03:04:05", "day": "2026-01-02", "clock": "03:04:05.678901",
    "number": "9007199254740993", "code": "EUR", "sort": "used", "said": '{"a": 1}', **AMOUNTS,
}  # fmt: skip


async def row_of(shops: Shops, kind: Kind, settings: dict[str, str]) -> Row:
    """Told as a change, after its table was snapshot empty."""
    shop = await shops(kind)
    space = shop.database.schema
    if kind == "postgres":
        shop.sql("CREATE TYPE shop.sort AS ENUM ('new', 'used')")
    shop.sql(f"CREATE TABLE {space}.kinds ({COLUMNS[kind]})")
    more = {"truth": "true", "bytes": r"'\x00ff'" if kind == "postgres" else "x'00ff'"}
    more |= (
        {"clock_zoned": "'03:04:05+02'", "span": "'1 day 02:00'", "many": "'{a,b}'"}
        if kind == "postgres"
        else {"bit": "b'1'", "year": "2026"}
    )
    named = {name: f"'{value}'" for name, value in VALUES.items()} | more
    if kind == "postgres":
        shop.sql("GRANT SELECT ON shop.kinds TO shoprelay_cdc")
    if kind == "mariadb" and settings.get("time.precision.mode") == "adaptive":  # which it has no more
        settings = settings | {"time.precision.mode": "adaptive_time_microseconds"}
    await shop.capture(settings)
    shop.sql(f"INSERT INTO {space}.kinds ({', '.join(named)}) VALUES ({', '.join(named.values())})")
    await shop.until(lambda: shop.changes("kinds"), "the row is told")
    (change,) = shop.changes("kinds")
    assert change.op == "created" and change.after is not None
    assert change.key.entity("id") == change.after.entity("id") == VALUES["id"]
    return change.after


@both
@pytest.mark.parametrize("settings", SETTINGS)
async def test_what_was_written_is_read(shops: Shops, kind: Kind, settings: str) -> None:
    row = await row_of(shops, kind, SETTINGS[settings])
    assert {name: row.amount(name) for name in AMOUNTS} == {name: Decimal(value) for name, value in AMOUNTS.items()}
    in_ms = AT.replace(microsecond=678000)
    exact = AT if SETTINGS[settings].get("time.precision.mode") != "connect" else in_ms
    assert row.moment("zoned") == AT
    assert row.moment("zoneless") == exact
    assert row.moment("in_ms") == in_ms
    assert row.moment("in_s") == AT.replace(microsecond=0)
    assert row.day("day") == row.day("zoned") == "2026-01-02"
    for name in ("clock", "clock_zoned", "span"):
        if row.has(name):
            with pytest.raises(Unfit):
                row.moment(name)
    assert row.entity("number") == "9007199254740993" and row.entity("code") == "EUR"
    assert row.truth("truth") is True and row.text("sort") == "used" and row.text("nothing") is None
    if kind == "mariadb":
        assert row.truth("bit") is True and row.text("year") == "2026"
    assert row.inexact("real8") or PLAIN.items() <= SETTINGS[settings].items()


@both
async def test_an_amount_in_bytes_without_a_schema_is_no_guess(shops: Shops, kind: Kind) -> None:
    row = await row_of(shops, kind, PLAIN)
    for name in ("two", "four"):
        with pytest.raises(Unfit):
            row.amount(name)


@pytest.mark.parametrize("settings", [{}, as_json(schemas=True)], ids=["avro", "json"])
async def test_numbers_without_a_scale(shops: Shops, settings: dict[str, str]) -> None:
    shop = await shops("postgres")
    shop.sql("CREATE TABLE shop.free (id numeric PRIMARY KEY, one numeric, two numeric NOT NULL)")
    shop.sql("GRANT SELECT ON shop.free TO shoprelay_cdc")
    await shop.capture({"topic.creation.default.partitions": "1", **settings})
    shop.sql("INSERT INTO shop.free VALUES (1, 0.125, -1), (20.0, 1e12, 0), (3, -99.9999, 12.3400), (4, NULL, 1e-9)")
    shop.sql("INSERT INTO shop.free VALUES (5, 'NaN', 1)")
    await shop.until(lambda: len(shop.changes("free")) == 5, "all is told")
    rows = [change.after for change in shop.changes("free") if change.after]
    assert [change.key.entity("id") for change in shop.changes("free")] == ["1", "20", "3", "4", "5"]
    numbers = [(row.amount("one"), row.amount("two")) for row in rows]
    assert numbers == [
        (Decimal("0.125"), Decimal(-1)),
        (Decimal("1e12"), Decimal(0)),
        (Decimal("-99.9999"), Decimal("12.34")),
        (None, Decimal("0.0000")),
        (None, Decimal(1)),
    ]


async def test_times_that_are_none_are_no_times(shops: Shops) -> None:
    """What a database allows beside points in time: it stops nothing, and is never read as one."""
    shop = await shops("postgres")
    await shop.capture()
    for number, at in enumerate(("infinity", "-infinity", "0044-03-15 BC", "294276-12-31")):
        shop.sql(f"INSERT INTO shop.customers (id, created_at) VALUES ({number}, '{at}')")
    await shop.until(lambda: len(shop.changes("customers")) == 4, "all is told")
    for change in shop.changes("customers"):
        assert change.after is not None
        with pytest.raises(Unfit):
            change.after.moment("created_at")


async def test_a_date_of_zeros_is_never(shops: Shops) -> None:
    shop = await shops("mariadb")
    table = f"{shop.database.schema}.zeros"
    shop.sql(f"CREATE TABLE {table} (id integer PRIMARY KEY, day date, at datetime NOT NULL, zoned timestamp NOT NULL)")
    await shop.capture()
    shop.sql(f"SET sql_mode = ''; INSERT INTO {table} VALUES (1, '0000-00-00', '0000-00-00', '0000-00-00')")
    await shop.until(lambda: shop.changes("zeros"), "it is told")
    (change,) = shop.changes("zeros")
    assert change.after is not None
    assert [change.after.moment(name) for name in ("day", "at", "zoned")] == [None] * 3 and change.after.day(
        "day"
    ) is None
