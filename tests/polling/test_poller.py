"""Rounds of questions: nothing lost and nothing doubled wherever it dies, and patience with whom it asks."""

from __future__ import annotations

import pytest

from sinks.contract import Answer, Call
from sources.contract import Lent, Limit, Request
from streams.polling.asking import lending
from tests.delivery.moved import MovedClock, moved_clock, pass_time, until
from tests.polling.asked import Kafka, Shelf, header, parcels

STEPS = [f"{when} {step}" for step in ("publish", "remember") for when in ("before", "after")]


@moved_clock
async def test_a_round_reads_all_pages_and_the_next_one_goes_on_there() -> None:
    kafka, shelf = Kafka(), Shelf(1, 2, 3)
    running = parcels(kafka, shelf)
    await until(lambda: running.state == "resting")

    assert kafka.told == ["parcel:1", "parcel:2", "parcel:3"]
    assert kafka.positions == [b"2", b"3"]

    shelf.parcels.append(4)
    await until(lambda: len(kafka.told) == 4)
    (first, _), *_, (last, path) = shelf.asked
    assert last - first >= 15 * 60 and path == "/parcels?from=3"
    await running.end()


@moved_clock
async def test_a_new_process_goes_on_where_the_old_one_was() -> None:
    kafka, shelf = Kafka(positions=[b"2"]), Shelf(1, 2, 3)
    running = parcels(kafka, shelf)
    await until(lambda: running.state == "resting")

    assert kafka.told == ["parcel:3"]
    await running.end()


@pytest.mark.parametrize("step", STEPS)
@moved_clock
async def test_wherever_it_dies_nothing_is_lost_and_a_repeat_bears_the_same_id(step: str) -> None:
    kafka, shelf = Kafka(dies=step), Shelf(1, 2, 3)
    first = parcels(kafka, shelf)
    await first.died()

    second = parcels(kafka, shelf)
    await until(lambda: second.state == "resting")

    assert list(dict.fromkeys(kafka.told)) == ["parcel:1", "parcel:2", "parcel:3"]
    assert kafka.positions[-1] == b"3"
    await second.end()


@moved_clock
async def test_a_position_is_remembered_only_after_its_events() -> None:
    kafka, shelf = Kafka(dies="after publish"), Shelf(1, 2)
    running = parcels(kafka, shelf)
    await running.died()

    assert kafka.told == ["parcel:1", "parcel:2"]
    assert kafka.positions == []


@moved_clock
async def test_a_row_that_is_no_event_goes_to_refused_and_the_others_go_on() -> None:
    kafka, shelf = Kafka(), Shelf(1, "two", 3)
    running = parcels(kafka, shelf)
    await until(lambda: running.state == "resting")

    (refused,) = kafka.refused
    assert kafka.told == ["parcel:1", "parcel:3"]
    assert (refused.source, refused.key, refused.value, refused.offset) == ("parcels", b"parcel two", b"{}", -1)
    assert running.metric("shoprelay_polled_refused_total", reason="shape") == 1
    await running.end()


@moved_clock
async def test_a_broker_that_is_away_is_waited_for() -> None:
    kafka, shelf = Kafka(away=3), Shelf(1)
    running = parcels(kafka, shelf)
    await until(lambda: running.state == "resting")

    assert set(kafka.told) == {"parcel:1"}
    await running.end()


@moved_clock
async def test_an_outage_is_waited_for_with_back_off() -> None:
    kafka, shelf = Kafka(), Shelf(1)
    shelf.answers = [Answer(503), Answer(0, fault="connect"), Answer(0, fault="timeout")]
    running = parcels(kafka, shelf)
    await until(lambda: running.state == "unavailable")
    assert running.poller.health().ready

    await until(lambda: running.state == "resting")
    times = [at for at, _ in shelf.asked]
    assert times[3] - times[2] > times[2] - times[1] > times[1] - times[0]
    await running.end()


@pytest.mark.parametrize("status", [400, 401, 403, 404])
@moved_clock
async def test_who_does_not_let_it_in_holds_it_until_somebody_has_looked(status: int) -> None:
    kafka, shelf = Kafka(), Shelf(1)
    shelf.answers = [Answer(status)] * 3
    running = parcels(kafka, shelf)
    await until(lambda: running.state == "held")

    assert not running.poller.health().ready and str(status) in running.poller.health().reason
    assert running.metric("shoprelay_source_held", reason="misconfigured") == 1
    await until(lambda: running.state == "resting")
    assert len(shelf.asked) == 4 and kafka.told == ["parcel:1"]
    assert running.metric("shoprelay_source_held", reason="misconfigured") == 0
    await running.end()


