"""The same day in a Magento shop: told by its events as webhooks, and by the changes of its tables."""

from __future__ import annotations

import json
from datetime import datetime
from random import Random
from typing import Any

from schemas.events import ShopEvent
from sources.debezium.envelope import Change
from sources.debezium.state import Rules
from sources.debezium.tables import read
from sources.webhooks import contract
from sources.webhooks.contract import ShopSettings
from sources.webhooks.document import decoded
from tests.sources.debezium.samples import binlog, change, envelope
from tests.sources.debezium.shop import Joining
from tests.sources.shopday import CANCELLED, COMPLETED, DRAFT, Bought, Item, Moment, money
from tests.sources.webhooks.test_cases import RECEIVED

SHOP = "mugs"
WORDS = {"canceled": CANCELLED}
TABLES = read({"preset": "magento", "orders": {"statuses": WORDS}})
Told = tuple[datetime, str, str, dict[str, Any]]
"""When, in which table, by which operation, and the row."""


def rows(bought: Bought) -> list[Told]:
    """What the shop writes of one order. While a checkout lasts there is a quote, and no order."""
    told: list[Told] = []
    known: set[int] = set()
    for now in bought.moments:
        if now.status == DRAFT:
            continue
        told.append((now.at, "sales_order", "u" if told else "c", _head(bought, now)))
        if len(told) == 1:
            told += [(now.at, "sales_order_item", "c", _item(bought, each)) for each in bought.items]
        if now.status == COMPLETED and bought.number not in known:
            known.add(bought.number)
            told.append((now.at, "sales_shipment", "c", _part(bought, 20_000 + bought.number, now.at)))
        for number, cents, at in now.refunds:
            if number not in known:
                known.add(number)
                memo = {"grand_total": _text(cents), "order_currency_code": bought.currency, "state": 2}
                told.append((at, "sales_creditmemo", "c", _part(bought, number, at) | memo))
    return told


def _head(bought: Bought, now: Moment) -> dict[str, Any]:
    status = "canceled" if now.status == CANCELLED else now.status
    return {
        "entity_id": bought.number, "increment_id": f"0000{bought.number}", "status": status, "state": status,
        "customer_id": bought.buyer.account or None, "customer_email": bought.buyer.email,
        "quote_id": 30_000 + bought.number, "order_currency_code": bought.currency,
        "grand_total": _text(bought.total), "total_paid": _text(bought.total) if now.paid_at else None,
        "total_item_count": len(bought.items), "created_at": _sql(bought.placed_at), "updated_at": _sql(now.at),
    }  # fmt: skip


def _item(bought: Bought, item: Item) -> dict[str, Any]:
    return {
        "item_id": item.number, "order_id": bought.number, "product_id": item.product, "sku": f"MUG-{item.product}",
        "qty_ordered": f"{item.quantity}.0000", "price": _text(item.price), "discount_amount": _text(item.off),
        "tax_amount": _text(item.tax), "parent_item_id": None,
    }  # fmt: skip


def _part(bought: Bought, number: int, at: datetime) -> dict[str, Any]:
    return {"entity_id": number, "order_id": bought.number, "created_at": _sql(at)}


def _text(cents: int) -> str:
    return f"{money(cents):.4f}"


def _sql(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S")


EVENTS = {"sales_order": "sales_order_save_commit_after", "sales_shipment": "sales_order_shipment_save_after",
          "sales_creditmemo": "sales_order_creditmemo_save_after"}  # fmt: skip


def by_events(day: list[Bought]) -> list[ShopEvent]:
    said: list[ShopEvent] = []
    for bought in day:
        for n, (at, table, op, row) in enumerate(rows(bought)):
            if table not in EVENTS:
                continue
            items = [_item(bought, each) for each in bought.items]
            inside = {"items": items, "_isNew": op == "c"} if table == "sales_order" else {}
            posted = {
                "type": f"com.adobe.commerce.observer.{EVENTS[table]}", "id": f"{bought.number}-{n}",
                "time": at.isoformat(), "data": {"value": row | inside},
            }  # fmt: skip
            shop = ShopSettings(shop=SHOP, statuses=WORDS)
            told = contract.load("magento").normalize({}, decoded(json.dumps(posted).encode()), shop, RECEIVED)
            assert isinstance(told, tuple), told
            said += told
    return said


def by_tables(day: list[Bought], seed: int) -> list[ShopEvent]:
    """Tables come as they like to each other, each in its own order. An order says how many lines it has."""
    draw = Random(seed)
    written = sorted((each for bought in day for each in rows(bought)), key=lambda each: each[0])
    tables: dict[str, list[Change]] = {}
    for place, (at, table, op, row) in enumerate(written, 1):
        key = "item_id" if "item_id" in row else "entity_id"
        place_of = binlog(place, db="magento", table=table, ts_ms=int(at.timestamp()) * 1000)
        tables.setdefault(table, []).append(change(envelope(op, row, place_of), {key: row[key]}))
    joining = Joining(Rules(shop=SHOP))
    while there := [each for each in tables.values() if each]:
        table_read = draw.choice(there)
        joining.hears(*(table_read.pop(0) for _ in range(min(len(table_read), draw.randint(1, 3)))), tables=TABLES)
        joining.waits(draw.choice((0, 3)))
    joining.waits(60)
    return joining.events
