"""`shops`: makes shops with a captured database; removes them after the test, and their topics after the last one."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from tests.cdc.databases import Kind
from tests.cdc.lane import Shop


@pytest.fixture(scope="session")
def topics() -> Iterator[list[str]]:
    """To be removed when no connector needs them: one that misses its topics while it stops keeps its transaction open
    for a minute, and as all write their offsets to one topic, nobody else can start until then."""
    left: list[str] = []
    yield left
    admin: Any = AdminClient({"bootstrap.servers": os.environ["SHOPRELAY_KAFKA"], "log_level": 0})
    for future in admin.delete_topics(left).values() if left else ():
        future.result()


@pytest.fixture
async def shops(topics: list[str]) -> AsyncIterator[Callable[[Kind], Awaitable[Shop]]]:
    opened: list[Shop] = []

    async def shop(kind: Kind) -> Shop:
        opened.append(Shop.open(kind))
        return opened[-1]

    yield shop
    for each in opened:
        topics += await each.close()
