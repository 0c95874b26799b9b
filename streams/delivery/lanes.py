"""Lanes: the book-keeping of what was fetched, whose turn it is within a customer, and how far may be committed.

Pure: no clock, no I/O. One lane holds the unfinished records of one customer in the order of the log; only its first
entry is ever worked on. A partition's watermark is the offset of its first unfinished record.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from schemas.signals import Signal
from sinks.contract import Call

FINISHED = -1
HISTORY = 4  # windows of it may wait beside a window of what is live


class Record(Protocol):
    """One fetched record; `timestamp` in milliseconds since the epoch."""

    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...


@dataclass(frozen=True, slots=True)
class End:
    """What the broker said about one partition: the offset fetched next, the end of the log, and when (monotonic)."""

    position: int
    highwater: int
    heard_at: float


class Entry:
    """One record on its way. `calls` is `None` until it is this entry's turn; `at` is the first call not finished."""

    __slots__ = (
        "alone", "at", "attempts", "blamed", "calls", "deferred", "done", "first_at", "history", "lane", "offset",
        "record", "seen", "signal", "size", "timestamp",
    )  # fmt: skip

    def __init__(self, record: Record, lane: Lane, at: int) -> None:
        self.record: Record | None = record
        self.lane = lane
        self.offset = record.offset
        self.timestamp = record.timestamp
        self.at = at
        self.size = len(record.value or b"")
        self.signal: Signal | None = None
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


class Lane:
    """One customer's queue. `queued` while it stands in line for a turn, `busy` during it; `loaded` while that turn is
    one of many lanes together."""

    __slots__ = ("busy", "cut", "dropped", "entries", "key", "loaded", "partition", "queued", "scope", "slot")

    def __init__(self, key: bytes, partition: Partition) -> None:
        self.key = key
        self.partition = partition
        self.entries: deque[Entry] = deque()
        self.busy = False
        self.queued = False
        self.loaded = False
        self.dropped = False  # its partition is no longer ours
        self.slot: Call | None = None  # the call that may leave in this turn
        self.scope: asyncio.Timeout | None = None  # what it is waiting in, while busy
        self.cut = False  # the scope was ended from outside: no verdict follows


class Partition:
    """What is held of one partition, in the order of its offsets."""

    __slots__ = (
        "bytes", "committed", "deferred", "deferred_bytes", "end", "expected", "full", "halted", "lanes", "looking",
        "number", "order", "unfinished", "waived",
    )  # fmt: skip

    def __init__(self, number: int) -> None:
        self.number = number
        self.order: deque[Entry] = deque()
        self.lanes: dict[bytes, Lane] = {}
        self.looking: set[Lane] = set()  # their reminder waits until more was fetched
        self.end: End | None = None
        self.expected = -1  # the lowest offset that may come next
        self.waived = -1  # reminders below this offset need not look any further
        self.committed = -1
        self.unfinished = 0
        self.bytes = 0
        self.deferred = 0  # of `unfinished`, what waits for live signals to be served first
        self.deferred_bytes = 0
        self.full = False
        self.halted = False

    @property
    def watermark(self) -> int:
        """Everything below is finished; -1 while nothing is known."""
        if self.order:
            return self.order[0].offset
        return max(self.expected, self.end.position if self.end else -1)

    @property
    def lag(self) -> int:
        return max(0, self.end.highwater - self.watermark) if self.end and self.watermark >= 0 else 0


