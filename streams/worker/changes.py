"""Changes: what Debezium saw in a shop's database becomes rows of what they belong to, on `row-changes`.

The topics of a database are keyed by the rows' own keys. Rows of one order stand in several of them; here each goes to
where its order is put together (`streams.worker.rows`), by the key of what it belongs to. What is not understood is
refused with its bytes. Told again, everything goes on again, and is known there by its place in the database's log.
What stands in an outbox is events already, and is filed as the shop's own.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from msgspec.structs import replace

from schemas.codec import Unwritable
from schemas.events import ShopEvent
from sources.debezium.envelope import Nothing, Read
from sources.debezium.outbox import routed_document, row_document
from sources.debezium.row import Unread
from sources.debezium.state import SOURCE, Rules
from sources.debezium.tables import TableMap
from sources.debezium.telling import told
from sources.webhooks.contract import ShopSettings
from sources.webhooks.generic.normalize import normalize
from streams.worker.ingest import Filing, Ingest
from streams.worker.ports import Item, Outbox, Record, Refuse, Why
from streams.worker.rowlog import RowSeen, encode, key_of

BREATH = 100  # records read before the event loop gets a turn


@dataclass(frozen=True, slots=True)
class Feed:
    """What a shop says of its database: `topics` are those of its tables."""

    shop: str
    topics: tuple[str, ...]
    tables: TableMap
    rules: Rules
    routed: frozenset[str] = frozenset()
    """Topics of an outbox's router, beside those of the tables."""


Reads = Callable[[Record], Awaitable[Read]]  # a record as it came -> what it says; waits for a registry that is away


class Told(Protocol):
    """What is counted of changes."""

    def change(self, topic: str, word: str) -> None: ...

    def doubles(self, shop: str, columns: Sequence[str]) -> None: ...


@dataclass(frozen=True, slots=True)
class Changes:
    """One per worker. `feeds` are by topic."""

    feeds: Mapping[str, Feed]
    read: Reads
    ingest: Ingest
    outbox: Outbox
    refuse: Refuse
    partition_of: Callable[[bytes], int]
    topic: str
    metrics: Told

    async def chunk(self, records: Sequence[Record]) -> None:
        """Everything but the ack: when it returns, all of the chunk is on `row-changes`, in a log or in `refused`."""
        out: dict[int, list[Item]] = defaultdict(list)
        filing = self.ingest.filing()
        for n, record in enumerate(records, 1):
            if why := await self._take(record, out, filing):
                await self.refuse(record, why)
            if n % BREATH == 0:
                await asyncio.sleep(0)
        if out:
            await self.outbox.send_spread(self.topic, out)
        await self.ingest.send(filing)

    async def _take(self, record: Record, out: dict[int, list[Item]], filing: Filing) -> Why | None:
        feed = self.feeds[record.topic]
        if record.topic in feed.routed:
            self.metrics.change(record.topic, "routed")
            return self._file(feed, routed_document(record.value, record.headers), filing)
        found = await self.read(record)
        if isinstance(found, Unread):
            return found
        if isinstance(found, Nothing):
            self.metrics.change(record.topic, found.word)
            return None
        self.metrics.change(record.topic, found.op)
        if (table := feed.tables.outbox) is not None and table.is_it(found.table):
            return self._file(feed, row_document(found, table), filing)
        said = told(found, feed.tables)
        for piece in said.pieces:
            key = key_of(feed.shop, piece.owner)
            out[self.partition_of(key)].append((key, encode(RowSeen(piece=piece))))
        if said.doubles:
            self.metrics.doubles(feed.shop, said.doubles)
        return said.problems[0] if said.problems else None

    def _file(self, feed: Feed, document: object, filing: Filing) -> Why | None:
        """Events of an outbox; returns why some were not filed."""
        if document is None or isinstance(document, Unread):
            return document
        answer = normalize({}, document, ShopSettings(shop=feed.shop), filing.received)
        if not isinstance(answer, tuple):
            return answer
        problems = [self._filed(replace(event, source=SOURCE), filing) for event in answer]
        return next((problem for problem in problems if problem), None)

    def _filed(self, event: ShopEvent, filing: Filing) -> Why | None:
        try:
            return self.ingest.take(b"", event, filing)
        except Unwritable as bad:
            return Unread(bad.field, bad.problem, "write a smaller number, a plain text, a time in UTC")
