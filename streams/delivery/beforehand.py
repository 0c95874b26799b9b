"""What has to be durable before an entry goes on: bytes before they leave, a parting before it is finished."""

from __future__ import annotations

from schemas.codec import Undecodable
from sinks.contract import Call
from streams.delivery.entries import Entry
from streams.delivery.guard import Guard
from streams.delivery.park import CANNOT_SAY, TooLarge
from streams.delivery.remembered import Remembered
from streams.delivery.say import Speaker, Unsayable


class Beforehand:
    """Each of them is tried until it works; False when it was cut short, and the entry comes again."""

    def __init__(self, remembered: Remembered, speaker: Speaker, guard: Guard) -> None:
        self._remembered = remembered
        self._speaker = speaker
        self._guard = guard

    async def listened(self, entry: Entry) -> bool:
        """While the shop is away: whether it is known now if this entry brings it back. Raises `SchemaMissing`."""
        try:
            signal = self._speaker.signal(entry)
        except Undecodable:
            return True
        if not (self._speaker.hears(signal) and self._remembered.comes_back(entry, signal)):
            return True
        return await self._guard.lasting(entry.lane, lambda: self._remembered.connect(entry, signal))

    async def kept(self, entry: Entry, call: Call) -> bool | Unsayable:
        """Whether the call may leave, its exact bytes being kept."""
        refused: list[Call] = []

        async def keep() -> None:
            try:
                await self._remembered.keep(entry, call)
            except TooLarge:  # for ever, too
                refused.append(call)

        if not await self._guard.lasting(entry.lane, keep):
            return False
        return Unsayable(CANNOT_SAY, "too large to be kept") if refused else True

    async def forgotten(self, entry: Entry, call: Call) -> bool:
        """Whether it is known for good that the shop has left, if that is what was said. Otherwise it is said again."""
        if not self._remembered.gives_back(call):
            return True
        return await self._guard.lasting(entry.lane, lambda: self._remembered.give_back(entry))
