"""Reads a parked topic in bulk, outside of any group: an index of what is parked, the bytes of some of it, what comes.

Raises `TopicsUnavailable` when Kafka or the topic is away, and `RegistryError` when a schema cannot be had.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from schemas.codec import Codec, SchemaMissing, Undecodable
from schemas.records import Parked
from shoprelay.parked.rows import Row, row_of
from streams.topics import TopicsUnavailable

AT_ONCE = 1_000  # records of one look
LOOK_SECONDS = 0.2
SILENCE_SECONDS = 30.0  # of a broker that should have had something to say
PASSING = (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._RESOLVE)

T = TypeVar("T")
Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Index:
    """`rows` by id; `ends` says, per partition, up to where it was read."""

    ends: dict[int, int]
    rows: dict[str, Row] = field(default_factory=dict)
    unreadable: int = 0


class Decoding(Generic[T]):
    """A codec that learns the schemas it meets."""

    def __init__(self, codec: Codec[Any]) -> None:
        self._codec = codec

    async def __call__(self, framed: bytes) -> T:
        """Raises `Undecodable` and `RegistryError`."""
        try:
            return self._codec.decode(framed)  # type: ignore[no-any-return]
        except SchemaMissing as missing:
            await self._codec.fetch(missing.schema_id)
        return self._codec.decode(framed)  # type: ignore[no-any-return]


class ParkedTopic:
    """`options` are librdkafka's. Use it with `with`."""

    def __init__(self, options: Mapping[str, Any], topic: str, decode: Decoding[Parked]) -> None:
        self._topic, self._decode = topic, decode
        # A consumer must not be closed while it is asked: whatever is done with it is done by this one thread.
        self._thread = ThreadPoolExecutor(1, "parked")
        self._consumer = Consumer(
            {
                "group.id": "shoprelay-parked",  # asked for by the library; nothing is ever committed under it
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 50,
                "queued.max.messages.kbytes": 16_384,
                "log_level": 0,
                **options,
            }
        )

    def __enter__(self) -> ParkedTopic:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.submit(self._consumer.close).result()
        self._thread.shutdown()

    async def index(self, progress: Progress = lambda done, of: None) -> Index:
        """What is parked now. Holds small fields alone, whatever the size of the records."""
        starts, ends = await self._asked(self._bounds)
        total, done = sum(ends.values()) - sum(starts.values()), 0
        index = Index(ends)
        async for records in self._until(starts, ends):
            for record in records:
                await self._enter(index, record)
            done += len(records)
            progress(min(done, total), total)
        progress(total, total)
        return index

    async def _enter(self, index: Index, record: Any) -> None:
        name = (record.key() or b"").decode(errors="replace")
        try:
            row = await self._row(record)
        except Undecodable:
            index.unreadable += 1
            return
        if row is None:
            index.rows.pop(name, None)
        else:
            index.rows[name] = row

    async def _row(self, record: Any) -> Row | None:
        """None for a call that is parked no longer."""
        value = record.value()
        if value is None:
            return None
        return row_of(await self._decode(value), record.partition(), record.offset())

    async def values(self, rows: Iterable[Row]) -> AsyncIterator[tuple[Row, bytes]]:
        """The very bytes of these records, in the order in which they stand; without those that have gone."""
        wanted = {(row.partition, row.place): row for row in rows}
        starts: dict[int, int] = {}
        ends: dict[int, int] = {}
        for partition, place in wanted:
            starts[partition] = min(place, starts.get(partition, place))
            ends[partition] = max(place + 1, ends.get(partition, 0))
        async for records in self._until(starts, ends):
            for record in records:
                row = wanted.get((record.partition(), record.offset()))
                if row is not None and record.value() is not None:
                    yield row, record.value()

    async def changes(
        self, after: Mapping[int, int], about: Callable[[str], bool]
    ) -> AsyncGenerator[list[tuple[str, Row | None]], None]:
        """What was written from these offsets on, for ever, about ids that matter; an empty list where nothing was."""
        self._assign(after)
        while True:
            found = []
            for record in await self._look():
                name = (record.key() or b"").decode(errors="replace")
                if record.error() is None and about(name):
                    with suppress(Undecodable):
                        found.append((name, await self._row(record)))
            yield found

    # -- the hands

    async def _asked(self, ask: Callable[..., T], *given: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, ask, *given)

    def _bounds(self) -> tuple[dict[int, int], dict[int, int]]:
        try:
            known = self._consumer.list_topics(timeout=SILENCE_SECONDS).topics.get(self._topic)
            if known is None or not known.partitions:
                raise TopicsUnavailable(f"{self._topic}: there is no such topic; run `shoprelay topics create`")
            bounds = {
                number: self._consumer.get_watermark_offsets(TopicPartition(self._topic, number), SILENCE_SECONDS)
                for number in known.partitions
            }
        except KafkaException as silent:
            raise _unavailable(silent.args[0]) from None
        return {n: first for n, (first, _) in bounds.items()}, {n: end for n, (_, end) in bounds.items()}

    def _assign(self, starts: Mapping[int, int]) -> None:
        self._consumer.assign([TopicPartition(self._topic, number, offset) for number, offset in starts.items()])

    async def _until(self, starts: Mapping[int, int], ends: Mapping[int, int]) -> AsyncIterator[list[Any]]:
        """All records of these ranges; compaction leaves gaps, so positions count and not records."""
        unread = {number for number, first in starts.items() if first < ends[number]}
        self._assign({number: starts[number] for number in unread})
        heard = time.monotonic()
        while unread:
            records = []
            for record in await self._look():
                heard, number = time.monotonic(), record.partition()
                ended = record.error() is not None or record.offset() >= ends[number] - 1
                if record.error() is None and record.offset() < ends[number]:
                    records.append(record)
                if ended:
                    unread.discard(number)
            if records:
                yield records
                heard = time.monotonic()  # who takes them may take their time
            elif unread and time.monotonic() - heard > SILENCE_SECONDS:
                raise TopicsUnavailable(f"{self._topic}: Kafka sends nothing; look at the brokers' logs")

    async def _look(self) -> list[Any]:
        """Records and ends of partitions."""
        found = await self._asked(self._consumer.consume, AT_ONCE, LOOK_SECONDS)
        kept = []
        for record in found:
            error = record.error()
            if error is None or error.code() == KafkaError._PARTITION_EOF:
                kept.append(record)
            elif error.code() not in PASSING:
                raise _unavailable(error)
        return kept


def _unavailable(error: Any) -> TopicsUnavailable:
    remedy = "check kafka.bootstrap, the security settings, and that this user may Read"
    return TopicsUnavailable(f"Kafka does not answer: {error.str()}; {remedy}")
