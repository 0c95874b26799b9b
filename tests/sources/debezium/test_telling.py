"""Rows become pieces by the table map: each role and preset, and ids that a webhook gives the same fact."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import (
    CustomerErased,
    CustomerRegistered,
    CustomerUpdated,
    OrderFulfilled,
    OrderRefunded,
    ProductDeleted,
    ProductUpserted,
    StockChanged,
)
from sources.debezium.envelope import Change, Nothing, read
from sources.debezium.row import UNAVAILABLE, Unread
from sources.debezium.tables import BadMap
from sources.debezium.tables import read as table_map
from sources.debezium.telling import Told, told
from sources.webhooks import contract
from sources.webhooks.contract import ShopSettings
from sources.webhooks.document import decoded
from tests.sources.debezium.samples import binlog, change, envelope, source
from tests.sources.debezium.shop import ORDER, REFERENCE, Joining, line, pieces, row
from tests.sources.debezium.test_envelope import mostly

AT = datetime(2026, 11, 21, 7, 30, tzinfo=UTC)
CUSTOMER = {"id": 7, "email": "ada@mugs.example", "first_name": "Ada", "birthday": 7000,
            "updated_at": "2026-11-21T07:30:00Z", "created_at": "2026-11-20T07:30:00Z"}  # fmt: skip
PRODUCT = {"id": 41, "title": "Mug", "price": "15.00", "currency": "EUR", "description": "A mug", "published": True}


def test_a_customer_from_opening_to_erasure() -> None:
    changed = CUSTOMER | {"first_name": "Adele"}
    joining = Joining().hears(
        row("customers", "c", CUSTOMER, 5), row("customers", "r", CUSTOMER, 6), row("customers", "u", changed, 7),
        row("customers", "u", changed | {"last_login": 1}, 8), row("customers", "d", {"id": 7, "email": ""}, 9),
    )  # fmt: skip
    assert joining.ids == ["customer-registered:7", "customer:7:2026-11-21T07:30:00Z", "customer-erased:7"]
    first, second, third = (event.payload for event in joining.events)
    assert isinstance(first, CustomerRegistered) and first.profile.birthday == "1989-03-02"
    assert isinstance(second, CustomerUpdated) and second.profile.first_name == "Adele"
    assert isinstance(third, CustomerErased) and joining.events[2].customer.email is None


def test_a_row_that_moves_to_another_key_erases_nobody() -> None:
    moved = change(envelope("d", {"id": 7, "email": ""}, source("shop.customers")), {"id": 7}, ("__debezium.newkey",))
    assert moved.moved and not pieces(moved)


def test_a_product_and_its_stock() -> None:
    stock = {"product_id": 41, "variant_id": None, "quantity": "5", "location": "main"}
    joining = Joining().hears(
        row("products", "r", PRODUCT, 5),
        row("products", "u", PRODUCT | {"description": UNAVAILABLE, "price": "16.00"}, 6),
        row("stock", "c", stock, 7), row("stock", "u", stock | {"quantity": "4"}, 8), row("stock", "u", stock, 9),
        row("stock", "r", stock, 900), row("products", "d", {"id": 41}, 901),
    )  # fmt: skip
    said = [event.payload for event in joining.events]
    assert isinstance(said[1], ProductUpserted) and said[1].product.description == "A mug"
    assert said[1].product.price == Decimal("16.00")
    assert [str(each.quantity) for each in said if isinstance(each, StockChanged)] == ["5", "4", "5"]
    assert isinstance(said[-1], ProductDeleted) and len(set(joining.ids)) == len(said) == 6


def test_refunds_and_shipments_are_filed_under_their_order() -> None:
    refund = {"id": 5, "order_id": 1001, "amount": "-3.00", "currency": "EUR", "created_at": "2026-11-21T07:30:00Z"}
    sent = {"id": 8, "order_id": 1001, "tracking_code": "T1", "created_at": "2026-11-21T07:30:00Z"}
    joining = Joining().hears(
        row("refunds", "c", refund, 5), row("fulfilments", "c", sent, 6), row("refunds", "r", refund, 900),
        row("refunds", "c", refund | {"id": 6, "amount": 0}, 7), row("refunds", "d", refund, 901),
    )  # fmt: skip
    assert joining.ids == ["order-refunded:1001:5", "order-fulfilled:1001:8"]
    back, out = (event.payload for event in joining.events)
    assert isinstance(back, OrderRefunded) and back.amount == Decimal("3.00") and joining.events[0].occurred_at == AT
    assert isinstance(out, OrderFulfilled) and joining.events[1].customer.cart_token == "order:1001"


def test_a_line_without_a_price_of_one_and_parts_of_lines() -> None:
    woo = table_map({"preset": "woocommerce"})
    item = {"order_item_id": 3, "order_id": 9, "product_id": 41, "variation_id": 0, "product_qty": 3,
            "product_net_revenue": 27.0, "coupon_amount": 3.0, "tax_amount": 5.7}  # fmt: skip
    at = binlog(4, db="wp", table="wp_wc_order_product_lookup")
    found = told(change(envelope("c", item, at), {"order_item_id": 3}), woo)
    line_of = found.pieces[0].content.line  # type: ignore[union-attr]
    assert line_of and line_of.unit_price == Decimal(10) and line_of.discount == Decimal(3) and not line_of.variant_id
    magento = table_map({"preset": "magento"})
    part = {
        "item_id": 4,
        "order_id": 9,
        "parent_item_id": 3,
        "product_id": 42,
        "qty_ordered": "1.0000",
        "price": "0.0000",
    }
    found = told(change(envelope("c", part, binlog(5, table="sales_order_item")), {"item_id": 4}), magento)
    assert found.pieces[0].content.line is None  # type: ignore[union-attr]


def test_doubles_are_taken_and_named() -> None:
    fields = [{"field": name, "type": "double" if name == "total" else "string"} for name in ORDER]
    schema = {"fields": [{"field": "after", "type": "struct", "fields": fields}]}
    value = {"schema": schema, "payload": envelope("c", {**ORDER, "id": "1", "total": 45.1}, source("shop.orders"))}
    found = told(change(value, {"id": "1"}), REFERENCE)
    assert found.doubles == ("shop.orders.total",) and found.pieces[0].content.order.total == Decimal("45.1")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("table", "row_told", "field"),
    [
        ("orders", ORDER | {"total": "1234"}, "total"),  # no schema: text, or bytes?
        ("orders", ORDER | {"total": "B8Y="}, "total"), ("orders", ORDER | {"total": None}, "total"),
        ("orders", ORDER | {"placed_at": None}, "placed_at"), ("orders", ORDER | {"currency": None}, "currency"),
        ("order_lines", line(1, order=0), "order_id"), ("order_lines", line(1, quantity="many"), "quantity"),
        ("products", PRODUCT | {"title": " "}, "title"), ("products", PRODUCT | {"published": "publish"}, "published"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_names_its_column(table: str, row_told: dict[str, Any], field: str) -> None:
    found = told(row(table, "c", row_told, 5), REFERENCE)
    assert not found.pieces and [each.field for each in found.problems] == [field]


def test_a_deleted_line_without_its_order_asks_for_whole_rows() -> None:
    found = told(row("order_lines", "d", {"id": 1, "order_id": 0, "quantity": "0"}, 5), REFERENCE)
    assert "REPLICA IDENTITY FULL" in found.problems[0].remedy


def test_tables_that_are_not_mapped_say_nothing() -> None:
    assert told(row("sessions", "c", {"id": 1}, 5), REFERENCE) == Told()
    assert told(row("old_orders", "c", ORDER, 5), REFERENCE) == Told()


@given(mostly, st.sampled_from(["reference", "magento", "woocommerce"]), st.data())
def test_whatever_a_row_holds_is_told_or_a_reason(value: Any, preset: str, data: st.DataObject) -> None:
    tables = table_map({"preset": preset})
    _, table = data.draw(st.sampled_from(list(tables.tables())))
    columns = [name for name in vars(table.columns).values() if name]
    cells = (
        st.none() | st.integers() | st.text(max_size=6) | st.floats() | st.booleans() | st.just("1.50") | st.just("7")
    )
    value["after"] = value["before"] = data.draw(st.fixed_dictionaries(dict.fromkeys(columns, cells)))
    value["source"] = binlog(4, table=table.table)
    found = read({"id": 7}, value)
    if isinstance(found, Change):
        said = told(found, tables)
        assert isinstance(said, Told) and all(each.remedy for each in said.problems)
    assert isinstance(found, Change | Nothing | Unread)


# -- the same fact from a webhook and from the database


def test_magento_tells_the_same_ids_by_webhook_and_from_its_tables() -> None:
    order = {"entity_id": 12, "increment_id": "000012", "customer_id": 7, "customer_email": "ada@mugs.example",
             "state": "processing", "status": "processing", "created_at": "2026-11-21 07:20:51",
             "updated_at": "2026-11-21 07:30:00", "grand_total": "45.0000", "order_currency_code": "EUR",
             "total_paid": "45.0000", "total_item_count": 1, "quote_id": 9}  # fmt: skip
    item = {"item_id": 3, "order_id": 12, "product_id": 41, "sku": "MUG", "qty_ordered": "3.0000", "price": "15.0000",
            "parent_item_id": None}  # fmt: skip
    posted = {"type": "com.adobe.commerce.observer.sales_order_save_commit_after", "id": "e",
              "time": "2026-11-21T07:30:01Z", "data": {"value": order | {"items": [item]}}}  # fmt: skip
    by_webhook = contract.load("magento").normalize(
        {}, decoded(json.dumps(posted).encode()), ShopSettings(shop="mugs"), AT
    )
    assert isinstance(by_webhook, tuple)
    head = change(envelope("u", order, binlog(4, table="sales_order")), {"entity_id": 12})
    of_it = change(envelope("r", item, binlog(5, table="sales_order_item")), {"item_id": 3})
    joining = Joining().hears(of_it, head, tables=table_map({"preset": "magento"})).waits(5)
    assert {event.event_id: event.occurred_at for event in joining.events} == {
        event.event_id: event.occurred_at for event in by_webhook
    }
    assert [event.payload.order.lines for event in joining.events if hasattr(event.payload, "order")] == [
        event.payload.order.lines for event in by_webhook if hasattr(event.payload, "order")
    ]


def test_woocommerce_tells_the_same_ids_by_webhook_and_from_its_tables() -> None:
    posted = {"id": 9, "number": "9", "status": "processing", "currency": "EUR", "total": "30.00", "customer_id": 7,
              "date_created_gmt": "2026-11-21T07:20:51", "date_modified_gmt": "2026-11-21T07:30:00",
              "billing": {"email": "ada@mugs.example"}, "line_items": []}  # fmt: skip
    hook = contract.load("woocommerce")
    topic = {"x-wc-webhook-topic": "order.updated"}
    by_webhook = hook.normalize(topic, decoded(json.dumps(posted).encode()), ShopSettings(shop="mugs"), AT)
    assert isinstance(by_webhook, tuple)
    head = {"id": 9, "type": "shop_order", "status": "wc-processing", "currency": "EUR", "total_amount": "30.00",
            "customer_id": 7, "billing_email": "ada@mugs.example", "date_created_gmt": 1795245651000,
            "date_updated_gmt": 1795246200000, "tax_amount": "0.00"}  # fmt: skip
    item = {"order_item_id": 3, "order_id": 9, "product_id": 41, "variation_id": 0, "product_qty": 3,
            "product_net_revenue": 30.0, "coupon_amount": 0.0, "tax_amount": 0.0}  # fmt: skip
    back = head | {"id": 10, "type": "shop_order_refund", "parent_order_id": 9, "total_amount": "-5.00"}
    orders = binlog(4, db="wp", table="wp_wc_orders")
    joining = Joining().hears(
        change(envelope("u", head, orders), {"id": 9}), change(envelope("c", back, orders), {"id": 10}),
        change(envelope("c", item, binlog(6, table="wp_wc_order_product_lookup")), {"order_item_id": 3}),
        tables=table_map({"preset": "woocommerce"}),
    ).waits(5)  # fmt: skip
    assert set(joining.ids) == {event.event_id for event in by_webhook} | {"order-refunded:9:10"}
    assert not joining.waits(3600).missing


# -- the map itself


def test_every_problem_of_a_map_is_told_at_once() -> None:
    with pytest.raises(BadMap) as bad:
        table_map({
            "preset": "magneto", "currency": "euro", "order": {},
            "orders": {"table": "orders", "columns": {"id": "id", "total": "", "sum": "x"}},
            "cart_lines": {"columns": {}},
        })  # fmt: skip
    said = "\n".join(bad.value.problems)
    for place in (
        "preset: there is none", "currency:", "order: no such setting", "orders.columns.total:",
        "orders.columns.sum: no such setting", "orders.columns.placed_at: required", "cart_lines.table: required",
        "cart_lines: is mapped without carts", "orders: is mapped without order_lines",
    ):  # fmt: skip
        assert place in said, said


@pytest.mark.parametrize("raw", [{}, [], None, {"preset": 3}, {"preset": "reference", "stock": 7}])
def test_what_is_no_map_says_so(raw: Any) -> None:
    with pytest.raises(BadMap):
        table_map(raw)


def test_a_shop_stands_over_its_preset() -> None:
    found = table_map({"preset": "reference", "stock": False, "orders": {"table": "Sales.Orders",
                       "columns": {"number": "order_no", "note": False}, "cancelled": ["void"]}})  # fmt: skip
    assert found.stock is None and found.orders is not None
    assert (found.orders.table, found.orders.columns.number, found.orders.columns.note) == (
        "sales.orders",
        "order_no",
        None,
    )
    assert found.orders.cancelled == ("void",) and found.orders.columns.total == "total"
    assert found.orders.is_it("sales.orders") and not found.orders.is_it("shop.orders")


@pytest.mark.parametrize(
    ("who", "ids"),
    [
        ({"customer_id": 7, "email": None}, ["order-placed:1001", "order-of:1001"]),
        ({"customer_id": None, "email": "ada@mugs.example"}, ["order-placed:1001", "order-of:1001"]),
        ({"customer_id": None, "email": None}, ["order-placed:1001"]),
    ],
)  # fmt: skip
def test_an_order_leads_to_whoever_is_named(who: dict[str, Any], ids: list[str]) -> None:
    joining = Joining().hears(row("orders", "c", ORDER | who, 5), row("order_lines", "c", line(1), 6)).waits(5)
    assert joining.ids == ids
    assert (joining.events[0].customer.cart_token == "order:1001") is (len(ids) == 1)


def test_facts_of_a_snapshot_are_history_and_stock_is_of_a_place() -> None:
    stock = [{"product_id": 41, "quantity": 5, "location": place} for place in ("main", "shop", None)]
    joining = Joining().hears(*(row("stock", "r", each, 5) for each in stock))
    joining.hears(row("stock", "u", stock[0] | {"quantity": 4}, 6))
    assert [event.priority for event in joining.events] == ["backfill"] * 3 + ["live"]
    assert [each.rsplit(":", 1)[0] for each in joining.ids] == [
        "stock:41::main", "stock:41::shop", "stock:41::", "stock:41::main"]  # fmt: skip
