"""Reminders that left, remembered for as long as a late purchase may prove them wrong."""

from __future__ import annotations

from schemas.signals import OrderPlaced
from streams.delivery.entries import Entry
from streams.delivery.metrics import DeliveryMetrics


class Reminders:
    """At most `most`, the last ones; one that was sent by another process is not known here, and not counted."""

    def __init__(self, most: int, metrics: DeliveryMetrics) -> None:
        self._most = most
        self._metrics = metrics
        self._sent: dict[str, None] = {}  # in the order they were sent

    def sent(self, reminder: str) -> None:
        self._metrics.reminder_sent()
        self._sent[reminder] = None
        if len(self._sent) > self._most:
            del self._sent[next(iter(self._sent))]

    def notice(self, entry: Entry) -> None:
        """A purchase that came too late for a reminder of ours is counted."""
        if entry.signal is not None and isinstance(entry.signal.payload, OrderPlaced):
            for reminder in entry.signal.payload.proved_wrong:
                if reminder in self._sent:
                    del self._sent[reminder]
                    self._metrics.proved_wrong()
