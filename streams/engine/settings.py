"""What the engine is told from outside: where Kafka is, who we are, how long anything may take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from streams.security import Security

Compression = Literal["gzip", "snappy", "lz4", "zstd"]


@dataclass(frozen=True, slots=True)
class RestoreProgress:
    """One table partition being read back. `done` of `total` records; `seconds` since its worker began to restore."""

    table: str
    partition: int
    done: int
    total: int
    seconds: float
    finished: bool


def _nothing(*_: object) -> None:
    return None


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """Plain callables for metrics. Called on the event loop: they must return at once and never raise."""

    on_restore_progress: Callable[[RestoreProgress], None] = _nothing
    on_chunk: Callable[[str, int, int, float], None] = _nothing
    """topic, partition, records, seconds from delivery to ack"""
    on_commit: Callable[[Mapping[tuple[str, int], int]], None] = _nothing
    """(topic, partition) -> next offset, as the broker took it"""
    on_lag: Callable[[str, int, int], None] = _nothing
    """topic, partition, records the broker holds beyond what has been fetched"""
    on_kafka_error: Callable[[str], None] = _nothing
    """class name of an error that Kafka answered and the engine works around"""
    on_rebalance: Callable[[AbstractSet[tuple[str, int]]], None] = _nothing
    """every (topic, partition) owned from now on"""


@dataclass(frozen=True, kw_only=True)
class EngineSettings:
    """One worker. Durations are seconds, sizes bytes.

    `bootstrap` is host:port, several separated by commas. `group` is the consumer group and the prefix of every
    changelog.
    `state_dir` belongs to one process alone. Raises ValueError for values that cannot work together.
    """

    bootstrap: str
    group: str
    state_dir: Path
    store: Literal["memory", "rocksdb"] = "memory"
    store_max_age_seconds: float = 12 * 3600.0
    """An older RocksDB copy is read anew: the broker may have forgotten deletions (delete.retention.ms, 24 h by
    default).
    """

    chunk_records: int = 5000
    fetch_bytes_per_partition: int = 1 << 20
    commit_seconds: float = 0.5
    session_seconds: float = 10.0
    """Without a heartbeat for this long the group gives our partitions away."""
    heartbeat_seconds: float = 3.0
    drain_seconds: float = 10.0
    """A handler may take this long to finish after its partition was revoked; then the process ends."""
    stop_seconds: float = 1.5
    """All of stopping, from SIGTERM to having left the group."""
    stall_seconds: float = 300.0
    """A chunk, a restore or a join without progress for this long ends the process."""

    request_timeout_seconds: float = 30.0
    linger_seconds: float = 0.0
    batch_bytes: int = 500_000
    max_request_bytes: int = 8 << 20
    compression: Compression | None = None

    embedded_broker: bool = False
    """Set for `streams.broker.embedded`: it refuses group members that are slower than their leader."""
    security: Security = field(default_factory=Security)
    hooks: Hooks = field(default_factory=Hooks)

    def __post_init__(self) -> None:
        if not self.bootstrap or not self.group:
            raise ValueError("bootstrap and group must not be empty")
        if self.heartbeat_seconds * 2 > self.session_seconds:
            raise ValueError(
                f"heartbeat_seconds {self.heartbeat_seconds} exceeds half of session_seconds {self.session_seconds}"
            )
        if self.chunk_records < 1:
            raise ValueError(f"chunk_records {self.chunk_records} must be at least 1")
        if self.batch_bytes > self.max_request_bytes:
            raise ValueError(f"batch_bytes {self.batch_bytes} exceeds max_request_bytes {self.max_request_bytes}")
        if self.linger_seconds > 0.005:
            raise ValueError(
                f"linger_seconds {self.linger_seconds}: batches are built by hand, lingering only delays them"
            )
