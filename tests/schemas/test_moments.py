"""Moments of our time are written by a shorter way than other longs, to the same bytes."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.quantities import raw_long, raw_moment, read_moment, write_moment, zigzag

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(st.integers(-(10**13), 10**14))
@example((1 << 34) - 1)
@example(1 << 34)
@example((1 << 41) - 1)
@example(1 << 41)
def test_a_moment_is_a_long_and_comes_back(number: int) -> None:
    moment = EPOCH + timedelta(milliseconds=number)
    data = write_moment(moment, "at")
    assert data == zigzag(number)
    assert read_moment(raw_long(data, 0)[0], "at") == moment


@given(st.integers(-(1 << 63), (1 << 63) - 1), st.binary(max_size=8))
def test_a_moment_is_read_like_any_long_whatever_its_length_and_whatever_follows(number: int, rest: bytes) -> None:
    data = b"x" + zigzag(number) + rest

    assert raw_moment(data, 1) == raw_long(data, 1)


def test_a_moment_of_six_bytes_is_read_without_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schemas.quantities.raw_long", None)

    assert raw_moment(zigzag(1 << 40), 0) == (1 << 41, 6)


@given(st.datetimes(timezones=st.just(UTC)))
def test_what_is_below_a_millisecond_is_cut_off_towards_the_past(moment: datetime) -> None:
    assert write_moment(moment, "at") == zigzag((moment - EPOCH) // timedelta(milliseconds=1))
