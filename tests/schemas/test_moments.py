"""Moments of our time are written by a shorter way than other longs, to the same bytes."""

from datetime import UTC, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from schemas.quantities import raw_long, read_moment, write_moment, zigzag

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
