"""A shelf of numbered parcels that somebody must ask for, a Kafka that may die, and a poller between them, in virtual
time."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from aiokafka.errors import KafkaConnectionError
from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from schemas.events import SessionActive, ShopEvent
from schemas.records import Refused
from schemas.values import CustomerRef
from sinks.contract import Answer, Call
from sources.contract import Answered, Limit, Polled, Request, Source, Unreadable, Visit
from streams.polling.metrics import PollingMetrics
from streams.polling.poller import Poller
from streams.polling.settings import PollingSettings
from tests.delivery.moved import NOON, MovedClock


class ParcelConfig(BaseModel):
    page: int = 2


def ask(start: int) -> Request:
    return Request(says="Parcels", method="GET", path=f"/parcels?from={start}", memo=str(start))


def begin(visit: Visit, config: ParcelConfig) -> Request:
    return ask(int(visit.position or b"0"))


def event(number: int, shop: str = "mugs") -> ShopEvent:
    return ShopEvent(
        event_id=f"parcel:{number}", shop=shop, occurred_at=NOON, source="parcels",
        customer=CustomerRef(customer_id=str(number)), payload=SessionActive(),
    )  # fmt: skip


def read(visit: Visit, request: Request, answer: Answered, config: ParcelConfig) -> Polled:
    rows = answer.at("parcels")
    if not isinstance(rows, list):
        return Polled(trouble="no parcels in the answer")
    end = int(request.memo) + len(rows)
    bad = tuple(
        Unreadable(f"parcel {n}", b"{}", "shape", "it is no number", "repair it")
        for n in rows
        if not isinstance(n, int)
    )
    events = tuple(event(n, visit.shop) for n in rows if isinstance(n, int))
    return Polled(events, bad, str(end).encode(), ask(end) if len(rows) == config.page else None)


PARCELS = Source(
    name="parcels",
    config=ParcelConfig,
    base_url=lambda config: "https://parcels.example",
    headers=lambda config: {},
    begin=begin,
    read=read,
    every=timedelta(minutes=15),
)


class Shelf:
    """Answers with what lies there from a number on. `answers` come first; a function makes one when it is asked."""

    def __init__(self, *parcels: Any) -> None:
        self.parcels = list(parcels)
        self.answers: list[Answer] = []
        self.asked: list[tuple[float, str]] = []

    async def send(self, call: Call) -> Answer:
        await asyncio.sleep(0.01)
        self.asked.append((asyncio.get_running_loop().time(), call.path))
        if self.answers:
            return self.answers.pop(0)
        start = int(call.path.rpartition("=")[2])
        return Answer(200, {}, json.dumps({"parcels": self.parcels[start : start + 2]}).encode())

    async def close(self) -> None: ...


class Dead(BaseException):
    """The process is gone: nobody catches it."""


@dataclass
class Kafka:
    """What is durable. `dies` names the step that the process does not survive: just before, or just after it."""

    events: list[ShopEvent] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    positions: list[bytes] = field(default_factory=list)
    dies: str = ""
    away: int = 0

    def _step(self, name: str, do: Callable[[], None]) -> None:
        if self.away:
            self.away -= 1
            raise KafkaConnectionError
        if self.dies == f"before {name}":
            self.dies = ""
            raise Dead
        do()
        if self.dies == f"after {name}":
            self.dies = ""
            raise Dead

    async def recall(self) -> bytes:
        self._step("recall", lambda: None)
        return self.positions[-1] if self.positions else b""

    async def publish(self, events: Sequence[ShopEvent]) -> None:
        self._step("publish", lambda: self.events.extend(events))

    async def refuse(self, refused: Sequence[Refused]) -> None:
        self._step("refuse", lambda: self.refused.extend(refused))

    async def remember(self, position: bytes) -> None:
        self._step("remember", lambda: self.positions.append(position))

    async def close(self) -> None: ...

    @property
    def told(self) -> list[str]:
        return [event.event_id for event in self.events]


class Running:
    """A poller that goes on until `end`, or until it dies."""

    def __init__(self, source: Source, config: Any, hands: Any, transport: Any, limits: Sequence[Limit] = ()) -> None:
        self.registry, self.stop = CollectorRegistry(), asyncio.Event()
        settings = PollingSettings(account=source.name, shop="mugs", every_seconds=source.every.total_seconds())
        self.poller = Poller(
            replace(source, limits=tuple(limits) or source.limits), config, settings, hands=hands, transport=transport,
            metrics=PollingMetrics(self.registry, source.name), clock=MovedClock(), random=lambda: 0.5,
        )  # fmt: skip
        self.task = asyncio.ensure_future(self.poller.run(self.stop))

    @property
    def state(self) -> str:
        return self.poller.health().state

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, {"source": "parcels", **labels}) or 0.0

    async def died(self) -> None:
        with contextlib.suppress(Dead):
            await self.task

    async def end(self) -> None:
        self.stop.set()
        await self.task


def parcels(hands: Any, transport: Any, limits: Sequence[Limit] = (), **config: Any) -> Running:
    return Running(PARCELS, ParcelConfig(**config), hands, transport, limits)


def header(values: Mapping[str, str], status: int = 429) -> Answer:
    return Answer(status, dict(values))
