"""From JOOR's order list to Shopify: a poller that dies between any two steps loses no order, and none comes twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from schemas.signals import WholesaleOrderApproved
from shoprelay.certificate import subject
from shoprelay.certificate.rehearsal import stage
from sinks.joor.fake import JoorStandIn
from sinks.joor.fakeorders import order
from tests.delivery.moved import NOON, moved_clock, until
from tests.domain.story import World
from tests.polling.asked import Kafka
from tests.sources.joor import Joor, config, polling

STEPS = [f"{when} {step}" for step in ("publish", "remember") for when in ("before", "after")]
AT = (NOON - timedelta(minutes=5)).isoformat()


def approved(*numbers: str) -> list[dict[str, Any]]:
    """The last one of a customer whom JOOR knows no code of."""
    return [order(number, at=AT, code="" if number == numbers[-1] else "42") for number in numbers]


@pytest.mark.parametrize("takes_over", [False, True])
@pytest.mark.parametrize("step", STEPS)
@moved_clock
async def test_killed_between_read_and_publish_no_order_is_lost_or_doubled(step: str, takes_over: bool) -> None:
    settings, stand_in, kafka = config(takes_over=takes_over), JoorStandIn(*approved("1", "2", "3")), Kafka(dies=step)
    await polling(kafka, Joor(stand_in, settings), settings).died()
    second = polling(kafka, Joor(stand_in, settings), settings)
    await until(lambda: second.state == "resting")
    stand_in.orders.approved.append(order("4", at=NOON.isoformat()))
    await until(lambda: "joor:4:approved" in kafka.told)
    await second.end()

    signals = World().tell(*kafka.events)
    assert all(isinstance(signal.payload, WholesaleOrderApproved) for signal in signals)
    assert await entered(*signals) == ["JOOR-1", "JOOR-2", "JOOR-3", "JOOR-4"]


@moved_clock
async def test_an_event_that_is_told_long_after_it_was_forgotten_is_found_at_shopify() -> None:
    """The worker remembers 128 events of a customer; the platform is asked all the same."""
    kafka, settings = Kafka(), config()
    running = polling(kafka, Joor(JoorStandIn(*approved("1", "2")), settings), settings)
    await until(lambda: running.state == "resting")
    await running.end()

    once, again = World().tell(*kafka.events), World().tell(*kafka.events)

    assert await entered(*once, *again) == ["JOOR-1", "JOOR-2"]


async def entered(*signals: Any) -> list[str]:
    """The names of all orders there are at Shopify after these were told."""
    of = subject.load("shopify")
    async with stage(of, signals[0]) as on:
        on.log.say(*signals)
        on.start()
        await on.done("the orders")
        assert not on.log.parked
        return sorted(row["name"] for row in on.platform.stand_in.orders)  # type: ignore[attr-defined]
