"""Reading changelogs back: in bulk, the partition with the least to read first, each opened as soon as it is
complete.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from streams.engine import clients
from streams.engine.fence import CLAIM_KEY, Fold, token_of_offset
from streams.engine.settings import EngineSettings, RestoreProgress

if TYPE_CHECKING:
    from streams.engine.app import Engine
    from streams.engine.tables import Partition, Table

log = logging.getLogger("streams.engine")

AT_ONCE = 3  # partitions read side by side: enough to hide fetch latency, few enough that the first opens early
RUN = 2500  # records applied without yielding: about 10 ms
RETRY_SECONDS = 0.5


@asynccontextmanager
async def reading(settings: EngineSettings) -> Any:
    """A started reader, stopped in the end."""
    reader = clients.reader(settings)
    try:
        await reader.start()
        yield reader
    finally:
        await reader.stop()


async def read_range(settings: EngineSettings, topic: str, partition: int, start: int, after: int) -> list[Any]:
    """The records with start ≤ offset < after; `after` 0 means up to the end as of now. Tries again for ever while
    the broker is away.
    """
    tp, records, position = TopicPartition(topic, partition), [], start
    while True:
        try:
            async with reading(settings) as reader:
                reader.assign([tp])
                reader.seek(tp, position)
                if not after:
                    after = (await reader.end_offsets([tp]))[tp]
                while position < after:
                    for run in (await reader.getmany(tp, timeout_ms=500)).values():
                        records += [r for r in run if r.offset < after]
                    position = await reader.position(tp)
                return records
        except KafkaError as exc:
            log.warning("%s/%d: reading again after %r", topic, partition, exc)
            await asyncio.sleep(RETRY_SECONDS)


@dataclass(slots=True)
class Job:
    """One changelog partition to read up to our own claim."""

    table: Table
    partition: int
    part: Partition
    tp: Any
    fold: Fold
    next: int = 0
    claim: int = -1
    total: int = 0
    done: int = 0

    @property
    def complete(self) -> bool:
        return 0 <= self.claim < self.next

    def apply(self, records: list[Any]) -> None:
        """Into the store. Its position stays where it is while keys wait to be restated: after a crash they are found
        again.
        """
        items, store = self.fold.accept(records), self.part.store
        self.next = records[-1].offset + 1
        self.done += len(records)
        if self.fold.stale:
            store.write(items, store.position, store.token)
        else:
            store.write(items, self.next, self.fold.token)


class Restore:
    """Restores the given table partitions once. `seconds`, `total` and `done` may be read at any time."""

    def __init__(self, engine: Engine, on_partition: Callable[[int], Awaitable[None]]) -> None:
        self.engine = engine
        self.on_partition = on_partition
        self.jobs: list[Job] = []
        self.left: dict[int, int] = {}
        self.began = self.moved = time.monotonic()

    @property
    def total(self) -> int:
        return sum(job.total for job in self.jobs)

    @property
    def done(self) -> int:
        return sum(job.done for job in self.jobs)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    async def run(self, wanted: Iterable[tuple[Table, int]]) -> None:
        """Claim, read, open; goes on where it stopped when the broker was away. Calls `on_partition` with each number
        that is complete.
        """
        for table, partition in wanted:
            part = await table.hold(partition)
            tp = TopicPartition(table.changelog, partition)
            self.jobs.append(Job(table, partition, part, tp, Fold(part.store.token)))
            self.left[partition] = self.left.get(partition, 0) + 1
        await asyncio.gather(*(self._claim(job) for job in self.jobs))
        while not all(job.complete for job in self.jobs):
            try:
                async with reading(self.engine.settings) as reader:
                    await self._read(reader, [job for job in self.jobs if not job.complete])
            except KafkaError as exc:
                self.engine.hooks.on_kafka_error(type(exc).__name__)
                log.warning("restore goes on after %r", exc)
                await asyncio.sleep(RETRY_SECONDS)

    async def _claim(self, job: Job) -> None:
        """From here on nobody who claimed before us can change what we are about to read."""
        who = self.engine.worker_id.encode()
        job.claim = await self.engine.app.producer.send_many(job.tp.topic, job.partition, [(CLAIM_KEY, who)]) - 1
        job.part.claimed_by(token_of_offset(job.claim))

    async def _read(self, reader: Any, todo: list[Job]) -> None:
        tps = [job.tp for job in todo]
        reader.assign(tps)
        first = await reader.beginning_offsets(tps)
        for job in todo:
            store = job.part.store
            if store.position > job.claim:
                log.warning("%s/%d was created anew; its copy is dropped", *job.tp)
                store.wipe()
                job.fold, job.next = Fold(), 0
            job.next = max(job.next, first[job.tp], store.position)
            reader.seek(job.tp, job.next)
            job.total = job.done + job.claim + 1 - job.next
        todo.sort(key=lambda job: job.total - job.done)
        active, waiting = todo[:AT_ONCE], todo[AT_ONCE:]
        reader.pause(*(job.tp for job in waiting))
        while active:
            runs = await reader.getmany(*(job.tp for job in active), timeout_ms=200, max_records=RUN)
            for job in list(active):
                if job.tp in runs:
                    job.apply(runs[job.tp])
                    self.moved = time.monotonic()
                    self._tell(job, False)
                if job.complete:
                    await self._finish(job)
                    active.remove(job)
                    if waiting:
                        active.append(waiting.pop(0))
                        reader.resume(active[-1].tp)
            await asyncio.sleep(0)  # buffered records come without yielding: let heartbeats and other lanes in

    async def _finish(self, job: Job) -> None:
        if job.fold.stale:
            await self._restate(job)
        await job.table.open(job.partition)
        self._tell(job, True)
        self.left[job.partition] -= 1
        if not self.left[job.partition]:
            await self.on_partition(job.partition)

    async def _restate(self, job: Job) -> None:
        """A former owner wrote last: say our values again, or compaction would keep its records."""
        store = job.part.store
        log.warning("%s/%d: %d keys of a former owner restated", *job.tp, len(job.fold.stale))
        values = {key: store.get(key) for key in job.fold.stale}
        await self.engine.app.producer.send_many(*job.tp, values.items(), headers=job.part.headers)
        store.write({}, job.next, job.fold.token)

    def _tell(self, job: Job, finished: bool) -> None:
        self.engine.hooks.on_restore_progress(
            RestoreProgress(job.table.name, job.partition, job.done, job.total, self.seconds, finished)
        )
