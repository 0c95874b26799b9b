"""Adobe's lists of what each event holds: documents of just those fields and types, through the front door.

The lists give types, not values, so values are made here, and the comparison reads the made document by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from schemas.events import (
    CartReplaced,
    CustomerErased,
    CustomerRegistered,
    CustomerUpdated,
    OrderFulfilled,
    OrderPlaced,
    OrderRefunded,
    ProductDeleted,
    ProductUpserted,
    ShopEvent,
    StockChanged,
)
from sources.webhooks import contract
from sources.webhooks.contract import Refusal, ShopSettings, Told
from sources.webhooks.document import decoded
from streams.domain.policy import Policy
from streams.domain.validate import problem_of

pytestmark = pytest.mark.real
SHOP = ShopSettings(shop="mugs", currency="EUR")
# What a type cannot say: a line that is no part of another, a memo that was paid out, a rate that is one.
TRUE_TO_LIFE: dict[str, Any] = {
    "parent_item_id": None, "tax_percent": "20.0000", "address_type": "billing", "is_active": True, "total_paid": None,
    "email": "ada@mugs.example", "customer_email": "ada@mugs.example", "created_at": "2026-11-25 10:00:00",
    "updated_at": "2026-11-25 10:05:00", "street": ["Street 1"], "_isNew": False,
}  # fmt: skip
BY_TYPE: dict[str, Any] = {
    "int": "42", "integer": 42, "float": "12.5000", "bool": "1", "boolean": True, "string": "a text",
    "string[]": ["a text"], "array": [], "object{}": {}, "object{}[]": [], "mixed": None,
}  # fmt: skip


def made(kind: Any, name: str = "") -> Any:
    """A document of these fields, with every number as text, as Magento's own models have them."""
    if isinstance(kind, dict):
        return {field: made(inside, field) for field, inside in kind.items()}
    if isinstance(kind, list):
        return [made(each, name) for each in kind]
    if name in TRUE_TO_LIFE:
        return TRUE_TO_LIFE[name]
    return "EUR" if name.endswith("currency_code") else BY_TYPE.get(kind, "a text")


def reference(data: Path) -> Iterator[tuple[str, Any]]:
    for path in sorted((data / "adobe-commerce-events" / "events-reference").glob("*.json")):
        name = path.stem.partition("_")[0]
        dashed, _, last = name.partition(".")
        yield f"{dashed}.{last}".replace("-", "_"), json.loads(path.read_text())


def post(name: str, value: Any) -> Told:
    envelope = {
        "type": f"com.adobe.commerce.{name}",
        "id": "e-1",
        "time": "2026-11-25T10:05:01Z",
        "data": {"value": value},
    }
    return contract.load("magento").normalize({}, decoded(json.dumps(envelope).encode()), SHOP, datetime.now(UTC))


def of(data: Path, ending: str) -> tuple[str, Any]:
    return next((name, made(kinds)) for name, kinds in reference(data) if name.endswith(ending))


def events(told: Told) -> list[ShopEvent]:
    assert isinstance(told, tuple), told
    assert [problem_of(event, Policy()) for event in told] == [None] * len(told)
    return list(told)


ORDERS = ["sales_order_save_after", "sales_order_save_commit_after", "order_management.place", "order_repository.save"]


@pytest.mark.parametrize("ending", [*ORDERS, "checkout_submit_all_after"])
def test_orders(real_data: Path, ending: str) -> None:
    name, value = of(real_data, ending)
    order = value.get("order", value)
    told = events(post(name, value))
    placed = next(event.payload for event in told if isinstance(event.payload, OrderPlaced)).order
    assert placed.order_id == order.get("entity_id", order["items"][0]["order_id"])
    assert (placed.number, placed.currency) == (order["increment_id"], order["order_currency_code"])
    assert placed.total == Decimal(order["grand_total"])
    assert placed.tax == Decimal(order["tax_amount"])
    assert [(line.product_id, line.sku) for line in placed.lines] == [
        (i["product_id"], i["sku"]) for i in order["items"]
    ]
    assert [line.quantity for line in placed.lines] == [Decimal(item["qty_ordered"]) for item in order["items"]]
    assert [line.unit_price for line in placed.lines] == [Decimal(item["price"]) for item in order["items"]]
    assert {event.customer.email for event in told if event.customer.email} == {order["customer_email"]}


