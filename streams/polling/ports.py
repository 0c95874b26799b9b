"""What a poller needs of Kafka, as a small protocol: the real hands are in `streams.polling.kafka`, tests have their
own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from schemas.events import ShopEvent
from schemas.records import Refused


class Hands(Protocol):
    """Everything is durable when it returns. Raises whatever Kafka raises, for "not now"."""

    async def recall(self) -> bytes:
        """The position last remembered; empty when there is none."""

    async def publish(self, events: Sequence[ShopEvent]) -> None:
        """Into the front door, in their order."""

    async def refuse(self, refused: Sequence[Refused]) -> None: ...

    async def remember(self, position: bytes) -> None: ...

    async def close(self) -> None: ...


def key_of(event: ShopEvent) -> bytes:
    """As every publisher keys its events, so that one customer's stay in order."""
    who = event.customer
    return (who.customer_id or who.email or who.anonymous_id or who.cart_token or event.shop).encode()
