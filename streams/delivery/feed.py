"""The feed: records of the owned partitions in, committed offsets out. `kafka` has the real one, tests another."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from streams.delivery.lanes import End, Record


class FeedLost(Exception):
    """The group will not have us any more; a new process may fare better."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """Both by partition."""

    records: Mapping[int, Sequence[Record]]
    ends: Mapping[int, End]


class Owner(Protocol):
    """Who is told about partitions coming and going."""

    async def assigned(self, partitions: frozenset[int]) -> None: ...

    async def revoked(self, partitions: frozenset[int]) -> None:
        """Returns when nothing of these partitions will be sent any more, and what is finished is committed."""


class Feed(Protocol):
    async def open(self, owner: Owner) -> None:
        """Joins the group; `owner` hears of the first partitions later."""

    async def fetch(self, partitions: Collection[int], seconds: float, most: int) -> Fetched:
        """At most `most` records of these partitions, waiting up to `seconds` for the first. Raises `FeedLost`."""

    async def commit(self, offsets: Mapping[int, int]) -> bool:
        """Whether the group took them. A refusal is not an error: the records come again."""

    async def close(self) -> None:
        """Leaves the group."""
