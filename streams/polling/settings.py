"""What one poller is told at start: whom to ask for, how often, and where Kafka is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from streams.delivery.settings import Backoff


@dataclass(frozen=True, slots=True, kw_only=True)
class PollingSettings:
    """Times are seconds. `account` names this account of the platform in metrics and is the key of its position.
    `security` goes to every Kafka client as it is and is never printed. `probe_seconds` is how long it waits before it
    asks again whoever does not let it in. `longest_wait_seconds` bounds what a `Retry-After` can ask for."""

    account: str
    shop: str
    every_seconds: float
    bootstrap: str = ""
    events_topic: str = "shop-events"
    positions_topic: str = "positions"
    refused_topic: str = "refused"
    partitions: int = 12
    backoff: Backoff = field(default_factory=Backoff)
    probe_seconds: float = 60.0
    longest_wait_seconds: float = 3600.0
    security: Mapping[str, Any] = field(default_factory=dict, repr=False)
