"""The topics of a rehearsal, in memory, and the hands of a process that reads and writes them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass

import msgspec
from aiokafka import TopicPartition

from schemas.records import Parked
from schemas.signals import AnySignal, CatalogSignal, Signal
from shoprelay.certificate.platform import Platform
from shoprelay.certificate.subject import key_of
from sinks.contract import Answer, Call
from streams.delivery import DeliverySettings
from streams.delivery.entries import End
from streams.delivery.feed import Fetched, Owner, Progress
from streams.delivery.history import Of, Snapshot

PARTITIONS = 3
SETTINGS = DeliverySettings(
    bootstrap="",
    group="certificate",
    topic="signals",
    parked_topic="parked",
    redrive_topic="again",
    partitions=PARTITIONS,
    commit_seconds=2.0,
)
PLACES = tuple(TopicPartition(SETTINGS.topic, number) for number in range(PARTITIONS))
IDLE_SECONDS = 2.0


class _Peeked(msgspec.Struct):
    customer: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class Signals:
    """A codec in JSON: what is certified is what becomes of signals, not how they came."""

    encode = msgspec.json.Encoder().encode

    @staticmethod
    def decode(framed: bytes) -> AnySignal:
        about_a_product = msgspec.json.decode(framed, type=_Peeked).customer is msgspec.UNSET
        if about_a_product:
            return msgspec.json.decode(framed, type=CatalogSignal)
        return msgspec.json.decode(framed, type=Signal)

    async def fetch(self, schema_id: int) -> None:
        raise AssertionError("JSON names no schema")


class Parkings:
    """The same for what is parked."""

    encode = msgspec.json.Encoder().encode
    decode = msgspec.json.Decoder(Parked).decode

    async def fetch(self, schema_id: int) -> None:
        raise AssertionError("JSON names no schema")


@dataclass(frozen=True, slots=True)
class Written:
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class Log:
    """The topic of signals, how far it is committed, and what was parked, in `parked` from first to last."""

    def __init__(self) -> None:
        self.records: dict[TopicPartition, list[Written]] = {place: [] for place in PLACES}
        self.progress: dict[TopicPartition, Progress] = {}
        self.shelf: list[tuple[int, bytes, bytes | None]] = []
        self.parked: list[Parked] = []
        self.kept: list[tuple[int, bytes, bytes | None]] = []
        self._said = asyncio.Event()

    def say(self, *signals: AnySignal) -> None:
        for signal in signals:
            key = key_of(signal).encode()
            place = PLACES[sum(key) % PARTITIONS]
            records = self.records[place]
            offset = len(records)
            records.append(Written(place.partition, offset, 1_000 + offset, key, Signals.encode(signal)))
        self._said.set()

    def said(self) -> list[AnySignal]:
        return [Signals.decode(record.value or b"") for records in self.records.values() for record in records]

    async def more(self, seconds: float) -> None:
        """Until something more is said, at most so long."""
        self._said.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._said.wait(), seconds)

    def finished(self, place: TopicPartition) -> int:
        return self.progress.get(place, Progress(0)).offset

    @property
    def is_done(self) -> bool:
        return all(len(records) == self.finished(place) for place, records in self.records.items())


class Notes:
    """The topic of what is kept, in the hands of one process."""

    def __init__(self, log: Log, hands: Hands) -> None:
        self._log = log
        self._hands = hands

    async def put(self, partition: int, key: bytes, value: bytes | None) -> None:
        await self._hands.alive()
        self._log.kept.append((partition, key, value))

    async def read(self, partitions: Collection[int]) -> AsyncIterator[tuple[int, bytes, bytes | None]]:
        for record in list(self._log.kept):
            if record[0] in partitions:
                yield record


class NothingKnown:
    """The worker's tables, empty."""

    async def latest(self, of: Of, number: int) -> Snapshot:
        return Snapshot()

    async def close(self) -> None:
        pass


class Hands:
    """Feed, shelf and transport of one process. `dead`: whatever it waits for never comes."""

    def __init__(self, log: Log, platform: Platform) -> None:
        self._log = log
        self._platform = platform
        self._positions: dict[TopicPartition, int] = {}
        self.dead = False

    async def alive(self) -> None:
        if self.dead:
            await asyncio.Event().wait()

    # -- feed

    async def open(self, owner: Owner) -> None:
        self._positions = {place: self._log.finished(place) for place in PLACES}
        await owner.assigned(frozenset(PLACES))

    async def recall(self, places: Collection[TopicPartition]) -> Mapping[TopicPartition, Progress]:
        return {place: told for place, told in self._log.progress.items() if place in places}

    async def fetch(self, places: Collection[TopicPartition], seconds: float, most: int) -> Fetched:
        await self.alive()
        log = self._log.records
        if not any(len(log[place]) > self._positions[place] for place in places):
            await self._log.more(IDLE_SECONDS)  # a real one answers sooner; in virtual time each answer is work
        records: dict[TopicPartition, list[Written]] = {}
        for place in places:
            position = self._positions[place]
            records[place] = log[place][position : position + most]
            self._positions[place] = position + len(records[place])
            most -= len(records[place])
        now = asyncio.get_running_loop().time()
        return Fetched(records, {place: End(at, len(log[place]), now) for place, at in self._positions.items()})

    async def commit(self, progress: Mapping[TopicPartition, Progress]) -> bool:
        await self.alive()
        self._log.progress.update(progress)
        return True

    async def close(self) -> None:
        await self.alive()

    # -- shelf

    async def put(self, partition: int, key: bytes, value: bytes | None) -> None:
        await self.alive()
        self._log.shelf.append((partition, key, value))
        if value is not None:
            self._log.parked.append(Parkings.decode(value))

    async def again(self, partition: int, key: bytes, value: bytes, parked_id: str) -> None:
        raise AssertionError("nobody asks for anything again in a rehearsal")

    async def read(self, partitions: Collection[int]) -> AsyncIterator[tuple[int, bytes, bytes | None]]:
        for record in list(self._log.shelf):
            if record[0] in partitions:
                yield record

    # -- transport

    async def send(self, call: Call) -> Answer:
        await self.alive()
        answer = await self._platform.send(call)
        await self.alive()
        return answer
