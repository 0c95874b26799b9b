"""What the agents need of the world, as small protocols: the engine gives it to them, and tests do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from streams.domain.policy import Policy

Item = tuple[bytes | None, bytes | None]
Policies = Callable[[str], Policy]  # shop -> its policy, as set now
Milliseconds = Callable[[], int]  # the wall clock, since the epoch


class Record(Protocol):
    """One record as the consumer hands it over."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class Outbox(Protocol):
    """Durable sending: returns when the broker has everything; raises, and ends the process, when it refuses."""

    async def send_spread(self, topic: str, items: Mapping[int, Iterable[Item]]) -> None: ...


class States(Protocol):
    """One table: state by partition and key. `put_many` writes the changelog first, then the store."""

    def get(self, partition: int, key: bytes) -> bytes | None: ...

    def items(self, partition: int) -> Iterator[tuple[bytes, bytes]]: ...

    async def put_many(self, partition: int, items: Mapping[bytes, bytes | None]) -> None: ...


class Why(Protocol):
    """What is wrong with a record, where, and what to do about it; no value of it."""

    @property
    def reason(self) -> str: ...

    @property
    def field(self) -> str | None: ...

    @property
    def problem(self) -> str: ...

    @property
    def remedy(self) -> str: ...


class Refuse(Protocol):
    """Puts a record that cannot be understood aside, with its bytes and the reason; durable when it returns."""

    def __call__(self, record: Record, why: Why) -> Awaitable[None]: ...