def test_a_shipment_names_its_lines_once_their_quantities_are_subscribed(real_data: Path) -> None:
    name, value = of(real_data, "sales_order_shipment_save_after")
    refused = post(name, value)
    assert isinstance(refused, Refusal)
    assert refused.field == "data.value.items[0].qty"  # the list leaves it out

    (event,) = events(post(name, {**value, "items": [{**item, "qty": "2.0000"} for item in value["items"]]}))
    assert isinstance(event.payload, OrderFulfilled)
    assert (event.payload.order_id, event.customer.customer_id) == (value["order_id"], value["customer_id"])
    assert [line.quantity for line in event.payload.lines] == [2]


def test_a_credit_memo(real_data: Path) -> None:
    name, value = of(real_data, "sales_order_creditmemo_save_after")
    (event,) = events(post(name, {**value, "state": "2"}))
    assert isinstance(event.payload, OrderRefunded)
    assert (event.payload.order_id, event.payload.amount) == (value["order_id"], Decimal(value["grand_total"]))
    assert [line.quantity for line in event.payload.lines] == [Decimal(item["qty"]) for item in value["items"]]


def test_a_quote(real_data: Path) -> None:
    name, value = of(real_data, "sales_quote_save_after")
    (event,) = events(post(name, value))
    assert isinstance(event.payload, CartReplaced)
    assert event.payload.currency == value["currency"]["quote_currency_code"]
    assert [(line.sku, line.quantity) for line in event.payload.lines] == [
        (item["sku"], Decimal(item["qty"])) for item in value["items"]
    ]


@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        ("customer_register_success", CustomerRegistered),
        ("customer_login", CustomerUpdated),
        ("customer_save_after", CustomerUpdated),
        ("customer_save_commit_after", CustomerUpdated),
        ("customer_delete_commit_after", CustomerErased),
    ],
)
def test_customers(real_data: Path, ending: str, kind: type) -> None:
    name, value = of(real_data, ending)
    (event,) = events(post(name, value))
    customer = value.get("customer", value)
    assert isinstance(event.payload, kind)
    assert (event.customer.customer_id, event.customer.email) == (customer["id"], customer["email"])


@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        ("catalog_product_save_after", ProductUpserted),
        ("catalog_product_save_commit_after", ProductUpserted),
        ("catalog_product_delete_commit_after", ProductDeleted),
        ("cataloginventory_stock_item_save_commit_after", StockChanged),
    ],
)
def test_the_catalog(real_data: Path, ending: str, kind: type) -> None:
    name, value = of(real_data, ending)
    (event,) = events(post(name, value))
    payload = event.payload
    assert isinstance(payload, kind)
    if isinstance(payload, ProductUpserted):
        assert (payload.product.product_id, payload.product.price) == (value["id"], Decimal(value["price"]))
    if isinstance(payload, StockChanged):
        assert (payload.product_id, payload.quantity) == (value["product_id"], Decimal(value["qty"]))


NOT_OURS = ("category", "customer_group", "attribute", "company", "rma", "salesrule", "rule_repository", "coupon")


def test_every_event_of_the_reference_is_events_or_refused_with_a_remedy(real_data: Path) -> None:
    found = [(name, post(name, made(kinds))) for name, kinds in reference(real_data)]
    assert len(found) >= 35
    for name, told in found:
        if any(word in name for word in NOT_OURS) or name.endswith(("shipment_save_after", "cart_product_add_after")):
            assert isinstance(told, Refusal), name
            assert told.remedy
        else:
            events(told)


def test_what_only_a_back_office_sends_is_no_event_of_the_shop(real_data: Path) -> None:
    found = sorted((real_data / "adobe-commerce-events").glob("incoming-*/*.json"))
    assert len(found) >= 9
    for path in found:
        told = contract.load("magento").normalize({}, decoded(path.read_bytes()), SHOP, datetime.now(UTC))
        assert isinstance(told, Refusal)
        assert told.remedy
