"""What a correct JOOR client must do when it reads orders, by the numbers of `sinks/joor/README.md`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from sinks.joor.fake import JoorStandIn
from sinks.joor.fakeorders import order
from sources.joor.source import SOURCE
from tests.delivery.moved import NOON, moved_clock, until
from tests.polling.asked import Kafka
from tests.sources.joor import Joor, config, polling

AT = (NOON - timedelta(minutes=5)).isoformat()


def approved(*numbers: str) -> JoorStandIn:
    return JoorStandIn(*(order(number, at=AT) for number in numbers))


def test_4_6_06_reading_costs_one_credit_and_leaves_the_sink_its_own() -> None:
    from sinks.joor.sink import SINK

    (reads,), (writes,) = SOURCE.limits, SINK.limits
    assert reads.count + writes.count <= 300 and reads.seconds == writes.seconds == 300


@moved_clock
async def test_4_6_06_a_full_window_is_waited_for_and_nothing_is_lost() -> None:
    joor, kafka = Joor(approved("1"), config()), Kafka()
    joor.stand_in._credits.take(300, joor.clock.wall().timestamp())
    running = polling(kafka, joor)
    await until(lambda: running.state == "throttled")

    await until(lambda: running.state == "resting")
    assert kafka.told == ["joor:1:approved"] and len(joor.asked) == 2
    await running.end()


@moved_clock
async def test_4_6_07_a_code_in_the_body_holds_the_source_although_the_status_is_good() -> None:
    joor, kafka = Joor(approved("1"), config()), Kafka()
    read, joor.stand_in.orders.read = joor.stand_in.orders.read, lambda query: {"response": {"code": 9}}
    running = polling(kafka, joor)
    await until(lambda: running.state == "held")
    assert kafka.positions == []

    joor.stand_in.orders.read = read
    await until(lambda: running.state == "resting")
    assert kafka.told == ["joor:1:approved"]
    await running.end()


@moved_clock
async def test_4_6_10_orders_are_marked_only_by_who_takes_them_over_and_only_when_they_are_safe() -> None:
    settings = config(takes_over=True)
    joor, kafka = Joor(approved("1", "2"), settings), Kafka()

    def nothing_is_marked_before_it_is_safe(asked: int) -> None:
        assert joor.stand_in.orders.exported <= {event.partition(":")[2].split(":")[0] for event in kafka.told}

    joor.between = nothing_is_marked_before_it_is_safe
    running = polling(kafka, joor, settings)
    await until(lambda: running.state == "resting")

    assert [query["sync"] for query in joor.asked] == ["0", "1", "1"]
    assert joor.stand_in.orders.exported == {"1", "2"}
    assert set(kafka.told) == {"joor:1:approved", "joor:2:approved"}
    await running.end()


@moved_clock
async def test_4_6_10_what_is_approved_between_looking_and_taking_is_told_too() -> None:
    settings = config(takes_over=True)
    joor, kafka = Joor(approved("1"), settings), Kafka()

    def approve(asked: int) -> None:
        if asked == 1:
            joor.stand_in.orders.approved.append(order("2", at=AT))

    joor.between = approve
    running = polling(kafka, joor, settings)
    await until(lambda: running.state == "resting")

    assert set(kafka.told) == {"joor:1:approved", "joor:2:approved"}
    await running.end()


@pytest.mark.parametrize("step", [f"{when} {what}" for what in ("publish", "remember") for when in ("before", "after")])
@moved_clock
async def test_4_6_10_wherever_it_dies_no_order_is_lost(step: str) -> None:
    settings = config(takes_over=True)
    stand_in, kafka = approved("1", "2"), Kafka(dies=step)
    first = Joor(stand_in, settings)
    first.between = lambda asked: stand_in.orders.approved.append(order("3", at=AT)) if asked == 1 else None
    await polling(kafka, first, settings).died()

    second = polling(kafka, Joor(stand_in, settings), settings)
    await until(lambda: second.state == "resting")

    there = {row["order_id"] for row in stand_in.orders.approved}
    assert {event.split(":")[1] for event in kafka.told} == there
    await second.end()


@moved_clock
async def test_4_6_11_times_are_iso_8601_utc_and_come_in_pairs() -> None:
    settings = config(takes_over=True)
    joor, kafka = Joor(approved("1"), settings), Kafka()
    running = polling(kafka, joor, settings)
    await until(lambda: len(joor.asked) >= 5)

    for query in joor.asked:
        for name in ("date_start", "date_end"):
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", query[name])
        assert datetime.fromisoformat(query["date_start"]) < datetime.fromisoformat(query["date_end"])
    assert datetime.fromisoformat(joor.asked[0]["date_end"]) == NOON.astimezone(UTC)
    await running.end()


def test_4_6_12_orders_are_only_read() -> None:
    from sources.contract import Visit

    assert SOURCE.begin(Visit("mugs", NOON), config()).method == "GET"
