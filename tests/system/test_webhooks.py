"""From a shop's signed post to what the platforms are told, through the collector's and the worker's own processes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from schemas.signals import CartChanged, OrderPlaced, OrderRefunded, Searched, Signal
from tests.system.procs import Process, free_port, until
from tests.system.running import SHOPS, Running

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]
SECRET = "a-secret-for-tests"
HOOKS = """
[shops.mugs.hooks.shopify]
secrets = ["env:HOOK_SECRET"]
currency = "EUR"
[shops.mugs.hooks.generic]
secrets = ["env:HOOK_SECRET"]
"""
MUG = {"id": 11, "product_id": 1, "variant_id": 101, "title": "Mug", "price": "9.50", "original_price": "9.50"}
APRIL = "2026-04-01T"


@dataclass
class Collector:
    running: Running
    process: Process
    url: str
    private: str
    http: httpx.AsyncClient

    async def post(self, system: str, document: Any, **headers: str) -> int:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        signature = base64.b64encode(hmac.new(SECRET.encode(), body, hashlib.sha256).digest()).decode()
        named = {"shopify": "X-Shopify-Hmac-Sha256", "generic": "X-Shoprelay-Signature"}[system]
        given = {named: signature, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return (await self.http.post(f"{self.url}/v1/hooks/mugs/{system}", content=body, headers=given)).status_code

    async def shopify(self, topic: str, document: Any) -> None:
        assert await self.post("shopify", document, X_Shopify_Topic=topic, X_Shopify_Webhook_Id="w") == 200

    async def signals(self, of: str) -> list[Signal]:
        return [signal for _, signal in await self.running.signals() if of in signal.customer.key]

    async def told(self, of: str, enough: Callable[[list[str]], bool]) -> list[Signal]:
        """What was said of this customer, once it is enough."""

        async def there() -> bool:
            return enough([type(signal.payload).__name__ for signal in await self.signals(of)])

        await until(there, 30, f"signals of {of}")
        return await self.signals(of)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def collector(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Collector]:
    running = await Running.start(tmp_path_factory.mktemp("webhooks"), wait=False)
    running.environment |= {"HOOK_SECRET": SECRET}
    public, private = free_port(), free_port()
    running.write_settings(
        f'{SHOPS}{HOOKS}\n[collect]\nport = {public}\nack_within = "1500ms"\nhttp = {{ port = {private} }}\n'
    )
    given = ("--config", str(running.settings()), "--log", "json")
    process = running.lane.shoprelay("collect", "collect", *given, **running.environment)
    running.begin("worker")
    try:
        await running.lane.answers(process, f"http://127.0.0.1:{private}/readyz")
        await running.ready("worker")
        async with httpx.AsyncClient(timeout=10) as http:
            yield Collector(running, process, f"http://127.0.0.1:{public}", f"http://127.0.0.1:{private}", http)
    finally:
        await running.close()


def cart(token: str, quantity: int, at: str) -> dict[str, Any]:
    return {"id": token, "token": token, "line_items": [{**MUG, "quantity": quantity}], "updated_at": f"{APRIL}{at}Z"}


def order(order_id: int, who: int, token: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "id": order_id, "name": f"#{order_id}", "created_at": f"{APRIL}10:00:00Z", "updated_at": f"{APRIL}10:00:00Z",
        "currency": "EUR", "total_price": "19.00", "financial_status": "pending", "cart_token": token,
        "customer": {"id": who, "email": f"c{who}@mugs.example"}, "line_items": [{**MUG, "quantity": 2}], **more,
    }  # fmt: skip


async def test_a_cart_a_checkout_and_an_order_are_one_customers(collector: Collector) -> None:
    await collector.shopify("carts/create", cart("t-1", 1, "09:00:00"))
    checkout = {
        **cart("t-1", 2, "09:30:00"), "token": "k-1", "cart_token": "t-1", "currency": "EUR",
        "email": "c1@mugs.example", "created_at": f"{APRIL}09:30:00Z", "customer": {"id": 9001},
    }  # fmt: skip
    await collector.shopify("checkouts/create", checkout)
    await collector.shopify("orders/create", order(1001, 9001, "t-1"))
    said = await collector.told("c:9001", lambda kinds: "OrderPlaced" in kinds)

    (placed,) = [signal.payload for signal in said if isinstance(signal.payload, OrderPlaced)]
    assert [(line.quantity, line.unit_price) for line in placed.order.lines] == [(2, Decimal("9.5"))]
    assert "CheckoutStarted" in [type(signal.payload).__name__ for signal in said]


async def test_told_again_and_out_of_order_ends_in_the_last_state_and_never_in_a_sum(collector: Collector) -> None:
    newest = cart("t-2", 3, "09:05:00")
    for each in (newest, newest, cart("t-2", 1, "09:00:00"), newest):
        await collector.shopify("carts/update", each)
    await collector.shopify("carts/update", cart("t-2", 4, "09:06:00"))

    said = await collector.told("t:t-2", lambda kinds: kinds.count("CartChanged") >= 2)
    carts = [signal.payload.cart for signal in said if isinstance(signal.payload, CartChanged)]
    assert [[line.quantity for line in cart.lines] for cart in carts] == [[3], [4]]


async def test_a_refund_that_names_only_its_order_finds_the_customer(collector: Collector) -> None:
    refund = {
        "id": 901, "order_id": 1003, "created_at": f"{APRIL}11:00:00Z", "refund_line_items": [],
        "transactions": [{"kind": "refund", "status": "success", "amount": "5.00", "currency": "EUR"}],
    }  # fmt: skip
    await collector.shopify("refunds/create", refund)  # before the order, as it may come
    await collector.shopify("orders/create", order(1003, 9003))
    await collector.shopify("refunds/create", refund)
    said = await collector.told("c:9003", lambda kinds: "OrderRefunded" in kinds)

    assert [type(signal.payload).__name__ for signal in said if "Order" in type(signal.payload).__name__] == [
        "OrderPlaced",
        "OrderRefunded",
    ]
    assert isinstance(said[-1].payload, OrderRefunded)
    assert said[-1].payload.amount == 5


async def test_our_own_json_is_an_event_as_it_stands(collector: Collector) -> None:
    searched = {"event_id": "s-1", "type": "Searched", "occurred_at": f"{APRIL}10:00:00Z",
                "customer": {"customer_id": "9004"}, "payload": {"query": "blue mug"}}  # fmt: skip
    assert await collector.post("generic", searched) == 200
    (said,) = await collector.told("c:9004", lambda kinds: kinds == ["Searched"])
    assert isinstance(said.payload, Searched)
    assert said.payload.query == "blue mug"


async def test_the_example_of_the_page_that_says_how_to_connect_is_taken_as_it_stands(collector: Collector) -> None:
    page = (Path(__file__).parents[2] / "docs" / "connect-your-shop.md").read_text()
    (example,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    lane = collector.running.lane
    setting = f"import os; os.environ |= {{'SHOPRELAY_SECRET': {SECRET!r}, 'SHOPRELAY_URL': {collector.url!r} + PATH}}"
    shop = lane.python_lines("shop", f"PATH = '/v1/hooks/mugs/generic'\n{setting}\n{example}")
    assert await shop.ended() == 0, shop.output()
    await collector.told("c:C1", lambda kinds: "CartChanged" in kinds)


async def test_what_is_not_understood_is_put_aside_with_its_bytes_and_the_next_is_told(collector: Collector) -> None:
    bad = json.dumps({"id": 1005, "line_items": "none"}).encode()
    await collector.shopify("orders/create", bad)
    await collector.shopify("orders/create", order(1006, 9006))
    await collector.told("c:9006", lambda kinds: "OrderPlaced" in kinds)

    async def aside() -> bool:
        return bool([each for each in await collector.running.refused() if each.value == bad])

    await until(aside, 20, "the refusal")
    (refused,) = [each for each in await collector.running.refused() if each.value == bad]
    assert (refused.reason, refused.field, refused.problem) == ("not-understood", "created_at", "is missing")
    assert {header.name for header in refused.headers} >= {"x-shopify-topic", "x-shopify-hmac-sha256"}


@pytest.mark.embedded
async def test_while_the_broker_is_away_shops_are_told_to_send_again_and_nothing_is_kept(collector: Collector) -> None:
    broker = collector.running.lane.broker
    assert broker is not None
    broker.down()
    assert await collector.post("shopify", order(1007, 9007), X_Shopify_Topic="orders/create") == 503
    assert (await collector.http.get(f"{collector.private}/readyz")).status_code == 503
    assert (await collector.http.get(f"{collector.url}/readyz")).json() == {"ready": False}
    broker.up()
    await collector.running.lane.answers(collector.process, f"{collector.private}/readyz")
    await collector.shopify("orders/create", order(1007, 9007))
    said = await collector.told("c:9007", lambda kinds: "OrderPlaced" in kinds)
    assert [type(signal.payload).__name__ for signal in said].count("OrderPlaced") == 1


async def test_stopped_it_leaves_quietly_and_has_logged_nothing_of_anybody(collector: Collector) -> None:
    assert await collector.process.terminate() == 0
    output = collector.process.output() + collector.running.processes["worker"].output()
    assert not [word for word in ("mugs.example", SECRET, "#1001") if word in output]
