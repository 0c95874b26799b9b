"""What the shop asks, and what it is told: seven endpoints against NewStore's stand-in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from sinks.contract import Answer
from tests.shoprelay.gateway.newstore import CUSTOMER, order
from tests.shoprelay.gateway.world import PAIR, Served, served

CART = {"items": [{"product_id": "mug", "quantity": 2}]}
HERE = {"latitude": 52.5, "longitude": 13.4}


@pytest.fixture
async def shop() -> AsyncIterator[Served]:
    async with served() as here:
        yield here


async def test_every_product_at_every_place_and_null_where_nobody_knows(shop: Served) -> None:
    answer = await shop.get("/v1/availability?product=mug&product=cup&place=BER&place=HAM")

    assert answer.status_code == 200
    assert [(row["product_id"], row["place_id"], row["available"]) for row in answer.json()["items"]] == [
        ("mug", "BER", 5), ("mug", "HAM", 0), ("cup", "BER", 1), ("cup", "HAM", None),
    ]  # fmt: skip


async def test_pairs_are_told_in_the_order_they_were_asked_and_each_once(shop: Served) -> None:
    pairs = [("cup", "BER"), ("mug", "WEB"), ("cup", "BER")]
    answer = await shop.post("/v1/availability", {"items": [{"product_id": p, "place_id": at} for p, at in pairs]})

    assert [(row["product_id"], row["available"]) for row in answer.json()["items"]] == [("cup", 1), ("mug", 5)]
    assert len(shop.world.wire.calls) == 1


async def test_delivery_options_carry_the_token_of_the_offer(shop: Served) -> None:
    answer = await shop.post("/v1/delivery-options", {**CART, "address": {"country": "DE", "city": "Berlin"}})

    first = answer.json()["options"][0]
    assert (first["shipping_offer_token"], first["place_id"]) == ("delivery.BER.mugx2", "BER")
    assert (first["service_level"], first["price"]) == ("STANDARD", {"amount": "4.9", "currency": "EUR"})


async def test_the_nearest_store_comes_first_and_one_without_stock_has_no_token(shop: Served) -> None:
    asked = {**CART, "near": HERE, "within_km": 200, "without_stock": True}
    answer = await shop.post("/v1/pickup-options", asked)

    berlin, hamburg = answer.json()["options"]
    assert (berlin["place_id"], berlin["has_stock"], berlin["store"]["name"]) == ("BER", True, "Berlin")
    assert berlin["shipping_offer_token"] == "pickup.BER.mugx2"
    assert (hamburg["place_id"], hamburg["has_stock"], hamburg["shipping_offer_token"]) == ("HAM", False, None)
    assert [
        o["place_id"] for o in (await shop.post("/v1/pickup-options", {**CART, "near": HERE})).json()["options"]
    ] == ["BER"]


async def test_a_customer_is_found_by_the_whole_address_in_any_case(shop: Served) -> None:
    answer = await shop.get("/v1/customers?email=ADA@example.com")

    told = answer.json()
    assert (told["customer_id"], told["email"], told["attributes"]) == (
        CUSTOMER,
        "Ada@Example.com",
        {"loyalty_id": "0123"},
    )
    assert told["store_id"] is None


@pytest.mark.parametrize("email", ["da@example.com", "ada@example.co", "nobody@example.com"])
async def test_a_part_of_an_address_is_nobody(shop: Served, email: str) -> None:
    answer = await shop.get(f"/v1/customers?email={email}")

    assert (answer.status_code, answer.json()["type"]) == (404, "/v1/docs#not-found")
    assert email not in answer.text


async def test_a_customer_behind_the_first_page_of_what_was_found_is_found(shop: Served) -> None:
    reads = shop.world.newstore.reads
    for number in range(600):
        reads.profile({"id": str(number), "email": f"x{number}.zoe@example.com", "full_name": ""})
    reads.profile({"id": "zoe", "email": "zoe@example.com", "full_name": ""})

    assert (await shop.get("/v1/customers?email=zoe@example.com")).json()["customer_id"] == "zoe"
    assert len(shop.world.wire.calls) == 2


async def test_orders_come_newest_first_page_by_page(shop: Served) -> None:
    path, seen = f"/v1/customers/{CUSTOMER}/orders?count=5", []
    offset: int | None = 0
    while offset is not None:
        page = (await shop.get(f"{path}&offset={offset}")).json()
        seen += [found["order_number"] for found in page["orders"]]
        offset = page["next_offset"]

    assert seen == [f"N-{number}" for number in range(12, 0, -1)]


async def test_somebody_without_orders_has_none(shop: Served) -> None:
    answer = await shop.get("/v1/customers/nobody/orders")

    assert (answer.status_code, answer.json()) == (200, {"orders": [], "next_offset": None})


async def test_an_order_by_the_shops_own_number(shop: Served) -> None:
    answer = await shop.get("/v1/orders/N-3")

    told = answer.json()
    assert (told["order_number"], told["platform_id"], told["status"]) == ("N-3", "uuid-of-N-3", "open")
    assert (told["total"], told["currency"], told["placed_at"]) == ("17.4", "EUR", "2026-05-03T10:00:00Z")
    assert told["items"][0] == {
        "item_id": "N-3-1", "product_id": "mug", "name": "Blue Mug", "status": "in_fulfillment", "price": "12.5",
    }  # fmt: skip


async def test_a_number_with_signs_of_an_address_in_it_is_still_one_number(shop: Served) -> None:
    shop.world.newstore.reads.order(order("A/1 ?&x=ü", "2026-05-30T10:00:00Z"), CUSTOMER)

    assert (await shop.get("/v1/orders/A%2F1%20%3F&x=%C3%BC")).json()["order_number"] == "A/1 ?&x=ü"


async def test_an_unknown_order_is_a_problem_that_does_not_repeat_it(shop: Served) -> None:
    answer = await shop.get("/v1/orders/N-99")

    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert "N-99" not in answer.text


async def test_nothing_may_be_kept_between_us_and_the_shop(shop: Served) -> None:
    assert (await shop.get(PAIR)).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        (b"[]", "unreadable-answer"),
        (b"<html>", "unreadable-answer"),
        (b'{"items": {}}', "unreadable-answer"),
        (b'{"items": [{"product_id": "mug", "fulfillment_node_id": "BER"}]}', "unreadable-answer"),
        (b'{"items": [{"product_id": "mug", "fulfillment_node_id": "BER", "atp": true}]}', "unreadable-answer"),
        (b'{"items": [{"product_id": "mug", "fulfillment_node_id": "BER", "atp": 1.5}]}', "unreadable-answer"),
    ],
)
async def test_an_answer_that_is_not_as_documented_is_none(shop: Served, document: bytes, kind: str) -> None:
    shop.world.wire.answers = [Answer(200, {}, document)]
    answer = await shop.get(PAIR)

    assert (answer.status_code, answer.json()["type"]) == (502, f"/v1/docs#{kind}")


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b'{"error_code": "schema_validation_error", "message": "x"}', "schema_validation_error"),
        (b'{"error_code": "Bearer abc"}', "none"),
        (b"nothing", "none"),
    ],
)
async def test_what_the_platform_declines_is_told_with_its_word_and_no_more(
    shop: Served, body: bytes, word: str
) -> None:
    shop.world.wire.answers = [Answer(400, {}, body)]
    answer = await shop.get(PAIR)
    told: Any = answer.json()

    assert (answer.status_code, told["type"], told["detail"]) == (
        422, "/v1/docs#declined", f"the platform's word for it: {word}",
    )  # fmt: skip


@pytest.mark.parametrize("number", ["%2E", "%2E%2E"])
async def test_a_number_that_would_be_a_step_in_the_path_is_nobodys(shop: Served, number: str) -> None:
    answer = await shop.get(f"/v1/orders/{number}")

    assert answer.status_code == 404
    assert shop.world.wire.calls == []
