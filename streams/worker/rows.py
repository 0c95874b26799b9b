"""Rows: what belongs together is put together, and becomes events once it is whole. Say, remember, ack.

Rows come in whatever order; how long one waits for another is `Rules`. That time has passed is an entry of the log,
too, so that after a crash the same entries say the same events again, under the same ids, and nobody's clock matters.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from schemas.codec import Unwritable
from schemas.events import ShopEvent
from sources.debezium import join
from sources.debezium.join import Step
from sources.debezium.row import Unread
from sources.debezium.state import Rules, State
from streams.worker import persons, rowlog
from streams.worker.ingest import Filing, Ingest
from streams.worker.persons import Person
from streams.worker.ports import Item, Outbox, Record, Refuse, States, Why
from streams.worker.rowlog import Belongs, Forget, RowEntry, RowSeen, TimePassed
from streams.worker.stored import due_at, moment, with_due, without_due

BREATH = 100  # rows put together before the event loop gets a turn
DAMAGED = Unread(None, "is no row of ours", "let nobody but the worker write to this topic")


@dataclass(slots=True)
class Joined:
    """What one chunk comes to, before any of it has left memory."""

    filing: Filing
    states: dict[bytes, State | None] = field(default_factory=dict)
    persons: dict[bytes, Person | None] = field(default_factory=dict)
    changed: set[bytes] = field(default_factory=set)
    appends: dict[int, list[Item]] = field(default_factory=lambda: defaultdict(list))


@dataclass(frozen=True, slots=True)
class Rows:
    """One per worker. `rules(shop)`; `due(partition, key, milliseconds)` hears when something is due next, once it is
    remembered."""

    table: States
    ingest: Ingest
    outbox: Outbox
    refuse: Refuse
    rules: Callable[[str], Rules]
    due: Callable[[int, bytes, int], None]
    partition_of: Callable[[bytes], int]
    topic: str

    async def chunk(self, partition: int, records: Sequence[Record]) -> None:
        """Everything but the ack. Raises only what must end the process."""
        joined = Joined(self.ingest.filing())
        for n, record in enumerate(records, 1):
            if why := self._take(partition, record, joined):
                await self.refuse(record, why)
            if n % BREATH == 0:
                await asyncio.sleep(0)
        await self.ingest.send(joined.filing)
        if joined.appends:
            await self.outbox.send_spread(self.topic, joined.appends)
        await self._remember(partition, joined)

    def _take(self, partition: int, record: Record, joined: Joined) -> Why | None:
        try:
            entry = rowlog.decode(record.value)
        except msgspec.MsgspecError:
            return DAMAGED
        key = record.key or b""
        if rowlog.is_person(key):
            self._of_person(partition, key, entry, record.timestamp, joined)
            return None
        state = joined.states[key] if key in joined.states else load(self.table.get(partition, key))
        step = self._step(state, entry, self.rules(rowlog.shop_of(key)), record.timestamp)
        joined.states[key] = step.state
        if step.state is not state or isinstance(entry, TimePassed):  # it is off the heap, and has to come on again
            joined.changed.add(key)
        self._whose(rowlog.shop_of(key), state, step.state, joined)
        why: Why | None = step.missing
        for event in step.events:
            why = self._filed(event, joined.filing) or why
        return why

    def _whose(self, shop: str, before: State | None, after: State | None, joined: Joined) -> None:
        """Notes the order or cart under its owner's names, where they are new."""
        if after is None or after.head is None or (before and before.head and before.head.who == after.head.who):
            return
        for key in rowlog.keys_of(shop, after.head.who):
            joined.appends[self.partition_of(key)].append((key, rowlog.encode(Belongs(owner=after.owner))))

    def _of_person(self, partition: int, key: bytes, entry: RowEntry, written: int, joined: Joined) -> None:
        stored = None if key in joined.persons else self.table.get(partition, key)
        known = joined.persons.get(key) or (persons.decode(without_due(stored)) if stored else None)
        shop = rowlog.shop_of(key)
        after, owners = persons.told(known, entry, moment(written), self.rules(shop).forget)
        joined.persons[key] = after
        if after is not known or isinstance(entry, TimePassed):
            joined.changed.add(key)
        for owner in owners:
            theirs = rowlog.key_of(shop, owner)
            joined.appends[self.partition_of(theirs)].append((theirs, rowlog.encode(Forget())))

    def _step(self, state: State | None, entry: RowEntry, rules: Rules, written: int) -> Step:
        """Its time is when it was written into the log, so that read again it says the same."""
        match entry:
            case RowSeen(piece=piece):
                return join.take(state, piece, moment(written), rules)
            case TimePassed(at=at):
                return Step(None) if state is None else join.tick(state, at, rules)
            case _:
                return Step(None)

    def _filed(self, event: ShopEvent, filing: Filing) -> Why | None:
        try:
            return self.ingest.take(b"", event, filing)
        except Unwritable as bad:
            return Unread(bad.field, bad.problem, "map another column, or mend the row in the shop")

    async def _remember(self, partition: int, joined: Joined) -> None:
        written = {key: self._stored(key, joined) for key in joined.changed}
        if not written:
            return
        await self.table.put_many(partition, written)
        for key, stored in written.items():
            if stored is not None:
                self.due(partition, key, due_at(stored))

    def _stored(self, key: bytes, joined: Joined) -> bytes | None:
        rules = self.rules(rowlog.shop_of(key))
        if key in joined.persons:
            person = joined.persons[key]
            return None if person is None else with_due(person.touched + rules.forget, persons.encode(person))
        state = joined.states[key]
        return None if state is None else with_due(join.due(state, rules), join.encode(state))


def load(stored: bytes | None) -> State | None:
    return None if stored is None else join.decode(without_due(stored))


def time_passed(stored: bytes, clock: int) -> tuple[int, bytes]:
    """When this state is due, and the entry that says that it was."""
    due = due_at(stored)
    return due, rowlog.encode(TimePassed(at=moment(due)))
