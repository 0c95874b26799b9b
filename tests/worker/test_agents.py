"""The agents around the rooms: a chunk is acked when everything of it is done, and not at all when it failed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from streams.worker import app as worker_app

NAMES: Any = SimpleNamespace(
    shop_events="shop-events", webhooks="webhooks", customer_events="customer-events", catalog_events="catalog-events"
)


@dataclass
class App:
    """As much of Faust's app as declares agents."""

    agents: dict[str, Callable[[Any], Any]] = field(default_factory=dict)
    engine: Any = field(default_factory=lambda: SimpleNamespace(chunked=set()))

    def topic(self, *names: str, **_: str) -> tuple[str, ...]:
        return names

    def agent(self, topic: Any, name: str) -> Callable[[Any], Any]:
        def declare(body: Callable[[Any], Any]) -> None:
            self.agents[name] = body

        return declare


@dataclass
class Stream:
    """Two chunks. `happened` is what was done with them, in order."""

    happened: list[str] = field(default_factory=list)
    fails: bool = False

    def noack(self) -> Stream:
        return self

    async def events(self) -> AsyncIterator[Any]:
        for chunk in ("first", "second"):
            yield SimpleNamespace(value=chunk, message=SimpleNamespace(partition=3))

    async def ack(self, event: Any) -> None:
        self.happened.append(f"ack {event.value}")

    async def chunk(self, *given: Any) -> None:
        """In place of Ingest's, Webhooks', Fold's and Catalog's."""
        self.happened.append(f"begin {given[-1]}")
        if self.fails:
            raise OSError("the broker is away")
        self.happened.append(f"end {given[-1]}")


async def run(name: str, stream: Stream) -> None:
    app = App()
    room: Any = stream
    worker_app._agents(app, NAMES, room, room, room, room)
    await app.agents[name](stream)


@pytest.mark.parametrize("name", ["ingest", "webhooks", "fold", "catalog"])
async def test_a_chunk_is_acked_when_everything_of_it_is_done(name: str) -> None:
    stream = Stream()
    await run(name, stream)
    assert stream.happened == [f"{what} {chunk}" for chunk in ("first", "second") for what in ("begin", "end", "ack")]


@pytest.mark.parametrize("name", ["ingest", "webhooks", "fold", "catalog"])
async def test_a_chunk_that_fails_is_not_acked_and_the_failure_goes_up(name: str) -> None:
    stream = Stream(fails=True)
    with pytest.raises(OSError, match="away"):
        await run(name, stream)
    assert stream.happened == ["begin first"]
