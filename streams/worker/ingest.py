"""Ingest: what shops tell us becomes entries of customers' logs, or is refused with a reason. Never dropped.

An event that needs nothing done to it is not encoded again: its bytes are spliced into the log's record as they came.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache

import msgspec

from schemas.codec import Codec, Undecodable, splice_catalog_event, splice_customer_event
from schemas.events import CatalogEvent, CatalogPayload, CustomerEvent, ProductUpserted, ShopEvent
from streams.domain import catalog
from streams.domain.catalog import ProductState, enrich
from streams.domain.identity import key_of, links_of
from streams.domain.validate import Problem, counted_at, problem_of
from streams.worker.decoding import decoded
from streams.worker.metrics import WorkerMetrics
from streams.worker.ports import Item, Milliseconds, Outbox, Policies, Record, Refuse

BREATH = 250  # events taken in before the event loop gets a turn
LINKS_KEPT = 100_000
LINK_FRESH_MS = 3_600_000
FRAME = 5  # magic byte and schema id in front of an Avro body
Outgoing = dict[int, list[Item]]


@dataclass(slots=True)
class Links:
    """Which link each weaker log was told last. A shop that names account and e-mail in every event would otherwise
    write into two logs each time; telling a link again is harmless, so what is forgotten here costs one record. Another
    link is always news: whoever was recognised last is who it is."""

    _told: dict[str, tuple[str, int]] = field(default_factory=dict)

    def is_news(self, weaker: str, stronger: str, now: int) -> bool:
        last = self._told.pop(weaker, None)
        fresh = last is not None and last[0] == stronger and now - last[1] < LINK_FRESH_MS
        self._told[weaker] = last if last is not None and fresh else (stronger, now)
        if len(self._told) > LINKS_KEPT:
            del self._told[next(iter(self._told))]
        return not fresh


@dataclass(frozen=True, slots=True)
class Filing:
    """What one chunk comes to, by partition, before it is sent. `policies` is asked once for each shop."""

    received: datetime
    policies: Policies
    customers: Outgoing = field(default_factory=lambda: defaultdict(list))
    products: Outgoing = field(default_factory=lambda: defaultdict(list))


@dataclass(frozen=True, slots=True)
class Ingest:
    """One per worker. `product(shop, product_id)` answers from this worker's copy of the product table."""

    shop_events: Codec[ShopEvent]
    customer_events: Codec[CustomerEvent]
    catalog_events: Codec[CatalogEvent]
    outbox: Outbox
    refuse: Refuse
    policies: Policies
    now: Milliseconds
    product: Callable[[str, str], ProductState | None]
    partition_of: Callable[[bytes], int]
    customer_topic: str
    catalog_topic: str
    metrics: WorkerMetrics
    links: Links = field(default_factory=lambda: Links())

    async def chunk(self, records: Sequence[Record]) -> None:
        """Everything but the ack: when it returns, all of the chunk is in a log or in `refused`."""
        filing = self.filing()
        for n, record in enumerate(records, 1):
            try:
                event = await decoded(self.shop_events, record.value)
            except Undecodable as bad:
                await self.refuse(record, bad)
                continue
            if problem := self.take(record.value or b"", event, filing):
                await self.refuse(record, problem)
            if n % BREATH == 0:
                await asyncio.sleep(0)
        await self.send(filing)

    def filing(self) -> Filing:
        return Filing(datetime.fromtimestamp(self.now() / 1000, UTC), cache(self.policies))

    def take(self, written: bytes, event: ShopEvent, filing: Filing) -> Problem | None:
        """Files the event, or says why not. `written` are the bytes it was read from, of whatever form."""
        policy = filing.policies(event.shop)
        if problem := problem_of(event, policy):
            return problem
        at = counted_at(event.occurred_at, filing.received, policy)
        if isinstance(event.payload, CatalogPayload):
            self._file_product(written, event, at, filing.products)
        else:
            self._file_customer(written, event, at, filing.customers)
        self.metrics.heard(event, clamped=at != event.occurred_at)
        return None

    async def send(self, filing: Filing) -> None:
        """When it returns, everything filed is in a log."""
        await asyncio.gather(
            *(self.outbox.send_spread(topic, out)
              for topic, out in ((self.customer_topic, filing.customers), (self.catalog_topic, filing.products)) if out)
        )  # fmt: skip

    def _file_customer(self, written: bytes, event: ShopEvent, at: datetime, out: Outgoing) -> None:
        key = key_of(event.shop, event.customer)
        known = enrich(event.payload, lambda product_id: self.product(event.shop, product_id))
        if known is event.payload and self.shop_events.writer_is_ours(written):
            value = splice_customer_event(self.customer_events, key, at, memoryview(written)[FRAME:])
        else:
            event = event if known is event.payload else msgspec.structs.replace(event, payload=known)
            value = self.customer_events.encode(CustomerEvent(key=key, at=at, fact=event))
        self._put(out, key, value)
        for link in links_of(event, at, lambda weaker, home: self.links.is_news(weaker, home, self.now())):
            self._put(out, link.key, self.customer_events.encode(link))

    def _file_product(self, written: bytes, event: ShopEvent, at: datetime, out: Outgoing) -> None:
        payload = event.payload
        assert isinstance(payload, CatalogPayload)
        product_id = payload.product.product_id if isinstance(payload, ProductUpserted) else payload.product_id
        if self.shop_events.writer_is_ours(written):
            value = splice_catalog_event(self.catalog_events, product_id, at, memoryview(written)[FRAME:])
        else:
            value = self.catalog_events.encode(CatalogEvent(product_id=product_id, at=at, fact=event))
        self._put(out, catalog.key_of(event.shop, product_id), value)

    def _put(self, out: Outgoing, key: str, value: bytes) -> None:
        raw = key.encode()
        out[self.partition_of(raw)].append((raw, value))
