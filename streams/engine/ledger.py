"""What is in a handler's hand, what is acked, what is committed; per topic partition, for the current assignment."""

from __future__ import annotations

import asyncio
import time
from typing import Any


class Ledger:
    """Offsets are the next to read. Only the very message in hand can move one."""

    def __init__(self) -> None:
        self.unacked: set[Any] = set()
        """Messages that streams of Faust have taken and not acked."""
        self.acked: dict[Any, int] = {}
        self.committed: dict[Any, int] = {}
        self.moved = time.monotonic()
        self._in_hand: dict[Any, tuple[Any, asyncio.Future[None], float]] = {}

    def start(self, tp: Any, position: int) -> None:
        self.acked.setdefault(tp, position)

    def passed(self, tp: Any, position: int) -> None:
        """Nothing up to `position` is for a handler. Only while none holds a message of this topic partition."""
        if tp not in self._in_hand:
            self.acked[tp] = max(position, self.acked.get(tp, position))

    async def wait_empty(self, seconds: float) -> bool:
        """Until no stream holds a message; False if one still does after so long."""
        until = time.monotonic() + seconds
        while self.unacked and time.monotonic() < until:  # noqa: ASYNC110  (streams fill the set without telling)
            await asyncio.sleep(0.005)
        return not self.unacked

    def hand_out(self, tp: Any, message: Any) -> asyncio.Future[None]:
        """The future is done when the message is acked."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._in_hand[tp] = message, done, time.monotonic()
        return done

    def ack(self, message: Any) -> bool:
        """False for a message of an earlier assignment, and for one that a stream skipped: Faust acks those
        unhandled.
        """
        message.acked = True
        self.unacked.discard(message)
        in_hand = self._in_hand.get(message.tp)
        if in_hand is None or in_hand[0] is not message or not message.tracked:
            return False
        done = in_hand[1]
        del self._in_hand[message.tp]
        self.acked[message.tp] = message.offset + 1
        self.moved = time.monotonic()
        if not done.done():
            done.set_result(None)
        return True

    def to_commit(self) -> dict[Any, int]:
        return {tp: offset for tp, offset in self.acked.items() if offset > self.committed.get(tp, -1)}

    def oldest_in_hand(self) -> float:
        """Seconds that the longest-held message has been out; 0.0 if none is."""
        now = time.monotonic()
        return max((now - since for _, _, since in self._in_hand.values()), default=0.0)

    def clear(self) -> None:
        """The assignment is gone."""
        self.unacked.clear()
        self.acked.clear()
        self.committed.clear()
        self._in_hand.clear()
