"""Deadlines: an hour of silence becomes an event in the customer's log.

A deadline may fire when nothing that could still prevent it is under way. Everything that was in the front door at
wall time t must have been ingested, and what came of it must have been folded: by the whole group, whoever owns the
partition, because a cookie's log may have to hand a purchase on to its owner's. Then what was handed on must have been
folded here: now the partition's clock is t. So a backlog never fires anything however late it is, a stamp from the
future moves nobody's clock, and with nothing under way the clock is the wall clock.

    t  ends of the front doors noted ─► group committed past them ─► ends of all logs noted ─► group committed past them
       ─► end of our own log noted ─► folded past it ─► clock[p] = t

Per owned partition a heap holds one entry for each customer that has something due; a customer whose deadline moved
later is looked at again when the earlier entry comes up. Cost per tick is that of what is due, not of how many carts
there are.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from schemas.codec import Codec
from schemas.events import CustomerEvent
from streams.domain.fold import deadline_event
from streams.worker.metrics import WorkerMetrics
from streams.worker.ports import Milliseconds, Outbox, Policies, States
from streams.worker.stored import NEVER, due_at, load

Offsets = Mapping[int, int]
BREATH = 5_000  # entries put into a heap before the event loop gets a turn
BURST = 2_000  # deadlines appended to one partition per batch
MEMORY = 64  # samples of the front doors that are kept while ingest lags


@dataclass(slots=True)
class Passage:
    """Where topics ended, and when. `passed(committed)` is the latest of these times whose ends the whole group
    has passed, and `None` when there is none; it forgets that one and what was before."""

    _samples: deque[tuple[int, dict[str, Offsets]]] = field(default_factory=deque)

    def sampled(self, at: int, ends: dict[str, Offsets]) -> None:
        if len(self._samples) == MEMORY:  # keep the oldest, which lag will pass first, and the newest
            del self._samples[MEMORY // 2]
        self._samples.append((at, ends))

    def passed(self, committed: dict[str, Offsets]) -> int | None:
        latest = None
        while self._samples and _behind(self._samples[0][1], committed):
            latest = self._samples.popleft()[0]
        return latest

    def __len__(self) -> int:
        return len(self._samples)


@dataclass(slots=True)
class Frontier:
    """Up to which wall time everything that came in has been folded, per partition. Pure book-keeping.

    `doors` are the topics that shops write to, `logs` all customers' logs. `to_fold(t, ends)` notes how far a partition
    must be folded to have the clock `t`; `folded` is its clock in milliseconds, 0 when nothing is known yet.
    """

    doors: Passage = field(default_factory=Passage)
    logs: Passage = field(default_factory=Passage)
    _waiting: dict[int, deque[tuple[int, int]]] = field(default_factory=dict)
    _clock: dict[int, int] = field(default_factory=dict)

    def to_fold(self, at: int, ends: Offsets) -> None:
        for partition, end in ends.items():
            waiting = self._waiting.setdefault(partition, deque())
            if len(waiting) == MEMORY:
                del waiting[MEMORY // 2]
            waiting.append((at, end))

    def folded(self, partition: int, position: int) -> int:
        waiting = self._waiting.get(partition)
        while waiting and waiting[0][1] <= position:
            self._clock[partition] = waiting.popleft()[0]
        return self._clock.get(partition, 0)

    def lost(self, partition: int) -> None:
        self._waiting.pop(partition, None)
        self._clock.pop(partition, None)


def _behind(ends: dict[str, Offsets], committed: dict[str, Offsets]) -> bool:
    return all(
        committed.get(topic, {}).get(partition, 0) >= end
        for topic, partitions in ends.items()
        for partition, end in partitions.items()
    )


@dataclass(slots=True)
class Heap:
    """Who is due when, in one partition: at most one live entry per customer."""

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
    """One per worker. `front_ends` and `log_ends` ask the broker where topics end, `committed` how far the whole group
    is in both; `position(p)` is how far the fold has come in its own partition p."""

    events: Codec[CustomerEvent]
    customers: States
    outbox: Outbox
    policies: Policies
    now: Milliseconds
    front_ends: Callable[[], Awaitable[dict[str, Offsets]]]
    committed: Callable[[], Awaitable[dict[str, Offsets]]]
    log_ends: Callable[[], Awaitable[Offsets]]
    position: Callable[[int], int]
    events_topic: str
    metrics: WorkerMetrics
    heaps: dict[int, Heap] = field(default_factory=dict)
    frontier: Frontier = field(default_factory=Frontier)

    async def opened(self, partition: int) -> None:
        """The partition is ours and restored: its heap is made anew from what is remembered."""
        heap = Heap()
        for n, (key, stored) in enumerate(self.customers.items(partition), 1):
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
        at = self.now()
        self.frontier.doors.sampled(at, await self.front_ends())
        committed = await self.committed()
        if (taken_in := self.frontier.doors.passed(committed)) is not None:
            self.frontier.logs.sampled(taken_in, {self.events_topic: await self.log_ends()})
        if (handed_on := self.frontier.logs.passed(committed)) is not None:
            self.frontier.to_fold(handed_on, await self.log_ends())
        for partition in list(self.heaps):
            clock = self.frontier.folded(partition, self.position(partition))
            await self._fire(partition, clock)
        self.metrics.pending(sum(map(len, self.heaps.values())))

    async def _fire(self, partition: int, clock: int) -> None:
        heap = self.heaps.get(partition)
        if heap is None:
            return
        reached = self._reached(partition, heap, clock)
        while burst := list(islice(reached, BURST)):
            try:
                await self.outbox.send_spread(self.events_topic, {partition: [item for _, item in burst]})
            except BaseException:
                for due, (key, _) in burst:  # not known to be in the log: still due, and harmless there twice
                    heap.push(due, key)
                raise
            for due, _ in burst:
                self.metrics.fired(clock - due)

    def _reached(self, partition: int, heap: Heap, clock: int) -> Iterator[tuple[int, tuple[bytes, bytes]]]:
        """Due times and entries of the log, off the heap."""
        while (key := heap.pop(clock)) is not None:
            stored = self.customers.get(partition, key)
            if stored is None or (due := due_at(stored)) == NEVER:
                continue
            state = load(stored)
            assert state is not None
            grace = self.policies(state.shop).grace_ms
            if due + grace > clock:
                heap.push(due + grace, key)
            else:
                yield due, (key, self.events.encode(deadline_event(state)))
