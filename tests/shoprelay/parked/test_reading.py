"""Reading in bulk: gaps, hiccups, what cannot be read, and what has gone between two looks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError

from schemas.codec import Undecodable
from schemas.records import Parked
from shoprelay.parked import reading
from shoprelay.parked.reading import ParkedTopic
from shoprelay.parked.rows import Row
from streams.topics import TopicsUnavailable
from tests.shoprelay.parked.made import id_of, parked

TOPIC = "parked-news"


@dataclass
class Message:
    at: int
    name: str = ""
    content: bytes | None = None
    code: int | None = None
    number: int = 0

    def error(self) -> KafkaError | None:
        return None if self.code is None else KafkaError(self.code)

    def key(self) -> bytes:
        return id_of(self.name).encode()

    def value(self) -> bytes | None:
        return self.content

    def partition(self) -> int:
        return self.number

    def offset(self) -> int:
        return self.at


@dataclass
class Broker:
    """Plays the library's consumer. `ends` is what it says the partition holds, `looks` what it hands out."""

    looks: list[list[Message]]
    ends: dict[int, tuple[int, int]] = field(default_factory=lambda: {0: (0, 3)})
    assigned: list[dict[int, int]] = field(default_factory=list)
    closed: bool = False

    def list_topics(self, timeout: float) -> Any:
        return SimpleNamespace(topics={TOPIC: SimpleNamespace(partitions=self.ends)})

    def get_watermark_offsets(self, place: Any, timeout: float) -> tuple[int, int]:
        return self.ends[place.partition]

    def assign(self, places: list[Any]) -> None:
        self.assigned.append({place.partition: place.offset for place in places})

    def consume(self, most: int, seconds: float) -> list[Message]:
        return self.looks.pop(0) if self.looks else []

    def close(self) -> None:
        self.closed = True


async def decode(value: bytes) -> Parked:
    if value == b"nonsense":
        raise Undecodable("not-framed", None, "no")
    return parked(value.decode())


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Broker, ParkedTopic]]:
    broker = Broker([])
    monkeypatch.setattr(reading, "Consumer", lambda options: broker)
    monkeypatch.setattr(reading, "SILENCE_SECONDS", 0.0)
    with ParkedTopic({}, TOPIC, decode) as opened:  # type: ignore[arg-type]
        yield broker, opened
    assert broker.closed


def put(at: int, name: str) -> Message:
    return Message(at, name, name.encode())


END = KafkaError._PARTITION_EOF


async def test_the_newest_of_each_counts_and_what_has_gone_does_not(topic: tuple[Broker, ParkedTopic]) -> None:
    broker, shelf = topic
    broker.ends = {0: (0, 5)}
    broker.looks = [[put(0, "a"), put(1, "b"), put(2, "a")], [Message(3, "b"), Message(4, "c", b"nonsense")]]
    index = await shelf.index()

    assert {name: row.place for name, row in index.rows.items()} == {id_of("a"): 2}
    assert (index.ends, index.unreadable) == ({0: 5}, 1)


async def test_a_gap_at_the_end_is_an_end(topic: tuple[Broker, ParkedTopic]) -> None:
    """Compaction leaves them, and so do transactions."""
    broker, shelf = topic
    broker.looks = [[put(0, "a")], [Message(3, code=END)]]

    assert list((await shelf.index()).rows) == [id_of("a")]


async def test_what_comes_while_it_reads_is_for_later(topic: tuple[Broker, ParkedTopic]) -> None:
    broker, shelf = topic
    broker.looks = [[put(0, "a"), put(2, "b"), put(3, "c")]]

    assert set((await shelf.index()).rows) == {id_of("a"), id_of("b")}


async def test_empty_partitions_are_not_waited_for(topic: tuple[Broker, ParkedTopic]) -> None:
    broker, shelf = topic
    broker.ends = {0: (7, 7), 1: (0, 0)}

    assert (await shelf.index()).rows == {}


async def test_a_broker_that_comes_and_goes_is_waited_for(topic: tuple[Broker, ParkedTopic]) -> None:
    broker, shelf = topic
    broker.looks = [[Message(-1, code=KafkaError._TRANSPORT), put(0, "a")], [put(2, "b")]]

    assert len((await shelf.index()).rows) == 2


@pytest.mark.parametrize(
    ("looks", "says"),
    [
        ([[Message(-1, code=KafkaError.TOPIC_AUTHORIZATION_FAILED)]], "this user may Read"),
        ([[]], "Kafka sends nothing"),
    ],
)
async def test_one_that_refuses_or_is_silent_is_not(
    topic: tuple[Broker, ParkedTopic], looks: list[list[Message]], says: str
) -> None:
    broker, shelf = topic
    broker.looks = looks

    with pytest.raises(TopicsUnavailable, match=says):
        await shelf.index()


async def test_values_are_those_of_the_index_and_nothing_else_is_read(topic: tuple[Broker, ParkedTopic]) -> None:
    broker, shelf = topic
    broker.ends = {0: (0, 9)}
    broker.looks = [[put(2, "a"), put(4, "b"), put(5, "a"), put(8, "c")]]
    rows = (await shelf.index()).rows
    wanted = [rows[id_of("b")], rows[id_of("a")]]
    broker.looks = [[put(4, "b"), put(6, "x")], [Message(9, code=END)]]  # `a` was written anew and compacted meanwhile

    found: list[tuple[Row, bytes]] = [each async for each in shelf.values(wanted)]
    assert found == [(rows[id_of("b")], b"b")]
    assert broker.assigned[-1] == {0: 4}


async def test_changes_are_told_of_whom_they_matter_to(topic: tuple[Broker, ParkedTopic]) -> None:
    broker, shelf = topic
    broker.looks = [[put(3, "a"), put(4, "b"), Message(5, "a"), Message(6, "a", b"nonsense")], []]
    changes = shelf.changes({0: 3}, lambda name: name == id_of("a"))

    first, second = await anext(changes), await anext(changes)
    await changes.aclose()
    assert [(name, row and row.place) for name, row in first] == [(id_of("a"), 3), (id_of("a"), None)]
    assert second == [] and broker.assigned == [{0: 3}]
