"""The platform's token stays on the server, whatever the platform does with it; people stay out of logs and metrics."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from shoprelay.gateway.keys import Secrets
from sinks.contract import Answer, Call
from tests.shoprelay.gateway.newstore import SECRET, order, profile
from tests.shoprelay.gateway.world import PAIR, Served, served

EMAIL = "ada@example.com"


@pytest.fixture
async def shop(caplog: pytest.LogCaptureFixture) -> AsyncIterator[Served]:
    caplog.set_level(logging.DEBUG)
    async with served() as here:
        yield here


def bearer(call: Call) -> str:
    return dict(call.headers)["Authorization"].removeprefix("Bearer ")


def echoing(status: int, document: Any) -> Any:
    """An answer with the token wherever `TOKEN` stands."""

    def answer(call: Call) -> Answer:
        body = json.dumps(document).replace("TOKEN", bearer(call)).encode()
        return Answer(status, {"x-token": bearer(call), "retry-after": "3"}, body)

    return answer


ECHOES: list[tuple[str, Any]] = [
    (PAIR, echoing(400, {"error_code": "TOKEN", "message": "TOKEN", "detail": "TOKEN"})),
    (PAIR, echoing(429, {"message": "TOKEN"})),
    (PAIR, echoing(500, {"message": "TOKEN"})),
    (PAIR, echoing(401, {"message": "TOKEN"})),
    (PAIR, echoing(403, "TOKEN")),
    (PAIR, echoing(200, {"items": [{"product_id": "mug", "fulfillment_node_id": "TOKEN"}]})),
    (
        f"/v1/customers?email={EMAIL}",
        echoing(200, {"profiles": [profile("TOKEN", EMAIL) | {"full_name": "a TOKEN b"}]}),
    ),
    ("/v1/customers/TOKEN/orders", echoing(200, {"orders": [order("TOKEN", "2026-05-01T10:00:00Z")]})),
    ("/v1/orders/N-1", echoing(200, order("TOKEN", "2026-05-01T10:00:00Z"))),
    ("/v1/orders/N-1", echoing(200, order("N-1", "TOKEN"))),
    ("/v1/orders/N-1", echoing(200, "TOKEN")),
]


@pytest.mark.parametrize(("path", "echo"), ECHOES)
async def test_a_token_that_the_platform_echoes_goes_no_further(
    shop: Served, path: str, echo: Any, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.world.wire.answers = [echo, echo]
    answer = await shop.get(path)
    told = answer.text + str(answer.headers) + shop.world.metrics() + str(shop.world.platform.readiness())
    told += caplog.text + "".join(capsys.readouterr())

    assert shop.world.newstore.lent > 0
    for number in range(1, shop.world.newstore.lent + 1):
        assert f"tok-{number:04}" not in told
    assert SECRET not in told


async def test_what_is_masked_is_still_an_answer(shop: Served) -> None:
    shop.world.wire.answers = [echoing(200, {"profiles": [profile("7", EMAIL) | {"full_name": "a TOKEN b"}]})]
    answer = await shop.get(f"/v1/customers?email={EMAIL}")

    assert answer.json()["full_name"] == "a *** b"


async def test_neither_does_the_accounts_secret(shop: Served) -> None:
    shop.world.wire.answers = [Answer(200, {}, json.dumps({"profiles": [profile(SECRET, EMAIL)]}).encode())]

    assert (await shop.get(f"/v1/customers?email={EMAIL}")).json()["customer_id"] == "***"


async def test_an_answer_kept_from_before_does_not_show_a_later_token(shop: Served) -> None:
    """It is looked through when it leaves, not when it is kept."""
    shop.world.newstore.life = 1
    prophecy = order("tok-0002-ey.not-to-be-seen", "2026-05-01T10:00:00Z")
    shop.world.wire.answers = [Answer(200, {}, json.dumps(prophecy).encode())]
    before = await shop.get("/v1/orders/N-1")
    shop.world.clock.now += 1
    await shop.get(PAIR)
    after = await shop.get("/v1/orders/N-1")

    assert (before.json()["order_number"], after.json()["order_number"]) == ("tok-0002-ey.not-to-be-seen", "***")
    assert after.headers["Age"] == "1"


def test_the_token_before_the_last_is_masked_too_and_no_more_are_kept() -> None:
    secrets = Secrets(["configured-secret", "short"])
    for number in range(4):
        secrets.note([("authorization", f"Bearer token-no-{number}")])

    assert secrets.masked(b"token-no-1 token-no-2 token-no-3 configured-secret") == b"token-no-1 *** *** ***"


@pytest.mark.parametrize(
    "answers",
    [[], [Answer(500)], [Answer(400, {}, b"{}")], [Answer(200, {}, b"[]")], [Answer(403, {}, b"no")], [Answer(429)]],
)
async def test_an_address_stays_out_of_logs_and_metrics(
    shop: Served, answers: list[Any], caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.world.wire.answers = answers
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("httpx").setLevel(logging.WARNING)  # the test's own client
        logging.getLogger("httpcore").setLevel(logging.WARNING)
        caplog.clear()
        await shop.get(f"/v1/customers?email={EMAIL}")
    told = caplog.text + "".join(capsys.readouterr()) + shop.world.metrics() + str(shop.world.platform.readiness())

    assert "ada" not in told.lower()


async def test_labels_of_metrics_are_the_tables_own(shop: Served) -> None:
    for path in ("/v1/orders/N-1", "/v1/orders/N-2", "/v1/customers/c1/orders", "/nowhere/1", "/nowhere/2"):
        await shop.get(path)
    endpoints = {
        sample.labels["endpoint"]
        for family in shop.world.registry.collect()
        for sample in family.samples
        if "endpoint" in sample.labels
    }

    assert endpoints == {"order", "orders-of-customer", "orders", "token", "none"}


async def test_a_request_that_cannot_be_read_is_not_logged(shop: Served, caplog: pytest.LogCaptureFixture) -> None:
    address = httpx.URL(str(shop.client.base_url))
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(f"GET /v1/customers?email={EMAIL} HTTP/9.9 nonsense\r\nbroken\r\n\r\n".encode())
    status = await reader.readline()
    writer.close()

    assert b" 400 " in status
    assert EMAIL not in caplog.text
