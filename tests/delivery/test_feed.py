"""The Kafka feed when the group gathers anew while it waits for records."""

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import OffsetMetadataTooLargeError

from streams.delivery import kafka
from streams.delivery.feed import Progress
from streams.delivery.kafka import KafkaFeed
from streams.delivery.settings import DeliverySettings
from tests.delivery.said import encode, ordered
from tests.delivery.world import Written

SIGNALS = TopicPartition("signals", 0)


class Owner:
    async def assigned(self, partitions: frozenset[int]) -> None: ...

    async def revoked(self, partitions: frozenset[int]) -> None: ...


class Member:
    """A consumer in whose `getmany` and `position` the group may gather anew."""

    def __init__(self, **settings: Any) -> None:
        self.records = [Written(0, 0, 1_000, b"c1", encode(ordered("c1", "1")))]
        self.while_fetching: Callable[[], Awaitable[None]] | None = None
        self.while_asked: Callable[[], Awaitable[None]] | None = None
        self.listener: Any = None

    async def start(self) -> None: ...

    def subscribe(self, topics: list[str], listener: Any) -> None:
        self.listener = listener

    async def gather_anew(self) -> None:
        await self.listener.on_partitions_revoked({SIGNALS})
        await self.listener.on_partitions_assigned({SIGNALS})

    async def getmany(self, *wanted: TopicPartition, timeout_ms: int, max_records: int) -> dict[TopicPartition, Any]:
        if self.while_fetching is not None:
            await self.while_fetching()
        return {SIGNALS: self.records}

    def assignment(self) -> set[TopicPartition]:
        return {SIGNALS}

    def highwater(self, tp: TopicPartition) -> int:
        return 1

    def last_poll_timestamp(self, tp: TopicPartition) -> int:
        return 0

    async def position(self, tp: TopicPartition) -> int:
        if self.while_asked is not None:
            await self.while_asked()
        return 1


@pytest.fixture
async def feed(monkeypatch: pytest.MonkeyPatch) -> KafkaFeed:
    monkeypatch.setattr(kafka, "AIOKafkaConsumer", Member)
    feed = KafkaFeed(
        DeliverySettings(
            bootstrap="nowhere:1", group="g", topic="signals", parked_topic="parked", redrive_topic="redrive"
        )
    )
    await feed.open(Owner())
    return feed


def member(feed: KafkaFeed) -> Member:
    consumer: Member = feed._consumer
    return consumer


async def test_records_of_the_new_assignment_are_kept_though_the_call_began_under_the_old_one(feed: KafkaFeed) -> None:
    member(feed).while_fetching = member(feed).gather_anew

    fetched = await feed.fetch([SIGNALS], 0.1, 100)

    assert [record.offset for record in fetched.records[SIGNALS]] == [0]
    assert fetched.ends[SIGNALS].position == 1


async def test_records_of_the_old_assignment_are_left_to_come_again_and_so_is_its_position(feed: KafkaFeed) -> None:
    member(feed).while_asked = member(feed).gather_anew

    fetched = await feed.fetch([SIGNALS], 0.1, 100)

    assert not fetched.records
    assert not fetched.ends


@pytest.mark.parametrize("told", ["assigned", "revoked"])
async def test_an_owner_that_fails_to_hear_of_its_partitions_ends_the_process(told: str, feed: KafkaFeed) -> None:
    """The listener's exception itself is swallowed by the consumer."""

    async def broken(places: frozenset[TopicPartition]) -> None:
        raise ValueError(told)

    setattr(feed._owner, told, broken)
    with contextlib.suppress(ValueError):
        await member(feed).gather_anew()

    with pytest.raises(ValueError, match=told):
        await feed.fetch([SIGNALS], 0.1, 100)


async def test_a_broker_that_keeps_no_long_notes_gets_the_offsets_at_least(feed: KafkaFeed) -> None:
    taken: list[Any] = []

    async def commit(offsets: dict[TopicPartition, Any]) -> None:
        if any(told.metadata for told in offsets.values()):
            raise OffsetMetadataTooLargeError
        taken.append({tp: told.offset for tp, told in offsets.items()})

    member(feed).commit = commit  # type: ignore[attr-defined]

    assert await feed.commit({SIGNALS: Progress(7, "1:AQE=")})
    assert taken == [{SIGNALS: 7}]
