"""Virtual time: an event loop that never waits. When nobody has anything to do, its clock jumps to the next timer."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any


class Stuck(Exception):
    """Nobody has anything to do, now or later: in real time this would hang for ever."""


class _Selector(selectors.DefaultSelector):
    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> Any:
        events = super().select(0)
        if events or timeout == 0:
            return events
        if timeout is None:
            raise Stuck
        self.loop.now += max(timeout, 0.0)
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.now = 0.0
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now


class VirtualClock:
    """A wall that shows `begins` when the loop begins."""

    def __init__(self, begins: datetime) -> None:
        self._begins = begins

    def wall(self) -> datetime:
        return self._begins + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


def in_virtual_time(story: Awaitable[None]) -> None:
    async def told() -> None:
        await story

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(told())


async def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Lets virtual time pass until it holds, or so many seconds are over; says whether it holds."""
    loop, step = asyncio.get_running_loop(), 0.05
    deadline = loop.time() + seconds
    while not condition():
        if loop.time() >= deadline:
            return False
        await asyncio.sleep(step)
        step = min(step * 1.02, 2.0)
    return True