@moved_clock
async def test_an_answer_that_is_none_holds_it_too_although_its_status_is_good() -> None:
    kafka, shelf = Kafka(), Shelf(1)
    shelf.answers = [Answer(200, {}, b"<html>")]
    running = parcels(kafka, shelf)
    await until(lambda: running.state == "held")
    assert running.poller.health().reason == "Parcels: no parcels in the answer"

    await until(lambda: running.state == "resting")
    assert kafka.told == ["parcel:1"]
    await running.end()


@moved_clock
async def test_too_fast_waits_as_long_as_it_says() -> None:
    kafka, shelf = Kafka(), Shelf(1)
    shelf.answers = [header({"retry-after": "40"})]
    running = parcels(kafka, shelf)
    await until(lambda: running.state == "resting")

    (first, _), (second, _) = shelf.asked
    assert second - first == pytest.approx(40, abs=0.1)
    await running.end()


@moved_clock
async def test_too_fast_without_a_word_waits_until_the_longest_window_is_over() -> None:
    kafka, shelf = Kafka(), Shelf(1)
    shelf.answers = [Answer(429)]
    running = parcels(kafka, shelf, [Limit("*", 10, 1), Limit("*", 100, 300)])
    await until(lambda: running.state == "resting")

    (first, _), (second, _) = shelf.asked
    assert second - first == pytest.approx(300, abs=0.1)
    await running.end()


@moved_clock
async def test_the_limits_are_kept() -> None:
    kafka, shelf = Kafka(), Shelf(*range(20))
    running = parcels(kafka, shelf, [Limit("default", 2, 10)])
    await until(lambda: running.state == "resting")

    times = [at for at, _ in shelf.asked]
    assert all(later - at >= 10 for at, later in zip(times, times[2:], strict=False))
    await running.end()


@moved_clock
async def test_an_answer_that_was_cut_off_is_asked_again() -> None:
    kafka, shelf = Kafka(), Shelf(1)
    shelf.answers = [Answer(200, {}, b'{"parcels": []}', fault="too_large")]
    running = parcels(kafka, shelf)
    await until(lambda: running.state == "resting")

    assert kafka.told == ["parcel:1"]
    await running.end()


@moved_clock
async def test_it_stops_in_the_middle_of_a_wait() -> None:
    kafka, shelf = Kafka(), Shelf()
    running = parcels(kafka, shelf)
    await until(lambda: running.state == "resting")
    await pass_time(10)

    await running.end()
    assert running.task.done()


@moved_clock
async def test_a_mistake_in_reading_holds_it_and_loses_nothing() -> None:
    kafka, shelf = Kafka(), Shelf(1)
    running = parcels(kafka, shelf)
    config, running.poller._config = running.poller._config, None
    await until(lambda: running.state == "held")
    assert running.metric("shoprelay_source_held", reason="answer") == 1

    running.poller._config = config
    await until(lambda: running.state == "resting")
    assert kafka.told == ["parcel:1"]
    await running.end()


LENT = Lent(
    ask=lambda config: Request("Token", "POST", "https://id.example/token", b"grant", bare=True),
    read=lambda answer: (answer.at("token"), 100.0) if answer.at("token") else None,
    headers=lambda token: {"authorization": token},
)


class Guarded(Shelf):
    """Lends one token, and shows its parcels to whoever has it."""

    async def send(self, call: Call) -> Answer:
        if call.path.endswith("/token"):
            return Answer(200, {}, b'{"token": "t1"}')
        return await super().send(call) if dict(call.headers) == {"authorization": "t1"} else Answer(401)


@moved_clock
async def test_a_lent_token_is_on_every_request() -> None:
    kafka, shelf = Kafka(), Guarded(1, 2, 3)
    running = parcels(kafka, lending(shelf, LENT, None, MovedClock()))
    await until(lambda: running.state == "resting")

    assert len(kafka.told) == 3
    await running.end()
