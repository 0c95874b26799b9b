"""Documents nobody here wrote, through each system's front door: what comes out equals what went in.

The comparison reads the input with its own few lines and shares nothing with the sources.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.events import (
    CustomerRegistered,
    CustomerUpdated,
    OrderCancelled,
    OrderFulfilled,
    OrderPlaced,
    OrderRefunded,
    ProductUpserted,
    ShopEvent,
    StockChanged,
)
from sources.webhooks import contract
from sources.webhooks.contract import Refusal, ShopSettings, Told
from sources.webhooks.document import NotJson, decoded
from streams.domain.policy import Policy
from streams.domain.validate import problem_of

pytestmark = pytest.mark.real
RECEIVED = datetime(2026, 11, 25, 12, tzinfo=UTC)
SHOP = ShopSettings(shop="mugs", currency="EUR")
TOPIC = {"shopify": "x-shopify-topic", "woocommerce": "x-wc-webhook-topic"}


def read(path: Path) -> Any:
    return json.loads(path.read_text(), parse_float=Decimal)


def post(system: str, topic: str, document: Any) -> Told:
    """As the worker does it: bytes in."""
    body = msgspec.json.Encoder(decimal_format="number").encode(document)
    return contract.load(system).normalize({TOPIC[system]: topic}, decoded(body), SHOP, RECEIVED)


def events(told: Told) -> list[ShopEvent]:
    assert isinstance(told, tuple), told
    assert [problem_of(event, Policy()) for event in told] == [None] * len(told)
    return list(told)


def one(told: list[ShopEvent], kind: type[Any]) -> Any:
    return next(event.payload for event in told if isinstance(event.payload, kind))


def same(ours: Decimal | None, theirs: Any) -> bool:
    return ours == (None if theirs in (None, "") else Decimal(str(theirs)))


def texts(*ids: Any) -> list[str]:
    return [str(each) for each in ids]


def read_or_refused(path: Path) -> Any:
    """Some files are cut off on purpose: None for them, once we have seen that they are no document here, either."""
    try:
        return read(path)
    except json.JSONDecodeError:
        with pytest.raises(NotJson):
            decoded(path.read_bytes())
        return None


# -- Shopify


def shopify_orders(data: Path) -> Iterator[Any]:
    folder = data / "shopify-go-fixtures"
    yield read(folder / "order.json")["order"]
    yield read(folder / "order_with_transaction.json")["order"]
    yield from read(folder / "orders.json")["orders"]


@pytest.mark.parametrize("topic", ["orders/create", "orders/updated", "orders/cancelled"])
def test_shopify_orders(real_data: Path, topic: str) -> None:
    found = list(shopify_orders(real_data))
    assert found
    for order in found:
        told = events(post("shopify", topic, order))
        placed = one(told, OrderPlaced).order
        assert (placed.order_id, placed.number, placed.currency) == (str(order["id"]), order["name"], order["currency"])
        assert same(placed.total, order["total_price"])
        assert same(placed.subtotal, order["subtotal_price"])
        assert same(placed.discount, order["total_discounts"])
        lines = order["line_items"]
        assert [line.line_id for line in placed.lines] == texts(*(line["id"] for line in lines))
        assert [line.product_id for line in placed.lines] == texts(*(line["product_id"] for line in lines))
        assert all(same(ours.quantity, line["quantity"]) for ours, line in zip(placed.lines, lines, strict=True))
        assert all(same(ours.unit_price, line["price"]) for ours, line in zip(placed.lines, lines, strict=True))
        assert {event.customer.email for event in told if event.customer.email} == {order["email"]}
        assert bool(order["cancelled_at"]) == any(isinstance(event.payload, OrderCancelled) for event in told)


def test_shopify_lines_and_shipping_of_every_form(real_data: Path) -> None:
    folder, (order, *_) = real_data / "shopify-go-fixtures", list(shopify_orders(real_data))
    valid = read(folder / "orderlineitems__valid.json")
    placed = one(events(post("shopify", "orders/create", {**order, "line_items": [valid]})), OrderPlaced).order
    (line,) = placed.lines
    assert [line.product_id, line.variant_id, line.sku] == texts(valid["product_id"], valid["variant_id"], valid["sku"])
    assert line.tax == Decimal("13.50") + Decimal("12.50")
    assert line.options == {"note 1": "one", "note 2": "2"}
    for path in sorted(folder.glob("orderlineitems__properties_*.json")):
        if (more := read_or_refused(path)) is not None:
            events(post("shopify", "orders/create", {**order, "line_items": [{**valid, **more}]}))
    for path in sorted(folder.glob("shippinglines__*.json")):
        if (shipping := read_or_refused(path)) is None:
            continue
        placed = one(
            events(post("shopify", "orders/create", {**order, "shipping_lines": [shipping]})), OrderPlaced
        ).order
        assert same(placed.shipping, shipping["price"])


def test_shopify_fulfillment(real_data: Path) -> None:
    sent = read(real_data / "shopify-go-fixtures" / "fulfillment.json")["fulfillment"]
    (event,) = events(post("shopify", "fulfillments/create", sent))
    assert isinstance(event.payload, OrderFulfilled)
    assert [event.payload.order_id, event.payload.fulfillment_id] == texts(sent["order_id"], sent["id"])
    assert (event.payload.tracking_code, event.payload.carrier) == (sent["tracking_number"], sent["tracking_company"])
    assert [line.line_id for line in event.payload.lines] == texts(*(line["id"] for line in sent["line_items"]))
    assert all(
        same(ours.quantity, line["quantity"]) and same(ours.unit_price, line["price"])
        for ours, line in zip(event.payload.lines, sent["line_items"], strict=True)
    )


def test_shopify_customer(real_data: Path) -> None:
    customer = read(real_data / "shopify-go-fixtures" / "customer.json")["customer"]
    (event,) = events(post("shopify", "customers/update", customer))  # never asked: nothing of consent
    assert (event.customer.customer_id, event.customer.email) == (str(customer["id"]), customer["email"])
    assert isinstance(event.payload, CustomerUpdated)
    assert event.payload.profile.last_name == customer["last_name"]
    assert event.payload.profile.tags == tuple(customer["tags"].split(","))


def test_shopify_product(real_data: Path) -> None:
    product = read(real_data / "shopify-go-fixtures" / "product.json")["product"]
    told = events(post("shopify", "products/update", product))
    said = one(told, ProductUpserted).product
    assert (said.product_id, said.title, said.published) == (str(product["id"]), product["title"], True)
    assert [variant.variant_id for variant in said.variants] == texts(*(each["id"] for each in product["variants"]))
    assert same(said.variants[0].price, product["variants"][0]["price"])
    assert not [event for event in told if isinstance(event.payload, StockChanged)]  # nobody counts this variant


NO_EVENTS = {
    "inventory_levels/update": ("inventory_levels.json", "inventory_levels"),
    "order_transactions/create": ("transactions.json", "transactions"),
    "tender_transactions/create": ("payments_transactions.json", "transactions"),
    "draft_orders/create": ("draft_order.json", "draft_order"),
    "fulfillment_events/create": ("fulfillment_event.json", "fulfillment_event"),
    "shop/update": ("shop.json", "shop"),
    "webhooks/create": ("webhooks.json", "webhooks"),
    "customer_addresses/update": ("customer_addresses.json", "addresses"),
}


@pytest.mark.parametrize("topic", NO_EVENTS)
def test_what_shopify_may_send_and_is_no_event_of_ours_is_refused_with_a_remedy(real_data: Path, topic: str) -> None:
    name, inside = NO_EVENTS[topic]
    held = read(real_data / "shopify-go-fixtures" / name)
    held = held.get(inside, held)
    for document in held if isinstance(held, list) else [held]:
        told = post("shopify", topic, document)
        assert isinstance(told, Refusal)
        assert told.remedy


# -- WooCommerce


def woo(data: Path, folder: str) -> Iterator[tuple[str, Any]]:
    """Every document of a folder; of a batch, each of its documents."""
    for path in sorted((data / "woocommerce-rest-v2" / folder).glob("*.json")):
        document = read(path)
        if path.stem.startswith("batch-"):
            yield from ((f"{path.stem}.{verb}", each) for verb, several in document.items() for each in several)
        else:
            yield path.stem, document


@pytest.mark.parametrize("topic", ["order.created", "order.updated"])
def test_woocommerce_orders(real_data: Path, topic: str) -> None:
    found = list(woo(real_data, "orders"))
    assert len(found) >= 8
    for name, order in found:
        told = events(post("woocommerce", topic, order))
        placed = one(told, OrderPlaced).order
        assert (placed.order_id, placed.currency) == (str(order["id"]), order["currency"]), name
        assert same(placed.total, order["total"])
        assert same(placed.tax, order["total_tax"])
        assert same(placed.shipping, order["shipping_total"])
        lines = order["line_items"]
        assert [line.product_id for line in placed.lines] == texts(*(line["product_id"] for line in lines))
        for ours, line in zip(placed.lines, lines, strict=True):
            assert same(ours.quantity, line["quantity"])
            assert ours.unit_price is not None
            assert abs(ours.unit_price * ours.quantity - Decimal(line["subtotal"])) < Decimal("0.001")
        emails = {event.customer.email for event in told if event.customer.email}
        assert emails == {order["billing"]["email"]} - {""}
        accounts = {event.customer.customer_id for event in told if event.customer.customer_id}
        assert accounts == ({str(order["customer_id"])} if order["customer_id"] else set())
        refunds = [event.payload for event in told if isinstance(event.payload, OrderRefunded)]
        assert [(r.refund_id, r.amount) for r in refunds] == [
            (str(r["id"]), -Decimal(r["total"])) for r in order["refunds"]
        ]
        assert any(isinstance(event.payload, OrderFulfilled) for event in told) == (order["status"] == "completed")


def test_woocommerce_refunds(real_data: Path) -> None:
    found = list(woo(real_data, "order-refunds"))
    assert len(found) >= 4
    for name, refund in found:
        (event,) = events(post("woocommerce", "refund.created", refund))
        assert isinstance(event.payload, OrderRefunded)
        assert event.payload.order_id == refund["_links"]["up"][0]["href"].rpartition("/")[2], name
        assert (event.payload.refund_id, event.payload.amount) == (str(refund["id"]), Decimal(refund["amount"]))
        quantities = [abs(Decimal(str(line["quantity"]))) for line in refund["line_items"]]
        assert [line.quantity for line in event.payload.lines] == quantities


@pytest.mark.parametrize(
    ("topic", "kind"), [("customer.created", CustomerRegistered), ("customer.updated", CustomerUpdated)]
)
def test_woocommerce_customers(real_data: Path, topic: str, kind: type) -> None:
    found = [each for each in woo(real_data, "customers") if "downloads" not in each[0]]
    assert len(found) >= 6
    for name, customer in found:
        (event,) = events(post("woocommerce", topic, customer))
        assert isinstance(event.payload, kind)
        assert (event.customer.customer_id, event.customer.email) == (str(customer["id"]), customer["email"]), name


def test_woocommerce_products(real_data: Path) -> None:
    found = [each for each in woo(real_data, "products") if "review" not in each[0]]
    assert len(found) >= 7
    for name, product in found:
        told = events(post("woocommerce", "product.updated", product))
        said = one(told, ProductUpserted).product
        assert (said.product_id, said.url) == (str(product["id"]), product["permalink"]), name
        assert same(said.price, product["price"])
        assert list(said.images) == [image["src"] for image in product["images"]]


def test_woocommerce_variations_are_no_products(real_data: Path) -> None:
    found = list(woo(real_data, "product-variations"))
    assert len(found) >= 6
    for _, variation in found:
        told = events(post("woocommerce", "product.updated", variation))
        assert not [event for event in told if isinstance(event.payload, ProductUpserted)]


@pytest.mark.parametrize("folder", ["coupons", "webhooks", "order-notes", "product-categories"])
def test_what_woocommerce_may_send_and_is_no_event_of_ours_is_refused_with_a_remedy(
    real_data: Path, folder: str
) -> None:
    found = list(woo(real_data, folder))
    assert found
    for _, document in found:
        told = post("woocommerce", f"{folder.rstrip('s')}.created", document)
        assert isinstance(told, Refusal)
        assert told.remedy


def test_a_delivery_woocommerce_logged_in_its_legacy_form_is_refused_with_the_version_to_choose(
    real_data: Path,
) -> None:
    for name, logged in woo(real_data, "webhooks"):
        if "request_body" in logged:
            told = post(
                "woocommerce", logged["request_headers"]["X-WC-Webhook-Topic"], json.loads(logged["request_body"])
            )
            assert isinstance(told, Refusal), name
            assert "WP REST API Integration" in told.remedy
