"""Where the state of one table partition lives: a dict, or a RocksDB folder that survives the process.

A store holds, besides its items, the changelog offset it reflects (`position`, the next one to apply) and the largest
owner's token
seen up to there (`fence.py`). The three always change together.
"""

from __future__ import annotations

import shutil
import struct
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import rocksdict

from streams.engine.fence import NO_TOKEN
from streams.engine.settings import EngineSettings

_META_KEY = b"\x00shoprelay-meta"
_META = struct.Struct(">q8sd")  # position, token, wall time of the write


class Store(Protocol):
    """One table partition. All calls return at once; none may be called after `close`."""

    position: int
    token: bytes

    def get(self, key: bytes) -> bytes | None: ...

    def get_many(self, keys: Collection[bytes]) -> dict[bytes, bytes]:
        """Only the keys that exist."""
        ...

    def items(self) -> Iterator[tuple[bytes, bytes]]: ...

    def write(self, items: Mapping[bytes, bytes | None], position: int, token: bytes) -> None:
        """Apply the items (None deletes) and remember that the changelog is reflected up to `position`, in one step."""
        ...

    def __len__(self) -> int:
        """Number of items; an estimate where counting would read everything."""
        ...

    def close(self) -> None:
        """Release files and memory; what was written stays where the kind of store keeps it."""
        ...

    def wipe(self) -> None:
        """Forget everything; position 0."""
        ...


class MemoryStore:
    """A dict. Kept while the worker owns the partition, gone with the process."""

    def __init__(self) -> None:
        self.position, self.token = 0, NO_TOKEN
        self._items: dict[bytes, bytes] = {}
        self.get = self._items.get

    def get_many(self, keys: Collection[bytes]) -> dict[bytes, bytes]:
        items = self._items
        return {k: items[k] for k in keys if k in items}

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        return iter(self._items.items())

    def write(self, items: Mapping[bytes, bytes | None], position: int, token: bytes) -> None:
        mine = self._items
        for key, value in items.items():
            if value is None:
                mine.pop(key, None)
            else:
                mine[key] = value
        self.position, self.token = position, token

    def __len__(self) -> int:
        return len(self._items)

    def close(self) -> None:
        self.wipe()

    def wipe(self) -> None:
        self._items.clear()
        self.position, self.token = 0, NO_TOKEN


def _options() -> rocksdict.Options:
    """Small buffers: dozens of partitions share one worker. Values are read by whole key, hence the Bloom filter."""
    options = rocksdict.Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(16 << 20)
    options.set_max_write_buffer_number(2)
    options.set_keep_log_file_num(2)
    options.set_compression_type(rocksdict.DBCompressionType.lz4())
    blocks = rocksdict.BlockBasedOptions()
    blocks.set_bloom_filter(10.0, False)
    blocks.set_block_cache(_cache())
    options.set_block_based_table_factory(blocks)
    return options


_shared: list[rocksdict.Cache] = []


def _cache() -> rocksdict.Cache:
    """One block cache of 64 MB for all partitions of the process, so that memory does not grow with their number."""
    if not _shared:
        _shared.append(rocksdict.Cache(64 << 20))
    return _shared[0]


class RocksStore:
    """A RocksDB folder. Items and position are one write batch, so a crash leaves them agreeing with each other.

    Opening and closing may take a while and belong into a thread. A folder not written for `max_age_seconds` is read
    anew.
    """

    def __init__(self, path: Path, max_age_seconds: float) -> None:
        self._path = path
        self.position, self.token = 0, NO_TOKEN
        path.mkdir(parents=True, exist_ok=True)
        self._db = rocksdict.Rdict(str(path), _options())
        meta = self._db.get(_META_KEY)
        if meta is not None:
            self.position, self.token, at = _META.unpack(meta)
            if not 0 <= time.time() - at <= max_age_seconds:
                self.wipe()
        self.get = self._db.get

    def get_many(self, keys: Collection[bytes]) -> dict[bytes, bytes]:
        wanted = list(keys)
        return {k: v for k, v in zip(wanted, self._db.get(wanted), strict=True) if v is not None}

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        items: Any = self._db.items(from_key=b"\x01")  # behind the reserved zero byte
        return iter(items)

    def write(self, items: Mapping[bytes, bytes | None], position: int, token: bytes) -> None:
        batch = rocksdict.WriteBatch(raw_mode=True)
        put, delete = batch.put, batch.delete
        for key, value in items.items():
            if value is None:
                delete(key)
            else:
                put(key, value)
        put(_META_KEY, _META.pack(position, token, time.time()))
        self._db.write(batch)
        self.position, self.token = position, token

    def __len__(self) -> int:
        return int(self._db.property_int_value("rocksdb.estimate-num-keys") or 0)

    def close(self) -> None:
        self._db.close()

    def wipe(self) -> None:
        self._db.close()
        shutil.rmtree(self._path)
        self._path.mkdir(parents=True)
        self._db = rocksdict.Rdict(str(self._path), _options())
        self.get = self._db.get
        self.position, self.token = 0, NO_TOKEN


def open_store(settings: EngineSettings, table: str, partition: int) -> Store:
    """Raises Exception of RocksDB if another process holds the folder."""
    if settings.store == "memory":
        return MemoryStore()
    return RocksStore(settings.state_dir / "tables" / table / str(partition), settings.store_max_age_seconds)
