"""State: tables of bytes, one store per owned partition, every change first in the changelog and then in the store."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mode import Service

from streams.engine import restore
from streams.engine.exits import fatal
from streams.engine.fence import CLAIM_KEY, NO_TOKEN, Headers, headers_of, token_of_record
from streams.engine.stores import Store, open_store

if TYPE_CHECKING:
    from streams.engine.app import Engine

log = logging.getLogger("streams.engine")

PartitionCallback = Callable[[int], Awaitable[None] | None]


class NotOwned(LookupError):
    """The partition is not ours, or not restored yet. A handler of one of its records never meets this."""


class Partition:
    """One owned table partition: its store, the token it may write under, and a lock, because offsets must follow
    each other.
    """

    __slots__ = ("headers", "lock", "opened", "store", "token")

    def __init__(self, store: Store) -> None:
        self.store = store
        self.lock = asyncio.Lock()
        self.opened = False
        self.claimed_by(NO_TOKEN)

    def claimed_by(self, token: bytes) -> None:
        self.token: bytes = token
        self.headers: Headers = headers_of(token)


class Table(Service):
    """Bytes by key and partition; made by `app.Table(name, partitions=N, topic=…)`. Its changelog is `changelog`, or
    `<group>-<name>-changelog` as Faust would name it.

    A worker owns partition p of the table while it is assigned partition p of `topic`; without `topic`, of any topic it
    reads
    that has N partitions. Keys must not begin with the zero byte.
    """

    def __init__(
        self,
        app: Any,
        *,
        name: str,
        partitions: int,
        topic: str | None = None,
        changelog: str | None = None,
        help: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(beacon=kwargs.get("beacon"))
        self.app, self.name, self.help = app, name, help
        self.engine: Engine = app.engine
        self.partitions, self.topic = partitions, topic
        self.changelog = changelog or f"{self.engine.settings.group}-{name}-changelog"
        self.held: dict[int, Partition] = {}
        self._get: dict[int, Callable[[bytes], bytes | None]] = {}
        self._on_opened: list[PartitionCallback] = []
        self._on_closed: list[PartitionCallback] = []

    # -- reading

    @property
    def owned(self) -> set[int]:
        """Partitions restored and open for handlers now."""
        return set(self._get)

    def get(self, partition: int, key: bytes) -> bytes | None:
        """Raises NotOwned."""
        try:
            return self._get[partition](key)
        except KeyError:
            raise NotOwned(f"table {self.name}: partition {partition} is not owned by this worker") from None

    def get_many(self, partition: int, keys: Collection[bytes]) -> dict[bytes, bytes]:
        """Only the keys that exist. Raises NotOwned."""
        return self._open_partition(partition).store.get_many(keys)

    def items(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        """Every (key, value) of the partition; do not write to the table while iterating. Raises NotOwned."""
        return self._open_partition(partition).store.items()

    def size(self, partition: int) -> int:
        """Number of keys, an estimate with RocksDB. Raises NotOwned."""
        return len(self._open_partition(partition).store)

    def _open_partition(self, partition: int) -> Partition:
        if partition not in self._get:
            raise NotOwned(f"table {self.name}: partition {partition} is not owned by this worker")
        return self.held[partition]

    # -- writing

    async def put_many(self, partition: int, items: Mapping[bytes, bytes | None]) -> None:
        """Write all items, None deletes: to the changelog, acked by the broker, then to the store.

        Raises NotOwned, and KafkaError if the broker refuses; then the store is unchanged. Ends the process if another
        worker has
        claimed the partition meanwhile (`fence.py`).
        """
        part = self._open_partition(partition)
        if items:
            async with part.lock:
                await self._write(partition, part, items)

    async def _write(self, partition: int, part: Partition, items: Mapping[bytes, bytes | None]) -> None:
        expected = part.store.position + len(items)
        after = await self.app.producer.send_many(self.changelog, partition, items.items(), headers=part.headers)
        if after == expected:
            part.store.write(items, expected, part.token)
            return
        after, stale = await self._look_into_gap(partition, part, len(items), after)
        if stale:  # restated before the position moves on: a crash in between finds them stale again
            log.warning("%s/%d: a former owner still writes; %d keys restated", self.changelog, partition, len(stale))
            restated = {key: items[key] if key in items else part.store.get(key) for key in stale}
            await self.app.producer.send_many(self.changelog, partition, restated.items(), headers=part.headers)
        part.store.write(items, after, part.token)

    async def _look_into_gap(self, partition: int, part: Partition, wrote: int, after: int) -> tuple[int, set[bytes]]:
        """Somebody else's records lie among ours: whose? Returns the true next offset and the keys a former owner
        touched.
        """
        start = part.store.position
        until = after if after > start + wrote else 0  # an ack of a repeated batch may carry no offset
        records = await restore.read_range(self.engine.settings, self.changelog, partition, start, until)
        if any(r.key == CLAIM_KEY for r in records):
            fatal(f"{self.changelog}/{partition} was claimed by another worker; this one no longer owns it")
        tokens = [token_of_record(r) for r in records]
        if tokens.count(part.token) < wrote:
            fatal(f"{self.changelog}/{partition}: {wrote} records acked, {tokens.count(part.token)} found in the log")
        stale = {r.key for r, token in zip(records, tokens, strict=True) if token != part.token}
        return records[-1].offset + 1, stale

    # -- opening and closing, by the table manager

    def on_opened(self, callback: PartitionCallback) -> PartitionCallback:
        """Decorator. Called with a partition after its restore and before its first chunk; may be async. Each open
        has one close.
        """
        self._on_opened.append(callback)
        return callback

    def on_closed(self, callback: PartitionCallback) -> PartitionCallback:
        """Decorator. Called with a partition that is given back; nothing of it may be written from then on."""
        self._on_closed.append(callback)
        return callback

    async def hold(self, partition: int) -> Partition:
        """The partition's store, opened if it is not held yet, but not readable before `open`."""
        if partition not in self.held:
            opening = asyncio.ensure_future(asyncio.to_thread(open_store, self.engine.settings, self.name, partition))
            try:
                await asyncio.shield(opening)
            finally:  # a rebalance may cancel us, but an opened folder must not be lost sight of
                self.held[partition] = Partition(await opening)
        return self.held[partition]

    async def open(self, partition: int) -> None:
        """Restored: readable from now on."""
        part = self.held[partition]
        part.opened = True
        self._get[partition] = part.store.get
        for callback in self._on_opened:
            if inspect.isawaitable(result := callback(partition)):
                await result

    async def close(self, partition: int) -> None:
        """No longer readable; the store stays held until `drop`, in case the partition comes back at once."""
        if self._get.pop(partition, None) is None:
            return
        self.held[partition].opened = False
        for callback in self._on_closed:
            if inspect.isawaitable(result := callback(partition)):
                await result

    async def drop(self, partition: int) -> None:
        """Let go of a store that another worker's partition is now."""
        part = self.held.pop(partition, None)
        if part is not None:
            closing = asyncio.ensure_future(asyncio.to_thread(part.store.close))
            try:
                await asyncio.shield(closing)
            finally:  # whoever opens the folder next must find it closed
                await closing

    def __hash__(self) -> int:
        return object.__hash__(self)

    def using_window(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("windows are not part of this engine; keep times in the values")
