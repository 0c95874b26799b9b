"""`shops`: makes shops with a captured database, and removes all of them after the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.cdc.databases import Kind
from tests.cdc.lane import Shop


@pytest.fixture
async def shops() -> AsyncIterator[Callable[[Kind], Awaitable[Shop]]]:
    opened: list[Shop] = []

    async def shop(kind: Kind) -> Shop:
        opened.append(Shop.open(kind))
        return opened[-1]

    yield shop
    for each in opened:
        await each.close()
