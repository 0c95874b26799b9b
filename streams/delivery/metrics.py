"""The catalog of delivery's metrics. Every label is bounded: kinds of signals and calls, verdicts, reasons, endpoints,
partitions; never an id or an address."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics_core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from sinks.contract import Call, Verdict
from streams.delivery.hold import REASONS

CLOSED = ("throttled", "unavailable")  # states of a gate other than open
PARKING = "parking"  # held back because the parked topic does not take a record
CALL_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
LOAD_ITEMS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 10_000)
DELAY_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0)


class Seconds(Collector):
    """A histogram, counted without a lock: what happens once per call or signal takes a tenth of the time."""

    def __init__(
        self, name: str, says: str, label: str, bounds: tuple[float, ...], sink: str, registry: CollectorRegistry
    ) -> None:
        self.name, self._says, self.labels = name, says, ["sink", *([label] if label else [])]
        self._bounds, self._sink = (*bounds, math.inf), sink
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}
        registry.register(self)

    def observe(self, seconds: float, of: str = "") -> None:
        counts = self._counts.get(of)
        if counts is None:
            counts = self._counts[of] = [0] * len(self._bounds)
            self._sums[of] = 0.0
        counts[bisect_left(self._bounds, seconds)] += 1
        self._sums[of] += seconds

    def collect(self) -> Iterable[Metric]:
        told = HistogramMetricFamily(self.name, self._says, labels=self.labels)
        for of, counts in self._counts.items():
            up_to = zip(map(floatToGoString, self._bounds), accumulate(counts), strict=True)
            told.add_metric([self._sink, *([of] if of else [])], [*up_to], self._sums[of])
        return [told]


class DeliveryMetrics(Collector):
    """One per process: `sink` is the label of everything. Signals end in one of the outcomes delivered, withheld,
    unaddressable, parked, not_told, dropped, settled."""

    def __init__(self, registry: CollectorRegistry, sink: str) -> None:
        self._sink = sink
        self._counted: dict[Counter, int] = {}
        registry.register(self)  # first, so that the counters are settled when they are asked
        self._calls = Counter(
            "shoprelay_calls_total", "Answers to calls, by verdict", ["sink", "says", "verdict"], registry=registry
        )
        self._call_seconds = Seconds(
            "shoprelay_call_seconds", "From sending a call to its answer", "endpoint", CALL_SECONDS, sink, registry
        )
        self._load_items = Histogram(
            "shoprelay_batch_items", "Calls that travelled in one request", ["sink", "endpoint"], registry=registry,
            buckets=LOAD_ITEMS,
        )  # fmt: skip
        self._signals = Counter(
            "shoprelay_signals_total", "Signals finished, by outcome", ["sink", "signal", "outcome"], registry=registry
        )
        self._reminders = Counter(
            "shoprelay_reminders_total", "Reminders sent or withheld", ["sink", "outcome"], registry=registry
        )
        self._withheld = Counter(
            "shoprelay_reminders_withheld_total", "Reminders withheld, by reason", ["sink", "reason"], registry=registry
        )
        self._proved_wrong = Counter(
            "shoprelay_reminders_proved_wrong_total", "Reminders sent that a late purchase proved wrong", ["sink"],
            registry=registry,
        ).labels(sink)  # fmt: skip
        self._held = Gauge(
            "shoprelay_sink_held", "1 while nothing leaves, by reason", ["sink", "reason"], registry=registry
        )
        self._closed = Gauge(
            "shoprelay_endpoint_closed", "1 while an endpoint takes no calls, by reason",
            ["sink", "endpoint", "reason"], registry=registry,
        )  # fmt: skip
        self._in_flight = Gauge(
            "shoprelay_in_flight", "Calls without an answer yet", ["sink"], registry=registry
        ).labels(sink)
        self._lag = Gauge(
            "shoprelay_sink_lag_records", "Records not finished yet", ["sink", "partition"], registry=registry
        )
        self._parked_now = Gauge(
            "shoprelay_parked_calls", "Calls that a person has to look at, of the partitions owned", ["sink"],
            registry=registry,
        ).labels(sink)  # fmt: skip
        self._parked = Counter("shoprelay_parked_total", "Calls parked", ["sink", "reason"], registry=registry)
        self._event_to_call = Seconds(
            "shoprelay_event_to_call_seconds", "From the fact to its delivery, live signals only", "", DELAY_SECONDS,
            sink, registry,
        )  # fmt: skip
        self._mass_items = Counter(
            "shoprelay_mass_items_total", "Items of history that the platform took", ["sink", "kind"], registry=registry
        )
        self._mass_kind = Gauge(
            "shoprelay_mass_kind", "1 for the kind of history that is being told", ["sink", "kind"], registry=registry
        )
        self._mass_held = Gauge(
            "shoprelay_mass_held", "1 while the platform takes no history, and somebody has to look", ["sink"],
            registry=registry,
        ).labels(sink)  # fmt: skip
        self._call_children: dict[tuple[str, Verdict], Counter] = {}
        self._signal_children: dict[tuple[str, str], Counter] = {}
        for reason in (*REASONS, PARKING):
            self._held.labels(sink, reason).set(0)

    def watch(self, in_flight: Callable[[], int]) -> None:
        """Asked when somebody scrapes, instead of told on every call."""
        self._in_flight.set_function(in_flight)

    def load_answered(self, call: Call, items: int, verdict: Verdict, seconds: float) -> None:
        """A request of many. What became of each is told by `calls`; of itself only what concerns it as a whole."""
        self.timed(call, seconds)
        if items:
            self._load_items.labels(self._sink, call.endpoint).observe(items)
        if verdict is not Verdict.DELIVERED:
            self.calls(call.says, verdict)

    def calls(self, says: str, verdict: Verdict, many: int = 1) -> None:
        """`labels()` and `inc()` take locks; these three run once per call or signal, and are settled when asked."""
        child = self._call_children.get((says, verdict))
        if child is None:
            child = self._calls.labels(self._sink, says, verdict.value)
            self._call_children[says, verdict] = child
        self._counted[child] = self._counted.get(child, 0) + many

    def timed(self, call: Call, seconds: float) -> None:
        self._call_seconds.observe(seconds, call.endpoint)

    def finished(self, signal: str, outcome: str) -> None:
        child = self._signal_children.get((signal, outcome))
        if child is None:
            child = self._signal_children[signal, outcome] = self._signals.labels(self._sink, signal, outcome)
        self._counted[child] = self._counted.get(child, 0) + 1

    def collect(self) -> Iterable[Metric]:
        """Settles."""
        counted, self._counted = self._counted, {}
        for child, many in counted.items():
            child.inc(many)
        return ()

    def told(self, seconds: float) -> None:
        self._event_to_call.observe(seconds)

    def reminder_sent(self) -> None:
        self._reminders.labels(self._sink, "sent").inc()

    def reminder_withheld(self, reason: str) -> None:
        self._reminders.labels(self._sink, "withheld").inc()
        self._withheld.labels(self._sink, reason).inc()

    def proved_wrong(self) -> None:
        self._proved_wrong.inc()

    def parked(self, reason: str) -> None:
        self._parked.labels(self._sink, reason).inc()

    def held(self, reason: str, held: bool) -> None:
        self._held.labels(self._sink, reason).set(held)

    def parked_now(self, calls: int) -> None:
        self._parked_now.set(calls)

    def gate(self, endpoint: str, state: str) -> None:
        for reason in CLOSED:
            self._closed.labels(self._sink, endpoint, reason).set(state == reason)

    def mass_told(self, kind: str, items: int) -> None:
        self._mass_items.labels(self._sink, kind).inc(items)

    def mass_tells(self, kind: str, tells: bool) -> None:
        self._mass_kind.labels(self._sink, kind).set(tells)

    def mass_held(self, held: bool) -> None:
        self._mass_held.set(held)

    def lag(self, partition: int, records: int) -> None:
        self._lag.labels(self._sink, str(partition)).set(records)

    def lost(self, partition: int) -> None:
        """The partition is somebody else's now: its lag is theirs to tell."""
        self._lag.remove(self._sink, str(partition))
