"""JOOR's stand-in as what a poller asks, and a poller at it, in virtual time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sinks.contract import Answer, Call
from sinks.fake import Received
from sinks.joor.fake import TOKEN, JoorStandIn
from sources.joor.config import JoorOrdersConfig
from sources.joor.source import SOURCE
from tests.delivery.moved import MovedClock
from tests.polling.asked import Kafka, Running


def config(**changes: Any) -> JoorOrdersConfig:
    return JoorOrdersConfig(**{"base_url": "https://joor.example", "token": TOKEN, **changes})


class Joor:
    """`between` is called before each answer, with how many were asked before. `asked` keeps the queries."""

    def __init__(self, stand_in: JoorStandIn, settings: JoorOrdersConfig) -> None:
        self.stand_in, self.clock = stand_in, MovedClock()
        self.between: Callable[[int], None] = lambda asked: None
        self.asked: list[dict[str, str]] = []
        self._headers = {name.lower(): value for name, value in SOURCE.headers(settings).items()}

    async def send(self, call: Call) -> Answer:
        await asyncio.sleep(0.01)
        self.between(len(self.asked))
        self.asked.append(dict(parse_qsl(urlsplit(call.path).query)))
        now = self.clock.wall().timestamp()
        reply = self.stand_in.answer(Received(now, call.method, call.path, self._headers, call.body))
        return Answer(reply.status, {k.lower(): v for k, v in reply.headers.items()}, reply.body)

    async def close(self) -> None: ...


def polling(kafka: Kafka, joor: Joor, settings: JoorOrdersConfig | None = None) -> Running:
    return Running(SOURCE, settings or config(), kafka, joor)


def answer(orders: Any, **response: Any) -> Answer:
    return Answer(200, {}, json.dumps({"response": {"code": 0, **response}, "orders": orders}).encode())