class Lanes:
    """All partitions of this process. The bounds are those of `DeliverySettings`; `freed` is called when a partition
    that was full has room again."""

    def __init__(
        self,
        window_records: int,
        window_bytes: int,
        ahead_records: int,
        look_seconds: float,
        freed: Callable[[], None] = lambda: None,
    ) -> None:
        self._window_records = window_records
        self._window_bytes = window_bytes
        self._ahead_records = ahead_records
        self._look_seconds = look_seconds
        self._remembered: dict[int, dict[tuple[int, int], int]] = {}
        self._freed = freed
        self.partitions: dict[int, Partition] = {}

    def open(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self.partitions.setdefault(number, Partition(number))

    def close(self, numbers: Iterable[int]) -> None:
        """Forgets what is held, but not what is finished beyond the watermark: were the partition to come back, those
        records would be fetched again, and are not done again."""
        for number in numbers:
            if (partition := self.partitions.pop(number, None)) is None:
                continue
            kept = self._remembered.setdefault(number, {})
            for entry in partition.order:
                if entry.done or entry.at:
                    kept[entry.offset, entry.timestamp] = FINISHED if entry.done else entry.at
                entry.lane.dropped = True

    def add(self, number: int, records: Sequence[Record]) -> list[Lane]:
        """Puts records behind what is there; returns the lanes that had nothing and now have something to do."""
        partition = self.partitions.get(number)
        if partition is None:
            return []
        woken: list[Lane] = []
        remembered = self._remembered.get(number)
        for record in records:
            if record.offset < partition.expected:
                continue
            partition.expected = record.offset + 1
            at = remembered.pop((record.offset, record.timestamp), 0) if remembered else 0
            self._append(partition, record, at, woken)
        self._measure(partition)
        return woken

    def _append(self, partition: Partition, record: Record, at: int, woken: list[Lane]) -> None:
        key = record.key or b""
        lane = partition.lanes.get(key) or Lane(key, partition)
        entry = Entry(record, lane, max(at, 0))
        if at == FINISHED:
            entry.done = True
            if partition.order:  # it only holds its place in the order
                partition.order.append(entry)
            return
        partition.order.append(entry)
        partition.unfinished += 1
        partition.bytes += entry.size
        partition.lanes[key] = lane
        if lane.entries and lane.entries[0].deferred:
            self._defer(entry)
        lane.entries.append(entry)
        if len(lane.entries) == 1:
            woken.append(lane)

    def finish(self, entry: Entry) -> None:
        """The first entry of its lane is done with. Ends the lane when it was the last."""
        lane, partition = entry.lane, entry.lane.partition
        lane.entries.popleft()
        entry.done = True
        if entry.deferred:
            partition.deferred -= 1
            partition.deferred_bytes -= entry.size
        entry.record = entry.calls = entry.signal = None  # it only holds its place in the order now
        partition.unfinished -= 1
        partition.bytes -= entry.size
        partition.looking.discard(lane)
        if not lane.entries:
            partition.lanes.pop(lane.key, None)
        order = partition.order
        while order and order[0].done:
            order.popleft()
        self._measure(partition)

    def halt(self, numbers: Iterable[int]) -> None:
        """Nothing of these is begun any more; what is under way may finish. Ended by `close`."""
        for number in numbers:
            if partition := self.partitions.get(number):
                partition.halted = True

    def heard(self, ends: Mapping[int, End]) -> None:
        for number, end in ends.items():
            if partition := self.partitions.get(number):
                partition.end = end

    def defer(self, lane: Lane) -> None:
        """The lane's history waits for live signals: more is fetched meanwhile, up to `HISTORY` times the window."""
        for entry in lane.entries:
            if not entry.deferred:
                self._defer(entry)
        self._measure(lane.partition)

    def _defer(self, entry: Entry) -> None:
        entry.deferred = True
        entry.lane.partition.deferred += 1
        entry.lane.partition.deferred_bytes += entry.size

    def _measure(self, partition: Partition) -> None:
        """Full at the bound, open again at half of it: a fetch for every single finished call would be wasteful."""
        held = max(
            (partition.unfinished - partition.deferred) / self._window_records,
            (partition.bytes - partition.deferred_bytes) / self._window_bytes,
            partition.deferred / (HISTORY * self._window_records),
            partition.deferred_bytes / (HISTORY * self._window_bytes),
        )
        if partition.order:
            span = partition.expected - partition.order[0].offset
            held = max(held, span / self._ahead_records)
        was, partition.full = partition.full, held >= (0.5 if partition.full else 1.0)
        if was and not partition.full:
            self._freed()

    def roomy(self) -> list[int]:
        """The partitions to fetch from."""
        return [p.number for p in self.partitions.values() if not p.full and not p.halted]

    def may_leave(self, entry: Entry, now: float) -> bool:
        """Whether a reminder has seen all that can be known: everything up to the end of its partition's log as heard
        recently; or the bounds are reached and only reminders that wait for this could make room."""
        partition = entry.lane.partition
        if entry.offset < partition.waived:
            return True
        if partition.full:
            return self._waive(partition)
        end = partition.end
        return end is not None and end.position >= end.highwater and now - end.heard_at <= self._look_seconds

    def may_look_again(self, now: float) -> list[Lane]:
        """The lanes whose reminder waited for more to be fetched, and need not any longer."""
        looking = [lane for p in self.partitions.values() for lane in p.looking]
        return [lane for lane in looking if self.may_leave(lane.entries[0], now)]

    def _waive(self, partition: Partition) -> bool:
        """Lets every reminder held here go, once there is no other way on."""
        stuck = all(lane in partition.looking for lane in partition.lanes.values())
        far_ahead = partition.expected - partition.order[0].offset >= self._ahead_records
        if stuck or far_ahead:
            partition.waived = partition.expected
        return stuck or far_ahead

    def committable(self) -> dict[int, int]:
        """Partition to offset, where the watermark moved since the last `committed`."""
        return {n: p.watermark for n, p in self.partitions.items() if p.watermark > max(p.committed, 0)}

    def committed(self, offsets: dict[int, int]) -> None:
        for number, offset in offsets.items():
            if partition := self.partitions.get(number):
                partition.committed = max(partition.committed, offset)

    def busy(self, numbers: Iterable[int]) -> list[Lane]:
        owned = (self.partitions[n] for n in numbers if n in self.partitions)
        return [lane for p in owned for lane in p.lanes.values() if lane.busy]
