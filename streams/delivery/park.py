"""Parking: a call a person must look at, kept with everything needed to send it again. Durable when it returns."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from msgspec.structs import replace

from schemas.records import Parked
from sinks.contract import Answer
from streams.delivery.lanes import Entry

ANSWER_KEPT = 8_192  # bytes of the answer's body

REJECTED = "rejected"
GAVE_UP = "gave_up"
CANNOT_SAY = "cannot_say"
UNDECODABLE = "undecodable"


class TooLarge(Exception):
    """The broker does not take a record of this size, and never will."""


class Shelf(Protocol):
    """Where parked records go. Raises `TooLarge`, or anything else for "not now"."""

    async def put(self, partition: int, key: bytes, value: bytes) -> None:
        """Returns when the broker has acknowledged it."""


@dataclass(frozen=True, slots=True)
class Parking:
    """Makes parked records of one sink. `topic` is where its signals come from."""

    shelf: Shelf
    encode: Callable[[Parked], bytes]
    sink: str
    account: str | None
    topic: str

    async def put(self, entry: Entry, reason: str, answer: Answer | None, now: datetime) -> None:
        """Raises what the shelf raises, except `TooLarge`: then the record goes without what can be made again from
        the signal, which itself came through this broker."""
        parked = self.record(entry, reason, answer, now)
        key = parked.parked_id.encode()
        partition = entry.lane.partition.number
        try:
            await self.shelf.put(partition, key, self.encode(parked))
        except TooLarge:
            await self.shelf.put(partition, key, self.encode(replace(parked, body=b"", answer=b"")))

    def record(self, entry: Entry, reason: str, answer: Answer | None, now: datetime) -> Parked:
        partition, record = entry.lane.partition.number, entry.record
        assert record is not None, "a finished entry is never parked"
        signal = entry.signal
        signal_id = signal.signal_id if signal else ""
        call = entry.calls[entry.at] if entry.calls else None
        call_key = call.key if call else signal_id or f"{self.topic}/{partition}/{entry.offset}"
        answered = answer is not None and answer.status > 0
        return Parked(
            parked_id=parked_id(self.account or self.sink, call_key),
            sink=self.sink,
            account=self.account,
            signal=record.value or b"",
            signal_id=signal_id,
            customer_key=signal.customer.key if signal else (record.key or b"").decode(errors="replace"),
            says=call.says if call else "",
            method=call.method if call else "",
            path=call.path if call else "",
            body=call.body if call else b"",
            call_key=call_key,
            status=answer.status if answer and answered else None,
            answer=answer.body[:ANSWER_KEPT] if answer else b"",
            fault=answer.fault if answer else None,
            reason=reason,
            attempts=entry.attempts,
            first_at=datetime.fromtimestamp(entry.first_at, UTC) if entry.first_at else now,
            last_at=now,
            topic=self.topic,
            partition=partition,
            offset=entry.offset,
        )


def parked_id(account: str, call_key: str) -> str:
    """The same call parked twice is one parked record: its topic is compacted by this id."""
    return hashlib.blake2b(f"{account}\0{call_key}".encode(), digest_size=16).hexdigest()
