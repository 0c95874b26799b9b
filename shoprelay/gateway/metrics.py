"""The catalog of the gateway's metrics. Every label is bounded: our endpoints, the platform's, statuses, outcomes."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
STOPPED = ("banned", "not-let-in")


class GatewayMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "shoprelay_gateway_requests_total", "Answers to the shop", ["endpoint", "status"], registry=registry
        )
        self._seconds = Histogram(
            "shoprelay_gateway_request_seconds", "From a request to its answer", ["endpoint"], registry=registry,
            buckets=SECONDS,
        )  # fmt: skip
        self._answers = Counter(
            "shoprelay_gateway_answers_total", "Answers by where they came from", ["endpoint", "source"],
            registry=registry,
        )  # fmt: skip
        self._calls = Counter(
            "shoprelay_gateway_calls_total", "Calls to the platform", ["endpoint", "outcome"], registry=registry
        )
        self._call_seconds = Histogram(
            "shoprelay_gateway_call_seconds", "From sending a call to its answer", ["endpoint"], registry=registry,
            buckets=SECONDS,
        )  # fmt: skip
        self._stopped = Gauge(
            "shoprelay_gateway_stopped", "1 while the platform does not let us in", ["reason"], registry=registry
        )
        for reason in STOPPED:
            self._stopped.labels(reason).set(0)

    def answered(self, endpoint: str, status: int, seconds: float) -> None:
        self._requests.labels(endpoint, str(status)).inc()
        self._seconds.labels(endpoint).observe(seconds)

    def came_from(self, endpoint: str, source: str) -> None:
        self._answers.labels(endpoint, source).inc()

    def called(self, endpoint: str, outcome: str, seconds: float) -> None:
        """`outcome` is a status from 100 to 599 or a fault."""
        self._calls.labels(endpoint, outcome).inc()
        self._call_seconds.labels(endpoint).observe(seconds)

    def watch_ban(self, banned: Callable[[], bool]) -> None:
        """Asked when somebody scrapes: a ban ends by itself."""
        self._stopped.labels("banned").set_function(banned)

    def not_let_in(self, refused: bool) -> None:
        self._stopped.labels("not-let-in").set(refused)
