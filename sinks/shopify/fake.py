"""A strict stand-in for Shopify's Admin API, as far as orders are listed and created."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlsplit

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sinks.fake import Received, Reply, application

TOKEN = "shpat_sandbox"
BUCKET, LEAK = 40.0, 2.0

Text = Annotated[str, Field(min_length=1)]
Money = Annotated[str, Field(pattern=r"^\d+(\.\d+)?$")]


class Shape(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Line(Shape):
    variant_id: Annotated[int, Field(gt=0)]
    quantity: Annotated[int, Field(gt=0)]
    price: Money


class Customer(Shape):
    id: int | None = None
    email: Text | None = None
    first_name: str | None = None
    last_name: str | None = None


class Address(Shape):
    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    address1: Text
    address2: str | None = None
    city: str | None = None
    province: str | None = None
    country: str | None = None
    zip: str | None = None
    phone: str | None = None


class ShippingLine(Shape):
    title: Text
    price: Money


class Discount(Shape):
    code: Text
    amount: Money
    type: Literal["fixed_amount", "percentage", "shipping"]


class Attribute(Shape):
    name: Text
    value: Text


class Order(Shape):
    name: Text
    line_items: Annotated[list[Line], Field(min_length=1)]
    currency: Text
    financial_status: Literal["pending", "authorized", "paid"]
    fulfillment_status: Literal["fulfilled", "partial"] | None = None
    inventory_behaviour: Literal["bypass", "decrement_ignoring_policy", "decrement_obeying_policy"] = "bypass"
    send_receipt: bool = False
    send_fulfillment_receipt: bool = False
    source_name: Text
    source_identifier: Text
    processed_at: str | None = None
    tags: str = ""
    note: str | None = None
    note_attributes: list[Attribute] = []
    email: Text | None = None
    customer: Customer
    shipping_lines: list[ShippingLine] = []
    discount_codes: list[Discount] = []
    billing_address: Address | None = None
    shipping_address: Address | None = None


class Creation(Shape):
    order: Order


def app(clock: Callable[[], float] = time.time) -> web.Application:
    return application(ShopifyStandIn(), clock)


class ShopifyStandIn:
    """Keeps orders. `stock` is what there is of a variant; of others there is enough. With `narrows=False` it does not
    heed `name`, which is not documented; with `late` it lists an order only so many seconds after it was made."""

    secrets: tuple[str, ...] = (TOKEN,)

    def __init__(self, stock: dict[int, int] | None = None, *, narrows: bool = True, late: float = 0.0) -> None:
        self.orders: list[dict[str, Any]] = []
        self.stock = dict(stock or {})
        self._narrows, self._late = narrows, late
        self._filled, self._at = 0.0, 0.0

    def settings(self, base: str) -> dict[str, str]:
        return {"base_url": base, "access_token": TOKEN}

    def stored(self) -> dict[str, Any]:
        return {"orders": {row["name"]: row for row in self.orders}, "count": len(self.orders), "stock": self.stock}

    def answer(self, request: Received) -> Reply:
        parts = urlsplit(request.path)
        if re.fullmatch(r"/admin/api/\d{4}-\d\d/orders\.json", parts.path) is None:
            return _refused(404, "Not Found")
        if request.headers.get("x-shopify-access-token") != TOKEN:
            return _refused(401, "[API] Invalid API key or access token (unrecognized login or wrong password)")
        if not self._has_room(request.at):
            limit = {"Retry-After": "2.0", "X-Shopify-Shop-Api-Call-Limit": "40/40"}
            return Reply(429, "throttled", b'{"errors":"Exceeded 2 calls per second for api client."}', limit)
        if request.method == "GET":
            return self._list(dict(parse_qsl(parts.query)), request.at)
        if request.method != "POST" or parts.query:
            return _refused(406 if parts.query else 405, "Not Acceptable")
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            return _refused(400, "Content-Type must be application/json")
        return self._create(request)

    def _has_room(self, now: float) -> bool:
        self._filled = max(0.0, self._filled - LEAK * max(0.0, now - self._at))
        self._at = now
        if self._filled + 1 > BUCKET:
            return False
        self._filled += 1
        return True

    def _list(self, query: dict[str, str], now: float) -> Reply:
        """Open orders only, unless `status` says otherwise; the newest first, but after `since_id` the oldest."""
        limit, since = int(query.get("limit", "50")), int(query.get("since_id", "-1"))
        if not 1 <= limit <= 250:
            return _refused(400, "limit must be from 1 to 250")
        rows = [row for row in self.orders if now - row["made"] >= self._late]
        if query.get("status", "open") == "open":
            rows = [row for row in rows if row.get("fulfillment_status") is None]
        if (first := query.get("created_at_min")) is not None:
            rows = [row for row in rows if datetime.fromisoformat(row["created_at"]) >= datetime.fromisoformat(first)]
        if self._narrows and "name" in query:
            rows = [row for row in rows if row["name"] == query["name"]]
        rows = sorted((r for r in rows if r["id"] > since), key=lambda r: r["id"], reverse=since < 0)[:limit]
        fields = query.get("fields", "").split(",") if query.get("fields") else None
        shown = [
            {name: v for name, v in row.items() if name != "made" and (not fields or name in fields)} for row in rows
        ]
        return Reply(200, "listed", orjson.dumps({"orders": shown}))

    def _create(self, request: Received) -> Reply:
        try:
            order = Creation.model_validate_json(request.body).order
        except ValidationError as problem:
            first = problem.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "order"
            return Reply(422, "refused", orjson.dumps({"errors": {where: [first["msg"]]}}))
        if order.customer.id is None and not order.customer.email:
            return Reply(422, "refused", b'{"errors":{"customer":["Email can\'t be blank"]}}')
        if order.inventory_behaviour != "bypass" and not self._reserve(order):
            return Reply(422, "refused", b'{"errors":{"line_items":["Unable to reserve inventory"]}}')
        made = {"id": 450_000_000 + len(self.orders) + 1, "made": request.at,
                "created_at": datetime.fromtimestamp(request.at, UTC).isoformat()}  # fmt: skip
        row = order.model_dump(exclude_none=True) | made
        self.orders.append(row)
        return Reply(201, "accepted", orjson.dumps({"order": {name: v for name, v in row.items() if name != "made"}}))

    def _reserve(self, order: Order) -> bool:
        """All of it, or none."""
        wanted = {line.variant_id: line.quantity for line in order.line_items}
        short = any(self.stock.get(variant, many) < many for variant, many in wanted.items())
        if short and order.inventory_behaviour == "decrement_obeying_policy":
            return False
        for variant, many in wanted.items():
            if variant in self.stock:
                self.stock[variant] -= many
        return True


def _refused(status: int, errors: str) -> Reply:
    return Reply(status, "refused", orjson.dumps({"errors": errors}))
