"""An append is acked or it is not: in time, and with nothing kept for later."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from shoprelay.collector.appender import Appender, NotAppended
from streams.broker import EmbeddedBroker
from streams.topics import Topics
from tests.system.procs import until

pytestmark = [pytest.mark.system, pytest.mark.embedded, pytest.mark.asyncio(loop_scope="module")]
PRODUCE, NOT_ENOUGH_REPLICAS, TOO_LARGE = 0, 19, 10
WITHIN, PATIENCE = 1.0, 20.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def broker() -> AsyncIterator[EmbeddedBroker]:
    async with EmbeddedBroker(Topics(partitions=2).all()) as running:
        yield running


@asynccontextmanager
async def opened(broker: EmbeddedBroker, within: float) -> AsyncIterator[Appender]:
    made = Appender({"bootstrap.servers": broker.bootstrap}, "webhooks", within=within, waiting=5)
    await made.open()
    try:
        await until(lambda: made.trouble is None, 10, "appends pass")
        yield made
    finally:
        await made.close()


@pytest_asyncio.fixture(loop_scope="module")
async def appender(broker: EmbeddedBroker) -> AsyncIterator[Appender]:
    async with opened(broker, WITHIN) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def patient(broker: EmbeddedBroker) -> AsyncIterator[Appender]:
    """For tests that slow the broker down: on a busy machine that takes longer than it says."""
    async with opened(broker, PATIENCE) as made:
        yield made


async def test_what_is_appended_is_acked(appender: Appender) -> None:
    await asyncio.gather(*(appender.append(b"k", b"{}", [("x", b"y")]) for _ in range(3)))
    assert (appender.trouble, appender.waiting) == (None, 0)


async def test_a_full_broker_is_told_in_time_and_readiness_turns(broker: EmbeddedBroker, appender: Appender) -> None:
    broker.inject(PRODUCE, *[NOT_ENOUGH_REPLICAS] * 100)
    began = time.monotonic()
    with pytest.raises(NotAppended):
        await appender.append(b"k", b"{}", [])
    assert time.monotonic() - began < WITHIN + 0.5
    assert appender.trouble
    assert appender.waiting == 0
    broker.clear(PRODUCE)
    await until(lambda: appender.trouble is None, 15, "appends pass again")
    await appender.append(b"k", b"{}", [])


async def test_what_the_broker_will_never_take_is_told(broker: EmbeddedBroker, appender: Appender) -> None:
    broker.inject(PRODUCE, TOO_LARGE)
    with pytest.raises(NotAppended):
        await appender.append(b"k", b"{}", [])
    broker.clear(PRODUCE)
    await appender.append(b"k", b"{}", [])
    assert appender.trouble is None


async def test_more_than_may_wait_are_turned_away_at_once(broker: EmbeddedBroker, patient: Appender) -> None:
    broker.rtt(150)
    try:
        answers = await asyncio.gather(*(patient.append(b"k", b"{}", []) for _ in range(9)), return_exceptions=True)
    finally:
        broker.rtt(0)
    assert [type(answer) for answer in answers] == [type(None)] * 5 + [NotAppended] * 4
    assert patient.trouble is None  # that too many wait is no word about the broker


async def test_stopping_waits_for_what_is_under_way(broker: EmbeddedBroker) -> None:
    made = Appender({"bootstrap.servers": broker.bootstrap}, "webhooks", within=PATIENCE, waiting=5)
    await made.open()
    await made.append(b"k", b"{}", [])
    broker.rtt(200)
    try:
        under_way = asyncio.create_task(made.append(b"k", b"{}", []))
        await until(lambda: made.waiting == 1, 5, "an append is under way")
        await made.close()
    finally:
        broker.rtt(0)
    await under_way
