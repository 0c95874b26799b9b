"""Virtual time for tests: the event loop of the certificate, which never waits, at noon on the first of June."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from shoprelay.certificate import virtual

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
MovedClock = functools.partial(virtual.VirtualClock, NOON)


def moved_clock(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Runs an async test in virtual time."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        virtual.in_virtual_time(test(*args, **kwargs))

    run.__signature__ = inspect.signature(test)  # type: ignore[attr-defined]
    return run


async def until(condition: Callable[[], bool], seconds: float = 36_000.0) -> None:
    """Lets virtual time pass until it holds."""
    assert await virtual.until(condition, seconds), "it never came true"


async def pass_time(seconds: float) -> None:
    await asyncio.sleep(seconds)


class CountedLoop(virtual.VirtualLoop):
    """Fails when nothing but turns of the loop goes on."""

    busy = 20_000  # in one virtual second

    def __init__(self) -> None:
        super().__init__()
        self._second = self._turns = 0

    def _run_once(self) -> None:
        if int(self.now) != self._second:
            self._second, self._turns = int(self.now), 0
        self._turns += 1
        if self._turns > self.busy:
            raise AssertionError(f"busy at {self.now:.3f}")
        super()._run_once()  # type: ignore[misc]
