"""One order, told by Shopify's webhook and by its export: whichever comes first, it is one order to a platform.

The export knows the e-mail address alone, the webhook the account, too. Where the export comes first, the account's log
says again what that of the address has said, before it learns that they are one person; under the same ids."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime

import pytest

from schemas.events import ShopEvent
from sources.webhooks import contract
from sources.webhooks.contract import ShopSettings
from sources.webhooks.document import decoded
from streams.domain.policy import Policy
from tests.domain.story import World
from tests.sources.test_shopify_exports import ORDERS, order, rows, told

AT = "2024-05-01T08:00:00Z"
WEBHOOK = {
    "id": 5001, "name": "#1001", "created_at": AT, "updated_at": "2024-05-01T08:05:00Z", "currency": "EUR",
    "total_price": "32.00", "financial_status": "paid", "email": "ada@example.com", "customer": {"id": 7},
    "line_items": [{"id": 1, "product_id": 1, "quantity": 1, "price": "32.00"}],
}  # fmt: skip


def by_webhook(shop: str) -> list[ShopEvent]:
    body = decoded(json.dumps(WEBHOOK).encode())
    told_now = contract.load("shopify").normalize(
        {"x-shopify-topic": "orders/updated"}, body, ShopSettings(shop=shop), datetime(2026, 1, 1, tzinfo=UTC)
    )
    assert isinstance(told_now, tuple)
    return list(told_now)


def by_export() -> list[ShopEvent]:
    return list(told(order(rows(ORDERS), 0, 1)).values())


def test_the_same_facts_have_the_same_ids() -> None:
    (shop,) = {event.shop for event in by_export()}
    alike = {event.event_id for event in by_export()} & {event.event_id for event in by_webhook(shop)}

    assert alike == {"order-placed:5001", "order-of:5001", "order-paid:5001:all"}


@pytest.mark.parametrize("export_first", [True, False])
def test_told_both_ways_it_is_placed_and_paid_under_one_id(export_first: bool) -> None:
    (shop,) = {event.shop for event in by_export()}
    world = World(Policy())
    ways = [by_export(), by_webhook(shop)]
    for way in ways if export_first else reversed(ways):
        world.tell(*way)

    ids = {signal.signal_id: type(signal.payload).__name__ for signal in world.said}
    said = Counter(ids.values())
    assert (said["OrderPlaced"], said["OrderPaid"], said["OrderFulfilled"]) == (1, 1, 1)
    assert len(world.said) == len(ids) or export_first
