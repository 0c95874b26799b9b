"""Waiting: jitter, and what headers ask for."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.delivery.pace import asked_for, jittered
from streams.delivery.settings import Backoff

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
IN_TWO_MINUTES = "Mon, 01 Jun 2026 12:02:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 0.5 "}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": IN_TWO_MINUTES}, 120.0),
        ({"retry-after": IN_TWO_MINUTES, "date": "Mon, 01 Jun 2026 12:01:50 GMT"}, 10.0),
        ({"retry-after": "Mon, 01 Jun 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"ratelimit-reset": "30"}, 30.0),
        ({"x-ratelimit-reset": str(int(NOW.timestamp()) + 45)}, 45.0),
        ({"retry-after": "5", "ratelimit-reset": "30"}, 5.0),
        ({"retry-after": "soon", "ratelimit-reset": "30"}, 30.0),
    ],
)
def test_a_platform_is_waited_for_as_it_asks(headers: dict[str, str], seconds: float | None) -> None:
    assert asked_for(headers, NOW) == seconds


@given(st.text())
def test_no_header_breaks_it(text: str) -> None:
    asked_for({"retry-after": text, "date": text, "ratelimit-reset": text}, NOW)


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_a_wait_is_never_longer_than_the_cap(failures: int, drawn: float) -> None:
    wait = jittered(Backoff(0.5, 60.0), failures, lambda: drawn)

    assert 0 <= wait <= min(60.0, 0.5 * 2.0 ** min(failures, 60))
