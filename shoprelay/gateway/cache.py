"""Answers that several may share: one call for all who ask the same at the same time, and its answer for some seconds.

All keys of a gateway belong to one shop, so they share, too. A failure is shared with those who waited for it, and
kept for nobody else.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Literal

from streams.delivery.clock import Clock

MOST_BYTES = 64 * 1024 * 1024
OVERHEAD = 1_000  # bytes of a question and its place


@dataclass(frozen=True, slots=True)
class Answered:
    """`age` in seconds since the platform said so."""

    body: bytes
    source: Literal["asked", "shared", "kept"]
    age: float = 0.0


class Answers:
    def __init__(self, clock: Clock, most_bytes: int = MOST_BYTES) -> None:
        self._clock, self._most = clock, most_bytes
        self._kept: OrderedDict[Hashable, tuple[float, float, bytes]] = OrderedDict()  # -> at, until, body
        self._bytes = 0
        self._asking: dict[Hashable, asyncio.Task[bytes]] = {}

    async def get(self, question: Hashable, seconds: float, ask: Callable[[], Awaitable[bytes]]) -> Answered:
        """`seconds` is how long an answer may be kept; 0 shares it only with those who ask meanwhile."""
        now = self._clock.monotonic()
        if (kept := self._kept.get(question)) is not None:
            at, until, body = kept
            if now < until:
                return Answered(body, "kept", now - at)
            self._forget(question)
        if (task := self._asking.get(question)) is not None:
            return Answered(await asyncio.shield(task), "shared")
        task = self._asking[question] = asyncio.ensure_future(self._ask(question, seconds, ask))
        task.add_done_callback(
            lambda done: done.cancelled() or done.exception()
        )  # it may be that nobody waits any more
        return Answered(await asyncio.shield(task), "asked")

    async def _ask(self, question: Hashable, seconds: float, ask: Callable[[], Awaitable[bytes]]) -> bytes:
        """Goes on when whoever asked first has hung up: others may have joined."""
        try:
            body = await ask()
        finally:
            del self._asking[question]
        if seconds > 0:
            self._keep(question, seconds, body)
        return body

    def _keep(self, question: Hashable, seconds: float, body: bytes) -> None:
        now = self._clock.monotonic()
        self._kept[question] = (now, now + seconds, body)
        self._bytes += len(body) + OVERHEAD
        while self._bytes > self._most:
            self._forget(next(iter(self._kept)))

    def _forget(self, question: Hashable) -> None:
        self._bytes -= len(self._kept.pop(question)[2]) + OVERHEAD
