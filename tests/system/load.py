"""Load: many customers' events told at a steady pace while something happens to whoever carries them."""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from contextlib import suppress
from typing import Self

from tests.system.procs import until
from tests.system.running import ARRIVE_SECONDS, Running, event, repeats_are_equal, seen


class Load:
    """Tells `customers` customers numbered events while its block runs; knows afterwards what it told."""

    def __init__(self, system: Running, name: str, customers: int = 20, pause: float = 0.02) -> None:
        self._system, self._name, self._customers, self._pause = system, name, customers, pause
        self._task: asyncio.Task[None] | None = None
        self.told: dict[str, list[str]] = {}  # customer -> event ids in order

    @property
    def count(self) -> int:
        return sum(map(len, self.told.values()))

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._tell())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        await asyncio.to_thread((await self._system.publisher()).flush)

    async def _tell(self) -> None:
        publisher = await self._system.publisher()
        for n in itertools.count():
            customer = f"{self._name}-{n % self._customers}"
            told = self.told.setdefault(customer, [])
            told.append(f"{customer}-{len(told):05d}")
            publisher.publish(event(customer, seen(), told[-1]))
            await asyncio.sleep(self._pause)

    async def until(self, more: int) -> None:
        """Until so many more events were told."""
        enough = self.count + more
        await until(lambda: self.count >= enough, 30, f"{more} more events are told")

    async def arrived(self, seconds: float = ARRIVE_SECONDS) -> int:
        """Waits until every event has led to its call; asserts that none is stored twice, that each customer's came in
        order, and that repeats were equal. Returns the number of repeats."""

        async def all_there() -> bool:
            stored = await self._system.stored(says="Active on Site")
            return sum(call.customer in self.told for call in stored) >= self.count

        try:
            await until(all_there, seconds)
        except AssertionError:
            there = {call.unique_id for call in await self._system.stored(says="Active on Site")}
            ids = [told for ids in self.told.values() for told in ids]
            missing = [told for told in ids if f"mugs:{told}:SessionActive" not in there]
            told = {signal.cause for _, signal in await self._system.signals()}
            state = [await self._system.readiness(name) for name in ("worker", "sink")]
            raise AssertionError(
                f"{len(missing)} of {len(ids)} events have not arrived, {len(set(missing) - told)} are not even said; "
                f"worker and sink: {state}; missing: {missing[:10]}"
            ) from None
        calls = [call for call in await self._system.calls(says="Active on Site") if call.customer in self.told]
        stored: dict[str, list[str]] = defaultdict(list)
        for call in calls:
            if call.verdict == "accepted":
                stored[call.customer].append(call.unique_id)
        expected = {who: [f"mugs:{told}:SessionActive" for told in ids] for who, ids in self.told.items()}
        assert stored == expected
        return repeats_are_equal(calls)
