"""Documents of a shop's own interface: told by its webhook source, so a fact has one id whoever tells it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.events import OrderPlaced
from shoprelay.backfill.formats import FORMATS
from sources.backfill import bodies
from sources.backfill.format import Fact, Found, Row, Telling, Unreadable
from sources.webhooks.contract import Refusal, ShopSettings, load

TELLING = Telling("mugs", "", UTC, datetime(2026, 1, 1, tzinfo=UTC))
ORDER = {
    "id": 450789469, "name": "#1001", "email": "ada@example.com", "currency": "EUR", "total_price": "10.00",
    "created_at": "2024-05-01T10:00:00+02:00", "updated_at": "2024-05-02T10:00:00+02:00", "financial_status": "paid",
    "line_items": [{"id": 1, "product_id": 2, "title": "Mug", "quantity": 1, "price": "10.00"}],
}  # fmt: skip


def told(document: Any, system: str = "shopify") -> list[Found]:
    return list(FORMATS[system].tell([Row(3, document)], TELLING))


def test_an_order_is_told_as_its_webhook_tells_it_and_as_history() -> None:
    webhook = load("shopify").normalize(
        {"x-shopify-topic": "orders/updated"}, ORDER, ShopSettings(shop="mugs"), TELLING.as_of
    )
    found = [each.event for each in told(ORDER) if isinstance(each, Fact)]

    assert not isinstance(webhook, Refusal)
    assert [event.event_id for event in found] == [event.event_id for event in webhook]
    assert found[0].event_id == "order-placed:450789469" and isinstance(found[0].payload, OrderPlaced)
    assert {event.priority for event in found} == {"backfill"}


@pytest.mark.parametrize("document", [{}, {"id": 1}, [], "text", None, 5, {"line_items": "x"}])
def test_what_is_of_no_kind_is_refused(document: Any) -> None:
    (refused,) = told(document)
    assert isinstance(refused, Unreadable) and "is no order, customer or product of shopify" in refused.problem


def test_what_the_source_refuses_is_refused_with_its_line() -> None:
    (refused,) = told(ORDER | {"total_price": "ten"})
    assert isinstance(refused, Unreadable) and (refused.line, refused.field) == (3, "total_price")


def test_every_system_that_is_there_is_a_format() -> None:
    assert {system for system in bodies.SYSTEMS if system in FORMATS} >= {"shopify"}
