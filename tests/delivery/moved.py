"""Virtual time: an event loop that never waits. When nobody has anything to do, its clock jumps to the next timer."""

from __future__ import annotations

import asyncio
import functools
import inspect
import selectors
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


class Stuck(Exception):
    """Nobody has anything to do, now or later: the test would have hung."""


class _Selector(selectors.DefaultSelector):  # type: ignore[misc,valid-type]
    loop: MovedLoop

    def select(self, timeout: float | None = None) -> Any:
        events = super().select(0)
        if events or timeout == 0:
            return events
        if timeout is None:
            raise Stuck
        self.loop.now += max(timeout, 0.0)
        return events


class MovedLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.now = 0.0
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now


class MovedClock:
    """Noon on the first of June when the loop begins."""

    def wall(self) -> datetime:
        return NOON + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


def moved_clock(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Runs an async test in virtual time."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        with asyncio.Runner(loop_factory=MovedLoop) as runner:
            runner.run(test(*args, **kwargs))  # type: ignore[arg-type]

    run.__signature__ = inspect.signature(test)  # type: ignore[attr-defined]
    return run


async def until(condition: Callable[[], bool], seconds: float = 36_000.0) -> None:
    """Lets virtual time pass until it holds; looks ten times a second at first, once in two after a while."""
    deadline, step = asyncio.get_running_loop().time() + seconds, 0.1
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "it never came true"
        await asyncio.sleep(step)
        step = min(step * 1.01, 2.0)


async def pass_time(seconds: float) -> None:
    await asyncio.sleep(seconds)
