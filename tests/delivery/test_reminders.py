"""Reminders on their way: looked at before every attempt, with everything fetched that can be."""

import asyncio
from datetime import timedelta

from sinks.contract import Answer
from tests.delivery.moved import NOON, moved_clock, pass_time, until
from tests.delivery.said import Plain, abandoned, active, changed, encode, ordered, searched
from tests.delivery.world import OK, World

REMINDER = "ada-abandoned-basket-1-1"


@moved_clock
async def test_a_reminder_with_nothing_behind_it_leaves() -> None:
    world = World()
    process = world.start()
    world.log.say(abandoned())
    await until(world.done)

    assert world.platform.told() == [REMINDER]
    assert process.metric("shoprelay_reminders_total", outcome="sent") == 1


@moved_clock
async def test_a_reminder_is_withheld_when_the_purchase_is_already_in_the_log() -> None:
    world = World()
    world.log.say(abandoned(), ordered())
    process = world.start()
    await until(world.done)

    assert world.platform.told() == ["ada-ordered-1"]
    assert process.metric("shoprelay_reminders_withheld_total", reason="bought") == 1
    assert process.metric("shoprelay_signals_total", signal="CartAbandoned", outcome="withheld") == 1


@moved_clock
async def test_a_purchase_far_behind_in_the_log_is_found_before_the_reminder_leaves() -> None:
    """Ten times as many records of others lie between than may be held at once."""
    world = World(partitions=1)
    world.log.say(abandoned(), *(searched(f"c{n}", n) for n in range(3_000)), ordered())
    world.start(window_records=300)
    await until(world.done)

    assert REMINDER not in world.platform.told()


@moved_clock
async def test_a_purchase_during_an_outage_stops_the_reminder_that_was_already_tried() -> None:
    world = World()
    process = world.start()
    world.platform.otherwise = Answer(503)
    world.log.say(abandoned(), *(ordered(f"c{n}") for n in range(40)))
    await until(lambda: REMINDER in world.platform.told())
    await pass_time(600)
    world.log.say(ordered())
    await pass_time(60)
    mark = len(world.platform.sent)
    world.platform.otherwise = OK
    await until(world.done)

    assert REMINDER not in [call.key for _, call in world.platform.sent[mark:]]
    assert process.metric("shoprelay_reminders_withheld_total", reason="bought") == 1


@moved_clock
async def test_an_outage_longer_than_the_expiry_makes_a_reminder_too_old() -> None:
    world = World()
    process = world.start()
    world.platform.otherwise = Answer(503)
    world.log.say(abandoned(expires_in=3600), abandoned(stage=1, cart_id="other", expires_in=9 * 3600))
    await pass_time(5 * 3600)
    world.platform.otherwise = OK
    await until(world.done)

    assert world.platform.accepted == ["ada-abandoned-other-1-1"]
    assert process.metric("shoprelay_reminders_withheld_total", reason="expired") == 1


@moved_clock
async def test_a_reminder_waits_while_the_broker_has_not_been_heard() -> None:
    world = World()
    world.start()
    world.platform.otherwise = Answer(503)
    world.log.say(abandoned(), ordered("bob"))
    await until(lambda: REMINDER in world.platform.told())
    world.log.away = True
    await pass_time(60)
    mark = len(world.platform.sent)
    world.platform.otherwise = OK
    await pass_time(120)
    assert [call.key for _, call in world.platform.sent[mark:]] == ["bob-ordered-1"]

    world.log.say(changed(empty=True))
    world.log.away = False
    await until(world.done)
    assert REMINDER not in world.platform.accepted


@moved_clock
async def test_reminders_go_when_they_fill_everything_that_can_be_held() -> None:
    world = World(partitions=1)
    world.log.say(*(abandoned(f"c{n}") for n in range(1_000)), *(ordered(f"c{n}") for n in range(1_000)))
    process = world.start(window_records=100)
    await until(world.done)

    sent = process.metric("shoprelay_reminders_total", outcome="sent")
    kept = process.metric("shoprelay_reminders_total", outcome="withheld")
    assert sent + kept == 1_000
    assert len(world.platform.accepted) == 1_000 + sent


@moved_clock
async def test_a_late_purchase_proves_a_reminder_wrong_once() -> None:
    world = World()
    process = world.start()
    world.log.say(abandoned())
    await until(world.done)
    late = NOON - timedelta(minutes=10)
    world.log.say(ordered(wrong=(REMINDER, "somebody-elses"), at=late), ordered(number="2", wrong=(REMINDER,), at=late))
    await until(world.done)

    assert process.metric("shoprelay_reminders_proved_wrong_total") == 1


@moved_clock
async def test_the_time_from_fact_to_call_is_told_for_live_signals_only() -> None:
    from tests.delivery.said import signal

    world = World()
    process = world.start()
    await pass_time(10)
    world.log.say(ordered("ada"), signal("bob", "old", ordered().payload, NOON - timedelta(days=400), backfill=True))
    await until(world.done)

    assert process.metric("shoprelay_event_to_call_seconds_count") == 1
    assert 10 <= process.metric("shoprelay_event_to_call_seconds_sum") < 11


@moved_clock
async def test_a_reminder_that_waits_for_the_registry_has_one_turn_at_a_time() -> None:
    class Slow(Plain):
        async def fetch(self, schema_id: int) -> None:
            await asyncio.sleep(0.35)
            await super().fetch(schema_id)

    world = World(partitions=1)
    world.codec = Slow()
    world.platform.otherwise = lambda: (1.0, OK)
    world.log.say(abandoned(), *(active(f"c{n}", n) for n in range(600)))
    world.log.put(b"mugs:ada", b"?" + encode(active("ada", 1)))
    world.start()
    await until(world.done)

    assert world.platform.told() == [REMINDER]
