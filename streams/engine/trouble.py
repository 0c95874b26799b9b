"""When errors from Kafka are a passing trouble and when they are the end: counted by time, not by number."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from aiokafka import errors as E

from streams.engine.exits import fatal

log = logging.getLogger("streams.engine")

HOPELESS = (
    E.GroupAuthorizationFailedError,
    E.TopicAuthorizationFailedError,
    E.InconsistentGroupProtocolError,
    E.InvalidSessionTimeoutError,  # a real broker allows 6 s to 30 min unless told otherwise
)
PAUSE_SECONDS = 3.0  # without an error for this long, the trouble is over


class Trouble:
    """Errors that go on for a session: we are no member any more, and aiokafka may not join again by itself."""

    def __init__(self, session_seconds: float, told: Callable[[str], None]) -> None:
        self._session, self._told = session_seconds, told
        self._since = self._last = float("-inf")

    def met(self, exc: Exception) -> None:
        """An error reached us. Ends the process if it cannot pass or has lasted too long."""
        now = time.monotonic()
        if now - self._last > PAUSE_SECONDS:
            self._since = now
        self._last = now
        self._told(type(exc).__name__)
        log.error("kafka: %r", exc)
        if isinstance(exc, HOPELESS) or not isinstance(exc, E.KafkaError):
            fatal("the consumer cannot go on", exc)
        if now - self._since > self._session:
            fatal(f"errors from Kafka for {now - self._since:.1f} s without a pause", exc)
