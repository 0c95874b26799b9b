"""The gate: budgets hold on the platform's clock, trouble closes it, and it opens little by little."""

import math
import random

import pytest

from sinks.contract import Limit
from streams.delivery.gate import OUTAGE, Gate, Window
from streams.delivery.settings import Backoff

BACKOFF = Backoff(1.0, 60.0)


def half() -> float:
    return 0.5


def test_a_window_is_full_until_its_oldest_answer_is_old_enough() -> None:
    window = Window(2, 10.0)
    for at in (0.0, 3.0):
        window.sent()
        window.answered(at)

    assert window.opens_at(4.0) == 10.0
    assert window.opens_at(10.0) == 10.0


def test_calls_without_an_answer_weigh_and_only_an_answer_ends_that() -> None:
    window = Window(1, 10.0)
    window.sent()

    assert window.opens_at(1000.0) == math.inf


@pytest.mark.parametrize("seed", range(20))
def test_no_window_of_the_platform_ever_sees_more_than_the_limit(seed: int) -> None:
    """Calls arrive at the platform some time between sending and answer; every window of 10 s holds at most 5."""
    draw = random.Random(seed)
    window, now = Window(5, 10.0), 0.0
    arrivals: list[float] = []
    answers: list[float] = []
    while len(arrivals) < 200:
        for at in sorted(a for a in answers if a <= now):
            window.answered(at)
        answers = [a for a in answers if a > now]
        if window.opens_at(now) <= now:
            window.sent()
            arrived = now + draw.random() * 3
            arrivals.append(arrived)
            answers.append(arrived + draw.random() * 3)
        now += draw.random() * 0.3
    arrivals.sort()

    assert all(sum(a <= other < a + 10.0 for other in arrivals) <= 5 for a in arrivals)


def test_every_window_counts_at_once() -> None:
    gate = Gate([Limit("x", 2, 1.0), Limit("x", 3, 60.0)], 10, BACKOFF)
    for at in (0.0, 0.0, 1.0):
        assert gate.opens_at(at) <= at
        gate.sent()
        gate.answered(at)

    assert gate.opens_at(2.0) == 60.0


def test_a_share_of_the_partitions_is_a_share_of_the_budget() -> None:
    gate = Gate([Limit("x", 4, 10.0)], 10, BACKOFF)
    gate.share(0.5)
    for _ in range(2):
        gate.sent()
        gate.answered(0.0)

    assert gate.opens_at(1.0) == 10.0


def test_less_than_one_call_is_one_call_in_a_longer_time() -> None:
    gate = Gate([Limit("x", 1, 10.0)], 10, BACKOFF)
    gate.share(0.25)
    gate.sent()
    gate.answered(0.0)

    assert gate.opens_at(1.0) == 40.0


def test_a_throttled_gate_opens_when_told_for_one_call_first() -> None:
    gate = Gate([], 10, BACKOFF)
    gate.throttled(0.0, 0.0, 7.0, half)
    assert (gate.opens_at(1.0), gate.state) == (7.0, "throttled")

    gate.sent()
    assert gate.opens_at(8.0) == math.inf
    gate.answered(8.0)
    gate.passed()
    gate.sent()
    assert gate.opens_at(8.0) <= 8.0
    assert gate.state == "open"


def test_a_wave_of_throttled_calls_counts_once() -> None:
    gate = Gate([], 10, BACKOFF)
    for _ in range(10):
        gate.throttled(0.0, 0.5, None, half)

    assert gate.opens_at(0.5) == 0.5 + 1.0 + 1.0


def test_many_failures_in_a_row_are_an_outage_and_one_success_ends_it() -> None:
    gate = Gate([], 10, BACKOFF)
    for _ in range(OUTAGE - 1):
        gate.failed(0.0, 0.0, half)
    assert not gate.outage

    gate.failed(0.0, 0.0, half)
    assert gate.outage
    assert gate.opens_at(0.0) > 0.0

    gate.passed()
    assert not gate.outage
