"""What the collector counts. Labels are bounded: systems there is a source for, shops of the settings, answers."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class CollectorMetrics:
    def __init__(self, registry: CollectorRegistry, waiting: Callable[[], int]) -> None:
        self._answers = Counter(
            "shoprelay_deliveries_total", "Deliveries by shop, system and answer; nobody's have neither",
            ["shop", "system", "answer"], registry=registry,
        )  # fmt: skip
        self._bytes = Counter("shoprelay_delivered_bytes_total", "Bodies appended to `webhooks`", registry=registry)
        self._append = Histogram(
            "shoprelay_append_seconds",
            "From a checked delivery to the broker's ack",
            buckets=SECONDS,
            registry=registry,
        )
        self._waiting = Gauge("shoprelay_appends_waiting", "Deliveries that wait for the ack", registry=registry)
        self._waiting.set_function(waiting)

    def answered(self, shop: str, system: str, answer: int) -> None:
        self._answers.labels(shop, system, str(answer)).inc()

    def appended(self, size: int, seconds: float) -> None:
        self._bytes.inc(size)
        self._append.observe(seconds)
