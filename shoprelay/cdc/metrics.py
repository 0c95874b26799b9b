"""What the process around Debezium's engine tells of itself."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge


class CdcMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._records = Counter(
            "shoprelay_cdc_records_total", "Records of tables that the broker has", ["topic"], registry=registry
        )
        self._heard = Gauge("shoprelay_cdc_heard_timestamp_seconds", "When the engine spoke last", registry=registry)

    def heard(self, told: Mapping[str, int], at: float) -> None:
        """`told` is how many records by topic; none where it was a heartbeat alone."""
        for topic, count in told.items():
            self._records.labels(topic).inc(count)
        self._heard.set(at)
