"""What a sink must not forget, in a small compacted topic of its own, and never in the clear."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Protocol

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class Unreadable(Exception):
    """Something was kept under a key that the settings do not have."""


class Compacted(Protocol):
    """A compacted topic by partition. Raises whatever it likes for "not now"."""

    async def put(self, partition: int, key: bytes, value: bytes | None) -> None:
        """Returns when the broker has acknowledged it. `None` takes away what is there."""

    def read(self, partitions: Collection[int]) -> AsyncIterator[tuple[int, bytes, bytes | None]]:
        """All there is, as (partition, key, value), older before newer; the last value of a key counts."""


class Kept:
    """Durable when `put` and `delete` return. `keys` are Fernet's: the first one writes, all of them read."""

    def __init__(self, topic: Compacted, keys: Sequence[str]) -> None:
        self._topic = topic
        self._current = Fernet(keys[0])
        self._any = MultiFernet([Fernet(key) for key in keys])

    async def read(self, partitions: Collection[int], *, renew: bool = False) -> dict[int, dict[bytes, bytes]]:
        """Everything kept in these partitions, by key. `renew`, for their owner, writes anew what stands under an older
        key, so that the key may go. Raises `Unreadable`, and what the topic raises."""
        found: dict[int, dict[bytes, bytes]] = {number: {} for number in partitions}
        async for number, key, value in self._topic.read(partitions):
            if value is None:
                found[number].pop(key, None)
            else:
                found[number][key] = value
        opened = {number: {key: self._opened(value) for key, value in kept.items()} for number, kept in found.items()}
        for number, kept in found.items() if renew else ():
            for key, value in kept.items():
                if self._is_outdated(value):
                    await self.put(number, key, opened[number][key])
        return opened

    async def put(self, partition: int, key: bytes, value: bytes) -> None:
        """Raises `TooLarge`, and what the topic raises."""
        await self._topic.put(partition, key, self._current.encrypt(value))

    async def delete(self, partition: int, key: bytes) -> None:
        await self._topic.put(partition, key, None)

    def _opened(self, value: bytes) -> bytes:
        try:
            return self._any.decrypt(value)
        except InvalidToken:
            raise Unreadable("kept under another key") from None

    def _is_outdated(self, value: bytes) -> bool:
        try:
            self._current.decrypt(value)
        except InvalidToken:
            return True
        return False
