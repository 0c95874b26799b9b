"""The stand-in for Shopify refuses what its documents refuse, lists as they say, and has a bucket that leaks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sinks.fake import Received, Reply
from sinks.shopify.fake import TOKEN, ShopifyStandIn
from tests.sinks.documents import changed

ORDERS = "/admin/api/2026-10/orders.json"
CREATION: dict[str, Any] = {
    "order": {
        "name": "JOOR-1", "source_name": "joor", "source_identifier": "1", "currency": "EUR",
        "financial_status": "pending", "customer": {"id": 42},
        "line_items": [{"variant_id": 1001, "quantity": 1, "price": "10"}],
    }
}  # fmt: skip


def ask(stand_in: ShopifyStandIn, document: Any = None, path: str = ORDERS, at: float = 0.0, **headers: str) -> Reply:
    given = {"x-shopify-access-token": TOKEN, "content-type": "application/json"}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    body = document if isinstance(document, bytes) else b"" if document is None else json.dumps(document).encode()
    return stand_in.answer(Received(at, "GET" if document is None else "POST", path, given, body))


@pytest.mark.parametrize(
    ("status", "asked"),
    [
        (401, {"x_shopify_access_token": "other"}),
        (401, {"x_shopify_access_token": ""}),
        (404, {"path": "/admin/orders.json"}),
        (404, {"path": "/admin/api/2026-10/products.json"}),
        (400, {"document": CREATION, "content_type": "text/plain"}),
        (400, {"path": ORDERS + "?limit=251"}),
        (406, {"document": CREATION, "path": ORDERS + "?name=1"}),
    ],
)
def test_at_the_door(status: int, asked: dict[str, Any]) -> None:
    assert ask(ShopifyStandIn(), **asked).status == status


@pytest.mark.parametrize(
    ("way", "value"),
    [
        ("order", ...),
        ("order.line_items", []),
        ("order.line_items.0.variant_id", "1001"),
        ("order.line_items.0.variant_id", 0),
        ("order.line_items.0.quantity", 1.5),
        ("order.line_items.0.price", 10),
        ("order.line_items.0.price", "ten"),
        ("order.financial_status", "unpaid"),
        ("order.fulfillment_status", "unfulfilled"),
        ("order.inventory_behaviour", "obey"),
        ("order.customer", {}),
        ("order.customer", ...),
        ("order.shipping_address", {"city": "London"}),
        ("order.discount_codes", [{"code": "X", "amount": "1", "type": "free"}]),
        ("order.colour", "blue"),
    ],
    ids=str,
)
def test_what_is_wrong_is_refused(way: str, value: Any) -> None:
    assert ask(ShopifyStandIn(), CREATION).status == 201

    reply = ask(ShopifyStandIn(), changed(CREATION, way, value))

    assert reply.status == 422 and json.loads(reply.body)["errors"]


def test_fulfilled_orders_are_listed_only_when_asked_for() -> None:
    stand_in = ShopifyStandIn()
    ask(stand_in, changed(CREATION, "order.fulfillment_status", "fulfilled"))

    assert json.loads(ask(stand_in).body)["orders"] == []
    assert len(json.loads(ask(stand_in, path=ORDERS + "?status=any").body)["orders"]) == 1


def test_the_bucket_holds_forty_and_leaks_two_a_second() -> None:
    stand_in = ShopifyStandIn()
    assert [ask(stand_in).status for _ in range(41)] == [200] * 40 + [429]
    assert ask(stand_in).headers["Retry-After"] == "2.0"
    assert [ask(stand_in, at=1.0).status for _ in range(3)] == [200, 200, 429]
