"""History waits: for the workers, and for the rate that was asked for."""

from __future__ import annotations

import pytest

from shoprelay.backfill import pace
from shoprelay.backfill.pace import Ahead


class Clock:
    """Time that passes by sleeping alone."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(pace, "time", made)
    return made


def test_it_waits_until_the_workers_have_caught_up_and_says_so(clock: Clock) -> None:
    behind, heard = iter([9_000, 7_000, 4_000]), list[int]()
    ahead = Ahead(lambda: next(behind), 5_000, None, lambda: False, heard.append)

    assert ahead(0) and heard == [9_000, 7_000, 0]
    assert ahead(1), "not looked again within moments"


def test_it_does_not_wait_where_nobody_ever_listened(clock: Clock) -> None:
    before = clock.now

    assert Ahead(lambda: None, 5_000, None, lambda: False)(0) and clock.now == before
    assert Ahead(lambda: 10**9, 0, None, lambda: False)(0) and clock.now == before


def test_it_tells_no_more_than_was_asked_for(clock: Clock) -> None:
    ahead, before = Ahead(lambda: None, 0, 10.0, lambda: False), clock.now
    for told in range(500, 531):
        assert ahead(told)

    assert clock.now - before == pytest.approx(3.0)


def test_time_passes_between_two_looks_at_the_clock_and_no_sleep_is_negative(clock: Clock) -> None:
    ahead, slept = Ahead(lambda: None, 0, 400.0, lambda: False), list[float]()

    def monotonic() -> float:
        clock.now += 0.001
        return clock.now

    clock.monotonic, clock.sleep = monotonic, slept.append  # type: ignore[assignment,method-assign]
    for told in range(100):
        assert ahead(told)

    assert slept and min(slept) >= 0


def test_whoever_waits_can_be_stopped(clock: Clock) -> None:
    assert not Ahead(lambda: 10**9, 1, None, lambda: clock.now > 101)(0)
    slow = Ahead(lambda: None, 0, 0.001, lambda: clock.now > 200)
    assert slow(0) and not slow(1)
