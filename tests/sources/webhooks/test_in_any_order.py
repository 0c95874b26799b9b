"""Deliveries come twice and in any order: a customer ends the same, and every fact is said once."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.signals import Signal
from schemas.values import CustomerRef
from sources.webhooks import contract
from sources.webhooks.contract import ShopSettings
from sources.webhooks.document import decoded
from streams.domain.cart import is_open
from streams.domain.customer import Customer
from streams.domain.identity import key_of
from streams.domain.policy import Policy
from tests.domain.story import World
from tests.thorough import examples

pytestmark = pytest.mark.thorough

MUG = {"id": 11, "product_id": 1, "variant_id": 101, "title": "Mug", "price": "9.50"}
SENT = {"id": 501, "order_id": 1001, "status": "success", "created_at": "2026-04-01T10:20:00Z",
        "line_items": [{**MUG, "quantity": 2}]}  # fmt: skip
BACK = {"id": 901, "order_id": 1001, "created_at": "2026-04-01T10:40:00Z", "refund_line_items": [],
        "transactions": [{"kind": "refund", "status": "success", "amount": "5.00", "currency": "EUR"}]}  # fmt: skip
ADA = CustomerRef(customer_id="7")


def order(at: str, status: str, **more: Any) -> dict[str, Any]:
    return {
        "id": 1001, "created_at": "2026-04-01T10:00:00Z", "updated_at": at, "currency": "EUR", "total_price": "19.00",
        "financial_status": status, "cart_token": "t-1", "email": "ada@mugs.example", "customer": {"id": 7},
        "line_items": [{**MUG, "quantity": 2}], **more,
    }  # fmt: skip


def cart(at: str, quantity: int) -> dict[str, Any]:
    return {"token": "t-1", "updated_at": at, "line_items": [{**MUG, "quantity": quantity}]}


STORY: list[tuple[str, dict[str, Any]]] = [
    ("carts/create", cart("2026-04-01T09:00:00Z", 1)),
    ("carts/update", cart("2026-04-01T09:10:00Z", 3)),
    ("carts/update", cart("2026-04-01T09:20:00Z", 2)),
    ("checkouts/create", {**cart("2026-04-01T09:50:00Z", 2), "token": "k", "cart_token": "t-1", "currency": "EUR",
                          "email": "ada@mugs.example", "customer": {"id": 7}, "created_at": "2026-04-01T09:50:00Z"}),
    ("orders/create", order("2026-04-01T10:00:00Z", "pending")),
    ("orders/paid", order("2026-04-01T10:05:00Z", "paid")),
    ("fulfillments/create", SENT),
    ("orders/updated", order("2026-04-01T10:20:01Z", "paid", fulfillments=[SENT])),
    ("refunds/create", BACK),
    ("orders/updated", order("2026-04-01T10:40:01Z", "partially_refunded", fulfillments=[SENT], refunds=[BACK])),
]  # fmt: skip
ONCE = ("OrderPlaced", "OrderPaid", "OrderFulfilled", "OrderRefunded")


def lived(deliveries: list[int]) -> tuple[Customer, list[Signal]]:
    world, shop = World(Policy()), ShopSettings(shop="shop", currency="EUR")
    for n in deliveries:
        topic, document = STORY[n]
        told = contract.load("shopify").normalize(
            {"x-shopify-topic": topic}, decoded(json.dumps(document).encode()), shop, datetime(2026, 4, 3, tzinfo=UTC)
        )
        assert isinstance(told, tuple)
        world.tell(*told)
    return world.states[key_of("shop", ADA)], world.said


def seen(customer: Customer) -> dict[str, Any]:
    known = customer.orders["1001"]
    return {
        "status": known.status, "paid": known.paid, "refunded": known.refunded, "sent": known.fulfilments,
        "complete": known.complete, "placed": known.at,
        "open": [name for name, kept in customer.carts.items() if is_open(kept)],
    }  # fmt: skip


@settings(max_examples=examples(300), deadline=None)
@given(st.permutations(range(len(STORY))), st.lists(st.integers(0, len(STORY) - 1), max_size=6))
def test_a_customer_ends_the_same_whatever_came_when_and_how_often(order_of: list[int], again: list[int]) -> None:
    customer, said = lived([*order_of, *again])

    assert seen(customer) == {
        "status": "partially_refunded", "paid": Decimal("19.00"), "refunded": Decimal("5.00"), "sent": 1,
        "complete": True, "placed": datetime(2026, 4, 1, 10, tzinfo=UTC), "open": [],
    }  # fmt: skip
    counted = Counter(type(signal.payload).__name__ for signal in said)
    assert {kind: counted[kind] for kind in ONCE} == dict.fromkeys(ONCE, 1)


def test_in_their_own_order_each_change_is_told_as_it_is() -> None:
    _, said = lived(list(range(len(STORY))))
    kinds = [type(signal.payload).__name__ for signal in said]

    assert [kind for kind in kinds if kind.startswith("Order")] == [
        "OrderPlaced", "OrderStatusChanged", "OrderPaid", "OrderFulfilled", "OrderRefunded", "OrderStatusChanged",
    ]  # fmt: skip
