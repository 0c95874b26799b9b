"""Parking: a call a person must look at, kept with everything needed to send it again. Durable when it returns."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from msgspec.structs import replace

from schemas.codec import SchemaMissing, Undecodable
from schemas.records import Parked
from sinks.contract import Answer, Call
from streams.delivery.entries import Entry, Lane, Shard
from streams.delivery.sequence import Sequenced

ANSWER_KEPT = 8_192  # bytes of the answer's body

REJECTED = "rejected"
GAVE_UP = "gave_up"
CANNOT_SAY = "cannot_say"
UNDECODABLE = "undecodable"
BEHIND = "behind"  # what it needs is parked, too


class TooLarge(Exception):
    """The broker does not take a record of this size, and never will."""


class Shelf(Protocol):
    """Where parked records go. Raises `TooLarge`, or anything else for "not now"."""

    async def put(self, partition: int, key: bytes, value: bytes | None) -> None:
        """Returns when the broker has acknowledged it. `None` takes away what is there."""

    async def again(self, partition: int, key: bytes, value: bytes, parked_id: str) -> None:
        """Asks for a parked record to be sent again, behind what its customer waits for."""

    def read(self, partitions: Collection[int]) -> AsyncIterator[tuple[int, bytes, bytes | None]]:
        """All there is, as (partition, key, value), older before newer; the last value of a key counts."""


class ParkedCodec(Protocol):
    """`schemas.codec.Codec` of `Parked`."""

    def encode(self, parked: Parked) -> bytes: ...

    def decode(self, framed: bytes) -> Parked:
        """Raises `Undecodable`, or `SchemaMissing` for a schema that was not fetched yet."""

    async def fetch(self, schema_id: int) -> None:
        """Raises `RegistryError`."""


@dataclass(frozen=True, slots=True)
class Parking:
    """Makes parked records of one sink. `topic` is where its signals come from."""

    shelf: Shelf
    codec: ParkedCodec
    sink: str
    account: str | None

    async def put(self, entry: Entry, reason: str, answer: Answer | None, now: datetime) -> None:
        """Raises what the shelf raises, except `TooLarge`: then the record goes without what can be made again from
        the signal, which itself came through this broker."""
        parked, shard = self.record(entry, reason, answer, now), entry.lane.shard
        value = self.codec.encode(parked)
        try:
            await self.shelf.put(shard.number, parked.parked_id.encode(), value)
        except TooLarge:
            value = self.codec.encode(replace(parked, body=b"", answer=b""))
            await self.shelf.put(shard.number, parked.parked_id.encode(), value)
        shard.sequence.add(parked, value)
        if entry.again and entry.again.parked.parked_id != parked.parked_id:  # the mapping has changed since
            await self.take_away(entry)

    async def put_apart(self, shard: Shard, parked: Parked) -> None:
        """What no signal of a lane led to. Raises what the shelf raises."""
        value = self.codec.encode(parked)
        await self.shelf.put(shard.number, parked.parked_id.encode(), value)
        shard.sequence.add(parked, value)

    async def take_away(self, entry: Entry) -> None:
        """What was parked has passed, or somebody does not want it any more. Whoever waited behind it alone is asked
        for first: a death in between asks twice, which is once."""
        assert entry.again is not None
        parked, lane = entry.again.parked, entry.lane
        sequence = lane.shard.sequence
        opens = sequence.opens(parked.parked_id)  # what was asked for may be older than what is parked now
        if opens and len(sequence.openers(lane.key, opens)) == 1:
            await self._release(lane, opens)
        await self.shelf.put(lane.shard.number, parked.parked_id.encode(), None)
        sequence.gone(parked.parked_id)

    async def opened(self, lane: Lane, name: str) -> None:
        """Something later has made this known to the platform (an order entered once more, say). Who is parked for
        having failed to do so opens nothing any more, and those behind go on."""
        sequence, number = lane.shard.sequence, lane.shard.number
        await self._release(lane, name)
        for parked_id, waiting in sequence.openers(lane.key, name):
            assert waiting.value is not None
            if (parked := await self.decoded(waiting.value)) is not None:
                value = self.codec.encode(replace(parked, opens=None))
                await self.shelf.put(number, parked_id.encode(), value)
                sequence.add(replace(parked, opens=None), value)

    async def _release(self, lane: Lane, name: str) -> None:
        for waiting_id, waiting in lane.shard.sequence.behind(lane.key, name):
            assert waiting.value is not None
            await self.shelf.again(lane.shard.number, waiting.customer, waiting.value, waiting_id)

    async def read(self, shards: Collection[Shard]) -> None:
        """Learns what is parked there. Raises what shelf and registry raise."""
        found = {shard.number: Sequenced() for shard in shards}
        async for number, key, value in self.shelf.read(list(found)):
            if value is None:
                found[number].gone(key.decode())
            elif (parked := await self.decoded(value)) is not None:
                found[number].add(parked, value)
        for shard in shards:
            shard.sequence = found[shard.number]

    async def decoded(self, value: bytes) -> Parked | None:
        """`None` for what is no parked record. Raises `RegistryError`."""
        for _ in range(2):
            try:
                return self.codec.decode(value)
            except SchemaMissing as missing:
                await self.codec.fetch(missing.schema_id)
            except Undecodable:
                break
        return None

    def record(self, entry: Entry, reason: str, answer: Answer | None, now: datetime) -> Parked:
        signal, before = entry.signal, entry.again.parked if entry.again else None
        signal_id = signal.signal_id if signal else ""
        call = entry.calls[entry.at] if entry.calls else None
        topic, partition, offset = (
            (before.topic, before.partition, before.offset)
            if before
            else (entry.partition.place.topic, entry.lane.shard.number, entry.offset)
        )
        said = _Said.of(call, before, signal_id or f"{topic}/{partition}/{offset}")
        attempts = entry.attempts + (reason == REJECTED)  # a refusal is no failure, and was an attempt, too
        first_at = datetime.fromtimestamp(entry.first_at, UTC) if entry.first_at else now
        opens = (call.opens or None) if call else None
        if call is None and before:  # what cannot be said just now would still make known what it would have before
            opens = entry.lane.shard.sequence.opens(before.parked_id)
        no_signal = before is not None and not signal_id  # an item of history stays the one it is
        return Parked(
            parked_id=before.parked_id if before and no_signal else parked_id(self.account or self.sink, said.call_key),
            sink=self.sink,
            account=self.account,
            signal=entry.framed,
            signal_id=signal_id,
            customer_key=entry.lane.key.decode(errors="replace"),
            **said._asdict(),
            status=answer.status or None if answer else None,
            answer=answer.body[:ANSWER_KEPT] if answer else b"",
            fault=answer.fault if answer else None,
            reason=reason,
            attempts=attempts + (before.attempts if before else 0),
            first_at=before.first_at if before else first_at,
            last_at=now,
            topic=topic,
            partition=partition,
            offset=offset,
            opens=opens,
            behind=(call.needs or None) if call and reason.startswith(BEHIND) else None,
        )


class _Said(NamedTuple):
    """What was to leave. What cannot be said just now stays what it was."""

    says: str
    method: str
    path: str
    body: bytes
    call_key: str

    @staticmethod
    def of(call: Call | None, before: Parked | None, name: str) -> _Said:
        if call is not None:
            return _Said(call.says, call.method, call.path, call.body, call.key)
        if before is not None:
            return _Said(before.says, before.method, before.path, before.body, before.call_key)
        return _Said("", "", "", b"", name)


def parked_id(account: str, call_key: str) -> str:
    """The same call parked twice is one parked record: its topic is compacted by this id."""
    return hashlib.blake2b(f"{account}\0{call_key}".encode(), digest_size=16).hexdigest()
