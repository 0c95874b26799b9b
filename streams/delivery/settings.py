"""What one sink process is told at start: where to read, how much to hold, how long to wait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Backoff:
    """Full jitter: the n-th wait is drawn from 0 to `base_seconds` * 2**n, at most `cap_seconds`."""

    base_seconds: float = 0.5
    cap_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class GiveUp:
    """A call is poison when it failed `attempts` times, over at least `seconds`, each time while others got through."""

    attempts: int = 10
    seconds: float = 900.0


@dataclass(frozen=True, slots=True)
class BrakeLimits:
    """`in_a_row` parked one after the other, or more than `share` of the last `out_of` calls, is our fault."""

    in_a_row: int = 20
    share: float = 0.5
    out_of: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings:
    """Times are seconds, sizes bytes. `security` goes to every Kafka client as it is and is never printed.

    `kept_topic` and `kept_keys` (Fernet's, the current one first) are for a sink that `remembers`; the changelogs of
    customers and products, and `customer_events`, the log, for one with a `mass`.
    `account` names this account of the platform in metrics and parked records; it is told of `shops` only, of all of
    them when none is named. `catalog_topic` is read beside `topic` when it is named. `window_records` and
    `window_bytes` bound what is held unfinished of one partition, `ahead_records` how far fetching may run ahead of
    its watermark.
    `partitions` is the partition count of `topic`: a process that owns a share of them takes that share of the sink's
    limits. `max_in_flight` overrides the sink's own. What is finished is committed every `commit_seconds`, or as soon
    as it is `commit_records`; a crash repeats at most one and a half times as many and what is in flight (unless the
    broker takes no commits: nobody waits for that). `longest_wait_seconds` bounds what a `Retry-After` can ask for;
    `look_seconds` is how old the broker's word about a partition's end may be when a reminder leaves.
    """

    bootstrap: str
    group: str
    parked_topic: str
    redrive_topic: str
    account: str | None = None
    shops: frozenset[str] = frozenset()
    topic: str = "customer-signals"
    catalog_topic: str = ""
    kept_topic: str = ""
    kept_keys: tuple[str, ...] = field(default=(), repr=False)
    customers_changelog: str = "customers-changelog"
    products_changelog: str = "catalog-changelog"
    customer_events: str = "customer-events"
    partitions: int = 12
    max_in_flight: int | None = None
    max_in_flight_bytes: int = 16 * MEBIBYTE
    window_records: int = 2_000
    window_bytes: int = 8 * MEBIBYTE
    ahead_records: int = 200_000
    drain_seconds: float = 10.0
    commit_seconds: float = 0.5
    commit_records: int = 50
    session_seconds: float = 15.0
    backoff: Backoff = Backoff()
    give_up_after: GiveUp = GiveUp()
    brake: BrakeLimits = BrakeLimits()
    probe_seconds: float = 30.0
    longest_wait_seconds: float = 3600.0
    look_seconds: float = 10.0
    remembered_reminders: int = 100_000
    security: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def topics(self) -> tuple[str, ...]:
        """Of signals, the customers' first."""
        return (self.topic, self.catalog_topic) if self.catalog_topic else (self.topic,)

    def history_topic(self, of: str) -> str:
        """Where history of this kind is read."""
        changelogs = {"customers": self.customers_changelog, "products": self.products_changelog}
        return changelogs.get(of, self.customer_events)
