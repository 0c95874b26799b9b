"""Deadlines: time that has passed becomes an event in a log, for whoever waited for it. An hour of silence, or the part
of an order that does not come.

When it has is for the `Frontier` to say. Per owned partition a heap holds one entry for each key that has something
due; a key whose deadline moved later is looked at again when the earlier entry comes up. Cost per tick is that of what
is due, not of how many keys there are.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from streams.worker.frontier import Frontier
from streams.worker.ports import Milliseconds, Outbox, States
from streams.worker.stored import NEVER, due_at

BREATH = 5_000  # entries put into a heap before the event loop gets a turn
BURST = 2_000  # deadlines appended to one partition per batch
Entry = Callable[[bytes, int], tuple[int, bytes | None]]


class Told(Protocol):
    """What is counted of deadlines."""

    def pending(self, count: int) -> None: ...

    def fired(self, late_ms: int) -> None: ...


@dataclass(slots=True)
class Heap:
    """Who is due when, in one partition: at most one live entry per key."""

    _entries: list[tuple[int, bytes]] = field(default_factory=list)
    _scheduled: dict[bytes, int] = field(default_factory=dict)

    def push(self, due: int, key: bytes) -> None:
        scheduled = self._scheduled.get(key)
        if due == NEVER or (scheduled is not None and scheduled <= due):
            return
        self._scheduled[key] = due
        heapq.heappush(self._entries, (due, key))

    def pop(self, until: int) -> bytes | None:
        while self._entries and self._entries[0][0] <= until:
            due, key = heapq.heappop(self._entries)
            if self._scheduled.get(key) == due:
                del self._scheduled[key]
                return key
        return None

    def __len__(self) -> int:
        return len(self._scheduled)


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Of one table, whose log is `topic`. `entry(stored, clock)` is when this state is due, and what is then to be
    appended; None while its time has not come: then it is looked at again when it is due."""

    table: States
    entry: Entry
    outbox: Outbox
    topic: str
    frontier: Frontier
    now: Milliseconds
    metrics: Told
    heaps: dict[int, Heap] = field(default_factory=dict)

    async def opened(self, partition: int) -> None:
        """The partition is ours and restored: its heap is made anew from what is remembered."""
        heap = Heap()
        for n, (key, stored) in enumerate(self.table.items(partition), 1):
            heap.push(due_at(stored), key)
            if n % BREATH == 0:
                await asyncio.sleep(0)
        self.heaps[partition] = heap

    def closed(self, partition: int) -> None:
        self.heaps.pop(partition, None)
        self.frontier.lost(partition)

    def due(self, partition: int, key: bytes, at: int) -> None:
        heap = self.heaps.get(partition)
        if heap is not None:
            heap.push(at, key)

    async def tick(self) -> None:
        """Lets time pass in every owned partition as far as it may."""
        await self.frontier.look(self.now())
        for partition in list(self.heaps):
            await self._fire(partition, self.frontier.clock(partition))
        self.metrics.pending(sum(map(len, self.heaps.values())))

    async def _fire(self, partition: int, clock: int) -> None:
        heap = self.heaps.get(partition)
        if heap is None:
            return
        reached = self._reached(partition, heap, clock)
        while burst := list(islice(reached, BURST)):
            try:
                await self.outbox.send_spread(self.topic, {partition: [item for _, item in burst]})
            except BaseException:
                for due, (key, _) in burst:  # not known to be in the log: still due, and harmless there twice
                    heap.push(due, key)
                raise
            for due, _ in burst:
                self.metrics.fired(clock - due)

    def _reached(self, partition: int, heap: Heap, clock: int) -> Iterator[tuple[int, tuple[bytes, bytes]]]:
        """Due times and entries of the log, off the heap."""
        while (key := heap.pop(clock)) is not None:
            stored = self.table.get(partition, key)
            if stored is None:
                continue
            due, entry = self.entry(stored, clock) if due_at(stored) <= clock else (due_at(stored), None)
            if entry is None:  # it moved later, or waits for its grace
                heap.push(due, key)
            else:
                yield due, (key, entry)
