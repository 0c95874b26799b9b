"""Who rests: lanes whose call failed, each for its own back-off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from streams.delivery.entries import Lane
from streams.delivery.pace import Random, jittered
from streams.delivery.settings import Backoff


class Rests:
    """`wake` is given the lanes that have rested."""

    def __init__(self, backoff: Backoff, random: Random, wake: Callable[[Iterable[Lane]], None]) -> None:
        self._backoff = backoff
        self._random = random
        self._wake = wake
        self._timers: dict[Lane, asyncio.TimerHandle] = {}

    def __contains__(self, lane: Lane) -> bool:
        return lane in self._timers

    def rest(self, lane: Lane, failures: int) -> None:
        wait = jittered(self._backoff, failures, self._random)
        self._timers[lane] = asyncio.get_running_loop().call_later(wait, self._rested, lane)

    def _rested(self, lane: Lane) -> None:
        del self._timers[lane]
        self._wake((lane,))

    def wake_the_blameless(self) -> None:
        """Somebody got through again: whoever failed only while nobody did need not wait any longer. Who fails next to
        others' success is blamed, and rests its whole time."""
        awake = [lane for lane in self._timers if lane.entries and not lane.entries[0].blamed]
        for lane in awake:
            self._timers.pop(lane).cancel()
        self._wake(awake)
