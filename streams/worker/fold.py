"""The fold: a customer's log in, what we conclude out. Say, remember, ack: in this order and no other.

A chunk is a run of records of one partition. Each customer in it is loaded once and folded event by event, in memory;
then the whole chunk is said in a few batches, remembered in one, and acked by the caller. Wherever the process dies:

- before `say` has returned: nothing is remembered, the chunk comes again, the same signals go out under the same ids;
- between `say` and `remember`: the same, and whoever heard the signals already knows their ids;
- after `remember`: the chunk comes again, every state already carries its offset, and nothing is said twice.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

from schemas.codec import Codec, Undecodable
from schemas.events import CustomerEvent
from schemas.signals import CustomerErased, Signal
from streams.domain.customer import Customer
from streams.domain.fold import deadline_event, fold
from streams.domain.policy import Policy
from streams.worker import rowlog
from streams.worker.decoding import decoded
from streams.worker.metrics import WorkerMetrics
from streams.worker.ports import Item, Outbox, Policies, Record, Refuse, States
from streams.worker.stored import due_at, load, store

BREATH = 250  # events folded before the event loop gets a turn: about 10 ms


@dataclass(slots=True)
class Thought:
    """What one chunk comes to, before any of it has left memory."""

    states: dict[bytes, Customer | None] = field(default_factory=dict)
    changed: set[bytes] = field(default_factory=set)
    signals: list[Item] = field(default_factory=list)
    appends: dict[int, list[Item]] = field(default_factory=lambda: defaultdict(list))
    erased: dict[int, list[Item]] = field(default_factory=lambda: defaultdict(list))


@dataclass(frozen=True, slots=True)
class Fold:
    """One per worker. `due(partition, key, milliseconds)` hears when a customer is due next, once it is remembered."""

    events: Codec[CustomerEvent]
    signals: Codec[Signal]
    customers: States
    outbox: Outbox
    refuse: Refuse
    policies: Policies
    due: Callable[[int, bytes, int], None]
    partition_of: Callable[[bytes], int]
    signals_topic: str
    events_topic: str
    metrics: WorkerMetrics
    rows_topic: str | None = None
    """Where rows of databases are kept, which have to go with their person; None where there are no databases."""

    async def chunk(self, partition: int, records: Sequence[Record]) -> None:
        """Everything but the ack. Raises only what must end the process."""
        thought = await self._think(partition, records)
        await self._say(partition, thought)
        await self._remember(partition, thought)

    async def _think(self, partition: int, records: Sequence[Record]) -> Thought:
        thought, policies = Thought(), cache(self.policies)
        for n, record in enumerate(records, 1):
            try:
                event = await decoded(self.events, record.value)
            except Undecodable as bad:
                await self.refuse(record, bad)
                continue
            self._fold_one(partition, event, policies(event.fact.shop), record.offset, thought)
            if n % BREATH == 0:
                await asyncio.sleep(0)
        return thought

    def _fold_one(self, partition: int, event: CustomerEvent, policy: Policy, offset: int, thought: Thought) -> None:
        key = event.key.encode()
        state = thought.states[key] if key in thought.states else load(self.customers.get(partition, key))
        folded = fold(state, event, policy, offset)
        thought.states[key] = folded.state
        if folded.state is not state:
            thought.changed.add(key)
        for signal in folded.signals:
            thought.signals.append((key, self.signals.encode(signal)))
            self.metrics.concluded(signal)
            if self.rows_topic and isinstance(signal.payload, CustomerErased):
                for person in rowlog.keys_of(signal.shop, signal.customer.ref):
                    thought.erased[self.partition_of(person)].append((person, rowlog.encode(rowlog.Erased())))
        for append in folded.appends:
            other = append.key.encode()
            thought.appends[self.partition_of(other)].append((other, self.events.encode(append)))
        self.metrics.folded(event, folded.notes)

    async def _say(self, partition: int, thought: Thought) -> None:
        said = []
        if thought.signals:
            said.append(self.outbox.send_spread(self.signals_topic, {partition: thought.signals}))
        if thought.appends:
            said.append(self.outbox.send_spread(self.events_topic, thought.appends))
        if thought.erased and self.rows_topic:
            said.append(self.outbox.send_spread(self.rows_topic, thought.erased))
        await asyncio.gather(*said)

    async def _remember(self, partition: int, thought: Thought) -> None:
        written = {
            key: None if (state := thought.states[key]) is None else store(state) for key in sorted(thought.changed)
        }
        if not written:
            return
        await self.customers.put_many(partition, written)
        for key, value in written.items():
            if value is not None:
                self.due(partition, key, due_at(value))


def silence(events: Codec[CustomerEvent], policies: Policies, stored: bytes, clock: int) -> tuple[int, bytes | None]:
    """When this customer is due, and the entry that says that nothing came any more; None before the grace is over."""
    state, due = load(stored), due_at(stored)
    assert state is not None
    grace = policies(state.shop).grace_ms
    if due + grace > clock:
        return due + grace, None
    return due, events.encode(deadline_event(state))
