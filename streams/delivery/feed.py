"""The feed: records of the owned partitions in, committed offsets out. `kafka` has the real one, tests another."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from aiokafka import TopicPartition

from streams.delivery.entries import End, Record


class FeedLost(Exception):
    """The group will not have us any more; a new process may fare better."""


@dataclass(frozen=True, slots=True)
class Fetched:
    records: Mapping[TopicPartition, Sequence[Record]]
    ends: Mapping[TopicPartition, End]


class Progress(NamedTuple):
    """Everything below `offset` is finished; `memory` says what is beyond it."""

    offset: int
    memory: str = ""


class Owner(Protocol):
    """Who is told about partitions coming and going."""

    async def assigned(self, places: frozenset[TopicPartition]) -> None: ...

    async def revoked(self, places: frozenset[TopicPartition]) -> None:
        """Returns when nothing of these partitions will be sent any more, and what is finished is committed."""


class Feed(Protocol):
    async def open(self, owner: Owner) -> None:
        """Joins the group; `owner` hears of the first partitions later."""

    async def recall(self, places: Collection[TopicPartition]) -> Mapping[TopicPartition, Progress]:
        """What was committed for these. One that is missing has no memory, or none that can be had now."""

    async def fetch(self, places: Collection[TopicPartition], seconds: float, most: int) -> Fetched:
        """At most `most` records of these partitions, waiting up to `seconds` for the first. Raises `FeedLost`."""

    async def commit(self, progress: Mapping[TopicPartition, Progress]) -> bool:
        """Whether the group took them. A refusal is not an error: the records come again."""

    async def close(self) -> None:
        """Leaves the group."""
