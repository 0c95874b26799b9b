"""Logs: a sentence plus fields. JSON when nobody watches, colours when somebody does; silence on the happy path."""

from __future__ import annotations

import logging
import sys
import time
from typing import Literal

import structlog

QUIET = ("aiokafka", "faust", "mode", "httpx", "aiohttp.access", "asyncio")


class AtMost(logging.Filter):
    """Lets a logger say the same sentence `count` times in `seconds`; aiokafka repeats itself 100 times a second when
    the broker is away."""

    def __init__(self, count: int, seconds: float) -> None:
        super().__init__()
        self._count, self._seconds = count, seconds
        self._seen: dict[object, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        now = time.monotonic()
        sentence = record.msg.get("event") if isinstance(record.msg, dict) else record.msg
        since, said = self._seen.get(sentence, (now, 0))
        if now - since > self._seconds:
            since, said = now, 0
        if len(self._seen) > 500:
            self._seen.clear()
        self._seen[sentence] = (since, said + 1)
        return said < self._count


def configure(form: Literal["auto", "json", "console"] = "auto", level: str = "INFO") -> None:
    """Once per process. Everything, our own lines and the libraries', goes to standard error in one form."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    pretty = form == "console" or (form == "auto" and sys.stderr.isatty())
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if pretty else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
            foreign_pre_chain=shared,
        )
    )
    handler.addFilter(AtMost(10, 10.0))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
