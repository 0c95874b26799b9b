"""Products: `catalog-events` folded into the product table, and what changed told on `catalog-signals`.

The same order as for customers: say, remember, ack.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.codec import Codec, Undecodable
from schemas.events import CatalogEvent
from schemas.signals import CatalogSignal
from streams.domain import catalog
from streams.worker.decoding import decoded
from streams.worker.metrics import WorkerMetrics
from streams.worker.ports import Item, Outbox, Record, Refuse, States


@dataclass(frozen=True, slots=True)
class Catalog:
    """One per worker; `chunk` does everything but the ack."""

    events: Codec[CatalogEvent]
    signals: Codec[CatalogSignal]
    products: States
    outbox: Outbox
    refuse: Refuse
    signals_topic: str
    metrics: WorkerMetrics

    async def chunk(self, partition: int, records: Sequence[Record]) -> None:
        states: dict[bytes, catalog.ProductState | None] = {}
        said: list[Item] = []
        for record in records:
            try:
                event = await decoded(self.events, record.value)
            except Undecodable as bad:
                await self.refuse(record, bad)
                continue
            key = catalog.key_of(event.fact.shop, event.product_id).encode()
            if key not in states:
                stored = self.products.get(partition, key)
                states[key] = None if stored is None else catalog.decode(stored)
            states[key], signals = catalog.fold(states[key], event)
            for signal in signals:
                said.append((key, self.signals.encode(signal)))
                self.metrics.concluded(signal)
        if said:
            await self.outbox.send_spread(self.signals_topic, {partition: said})
        written = {key: None if state is None else catalog.encode(state) for key, state in states.items()}
        if written:
            await self.products.put_many(partition, written)
