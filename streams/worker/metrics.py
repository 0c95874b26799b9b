"""The worker's metrics. Labels are bounded: kinds of events and signals, reasons, notes; nothing a publisher chose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from schemas.events import CustomerEvent, ShopEvent
from schemas.signals import CatalogSignal, Signal
from streams.engine import Hooks, RestoreProgress

LATENESS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)


class WorkerMetrics(Collector):
    def __init__(self, registry: CollectorRegistry) -> None:
        self._counted: dict[tuple[Counter, str], int] = {}
        registry.register(self)  # first, so that the counters are settled when they are asked
        self._heard = Counter("shoprelay_events_heard_total", "Events taken in, by kind", ["event"], registry=registry)
        self._clamped = Counter(
            "shoprelay_events_clamped_total", "Events whose time lay in the future and was set back", registry=registry
        )
        self._refused = Counter(
            "shoprelay_events_refused_total", "Records put into `refused`", ["topic", "reason"], registry=registry
        )
        self._folded = Counter(
            "shoprelay_events_folded_total", "Entries of customers' logs folded", ["event"], registry=registry
        )
        self._notes = Counter(
            "shoprelay_fold_notes_total", "What the fold noticed: repeats, late events, forwards", ["note"],
            registry=registry,
        )  # fmt: skip
        self._concluded = Counter(
            "shoprelay_signals_concluded_total", "Signals said by the fold", ["signal"], registry=registry
        )
        self._pending = Gauge(
            "shoprelay_deadlines_pending", "Customers with something due in the future", registry=registry
        )
        self._fired = Counter("shoprelay_deadlines_fired_total", "Deadlines appended to logs", registry=registry)
        self._lateness = Histogram(
            "shoprelay_deadline_lateness_seconds", "From due to appended", buckets=LATENESS, registry=registry
        )

    def heard(self, event: ShopEvent, clamped: bool) -> None:
        self._count(self._heard, type(event.payload).__name__)
        if clamped:
            self._clamped.inc()

    def refused(self, topic: str, reason: str) -> None:
        self._refused.labels(topic, reason).inc()

    def folded(self, event: CustomerEvent, notes: Iterable[str]) -> None:
        fact = event.fact
        self._count(self._folded, type(fact.payload if isinstance(fact, ShopEvent) else fact).__name__)
        for note in notes:
            self._count(self._notes, note)

    def concluded(self, signal: Signal | CatalogSignal) -> None:
        self._count(self._concluded, type(signal.payload).__name__)

    def pending(self, count: int) -> None:
        self._pending.set(count)

    def fired(self, late_ms: int) -> None:
        self._fired.inc()
        self._lateness.observe(max(0, late_ms) / 1000)

    def _count(self, counter: Counter, label: str) -> None:
        self._counted[counter, label] = self._counted.get((counter, label), 0) + 1

    def collect(self) -> Iterable[Metric]:
        """Settles. A counter takes a lock each time; what happens once per event waits until somebody asks."""
        for (counter, label), count in self._counted.items():
            counter.labels(label).inc(count)
        self._counted.clear()
        return ()


class EngineMetrics:
    """What the engine tells: chunks, lag, commits, rebalances, restores."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ["topic", "partition"]
        self._chunks = Histogram(
            "shoprelay_chunk_seconds", "From delivery of a chunk to its ack", ["topic"], registry=registry
        )
        self._records = Counter("shoprelay_records_handled_total", "Records acked", ["topic"], registry=registry)
        self._lag = Gauge("shoprelay_lag_records", "Records not read yet", labels, registry=registry)
        self._committed = Gauge("shoprelay_committed_offset", "Next offset as committed", labels, registry=registry)
        self._errors = Counter(
            "shoprelay_kafka_errors_total", "Errors of Kafka the engine worked around", ["error"], registry=registry
        )
        self._owned = Gauge("shoprelay_partitions_owned", "Partitions assigned to this worker", registry=registry)
        self._rebalances = Counter("shoprelay_rebalances_total", "Assignments taken", registry=registry)
        self._restored = Gauge(
            "shoprelay_restore_ratio", "How much of a table partition is read back, 0 to 1", ["table", "partition"],
            registry=registry,
        )  # fmt: skip
        self._told: set[tuple[str, int]] = set()  # of which topic and partition lag or a commit was told
        self._read: set[tuple[str, int]] = set()  # of which table and partition a restore was told

    def hooks(self) -> Hooks:
        return Hooks(
            on_restore_progress=self._on_restore,
            on_chunk=self._on_chunk,
            on_commit=self._on_commit,
            on_lag=self._on_lag,
            on_kafka_error=lambda error: self._errors.labels(error).inc(),
            on_rebalance=self._on_rebalance,
        )

    def _on_restore(self, now: RestoreProgress) -> None:
        ratio = 1.0 if now.finished or not now.total else now.done / now.total
        self._restored.labels(now.table, now.partition).set(ratio)
        self._read.add((now.table, now.partition))

    def _on_chunk(self, topic: str, partition: int, records: int, seconds: float) -> None:
        self._chunks.labels(topic).observe(seconds)
        self._records.labels(topic).inc(records)

    def _on_commit(self, offsets: Mapping[tuple[str, int], int]) -> None:
        for (topic, partition), offset in offsets.items():
            self._committed.labels(topic, partition).set(offset)
        self._told |= offsets.keys()

    def _on_lag(self, topic: str, partition: int, records: int) -> None:
        self._lag.labels(topic, partition).set(records)
        self._told.add((topic, partition))

    def _on_rebalance(self, owned: AbstractSet[tuple[str, int]]) -> None:
        """What is somebody else's now is theirs to tell: left behind here, its last number would stand for ever."""
        self._owned.set(len(owned))
        self._rebalances.inc()
        for lost in self._told - owned:
            self._lag.remove(*lost)
            self._committed.remove(*lost)
        numbers = {number for _, number in owned}
        for table, number in self._read:
            if number not in numbers:
                self._restored.remove(table, number)
        self._told &= owned
        self._read = {read for read in self._read if read[1] in numbers}
