"""JOOR's order list of v2: kinds, dates in pairs, pages, and the mark that `sync=1` leaves. Rows are those of a public
client (README.md beside this)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

KNOWN = {
    "order_type", "export_status", "date_start", "date_end", "sync", "check", "customer_code", "customer_group_name",
    "start_from", "count",
}  # fmt: skip
APPROVED = {"2", "4", "6", "8"}
# What a row's own `order_type` of an approved order is, as that client reads it.
ROW_APPROVED = "4"


def order(
    number: str, *, code: str = "42", name: str = "Ada's Boutique", at: str = "2026-11-25T09:00:00+00:00", **more: Any
) -> dict[str, Any]:
    """An approved one, of two blue mugs."""
    return {
        "order_id": number, "order_type": ROW_APPROVED, "order_type_name": "Approved", "order_currency": "EUR",
        "order_total": "25.00", "order_shipping_total": "5.00", "order_discount": "0.00", "order_comments": "",
        "date_created": at, "date_approved": at, "date_modified": at, "customer_name": name, "customer_code": code,
        "customer_purchase_order": f"PO-{number}", "customer_buyer_name": "Ada Lovelace",
        "shipping_name": name, "shipping_address_1": "1 Analytical Row", "shipping_city": "London",
        "shipping_postal_code": "N1", "shipping_country": "United Kingdom", "shipping_country_iso_two": "GB",
        "shipping_email": "ada@boutique.example", "shipping_method_name": "Ground",
        "billing_name": name, "billing_address_1": "1 Analytical Row", "billing_city": "London",
        "billing_postal_code": "N1", "billing_country_iso_two": "GB",
        "line_items": [
            {"item_name": "Mug", "item_number": "P1", "item_style_identifier": "P1", "item_color": "Blue",
             "item_color_code": "Blue", "item_size": "One Size", "item_upc": "1001", "item_price": "10.00",
             "item_unit_price": "10.00", "item_quantity": "2", "item_price_extended": "20.00"},
        ],
        **more,
    }  # fmt: skip


SAMPLES = (order("7001"), order("7002", code="", name="Trade Fair Stand"))


class Orders:
    def __init__(self, *orders: dict[str, Any]) -> None:
        self.approved: list[dict[str, Any]] = list(orders)
        self.exported: set[str] = set()

    def read(self, query: dict[str, str]) -> dict[str, Any]:
        """The answer's `response` and `orders`. Raises `ValueError` for what the documents do not have."""
        if unknown := query.keys() - KNOWN:
            raise ValueError(f"{sorted(unknown)[0]} is unknown")
        kind, sync = query.get("order_type", "2"), query.get("sync", "1")
        if kind not in "12345678" or len(kind) != 1 or sync not in ("0", "1"):
            raise ValueError("order_type is 1 to 8, sync 0 or 1")
        window = _window(query)
        found = [row for row in self.approved if kind in APPROVED and _within(row, window)]
        if query.get("export_status", "2" if sync == "1" else "1") == "2":
            found = [row for row in found if row["order_id"] not in self.exported]
        start, count = int(query.get("start_from", "0")), int(query.get("count", "50"))
        if start < 0 or count < 1:
            raise ValueError("start_from and count are numbers from 0 and 1")
        page = found[start : start + count]
        if sync == "1":
            self.exported |= {row["order_id"] for row in page}
        response = {"start_from": start, "count": len(page), "total": len(found)}
        if start + count < len(found):
            response["next_start"] = start + count
        return {"response": response, "orders": page}


def _window(query: dict[str, str]) -> tuple[datetime, datetime] | None:
    """Raises `ValueError` for half a pair, and for what is no UTC time."""
    start, end = query.get("date_start"), query.get("date_end")
    if (start is None) != (end is None):
        raise ValueError("date_start and date_end are given together")
    if start is None or end is None:
        return None
    first, last = datetime.fromisoformat(start), datetime.fromisoformat(end)
    if first.utcoffset() is None or last.utcoffset() is None or first > last:
        raise ValueError("dates are ISO 8601 with a zone, the earlier one first")
    return first, last


def _within(row: dict[str, Any], window: tuple[datetime, datetime] | None) -> bool:
    """By modified date."""
    return window is None or window[0] <= datetime.fromisoformat(row["date_modified"]) <= window[1]
