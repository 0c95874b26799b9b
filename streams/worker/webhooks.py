"""Webhooks: what a shop system posted becomes events, by its source, and is filed as if the shop had told them itself.

What a source does not understand is refused with the bytes as they came: nothing is lost, and a newer release can be
given them again. Of a delivery whose events are not all acceptable the good ones are filed; told again they do nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from schemas.codec import Unwritable
from schemas.events import ShopEvent
from sources.webhooks.contract import Headers, Refusal, ShopSettings, Source
from sources.webhooks.document import NotJson, decoded
from streams.worker.ingest import Filing, Ingest
from streams.worker.ports import Record, Refuse, Why

log = structlog.get_logger("shoprelay.worker")
SHOP, SYSTEM = "x-shoprelay-shop", "x-shoprelay-system"
BREATH = 50  # deliveries understood before the event loop gets a turn


@dataclass(frozen=True, slots=True)
class Hook:
    """One system of one shop, as the settings have it."""

    source: Source
    shop: ShopSettings


Hooks = Callable[[str, str], Hook | None]  # shop and system -> what is set of it now


@dataclass(frozen=True, slots=True)
class NotTaken:
    """Why a delivery went to `refused` before or beside its source; `reason` is one of REASONS."""

    reason: str
    field: str | None
    problem: str
    remedy: str


REASONS = ("unknown-hook", "not-json", "unwritable", "defect", Refusal.reason)


@dataclass(frozen=True, slots=True)
class Webhooks:
    """One per worker."""

    ingest: Ingest
    refuse: Refuse
    hooks: Hooks

    async def chunk(self, records: Sequence[Record]) -> None:
        """Everything but the ack: when it returns, all of the chunk is in a log or in `refused`."""
        filing = self.ingest.filing()
        for n, record in enumerate(records, 1):
            if why := self._take(record, filing):
                await self.refuse(record, why)
            if n % BREATH == 0:
                await asyncio.sleep(0)
        await self.ingest.send(filing)

    def _take(self, record: Record, filing: Filing) -> Why | None:
        """Files what it says; returns why some of it was not."""
        told = self._told(record)
        if not isinstance(told, tuple):
            return told
        why: Why | None = None
        for event in told:
            found = self._filed(record, event, filing)
            why = why or found
        return why

    def _told(self, record: Record) -> tuple[ShopEvent, ...] | Why:
        headers = _headers(record)
        hook = self.hooks(headers.get(SHOP, ""), headers.get(SYSTEM, ""))
        if hook is None:
            remedy = "set [shops.SHOP.hooks.SYSTEM] for the worker as for the collector, then send it again"
            return NotTaken("unknown-hook", None, "no settings say what this delivery is", remedy)
        received = datetime.fromtimestamp(record.timestamp / 1000, UTC)
        try:
            return hook.source.normalize(headers, decoded(record.value or b""), hook.shop, received)
        except NotJson as bad:
            return NotTaken("not-json", None, f"the body {bad}", "send the system's own JSON")
        except Exception as defect:  # a source must not raise; if one does, the others' deliveries go on
            log.error("a webhook source failed", system=hook.source.name, error=type(defect).__name__)
            problem = f"the source of {hook.source.name} failed on it ({type(defect).__name__})"
            return NotTaken("defect", None, problem, "report it, and send it again with the next release")

    def _filed(self, record: Record, event: ShopEvent, filing: Filing) -> Why | None:
        try:
            return self.ingest.take(record.value or b"", event, filing)
        except Unwritable as bad:
            return NotTaken("unwritable", bad.field, bad.problem, "send a smaller number, a plain text, a time in UTC")


def _headers(record: Record) -> Headers:
    """Of a name that came twice the last counts: ours are appended last."""
    return {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}
