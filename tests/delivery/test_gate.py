"""The gate: budgets hold on the platform's clock, trouble closes it, and it opens little by little."""

import math
import random
from dataclasses import replace

import pytest

from sinks.contract import Limit
from streams.delivery.gate import OUTAGE, Gate, Window
from streams.delivery.hold import Hold
from streams.delivery.pace import Quota
from streams.delivery.settings import Backoff
from streams.delivery.turns import Turns
from tests.delivery.sink import SINK

BACKOFF = Backoff(1.0, 60.0)


def half() -> float:
    return 0.5


def gated(*limits: Limit, reserve: float = 0.0) -> Gate:
    return Gate([Window(limit) for limit in limits], 10, BACKOFF, reserve)


def test_a_window_is_full_until_its_oldest_answer_is_old_enough() -> None:
    window = Window(Limit("x", 2, 10.0))
    for at in (0.0, 3.0):
        window.sent()
        window.answered(at)

    assert window.opens_at(4.0) == 10.0
    assert window.opens_at(10.0) == 10.0


def test_calls_without_an_answer_weigh_and_only_an_answer_ends_that() -> None:
    window = Window(Limit("x", 1, 10.0))
    window.sent()

    assert window.opens_at(1000.0) == math.inf


@pytest.mark.parametrize("seed", range(20))
def test_no_window_of_the_platform_ever_sees_more_than_the_limit(seed: int) -> None:
    """Calls arrive at the platform some time between sending and answer; every window of 10 s holds at most 5."""
    draw = random.Random(seed)
    window, now = Window(Limit("x", 5, 10.0)), 0.0
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
    gate = gated(Limit("x", 2, 1.0), Limit("x", 3, 60.0))
    for at in (0.0, 0.0, 1.0):
        assert gate.opens_at(at) <= at
        gate.sent()
        gate.answered(at)

    assert gate.opens_at(2.0) == 60.0


def test_a_share_of_the_partitions_is_a_share_of_the_budget() -> None:
    gate = gated(Limit("x", 4, 10.0))
    gate.share(0.5)
    for _ in range(2):
        gate.sent()
        gate.answered(0.0)

    assert gate.opens_at(1.0) == 10.0


def test_less_than_one_call_is_one_call_in_a_longer_time() -> None:
    gate = gated(Limit("x", 1, 10.0))
    gate.share(0.25)
    gate.sent()
    gate.answered(0.0)

    assert gate.opens_at(1.0) == 40.0


def test_a_throttled_gate_opens_when_told_for_one_call_first() -> None:
    gate = gated()
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
    gate = gated()
    for _ in range(10):
        gate.throttled(0.0, 0.5, None, half)

    assert gate.opens_at(0.5) == 0.5 + 1.0 + 1.0


def test_many_failures_in_a_row_are_an_outage_and_one_success_ends_it() -> None:
    gate = gated()
    for _ in range(OUTAGE - 1):
        gate.failed(0.0, 0.0, half)
    assert not gate.outage

    gate.failed(0.0, 0.0, half)
    assert gate.outage
    assert gate.opens_at(0.0) > 0.0

    gate.passed()
    assert not gate.outage


def test_a_call_weighs_what_it_costs() -> None:
    """JOOR: 300 credits in 300 s, a write takes five of them."""
    gate = gated(Limit("x", 300, 300.0))
    for _ in range(59):
        gate.sent(5)
        gate.answered(0.0, 5)

    assert gate.opens_at(1.0, 5) == 1.0
    gate.sent(5)
    gate.answered(1.0, 5)
    assert gate.opens_at(2.0, 1) == 300.0
    assert gate.opens_at(300.0, 5) == 300.0


def test_what_costs_more_than_there_is_leaves_alone() -> None:
    gate = gated(Limit("x", 3, 10.0))
    assert gate.opens_at(0.0, 5) == 0.0

    gate.sent(5)
    gate.answered(0.0, 5)
    assert gate.opens_at(1.0, 1) == 10.0


def test_a_limit_of_everything_holds_for_all_endpoints_together() -> None:
    shared = Window(Limit("*", 3, 10.0))
    first, second = Gate([shared], 10, BACKOFF), Gate([shared, Window(Limit("y", 1, 10.0))], 10, BACKOFF)
    for gate in (first, first, second):
        gate.sent()
        gate.answered(0.0)

    assert (first.opens_at(1.0), second.opens_at(1.0)) == (10.0, 10.0)


def test_history_leaves_a_reserve_of_limits_and_slots_to_what_is_live() -> None:
    gate = gated(Limit("x", 10, 60.0), reserve=0.2)
    for _ in range(8):
        gate.sent()
    assert gate.opens_at(0.0, history=True) == math.inf
    assert gate.opens_at(0.0) == 0.0

    for _ in range(8):
        gate.answered(0.0)
    assert gate.opens_at(1.0, history=True) == 60.0
    assert gate.opens_at(1.0) == 1.0


def test_a_platform_that_has_nothing_left_is_not_asked_before_its_window_ends() -> None:
    """Somebody else uses the account, too."""
    gate = gated(Limit("x", 100, 60.0))
    gate.sent()
    gate.told(Quota(limit=100, remaining=1, reset=30.0), 5.0, 3600.0)
    assert gate.opens_at(6.0) == 35.0
    assert gate.state == "open", "nobody was throttled"


def test_a_smaller_limit_than_we_knew_is_learned_and_a_larger_or_silly_one_is_not() -> None:
    gate = gated(Limit("x", 350, 1.0), Limit("x", 3500, 60.0))
    for told, most in ((2.0, 2), (9_999.0, 350), (0.0, 350)):
        gate.told(Quota(limit=told), 0.0, 3600.0)
        allowed = 0
        while gate.opens_at(0.0) <= 0.0 and allowed < 9:
            gate.sent()
            allowed += 1
        for _ in range(allowed):
            gate.unsent()
        assert allowed == min(most, 9)


def test_a_reset_far_away_is_believed_up_to_a_bound() -> None:
    gate = gated()
    gate.told(Quota(remaining=0, reset=1e9), 0.0, 3600.0)

    assert gate.opens_at(0.0) == 3600.0


def test_a_limit_of_everything_is_shared_before_anybody_was_called() -> None:
    turns = Turns(replace(SINK, limits=(Limit("*", 10, 1.0),)), 100, 1_000_000, BACKOFF, Hold(30.0))
    turns.share(0.2)
    gate = turns.gate("events")
    for _ in range(2):
        assert gate.opens_at(0.0) <= 0.0
        gate.sent()

    assert gate.opens_at(0.0) == math.inf
