"""The catalog of a poller's metrics. Every label is bounded: words for requests, verdicts, kinds of events, reasons."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from sinks.contract import Verdict

HELD = ("misconfigured", "answer")  # not let in; an answer that is none


class PollingMetrics:
    """One per process: `source` is the label of everything."""

    def __init__(self, registry: CollectorRegistry, source: str) -> None:
        self._source = source
        self._answers = Counter(
            "shoprelay_poll_answers_total", "Answers to questions, by verdict", ["source", "says", "verdict"],
            registry=registry,
        )  # fmt: skip
        self._events = Counter(
            "shoprelay_polled_events_total", "Events published, repeats included", ["source", "event"],
            registry=registry,
        )  # fmt: skip
        self._refused = Counter(
            "shoprelay_polled_refused_total", "Rows nobody understands", ["source", "reason"], registry=registry
        )
        self._rounds = Counter("shoprelay_poll_rounds_total", "Rounds finished", ["source"], registry=registry)
        self._finished = Gauge(
            "shoprelay_poll_finished_timestamp_seconds", "When the last round was finished", ["source"],
            registry=registry,
        )  # fmt: skip
        self._held = Gauge(
            "shoprelay_source_held", "1 while nothing is heard and somebody must look", ["source", "reason"],
            registry=registry,
        )  # fmt: skip
        for reason in HELD:
            self._held.labels(source, reason).set(0)

    def answered(self, says: str, verdict: Verdict) -> None:
        self._answers.labels(self._source, says, verdict.value).inc()

    def published(self, event: str) -> None:
        self._events.labels(self._source, event).inc()

    def refused(self, reason: str) -> None:
        self._refused.labels(self._source, reason).inc()

    def finished(self, at: float) -> None:
        self._rounds.labels(self._source).inc()
        self._finished.labels(self._source).set(at)

    def held(self, reason: str) -> None:
        """Empty while it is not."""
        for each in HELD:
            self._held.labels(self._source, each).set(each == reason)
