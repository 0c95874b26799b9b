"""Faust's TableManagerT: knows the tables, decides which partitions are owned, and lets them restore in the
background.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any

from faust.types.tables import TableManagerT
from mode import Service

from streams.engine.exits import fatal
from streams.engine.restore import Restore
from streams.engine.tables import Table

if TYPE_CHECKING:
    from streams.engine.app import Engine

log = logging.getLogger("streams.engine")


class TableManager(Service, TableManagerT):
    """Reached as `app.tables`. The consumer calls `restore` after an assignment and `close` on revocation."""

    def __init__(self, app: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.app = app
        self.engine: Engine = app.engine
        self.data: dict[str, Table] = {}
        self.actives_ready = self.standbys_ready = False
        self.restoring: Restore | None = None
        self._recovered = asyncio.Event()

    def add(self, table: Table) -> Table:
        if table.name in self.data:
            raise ValueError(f"table {table.name!r} is declared twice")
        self.data[table.name] = table
        return table

    def wanted(self, assigned: Iterable[Any]) -> list[tuple[Table, int]]:
        """(table, partition) pairs that go with an assignment; `assigned` are (topic, partition) tuples."""
        counts = self.engine.partition_counts
        return [
            (table, p)
            for table in self.data.values()
            for p in sorted({p for topic, p in assigned if table.topic in (topic, None)})
            if p < table.partitions
            and any(
                topic == table.topic or (table.topic is None and counts.get(topic) == table.partitions)
                for topic, q in assigned
                if q == p
            )
        ]

    async def restore(self, assigned: Iterable[Any], ready: Callable[[int], Awaitable[None]]) -> None:
        """Restore what goes with the assignment and call `ready(p)` for each partition number that is complete. Ends
        the process on bugs.
        """
        try:
            tps = list(assigned)
            wanted = self.wanted(tps)
            for table in self.data.values():
                for p in set(table.held) - {p for t, p in wanted if t is table}:
                    await table.drop(p)
            self.restoring = Restore(self.engine, ready)
            for p in {p for _, p in tps} - {p for _, p in wanted}:
                await ready(p)
            await self.restoring.run(wanted)
            log.info(
                "restored %d records of %d partitions in %.2f s",
                self.restoring.done, len(wanted), self.restoring.seconds,
            )  # fmt: skip
            self.actives_ready = self.standbys_ready = True
            self._recovered.set()
            self.app.on_rebalance_end()
        except Exception as exc:
            fatal("restore failed", exc)

    async def close(self) -> None:
        """No partition may be written from now on; stores stay held in case they come back with the next assignment."""
        self.actives_ready = False
        for table in self.data.values():
            for p in table.owned:
                await table.close(p)

    async def on_stop(self) -> None:
        await self.close()
        for table in self.data.values():
            for p in list(table.held):
                await table.drop(p)

    @property
    def changelog_topics(self) -> set[str]:
        return {table.changelog for table in self.data.values()}

    def on_rebalance_start(self) -> None:
        self.actives_ready = False

    async def wait_until_tables_registered(self) -> None:
        return None

    async def wait_until_recovery_completed(self) -> bool:
        return bool(await self.wait_for_stopped(self._recovered))

    async def on_rebalance(self, *args: Any, **kwargs: Any) -> None:
        return None  # the consumer starts `restore` itself: aiokafka sends no heartbeat while Faust's callback runs

    def on_partitions_revoked(self, revoked: Any) -> None:
        return None  # App calls this before handlers have finished; they may still read and write

    def on_commit(self, offsets: Any) -> None:
        return None

    def persist_offset_on_commit(self, store: Any, tp: Any, offset: int) -> None:
        return None

    def __hash__(self) -> int:
        return object.__hash__(self)
