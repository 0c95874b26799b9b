"""Moments are remembered by their bytes; what is remembered must never be taken for another one."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.quantities import MOMENTS, WRITTEN_MOMENTS, Unwritable, read_moment, write_moment, zigzag

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
moments = st.integers(-(10**13), 10**14).map(lambda number: EPOCH + timedelta(milliseconds=number))


@given(st.lists(moments, min_size=1, max_size=5))
def test_a_moment_comes_back_whatever_was_read_before_it(told: list[datetime]) -> None:
    written = [write_moment(moment, "at") for moment in told]
    for moment, data in zip(told, written, strict=True):
        assert data == zigzag((moment - EPOCH) // timedelta(milliseconds=1))
        assert read_moment(data + b"\x81" * 6, 0, "at") == (moment, len(data))
        assert MOMENTS.get((data + b"\x81" * 6)[:6]) in (None, moment)


def test_no_remembered_moment_is_the_beginning_of_another() -> None:
    for number in (1, 1 << 34, 1 << 40, 1 << 41):
        read_moment(write_moment(EPOCH + timedelta(milliseconds=number), "at"), 0, "at")
    assert not [(a, b) for a in MOMENTS for b in MOMENTS if a != b and b.startswith(a)]


def test_a_moment_without_a_zone_is_refused_though_its_like_is_remembered() -> None:
    moment = datetime(2026, 6, 1, 12, tzinfo=UTC)
    write_moment(moment, "at")
    naive = moment.replace(tzinfo=None)
    assert WRITTEN_MOMENTS.get(naive) is None
    with pytest.raises(Unwritable, match="without a zone"):
        write_moment(naive, "at")
