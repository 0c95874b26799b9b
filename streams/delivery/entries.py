"""What is held of the log: records on their way, customers' queues, and the partitions they come from. No behaviour."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from aiokafka import TopicPartition

from schemas.records import Parked
from schemas.signals import AnySignal
from sinks.contract import Call
from streams.delivery.sequence import Sequenced


class Record(Protocol):
    """One fetched record; `timestamp` in milliseconds since the epoch."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


@dataclass(frozen=True, slots=True)
class End:
    """What the broker said about one partition: the offset fetched next, the end of the log, and when (monotonic)."""

    position: int
    highwater: int
    heard_at: float


@dataclass(frozen=True, slots=True)
class Again:
    """A parked call on its second way: what was parked, and whether to send it again or to `drop` it."""

    parked: Parked
    drop: bool


class Entry:
    """One record on its way. `calls` is `None` until it is this entry's turn; `at` is the first call not finished."""

    __slots__ = (
        "again", "alone", "at", "attempts", "blamed", "calls", "deferred", "done", "first_at", "history", "lane",
        "offset", "partition", "record", "seen", "signal", "size", "timestamp",
    )  # fmt: skip

    def __init__(self, record: Record, lane: Lane, partition: Partition, at: int) -> None:
        self.record: Record | None = record
        self.lane = lane
        self.partition = partition
        self.offset = record.offset
        self.timestamp = record.timestamp
        self.at = at
        self.size = len(record.value or b"")
        self.again: Again | None = None
        self.signal: AnySignal | None = None
        self.calls: tuple[Call, ...] | None = None
        self.done = False
        self.alone = False  # never beside others in one request
        self.history = False  # gives way to what is live
        self.deferred = False  # ... and is waiting for that
        self.attempts = 0  # failures of the call at `at`, throttling left out
        self.blamed = 0  # ... of them, those with a success of somebody else in between
        self.seen = 0  # the sink's count of successes at the last failure
        self.first_at = 0.0  # wall clock of the first attempt of the call at `at`; 0 before it

    @property
    def next_call(self) -> Call | None:
        return self.calls[self.at] if self.calls else None

    @property
    def framed(self) -> bytes:
        """The signal as it stood on its topic."""
        if self.again is not None:
            return self.again.parked.signal
        assert self.record is not None, "a finished entry is not looked at again"
        return self.record.value or b""


class Lane:
    """One customer's, or one product's, queue. `queued` while it stands in line for a turn, `busy` during it; `loaded`
    while that turn is one of many lanes together."""

    __slots__ = ("busy", "cut", "dropped", "entries", "key", "loaded", "queued", "scope", "shard", "slot")

    def __init__(self, key: bytes, shard: Shard) -> None:
        self.key = key
        self.shard = shard
        self.entries: deque[Entry] = deque()
        self.busy = False
        self.queued = False
        self.loaded = False
        self.dropped = False  # its shard is no longer ours
        self.slot: Call | None = None  # the call that may leave in this turn
        self.scope: asyncio.Timeout | None = None  # what it is waiting in, while busy
        self.cut = False  # the scope was ended from outside: no verdict follows


class Shard:
    """The customers and products of one partition number: signals and what an operator sent again share their lanes.

    `known` is false until it was read what the shard's last owner had finished and what is parked.
    """

    __slots__ = ("halted", "known", "lanes", "looking", "number", "sequence", "signals")

    def __init__(self, number: int) -> None:
        self.number = number
        self.known = False
        self.halted = False
        self.lanes: dict[bytes, Lane] = {}
        self.looking: dict[Lane, None] = {}  # their reminder waits until more was fetched; in the order they came
        self.signals: Partition | None = None
        self.sequence = Sequenced()


class Partition:
    """What is held of one partition of one topic, in the order of its offsets. `second`: of what is sent again."""

    __slots__ = (
        "beyond", "bytes", "committed", "deferred", "deferred_bytes", "end", "expected", "finished", "full", "moved",
        "order", "place", "second", "shard", "unfinished", "waived",
    )  # fmt: skip

    def __init__(self, place: TopicPartition, shard: Shard, second: bool) -> None:
        self.place = place
        self.shard = shard
        self.second = second
        self.order: deque[Entry] = deque()
        self.end: End | None = None
        self.expected = -1  # the lowest offset that may come next
        self.finished: set[int] = set()  # by the last owner, beyond what it committed
        self.waived = -1  # reminders below this offset need not look any further
        self.committed = -1
        self.moved = False  # something was finished since the last commit
        self.unfinished = 0
        self.beyond: set[int] = set()  # finished beyond the watermark, in `order`
        self.bytes = 0
        self.deferred = 0  # of `unfinished`, what waits for live signals to be served first
        self.deferred_bytes = 0
        self.full = False

    @property
    def watermark(self) -> int:
        """Everything below is finished; -1 while nothing is known."""
        if self.order:
            return self.order[0].offset
        return max(self.expected, self.end.position if self.end else -1)

    @property
    def lag(self) -> int:
        return max(0, self.end.highwater - self.watermark) if self.end and self.watermark >= 0 else 0
