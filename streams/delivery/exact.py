"""Exact bytes: a call that leaves for the first time is kept before, and every repeat sends what was kept."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from hashlib import blake2b
from typing import NamedTuple

import msgspec
from aiokafka import TopicPartition

from sinks.contract import Call
from streams.delivery import memory
from streams.delivery.entries import Entry, Partition
from streams.delivery.feed import Progress
from streams.delivery.kept import Kept

PREFIX = b"call:"


class KeptCall(msgspec.Struct, frozen=True, array_like=True):
    """A call, and where its signal stands: once that is committed, nobody needs the call any more."""

    topic: str
    offset: int
    call: Call


class Done(NamedTuple):
    number: int
    partition: Partition
    offset: int
    told: KeptCall


_decode = msgspec.msgpack.Decoder(KeptCall).decode
_encode = msgspec.msgpack.Encoder().encode


class Exact:
    """Of the calls to `endpoints`. Taken away only after the commit: a death before it sends the same bytes again."""

    def __init__(self, endpoints: Collection[str], kept: Kept) -> None:
        self._endpoints = frozenset(endpoints)
        self._kept = kept
        self._calls: dict[int, dict[str, KeptCall]] = {}  # by partition, then by the call's key
        self._done: list[Done] = []
        self._left: list[tuple[int, str]] = []  # by owners that died before they could tidy up

    def read(self, number: int, values: Mapping[bytes, bytes], progress: Mapping[TopicPartition, Progress]) -> None:
        """Of one partition that has become ours, before anything of it leaves."""
        told_of = [_decode(value) for key, value in values.items() if key.startswith(PREFIX)]
        calls = {told.call.key: told for told in told_of}
        left = {key for key, told in calls.items() if _is_finished(told, number, progress)}
        self._calls[number] = {key: told for key, told in calls.items() if key not in left}
        self._left = [(other, key) for other, key in self._left if other != number] + [(number, key) for key in left]

    def instead(self, entry: Entry) -> None:
        """The calls of an entry as they were kept, where they were."""
        kept = self._calls.get(entry.lane.shard.number)
        if kept and entry.calls:
            entry.calls = tuple(told.call if (told := kept.get(call.key)) else call for call in entry.calls)

    def lacks(self, entry: Entry, call: Call) -> bool:
        """Whether the call has to be kept before it may leave."""
        return call.endpoint in self._endpoints and call.key not in self._calls.get(entry.lane.shard.number, {})

    async def keep(self, entry: Entry, call: Call) -> None:
        """Durable when it returns. Raises `TooLarge`, and what the topic raises."""
        number, told = entry.lane.shard.number, KeptCall(entry.partition.place.topic, entry.offset, call)
        await self._kept.put(number, _key_of(call.key), _encode(told))
        self._calls.setdefault(number, {})[call.key] = told

    def finished(self, entry: Entry) -> None:
        """Delivered, parked, or whatever else became of it."""
        number = entry.lane.shard.number
        kept = self._calls.get(number, {})
        for call in entry.calls or ():
            if (told := kept.get(call.key)) is not None:
                self._done.append(Done(number, entry.partition, entry.offset, told))

    def close(self, numbers: Collection[int]) -> None:
        """These are somebody else's now, with whatever is to be tidied up there."""
        for number in numbers:
            self._calls.pop(number, None)
        self._done = [each for each in self._done if each.number not in numbers]
        self._left = [each for each in self._left if each[0] not in numbers]

    async def tidy(self) -> None:
        """Takes away what is finished and committed. What the broker does not take now is told again."""
        done = [each for each in self._done if each.offset < each.partition.committed]
        self._done = [each for each in self._done if each.offset >= each.partition.committed]
        for each in done:
            kept = self._calls.get(each.number, {})
            if kept.get(each.told.call.key) is each.told:  # and not kept anew, for its second way
                del kept[each.told.call.key]
                self._left.append((each.number, each.told.call.key))
        left, self._left = self._left, []
        left = [(number, key) for number, key in left if key not in self._calls.get(number, {})]
        taken = await asyncio.gather(*(self._kept.delete(n, _key_of(k)) for n, k in left), return_exceptions=True)
        self._left += [
            each for each, error in zip(left, taken, strict=True) if error is not None and each[0] in self._calls
        ]


def _key_of(key: str) -> bytes:
    """Bounded, and without what a platform's key may say of a customer."""
    return PREFIX + blake2b(key.encode(), digest_size=16).hexdigest().encode()


def _is_finished(told: KeptCall, number: int, progress: Mapping[TopicPartition, Progress]) -> bool:
    committed = progress.get(TopicPartition(told.topic, number))
    if committed is None:
        return False
    return told.offset < committed.offset or told.offset in memory.read(committed.offset, committed.memory)
