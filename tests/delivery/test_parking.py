"""What is put aside, and that it is enough to send it again. And secrets: nowhere."""

import logging

import msgspec
import pytest
import structlog

from schemas.signals import OrderPlaced, Signal
from sinks.contract import Answer, Call, CannotSay, Unaddressable
from streams.delivery.park import TooLarge
from tests.delivery.moved import NOON, moved_clock, until
from tests.delivery.said import active, encode, ordered, searched
from tests.delivery.world import SETTINGS, World


@moved_clock
async def test_a_parked_call_holds_everything_needed_to_send_it_again() -> None:
    world = World()
    world.start(account="acme-eu")
    world.platform.answers["ada-searched-1-b"] = [Answer(503), Answer(422, {}, b'{"field": "term"}')]
    world.log.say(searched("ada", 1))
    await until(world.done)
    (parked,) = world.log.parked
    sent = next(call for _, call in world.platform.sent if call.key == "ada-searched-1-b")

    assert world.codec.decode(parked.signal) == searched("ada", 1)
    assert (parked.says, parked.method, parked.path, parked.body) == ("Searched", "POST", "/events", sent.body)
    assert (parked.call_key, parked.signal_id, parked.customer_key) == (sent.key, "ada-searched-1", "mugs:ada")
    assert (parked.status, parked.answer, parked.fault) == (422, b'{"field": "term"}', None)
    assert (parked.sink, parked.account, parked.reason, parked.attempts) == ("acme", "acme-eu", "rejected", 2)
    assert NOON <= parked.first_at <= parked.last_at
    assert parked.topic == "customer-signals"
    assert world.log.partitions[parked.partition][parked.offset].value == parked.signal


@moved_clock
async def test_a_signal_that_cannot_be_said_is_parked_with_the_reason() -> None:
    def cannot(signal: Signal, config: object) -> tuple[Call, ...]:
        raise CannotSay("order.currency is missing")

    world = World()
    world.start(calls={"calls": {OrderPlaced: cannot}})
    world.log.say(ordered())
    await until(world.done)

    assert [p.reason for p in world.log.parked] == ["cannot_say: order.currency is missing"]
    assert world.platform.sent == []


@moved_clock
async def test_a_mistake_in_one_mapping_parks_its_signal_and_stops_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    def broken(signal: Signal, config: object) -> tuple[Call, ...]:
        raise KeyError(signal.customer.ref.email)

    world = World()
    from tests.delivery.sink import SINK

    process = world.start(calls={"calls": {**SINK.calls, OrderPlaced: broken}})
    world.log.say(ordered("ada"), searched("ada", 1))
    await until(world.done)

    assert world.platform.accepted == ["ada-searched-1-a", "ada-searched-1-b"]
    assert world.log.parked[0].reason.startswith("cannot_say: KeyError in broken, line")
    assert process.metric("shoprelay_parked_total", reason="cannot_say") == 1
    assert "example.com" not in capsys.readouterr().out


@moved_clock
async def test_somebody_without_an_address_is_counted_and_not_parked() -> None:
    def nobody(signal: Signal, config: object) -> tuple[Call, ...]:
        raise Unaddressable

    world = World()
    process = world.start(calls={"calls": {OrderPlaced: nobody}})
    world.log.say(ordered(), active("ada", 1))
    await until(world.done)

    assert process.metric("shoprelay_signals_total", signal="OrderPlaced", outcome="unaddressable") == 1
    assert process.metric("shoprelay_signals_total", signal="SessionActive", outcome="not_told") == 1
    assert world.log.parked == []


@moved_clock
async def test_bytes_that_are_no_signal_are_parked_as_they_are() -> None:
    world = World()
    world.start()
    world.log.put(b"mugs:ada", b"\xff\xfe nonsense")
    world.log.say(ordered("ada"))
    await until(world.done)

    assert [(p.signal, p.customer_key, p.reason) for p in world.log.parked] == [
        (b"\xff\xfe nonsense", "mugs:ada", "undecodable: not-framed: no signal")
    ]
    assert world.platform.accepted == ["ada-ordered-1"]


@moved_clock
async def test_a_schema_not_seen_before_is_fetched_and_a_registry_that_is_away_waited_for() -> None:
    world = World()
    world.codec.away = 5
    world.start()
    world.log.put(b"mugs:ada", b"?" + encode(ordered("ada")))
    world.log.say(ordered("bob"))
    await until(world.done)

    assert sorted(world.platform.accepted) == ["ada-ordered-1", "bob-ordered-1"]
    assert world.log.parked == []


@moved_clock
async def test_a_record_too_large_for_the_broker_is_parked_without_what_the_signal_holds_anyway() -> None:
    world = World()
    process = world.start()
    world.platform.answers["ada-ordered-1"] = [Answer(422, {}, b"x" * 5_000)]
    put = process.hands.put

    async def small(partition: int, key: bytes, value: bytes) -> None:
        if len(value) > 5_000:
            raise TooLarge
        await put(partition, key, value)

    process.hands.put = small  # type: ignore[method-assign]
    world.log.say(ordered())
    await until(world.done)
    (parked,) = world.log.parked

    assert (parked.body, parked.answer, parked.status) == (b"", b"", 422)
    assert world.codec.decode(parked.signal) == ordered()


@moved_clock
async def test_a_long_answer_is_kept_in_part() -> None:
    world = World()
    world.start()
    world.platform.answers["ada-ordered-1"] = [Answer(422, {}, b"x" * 60_000)]
    world.log.say(ordered())
    await until(world.done)

    assert len(world.log.parked[0].answer) == 8_192


@moved_clock
async def test_secrets_and_addresses_are_in_no_log_and_no_repr(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    from dataclasses import replace

    world = World()
    settings = replace(SETTINGS, security={"sasl_plain_password": "very-secret-password"})
    with structlog.testing.capture_logs() as lines, caplog.at_level(logging.DEBUG):
        process = world.start()
        for status, fault in ((401, None), (422, None), (0, "reset"), (429, None), (500, None)):
            world.platform.answers[f"c{status}-ordered-1"] = [Answer(status, {}, b"ada@example.com", fault)] * 2
            world.log.say(ordered(f"c{status}"))
        world.log.put(b"mugs:ada@example.com", b"nonsense of ada@example.com")
        await until(world.done)
        await process.end()
    told = f"{lines}{caplog.text}{capsys.readouterr()}{settings!r}{world.config!r}{process.delivery!r}"
    kept = b"".join(msgspec.json.encode(parked) for parked in world.log.parked).decode()

    assert "very-secret" not in told + kept
    assert "example.com" not in told
    assert lines, "something was told"
