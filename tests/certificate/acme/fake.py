"""A strict stand-in for Acme."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated, Any, Literal
from urllib.parse import unquote

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sinks.fake import Received, Reply, application
from sinks.windows import Windows
from tests.certificate.acme.sink import SINK

SECRET, TOKEN = "acme-sandbox-secret", "acme-sandbox-token"
Email = Annotated[str, Field(pattern="@")]


class Shape(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class Event(Shape):
    id: str = Field(min_length=1)
    kind: Literal["searched", "abandoned", "placed"]
    email: Email
    query: str | None = None
    worth: int | float | None = None


class Events(Shape):
    events: list[dict[str, Any]] = Field(min_length=1, max_length=20)


class Order(Shape):
    id: str = Field(min_length=1)
    email: Email
    total: int | float


class Product(Shape):
    id: str = Field(min_length=1)
    title: str


class Parcel(Shape):
    number: int
    email: Email
    tracking: str | None = None


def app(clock: Callable[[], float] = time.time) -> web.Application:
    return application(AcmeStandIn(), clock)


class AcmeStandIn:
    def __init__(self) -> None:
        self.secrets: tuple[str, ...] = (SECRET, TOKEN)
        self.events: dict[str, str] = {}
        self.orders: dict[str, set[int]] = {}
        self.products: dict[str, str] = {}
        self.jobs: dict[str, int] = {}  # -> how often it was asked about
        self._windows = Windows(SINK.limits)

    def settings(self, base: str) -> dict[str, str]:
        return {"base_url": base, "client_secret": SECRET}

    def stored(self) -> dict[str, Any]:
        orders = {order: sorted(parcels) for order, parcels in self.orders.items()}
        return {"events": self.events, "orders": orders, "products": self.products}

    def answer(self, request: Received) -> Reply:
        where = request.path.strip("/").split("/")
        try:
            if where == ["token"]:
                return self._lend(request)
            if request.headers.get("authorization") != f"Bearer {TOKEN}":
                return _said(401, "unauthorized")
            return self._taken(request, where)
        except (ValidationError, orjson.JSONDecodeError):
            return _said(400, "invalid")

    def _taken(self, request: Received, where: list[str]) -> Reply:
        endpoint = "events-batch" if where == ["events", "batch"] else where[0]
        if wait := self._windows.take(endpoint, request.at):
            return Reply(429, "throttled", b"{}", {"retry-after": str(int(wait) + 1)})
        match where:
            case ["events"]:
                return self._event(request.body)
            case ["events", "batch"]:
                return self._events(request.body)
            case ["orders"]:
                placed = Order.model_validate_json(request.body)
                known = placed.id in self.orders
                self.orders.setdefault(placed.id, set())
                return _said(409, "known") if known else Reply(201, "accepted", b"{}")
            case ["orders", order, "parcels"] if unquote(order) in self.orders:
                self.orders[unquote(order)].add(Parcel.model_validate_json(request.body).number)
                return Reply(201, "accepted", b"{}")
            case ["products"]:
                product = Product.model_validate_json(request.body)
                self.products[product.id] = product.title
                self.jobs[product.id] = 0
                return Reply(202, "accepted", orjson.dumps({"job": product.id}))
            case ["jobs", job] if unquote(job) in self.jobs:
                self.jobs[unquote(job)] += 1
                state = "done" if self.jobs[unquote(job)] > 1 else "running"
                return Reply(200, "accepted", orjson.dumps({"state": state}))
            case ["orders", _, "parcels"]:
                return _said(422, "no such order")
            case _:
                return _said(404, "no such address")

    def _lend(self, request: Received) -> Reply:
        if orjson.loads(request.body) != {"client_secret": SECRET}:
            return _said(401, "unauthorized")
        return Reply(200, "accepted", orjson.dumps({"access_token": TOKEN, "expires_in": 86400}))

    def _event(self, body: bytes) -> Reply:
        event = Event.model_validate_json(body)
        known = event.id + event.kind in self.events
        self.events[event.id + event.kind] = event.kind
        return _said(409, "known") if known else Reply(202, "accepted", b"{}")

    def _events(self, body: bytes) -> Reply:
        results = []
        for told in Events.model_validate_json(body).events:
            try:
                results.append("known" if self._event(orjson.dumps(told)).status == 409 else "taken")
            except ValidationError:
                results.append("refused")
        return Reply(207, "accepted", orjson.dumps({"results": results}))


def _said(status: int, code: str) -> Reply:
    return Reply(status, "refused", orjson.dumps({"error": {"code": code}}))
