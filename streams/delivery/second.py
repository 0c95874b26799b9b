"""The second way: what an operator asked for is taken up, and what has passed is parked no longer."""

from __future__ import annotations

import asyncio

from sinks.contract import Call
from streams.delivery.entries import Again, Entry
from streams.delivery.guard import Guard
from streams.delivery.park import Parking
from streams.delivery.say import DROPPED, SETTLED, Finished


class SecondWay:
    def __init__(self, parking: Parking, guard: Guard, seconds: float) -> None:
        self._parking = parking
        self._guard = guard
        self._seconds = seconds

    async def taken_up(self, entry: Entry) -> Finished | None:
        """`None` when there is something to send; asked twice is asked once. Raises `RegistryError`, and
        TimeoutError when that takes longer than `seconds` or is cut short."""
        if entry.again is not None or not entry.partition.second:
            return None
        assert entry.record is not None, "an entry in its turn is not finished"
        try:
            async with asyncio.timeout(self._seconds) as entry.lane.scope:
                parked = await self._parking.decoded(entry.record.value or b"")
        finally:
            entry.lane.scope = None
        if parked is None or parked.parked_id not in entry.lane.shard.sequence:
            return Finished(SETTLED)
        drop = ("action", b"drop") in entry.record.headers
        entry.again, entry.alone = Again(parked, drop), True
        return Finished(DROPPED) if drop else None

    async def settled(self, entry: Entry) -> bool:
        """Whether what was parked is so no longer, durably. To be asked before an entry is finished that has nothing
        left to send."""
        return entry.again is None or await self._guard.taken_away(entry)

    async def passed(self, entry: Entry, call: Call) -> bool:
        """Whether what follows from its delivery for parked calls is durable. Otherwise it is sent once more."""
        lane = entry.lane
        awaited = call.opens and lane.shard.sequence.blocks(lane.key, call.opens)
        if awaited and not await self._guard.opened(lane, call.opens):
            return False
        last = entry.calls is not None and entry.at + 1 == len(entry.calls)
        return not last or await self.settled(entry)
