"""Rows: what belongs together is put together, and becomes events once it is whole. Say, remember, ack.

Rows come in whatever order; how long one waits for another is `Rules`. That time has passed is an entry of the log,
too, so that after a crash the same entries say the same events again, under the same ids, and nobody's clock matters.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from schemas.codec import Unwritable
from schemas.events import ShopEvent
from sources.debezium import join
from sources.debezium.join import Step
from sources.debezium.row import Unread
from sources.debezium.state import Rules, State
from streams.worker import rowlog
from streams.worker.ingest import Filing, Ingest
from streams.worker.ports import Record, Refuse, States, Why
from streams.worker.rowlog import RowEntry, RowSeen, TimePassed
from streams.worker.stored import due_at, moment, with_due, without_due

BREATH = 100  # rows put together before the event loop gets a turn
DAMAGED = Unread(None, "is no row of ours", "let nobody but the worker write to this topic")


@dataclass(slots=True)
class Joined:
    """What one chunk comes to, before any of it has left memory."""

    filing: Filing
    states: dict[bytes, State | None] = field(default_factory=dict)
    changed: set[bytes] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Rows:
    """One per worker. `rules(shop)`; `due(partition, key, milliseconds)` hears when something is due next, once it is
    remembered."""

    table: States
    ingest: Ingest
    refuse: Refuse
    rules: Callable[[str], Rules]
    due: Callable[[int, bytes, int], None]

    async def chunk(self, partition: int, records: Sequence[Record]) -> None:
        """Everything but the ack. Raises only what must end the process."""
        joined = Joined(self.ingest.filing())
        for n, record in enumerate(records, 1):
            if why := self._take(partition, record, joined):
                await self.refuse(record, why)
            if n % BREATH == 0:
                await asyncio.sleep(0)
        await self.ingest.send(joined.filing)
        await self._remember(partition, joined)

    def _take(self, partition: int, record: Record, joined: Joined) -> Why | None:
        try:
            entry = rowlog.decode(record.value)
        except msgspec.MsgspecError:
            return DAMAGED
        key = record.key or b""
        state = joined.states[key] if key in joined.states else load(self.table.get(partition, key))
        step = self._step(state, entry, self.rules(rowlog.shop_of(key)), record.timestamp)
        joined.states[key] = step.state
        if step.state is not state or isinstance(entry, TimePassed):  # it is off the heap, and has to come on again
            joined.changed.add(key)
        why: Why | None = step.missing
        for event in step.events:
            why = self._filed(event, joined.filing) or why
        return why

    def _step(self, state: State | None, entry: RowEntry, rules: Rules, written: int) -> Step:
        """Its time is when it was written into the log, so that read again it says the same."""
        match entry:
            case RowSeen(piece=piece):
                return join.take(state, piece, moment(written), rules)
            case TimePassed(at=at):
                return Step(None) if state is None else join.tick(state, at, rules)

    def _filed(self, event: ShopEvent, filing: Filing) -> Why | None:
        try:
            return self.ingest.take(b"", event, filing)
        except Unwritable as bad:
            return Unread(bad.field, bad.problem, "map another column, or mend the row in the shop")

    async def _remember(self, partition: int, joined: Joined) -> None:
        written = {key: self._stored(key, joined.states[key]) for key in joined.changed}
        if not written:
            return
        await self.table.put_many(partition, written)
        for key, stored in written.items():
            if stored is not None:
                self.due(partition, key, due_at(stored))

    def _stored(self, key: bytes, state: State | None) -> bytes | None:
        if state is None:
            return None
        return with_due(join.due(state, self.rules(rowlog.shop_of(key))), join.encode(state))


def load(stored: bytes | None) -> State | None:
    return None if stored is None else join.decode(without_due(stored))


def time_passed(stored: bytes, clock: int) -> tuple[int, bytes]:
    """When this state is due, and the entry that says that it was."""
    due = due_at(stored)
    return due, rowlog.encode(TimePassed(at=moment(due)))
