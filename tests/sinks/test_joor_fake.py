"""The stand-in for JOOR refuses what its documents refuse, and counts credits."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sinks.fake import Received
from sinks.joor.fake import PASSWORD, SECRET, JoorStandIn
from sinks.joor.fakeorders import order
from tests.sinks.documents import changed
from tests.sinks.joor import NOON, ask

CONNECTION = {"bulk_connections": {"connection": [{"customer_name": "Ada", "customer_code": "42"}]}}
STOCK = {"inventory_items": {"inventory_item": [{"warehouse": "Main", "inventory": 7, "upc": "1001"}]}}
PRODUCT = [{"name": "Mug", "external_id": "P1"}]
COLOR, SIZE = "U0tVVHJhaXQ6U3R5bGVDb2xvcg==", "U0tVVHJhaXQ6U2l6ZQ=="


def sku(color: str = "Blue", size: str = "S", product: str = "P1", external: str = "1") -> dict[str, Any]:
    traits = [{"trait_id": COLOR, "value": color}, {"trait_id": SIZE, "value": size}]
    return {"product_id": product, "external_id": external, "trait_values": traits}


@pytest.mark.parametrize(
    ("status", "path", "asked"),
    [
        (401, "/v2/order/", {"authorization": ""}),
        (401, "/v2/order/", {"authorization": "Bearer joor-v2-token"}),
        (401, "/v2/order/", {"authorization": "OAuth2 joor-v2-token"}),
        (401, "/v4/products?account=222222", {"authorization": "OAuth2 x"}),
        (415, "/v2/order/", {"content_type": ""}),
        (415, "/v2/bulk-connection", {"content_type": "text/plain", "document": CONNECTION}),
        (403, "/v4/products", {}),
        (403, "/v4/products?account=1", {}),
        (404, "/v3/order/", {}),
        (404, "/v2/styles", {}),
        (404, "/v4/collections?account=222222", {}),
        (405, "/v2/order/", {"document": {}}),
        (405, "/v2/bulk-connection", {}),
        (405, "/v4/products?account=222222", {"method": "DELETE"}),
    ],
)
def test_at_the_door(status: int, path: str, asked: dict[str, Any]) -> None:
    assert ask(JoorStandIn(), path, **asked).status == status


@pytest.mark.parametrize(
    ("document", "way", "value"),
    [
        (CONNECTION, "bulk_connections.connection.0.customer_name", ...),
        (CONNECTION, "bulk_connections.connection.0.customer_name", "A" * 101),
        (CONNECTION, "bulk_connections.connection.0.customer_code", "4" * 51),
        (CONNECTION, "bulk_connections.connection.0.customer_code", 42),
        (CONNECTION, "bulk_connections.connection.0.customer_alias", "A" * 151),
        (CONNECTION, "bulk_connections.connection.0.customer_contact_email", "a" * 51),
        (CONNECTION, "bulk_connections.connection.0.colour", "blue"),
        (CONNECTION, "bulk_connections.connection.0.price_types", {"price_type": [{"price_currency": "euro"}]}),
        (CONNECTION, "bulk_connections.connection", []),
        (STOCK, "inventory_items.inventory_item.0.warehouse", ...),
        (STOCK, "inventory_items.inventory_item.0.warehouse", "Attic"),
        (STOCK, "inventory_items.inventory_item.0.inventory", "7"),
        (STOCK, "inventory_items.inventory_item.0.inventory", -1),
        (STOCK, "inventory_items.inventory_item.0.inventory", 1.5),
        (STOCK, "inventory_items.inventory_item.0.upc", ...),
        (STOCK, "inventory_items.inventory_item.0.size", "S"),
        (STOCK, "inventory_items.inventory_item.0.inventory_date", "25.11.2026"),
        (STOCK, "inventory_items", {}),
    ],
    ids=lambda value: str(value)[:40],
)
def test_v2_refuses_in_the_body_with_a_good_status(document: dict[str, Any], way: str, value: Any) -> None:
    path = "/v2/bulk-connection" if document is CONNECTION else "/v2/bulk-inventory"
    wrapped = "bulk_connections" if document is CONNECTION else "inventory_items"
    assert json.loads(ask(JoorStandIn(), path, document).body)[wrapped]["response"]["code"] == 0

    reply = ask(JoorStandIn(), path, changed(document, way, value))

    response = json.loads(reply.body)[wrapped]["response"]
    assert (reply.status, response["code"]) == (200, 1) and response["comment"]


@pytest.mark.parametrize(
    ("path", "rows"),
    [
        ("products/bulk_create", []),
        ("products/bulk_create", [{"external_id": "P1"}]),
        ("products/bulk_create", [{"name": "Mug", "price": "1.00"}]),
        ("products/bulk_update", [{"name": "Mug"}]),
        ("products/bulk_update", [{"id": "P9"}]),
        ("skus/bulk_create", [sku(product="P9")]),
        ("skus/bulk_create", [sku(), sku("Red", "L", external="2")]),
        ("skus/bulk_create", [sku(), sku(external="2")]),
        ("skus/bulk_create", [{**sku(), "trait_values": []}]),
        ("skus/bulk_update_by_external_id", [{"external_id": "9", "trait_values": sku()["trait_values"]}]),
        ("prices/bulk_create", [{"sku_id": "S1", "price_type_id": "1", "wholesale_value": 10}]),
        ("prices/bulk_create", [{"sku_id": "S1", "price_type_id": "1", "wholesale_value": "10"}]),
        ("prices/bulk_create", [{"sku_id": "S9", "price_type_id": "1", "wholesale_value": "10.00"}]),
        ("prices/bulk_update", [{"id": "R9", "wholesale_value": "10.00"}]),
    ],
)
def test_v4_refuses_row_by_row_with_a_good_status(path: str, rows: list[Any]) -> None:
    stand_in = JoorStandIn()
    ask(stand_in, "/v4/products/bulk_create?account=222222", PRODUCT)

    reply = ask(stand_in, f"/v4/{path}?account=222222", rows)

    assert reply.status == 200 and json.loads(reply.body)["errors"]


def test_what_is_there_is_duplicated() -> None:
    stand_in = JoorStandIn()
    first, second = (ask(stand_in, "/v4/products/bulk_create?account=222222", PRODUCT) for _ in range(2))

    assert json.loads(first.body)["errors"] == []
    assert json.loads(second.body)["errors"][0]["status"] == "DUPLICATED"


@pytest.mark.parametrize("field", ["client_id", "grant_type", "client_secret", "username", "password"])
def test_a_token_is_lent_for_all_five_fields_only(field: str) -> None:
    form = {"client_id": "brand", "grant_type": "password", "client_secret": SECRET, "password": PASSWORD,
            "username": "brand@example.com"}  # fmt: skip
    headers = {"content-type": "application/x-www-form-urlencoded"}

    def lend(fields: dict[str, str]) -> int:
        body = "&".join(f"{name}={value}" for name, value in fields.items()).encode()
        return JoorStandIn().answer(Received(0.0, "POST", "/auth/", headers, body)).status

    assert lend(form) == 200
    assert lend({**form, field: "other"}) == 401


def test_a_job_is_queued_then_started_then_finished() -> None:
    stand_in = JoorStandIn(polls=3)
    begun = json.loads(ask(stand_in, "/v2/bulk-connection", CONNECTION).body)["bulk_connections"]
    states = [begun["bulk_connections_jobs"][0]["status"]]
    for _ in range(3):
        seen = json.loads(ask(stand_in, "/v2/bulk-connection/1").body)["bulk_connections"]
        states.append(seen["bulk_connections_jobs"][0]["status"])

    assert states == ["queued", "started", "started", "finished"]
    assert json.loads(ask(stand_in, "/v2/bulk-connection/9").body)["bulk_connections"]["response"]["code"] == 1


def test_credits_are_counted_from_the_first_request_and_begin_anew_all_at_once() -> None:
    stand_in = JoorStandIn()
    writes = [ask(stand_in, "/v2/bulk-connection", CONNECTION, at=at).status for at in range(61)]
    assert writes == [200] * 60 + [429]

    refused = ask(stand_in, "/v2/order/", at=299.9)
    assert (refused.status, refused.headers) == (429, {"X-Throttling-Account-Id": "222222"})
    assert ask(stand_in, "/v2/order/", at=300).status == 200


# -- orders


def read(stand_in: JoorStandIn, **query: str) -> dict[str, Any]:
    path = "/v2/order/?" + "&".join(f"{name}={value}" for name, value in query.items())
    return dict(json.loads(ask(stand_in, path).body))


def test_orders_come_in_pages_and_only_sync_marks_them() -> None:
    stand_in = JoorStandIn(*(order(str(number)) for number in range(3)))

    first = read(stand_in, order_type="6", sync="0", count="2")
    assert [row["order_id"] for row in first["orders"]] == ["0", "1"] and first["response"]["next_start"] == 2
    second = read(stand_in, order_type="6", sync="0", count="2", start_from="2")
    assert "next_start" not in second["response"] and stand_in.orders.exported == set()

    assert len(read(stand_in, order_type="6", sync="1")["orders"]) == 3
    assert read(stand_in, order_type="6", sync="1")["orders"] == []
    assert len(read(stand_in, order_type="6", sync="0")["orders"]) == 3


@pytest.mark.parametrize(
    "query",
    [
        {"order_type": "9"},
        {"sync": "2"},
        {"date_start": "2026-11-25T00:00:00Z"},
        {"date_end": "2026-11-25T00:00:00Z"},
        {"date_start": "2026-11-25T00:00:00", "date_end": "2026-11-26T00:00:00"},
        {"date_start": "2026-11-26T00:00:00Z", "date_end": "2026-11-25T00:00:00Z"},
        {"count": "0"},
        {"colour": "blue"},
    ],
    ids=str,
)
def test_an_order_list_that_is_asked_for_wrongly_is_refused(query: dict[str, str]) -> None:
    assert read(JoorStandIn(), **query)["response"]["code"] == 1


def test_orders_outside_the_window_are_not_shown() -> None:
    stand_in = JoorStandIn(order("1", at="2026-11-24T00:00:00+00:00"), order("2", at=NOON.isoformat()))
    window = {"date_start": "2026-11-25T00:00:00Z", "date_end": "2026-11-26T00:00:00Z"}

    assert [row["order_id"] for row in read(stand_in, order_type="6", sync="0", **window)["orders"]] == ["2"]
