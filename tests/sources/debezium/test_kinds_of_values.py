"""Money and times, in every way a connector may be set to write them: exact, or a reason."""

from __future__ import annotations

import base64
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.debezium.row import Row, Unfit
from tests.sources.debezium.samples import cell

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
MICROS = 1767323045678901
DECIMAL, VARIABLE = "org.apache.kafka.connect.data.Decimal", "io.debezium.data.VariableScaleDecimal"


def b64(whole: int) -> str:
    return base64.b64encode(whole.to_bytes(whole.bit_length() // 8 + 1, "big", signed=True)).decode()


@pytest.mark.parametrize(
    ("value", "type", "name", "parameters", "money"),
    [
        ("42.50", "string", None, {}, "42.50"),
        ("1200", "string", None, {}, "1200"),  # four digits, and a schema that says it is text
        ("-0.05", "string", None, {}, "-0.05"),
        (b64(4250), "bytes", DECIMAL, {"scale": "2"}, "42.50"),
        (b64(-5), "bytes", DECIMAL, {"scale": "2"}, "-0.05"),
        (b64(12), "bytes", DECIMAL, {"scale": "-2"}, "1200"),
        (42.5, "bytes", DECIMAL, {"scale": "2"}, "42.5"),  # decimal.format=NUMERIC
        ({"scale": 3, "value": b64(1125)}, "struct", VARIABLE, {}, "1.125"),
        ({"scale": 0, "value": b64(7)}, "struct", VARIABLE, {}, "7"),
        (19.9, "double", None, {}, "19.9"),
        (5, "int64", None, {}, "5"),
        (0, "int32", None, {}, "0"),
        (b64(123456789), "bytes", DECIMAL, {"scale": "6"}, "123.4568"),  # four places, as everywhere
    ],
)
def test_money_is_exact(value: Any, type: str, name: str | None, parameters: dict[str, str], money: str) -> None:
    found = cell(value, type, name, **parameters).amount("x")
    assert isinstance(found, Decimal) and found == Decimal(money)


@pytest.mark.parametrize(
    ("value", "type", "name", "parameters"),
    [
        ("NaN", "string", None, {}), ("NAN", "string", None, {}), ("Infinity", "string", None, {}),
        ("12,50", "string", None, {}), ("1_000", "string", None, {}), (True, "boolean", None, {}),
        ("1e999", "string", None, {}), ("9" * 17, "string", None, {}), ("***", "bytes", DECIMAL, {"scale": "2"}),
        ({"scale": 2}, "struct", VARIABLE, {}),
        ({"scale": "two", "value": "BGU="}, "struct", VARIABLE, {}), ([1], "array", None, {}),
    ],
)  # fmt: skip
def test_what_is_no_amount_is_never_one(value: Any, type: str, name: str | None, parameters: dict[str, str]) -> None:
    with pytest.raises(Unfit):
        cell(value, type, name, **parameters).amount("x")


@pytest.mark.parametrize("text", ["1234", "12345678", "1e10", "+123", "B8Y=", "EJo="])
def test_without_a_schema_what_may_be_bytes_is_no_amount(text: str) -> None:
    with pytest.raises(Unfit, match=r"schema|not a number"):
        Row({"x": text}).amount("x")
    assert Row({"x": text + ".00"}).cells


@given(st.integers(-(10**14), 10**14), st.integers(1, 4))
def test_without_a_schema_text_with_a_point_is_the_amount_and_bytes_never_pass_for_one(whole: int, scale: int) -> None:
    amount = Decimal(whole).scaleb(-scale)
    assert Row({"x": format(amount, "f")}).amount("x") == amount
    with pytest.raises(Unfit):
        Row({"x": b64(whole)}).amount("x")


@given(st.decimals(-(10**11), 10**11, places=4))
def test_every_way_of_writing_an_amount_means_the_same(amount: Decimal) -> None:
    whole = int(amount.scaleb(4))
    ways = [
        cell(format(amount, "f"), "string"),
        cell(b64(whole), "bytes", DECIMAL, scale="4"),
        cell({"scale": 4, "value": b64(whole)}, "struct", VARIABLE),
        Row({"x": {"scale": 4, "value": whole.to_bytes(16, "big", signed=True)}}),
        Row({"x": amount}),
    ]
    assert {way.amount("x") for way in ways} == {amount}


def test_amounts_have_sixteen_digits_at_most() -> None:
    assert Row({"x": "9" * 16 + ".0"}).amount("x") == Decimal("9" * 16)
    with pytest.raises(Unfit):
        Row({"x": "9" * 17 + ".0"}).amount("x")


def test_a_double_says_so() -> None:
    assert cell(19.9, "double").inexact("x") and Row({"x": 19.9}).inexact("x")
    assert not cell("19.90", "string").inexact("x") and not Row({"x": Decimal("19.9")}).inexact("x")
    assert Row({"x": 19.899999618530273}).amount("x") == Decimal("19.9")  # what a float of four bytes becomes


D = "io.debezium.time."
C = "org.apache.kafka.connect.data."


@pytest.mark.parametrize(
    ("value", "type", "name", "at"),
    [
        (MICROS // 1000, "int64", D + "Timestamp", AT.replace(microsecond=678000)),
        (MICROS, "int64", D + "MicroTimestamp", AT),
        (MICROS * 1000, "int64", D + "NanoTimestamp", AT),
        (MICROS // 1000, "int64", C + "Timestamp", AT.replace(microsecond=678000)),
        (20455, "int32", D + "Date", datetime(2026, 1, 2, tzinfo=UTC)),
        (20455, "int32", C + "Date", datetime(2026, 1, 2, tzinfo=UTC)),
        ("2026-01-02T03:04:05.678901Z", "string", D + "ZonedTimestamp", AT),
        ("2026-01-02T05:04:05.678901+02:00", "string", D + "ZonedTimestamp", AT),
        ("2026-01-02T03:04:05.678901234Z", "string", D + "ZonedTimestamp", AT),
        ("2026-01-02Z", "string", D + "IsoDate", datetime(2026, 1, 2, tzinfo=UTC)),
        ("2026-01-02T03:04:05.678901Z", "string", D + "IsoTimestamp", AT),
        ("2026-01-02 03:04:05", "string", None, AT.replace(microsecond=0)),
        (MICROS // 10**6, "int64", None, AT.replace(microsecond=0)),
        (MICROS // 1000, "int64", None, AT.replace(microsecond=678000)),
        (MICROS, "int64", None, AT),
        (MICROS * 1000, "int64", None, AT),
        (20455, "int32", None, datetime(2026, 1, 2, tzinfo=UTC)),
        (str(MICROS // 10**6), "string", None, AT.replace(microsecond=0)),
        (1_000_000, "int64", D + "Timestamp", datetime(1970, 1, 1, 0, 16, 40, tzinfo=UTC)),  # named: no guessing
        ("1970-01-01T00:00:00.000000Z", "string", D + "ZonedTimestamp", None),  # a column's default, not a time
        (0, "int64", D + "MicroTimestamp", None), (None, "int64", D + "MicroTimestamp", None),
        ("", "string", None, None),
    ],
)  # fmt: skip
def test_every_time_kind(value: Any, type: str, name: str | None, at: datetime | None) -> None:
    assert cell(value, type, name).moment("x") == at


def test_times_that_a_reader_of_avro_has_made() -> None:
    assert Row({"x": AT}).moment("x") == AT
    assert Row({"x": AT.replace(tzinfo=None)}).moment("x") == AT
    assert Row({"x": AT.astimezone(timezone(timedelta(hours=2)))}).moment("x") == AT
    assert Row({"x": date(2026, 1, 2)}).moment("x") == datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "type", "name"),
    [
        (9223372036825200000, "int64", D + "MicroTimestamp"),  # PostgreSQL's infinity
        (-9223372036832400000, "int64", D + "MicroTimestamp"),
        ("+294247-01-10T04:00:25Z", "string", D + "ZonedTimestamp"), ("soon", "string", None), (True, "boolean", None),
        (123, "int64", None), (10**15, "int32", D + "Date"), ([], "array", None),
        (11045678901, "int64", D + "MicroTime"), (11045678, "int32", D + "Time"), (2026, "int32", D + "Year"),
        ("03:04:05Z", "string", D + "ZonedTime"), (11045678, "int32", C + "Time"), (1, "int64", D + "MicroDuration"),
    ],
)  # fmt: skip
def test_what_is_no_point_in_time_is_never_one(value: Any, type: str, name: str | None) -> None:
    with pytest.raises(Unfit):
        cell(value, type, name).moment("x")


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2199, 12, 31), timezones=st.just(UTC)), st.sampled_from([0, 3, 6, 9])
)
def test_a_count_without_a_name_is_the_time_it_counts_to(at: datetime, places: int) -> None:
    whole = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    count = whole * 10**places // 10**6
    found = Row({"x": count}).moment("x")
    assert found is not None and timedelta(0) <= at - found < timedelta(seconds=1)
    assert places < 6 or found == at


@pytest.mark.parametrize(
    ("row", "day"),
    [
        (cell(-5000, "int32", D + "Date"), "1956-04-24"), (Row({"x": "1956-04-24"}), "1956-04-24"),
        (Row({"x": date(1956, 4, 24)}), "1956-04-24"), (Row({"x": None}), None), (Row({"x": 0}), None),
    ],
)  # fmt: skip
def test_a_day(row: Row, day: str | None) -> None:
    assert row.day("x") == day


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (1004, "1004"), ("1004", "1004"), ({"scale": 0, "value": b64(1004)}, "1004"), (Decimal("1004.0"), "1004"),
        (1004.0, "1004"), ("A-7", "A-7"), (0, None), ("0", None), ("", None), (" ", None), (None, None),
        ("00000000-0000-0000-0000-000000000000", None), ({"scale": 0, "value": "AA=="}, None),
    ],
)  # fmt: skip
def test_an_id_is_its_digits_and_nobody_is_nobody(value: Any, named: str | None) -> None:
    assert Row({"x": value}).entity("x") == named


@pytest.mark.parametrize(("value", "truth"), [(1, True), (0, False), ("t", True), ("f", False), (True, True),
                                              (Decimal(1), True), ("", None), (None, None)])  # fmt: skip
def test_a_truth(value: Any, truth: bool | None) -> None:
    assert Row({"x": value}).truth("x") is truth
