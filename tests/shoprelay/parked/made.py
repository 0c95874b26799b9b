"""Parked calls as tests want them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

from schemas.records import Parked
from shoprelay.parked.rows import Row, row_of

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def id_of(name: str) -> str:
    return blake2b(name.encode(), digest_size=16).hexdigest()


def parked(name: str, customer: str = "mugs/c:ada", *, offset: int = 0, minutes: float = 0, **more: Any) -> Parked:
    """`minutes` after noon it was tried last. Its id is that of its name."""
    given = {
        "parked_id": id_of(name), "sink": "klaviyo", "account": "news", "signal": b"", "signal_id": f"s-{name}",
        "customer_key": customer, "says": "Placed Order", "method": "POST", "path": "/api/events", "body": b"{}",
        "call_key": name, "status": 400, "reason": "rejected", "attempts": 1, "first_at": NOON,
        "last_at": NOON + timedelta(minutes=minutes), "topic": "customer-signals", "partition": 0, "offset": offset,
    }  # fmt: skip
    return Parked(**(given | more))


def row(name: str, customer: str = "mugs/c:ada", *, place: int = 0, **more: Any) -> Row:
    made = parked(name, customer, **more)
    return row_of(made, made.partition, place)
