"""What the sink has told NewStore, the gateway is told: both sides of the stand-in together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

import sinks
from shoprelay.gateway.errors import Problem
from shoprelay.gateway.process import build
from shoprelay.sections import SinkSettings
from shoprelay.settings import Account, Front
from sinks.fake import Received
from sinks.newstore.config import NewStoreConfig
from sinks.newstore.fake import NewStoreStandIn
from sinks.newstore.fakeread import ReadSide
from sinks.newstore.read import READS, NewStoreReading
from sinks.newstore.sink import SINK
from sinks.questions import Availability, AvailabilityAsked, CustomerAsked, Order, OrderAsked, ProductAtPlace
from tests.shoprelay.gateway.world import HandClock, Wire, front

CASE = Path(next(iter(sinks.__path__))) / "newstore" / "cases" / "order_placed--two_mugs.json"


class Both:
    def __init__(self) -> None:
        clock = HandClock()
        self.reads = ReadSide(clock.monotonic, lambda token: True, limits=(), alone=False)
        self.newstore = NewStoreStandIn(others=(self.reads,))
        settings = self.newstore.settings("http://newstore.example")
        secret = SecretStr(settings.pop("client_secret"))
        config = NewStoreConfig.model_validate({**settings, "client_secret": secret})
        account = Account("newstore", SINK, SinkSettings(platform="newstore"), config)
        at = Front(front().settings, account, READS, NewStoreReading())
        wire = Wire(self.newstore, clock)  # type: ignore[arg-type]
        self.platform = build(at, CollectorRegistry(), wire, clock).platform
        self.now = clock.now

    async def sink_tells(self, method: str, path: str, body: object) -> None:
        """As the sink would, with the token that the gateway was lent."""
        token = self.newstore.secrets[-1]
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        reply = self.newstore.answer(Received(self.now, method, path, headers, json.dumps(body).encode()))
        assert reply.status in (200, 201), reply.body


async def test_an_order_that_was_injected_and_its_customer_and_the_stock_left() -> None:
    both = Both()
    both.reads.stock("mug", "BER", 3)
    asked = AvailabilityAsked(items=(ProductAtPlace(product_id="mug", place_id="BER"),))
    stock = await both.platform.ask(asked)
    assert isinstance(stock, Availability) and stock.items[0].available == 3

    call = json.loads(CASE.read_text())["calls"][0]
    await both.sink_tells(call["method"], call["path"], call["body"])
    await both.sink_tells("POST", "/customer/profiles", {"email": "ada@example.com", "full_name": "Ada Lovelace"})

    order = await both.platform.ask(OrderAsked(order_number=call["body"]["external_id"]))
    assert isinstance(order, Order)
    assert (order.order_number, order.currency, order.status) == (call["body"]["external_id"], "EUR", "open")
    assert len(order.items) == sum(len(shipment["items"]) for shipment in call["body"]["shipments"])
    customer = await both.platform.ask(CustomerAsked(email="ADA@example.com"))
    assert customer.model_dump()["full_name"] == "Ada Lovelace"


async def test_an_order_that_nobody_injected_is_nobodys() -> None:
    with pytest.raises(Problem, match="not-found"):
        await Both().platform.ask(OrderAsked(order_number="nobody-s"))
