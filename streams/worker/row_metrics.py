"""What is told of shops' databases. Topics are those that were configured; nothing a database chose is a label."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

log = structlog.get_logger("shoprelay.worker")


class RowMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._changes = Counter(
            "shoprelay_changes_read_total", "Records of databases, by what they say", ["topic", "change"],
            registry=registry,
        )  # fmt: skip
        self._known = Gauge(
            "shoprelay_rows_known", "Orders, carts, customers, products of databases that are remembered, and owners",
            registry=registry,
        )  # fmt: skip
        self._waited = Counter("shoprelay_rows_waited_total", "Times that a wait for rows was over", registry=registry)
        self._doubles: set[tuple[str, str]] = set()

    def change(self, topic: str, word: str) -> None:
        self._changes.labels(topic, word).inc()

    def doubles(self, shop: str, columns: Sequence[str]) -> None:
        """Said once of each column: whoever can change it reads it once."""
        for column in columns:
            if (shop, column) not in self._doubles:
                self._doubles.add((shop, column))
                remedy = "set decimal.handling.mode=precise in the connector"
                log.warning("an amount came as a double, which is not exact", shop=shop, column=column, remedy=remedy)

    def pending(self, count: int) -> None:
        self._known.set(count)

    def fired(self, late_ms: int) -> None:
        self._waited.inc()
