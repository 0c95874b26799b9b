"""JUNE's stand-in as what a runner talks to, in memory and in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

from schemas import events, signals
from schemas.values import CustomerRef, LineItem
from shoprelay.certificate.asking import asked
from sinks.contract import Answer, Call, load
from sinks.june.fake import JuneStandIn
from tests.delivery.moved import NOON
from tests.delivery.world import Platform, World
from tests.domain import story

SINK = load("june")


class June(Platform):
    """Answers as the stand-in does, once what is scripted for a call is used up."""

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.stand_in = JuneStandIn()
        self.config: Any = SINK.config(**self.stand_in.settings("http://127.0.0.1"), **settings)

    async def receive(self, call: Call) -> Answer:
        self.sent.append((asyncio.get_running_loop().time(), call))
        scripted = self.answers.get(call.key)
        if scripted:
            return await self._resolve(scripted.pop(0))
        answer = asked(SINK, self.config, self.stand_in, call, NOON.timestamp())
        if answer.status == 200:
            self.accepted.append(call.key)
        return answer

    def heard(self) -> list[str]:
        """The kinds of what was accepted, in their order."""
        return [key.rpartition(":")[2] for key in self.accepted]


def shop(*said: events.ShopPayload, ref: CustomerRef = story.ADA) -> list[signals.Signal]:
    """What is concluded from what a shop tells, a minute after each other."""
    facts = [story.told(payload, NOON + n * story.MINUTE, ref) for n, payload in enumerate(said)]
    return story.World().tell(*facts)


def world(june: June) -> World:
    made = World()
    made.platform, made.config = june, june.config
    return made


def bare(*lines: LineItem) -> tuple[LineItem, ...]:
    """As parcels name them: by id and quantity alone."""
    return tuple(LineItem(product_id=line.product_id, quantity=line.quantity) for line in lines)
