"""The same day told by the shop's webhooks, by the changes of its tables, and by a dump of its REST interface."""

from __future__ import annotations

import json
from datetime import datetime
from random import Random
from typing import Any

from schemas.events import ShopEvent
from shoprelay.backfill.formats import FORMATS
from sources.backfill.format import Fact, Row, Telling
from sources.debezium.envelope import Change
from sources.debezium.state import Rules
from sources.debezium.tables import read
from sources.webhooks import contract
from sources.webhooks.contract import ShopSettings
from sources.webhooks.document import decoded
from tests.sources.debezium.samples import binlog, change, envelope
from tests.sources.debezium.shop import Joining
from tests.sources.shopday import COMPLETED, DRAFT, Bought, Item, Moment, money
from tests.sources.webhooks.test_cases import RECEIVED

SHOP = "mugs"
TABLES = read({"preset": "woocommerce"})


def document(bought: Bought, now: Moment) -> dict[str, Any]:
    """As the REST interface shows it, version 3."""
    completed = [each.at for each in bought.moments if each.status == COMPLETED and each.at <= now.at]
    return {
        "id": bought.number, "number": str(bought.number), "status": now.status, "currency": bought.currency,
        "date_created_gmt": _iso(bought.placed_at), "date_modified_gmt": _iso(now.at),
        "discount_total": _text(sum(each.off for each in bought.items)), "shipping_total": _text(bought.shipping),
        "total": _text(bought.total), "total_tax": _text(sum(each.tax for each in bought.items)),
        "customer_id": bought.buyer.account, "billing": {"email": bought.buyer.email},
        "payment_method_title": "Bank", "date_paid_gmt": _iso(now.paid_at), "transaction_id": f"tx-{bought.number}",
        "date_completed_gmt": _iso(completed[0] if completed else None),
        "line_items": [_line(each) for each in bought.items],
        "refunds": [{"id": number, "reason": "", "total": f"-{money(cents)}"} for number, cents, _ in now.refunds],
    }  # fmt: skip


def _line(item: Item) -> dict[str, Any]:
    before = item.quantity * item.price
    return {
        "id": item.number, "name": f"Mug {item.product}", "product_id": item.product, "variation_id": item.variation,
        "quantity": item.quantity, "subtotal": _text(before), "total": _text(before - item.off),
        "total_tax": _text(item.tax), "sku": f"MUG-{item.product}",
    }  # fmt: skip


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.replace(tzinfo=None).isoformat()


def _text(cents: int) -> str:
    return f"{money(cents):.2f}"


def by_webhook(day: list[Bought]) -> list[ShopEvent]:
    """A delivery for whatever happened to an order."""
    said: list[ShopEvent] = []
    for bought in day:
        for n, now in enumerate(bought.moments):
            headers = {"x-wc-webhook-topic": "order.updated" if n else "order.created"}
            body = decoded(json.dumps(document(bought, now)).encode())
            told = contract.load("woocommerce").normalize(headers, body, ShopSettings(shop=SHOP), RECEIVED)
            assert isinstance(told, tuple), told
            said += told
    return said


def by_dump(day: list[Bought]) -> list[ShopEvent]:
    """Every order as it is in the evening."""
    rows = [
        Row(n, document(each, each.moments[-1])) for n, each in enumerate(day, 1) if each.moments[-1].status != DRAFT
    ]
    found = FORMATS["woocommerce"].tell(rows, Telling(SHOP, "", RECEIVED.tzinfo, RECEIVED))  # type: ignore[arg-type]
    said = [each.event for each in found if isinstance(each, Fact)]
    assert {event.priority for event in said} == {"backfill"}
    return said


# -- changes of its tables


def by_rows(day: list[Bought], seed: int, again: bool = False) -> list[ShopEvent]:
    """Tables come as they like to each other, each row's changes in their order. The lines of an order are written by
    Analytics some time after it, in one go: nothing counts them, so what comes of them is told once they have settled.
    `again`: each topic is read once more from somewhere, as after a crash."""
    draw = Random(seed)
    orders, lines = [[each] for each in _order_rows(day)], _line_rows(day)
    if again:
        orders += orders[draw.randrange(len(orders)) :]
        lines += lines[draw.randrange(len(lines)) :]
    joining = Joining(Rules(shop=SHOP))
    while orders or lines:
        table = draw.choice([each for each in (orders, lines) if each])
        for together in [table.pop(0) for _ in range(min(len(table), draw.randint(1, 3)))]:
            joining.hears(*together, tables=TABLES)
        joining.waits(draw.choice((0, 3)))
    joining.waits(60)
    return joining.events


def _order_rows(day: list[Bought]) -> list[Change]:
    """`wp_wc_orders` as its log has them, refunds among the orders."""
    rows: list[tuple[datetime, int, str, dict[str, Any]]] = []
    for bought in day:
        told: set[int] = set()
        for n, now in enumerate(bought.moments):
            rows.append((now.at, bought.number, "u" if n else "c", _head(bought, now)))
            new = [each for each in now.refunds if each[0] not in told]
            rows += [(at, number, "c", _back(bought, number, cents, at)) for number, cents, at in new]
            told |= {number for number, _, _ in new}
    return [
        change(envelope(op, row, _at("wp_wc_orders", n, at)), {"id": number})
        for n, (at, number, op, row) in enumerate(sorted(rows, key=lambda each: each[:2]), 1)
    ]


def _head(bought: Bought, now: Moment) -> dict[str, Any]:
    status = now.status if now.status == DRAFT else f"wc-{now.status}"
    return {
        "id": bought.number, "type": "shop_order", "status": "wc-checkout-draft" if status == DRAFT else status,
        "currency": bought.currency, "total_amount": _text(bought.total), "customer_id": bought.buyer.account,
        "billing_email": bought.buyer.email, "tax_amount": _text(sum(each.tax for each in bought.items)),
        "date_created_gmt": _milliseconds(bought.placed_at), "date_updated_gmt": _milliseconds(now.at),
        "parent_order_id": 0, "payment_method_title": "Bank", "customer_note": None,
    }  # fmt: skip


def _back(bought: Bought, number: int, cents: int, at: datetime) -> dict[str, Any]:
    return {
        "id": number, "type": "shop_order_refund", "status": "wc-completed", "currency": bought.currency,
        "total_amount": f"-{money(cents):.2f}", "parent_order_id": bought.number,
        "date_created_gmt": _milliseconds(at),
    }  # fmt: skip


def _line_rows(day: list[Bought]) -> list[list[Change]]:
    places = iter(range(1, 10_000))
    return [[_line_row(bought, item, next(places)) for item in bought.items] for bought in _in_time(day)]


def _in_time(day: list[Bought]) -> list[Bought]:
    return sorted(day, key=lambda each: each.placed_at)


def _line_row(bought: Bought, item: Item, place: int) -> Change:
    at = _at("wp_wc_order_product_lookup", place, bought.placed_at)
    return change(envelope("c", _lookup(bought, item), at), {"order_item_id": item.number})


def _lookup(bought: Bought, item: Item) -> dict[str, Any]:
    """Amounts are doubles there."""
    return {
        "order_item_id": item.number, "order_id": bought.number, "product_id": item.product,
        "variation_id": item.variation, "product_qty": item.quantity, "coupon_amount": item.off / 100,
        "product_net_revenue": (item.quantity * item.price - item.off) / 100, "tax_amount": item.tax / 100,
    }  # fmt: skip


def _at(table: str, place: int, at: datetime) -> dict[str, Any]:
    return binlog(place, db="wp", table=table, ts_ms=_milliseconds(at))


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp()) * 1000
