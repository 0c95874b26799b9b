"""A strict stand-in for JOOR: v2, v4 and the address that lends v4's token, on one base.

What their documents leave open is borrowed: the answer to a POST of `bulk-connection` from that to its GET, the answer
to an order list and the rows in it from a public client. README.md beside this has the sources.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import orjson
from aiohttp import web
from pydantic import ValidationError

from sinks.fake import Received, Reply, application
from sinks.joor.fakeorders import SAMPLES, Orders
from sinks.joor.fakev2 import BulkConnections, InventoryItems, Jobs
from sinks.joor.fakev4 import Catalog

ACCOUNT = "222222"
TOKEN, SECRET, PASSWORD, LENT = "joor-v2-token", "joor-client-secret", "joor-password", "joor-access-token"
CREDITS, WINDOW = 300, 300.0
LIFE = 36_000


def app(clock: Callable[[], float] = time.time) -> web.Application:
    return application(JoorStandIn(*SAMPLES), clock)


class Refused(Exception):
    """The message says why, as `response.comment`."""


class Credits:
    """A fixed window for the account: it begins with the first request, and the next one after it has ended."""

    def __init__(self) -> None:
        self._began = float("-inf")
        self._used = 0

    def take(self, cost: int, now: float) -> bool:
        if now >= self._began + WINDOW:
            self._began, self._used = now, 0
        if self._used + cost > CREDITS:
            return False
        self._used += cost
        return True


class JoorStandIn:
    """Keeps connections whose job is finished, styles, stock and orders. `polls` is how often a job is asked for until
    it is finished."""

    secrets: tuple[str, ...] = (TOKEN, base64.b64encode(TOKEN.encode()).decode(), SECRET, PASSWORD, LENT)

    def __init__(self, *orders: dict[str, Any], polls: int = 2) -> None:
        self.orders = Orders(*orders)
        self.jobs = Jobs(polls)
        self.catalog = Catalog()
        self.stock: dict[str, int] = {}
        self._credits = Credits()
        self._logged = 0

    def settings(self, base: str) -> dict[str, str]:
        return {
            "base_url": base, "auth_url": f"{base}/auth/", "account": ACCOUNT, "token": TOKEN, "client_id": "brand",
            "client_secret": SECRET, "username": "brand@example.com", "password": PASSWORD, "tags": "JOOR",
            "currency": "EUR", "price_label": "EUR-1", "price_type_id": "1234", "warehouse": "Main",
        }  # fmt: skip

    def stored(self) -> dict[str, Any]:
        return {
            "connections": self.jobs.connections,
            "stock": self.stock,
            "products": self.catalog.products,
            "skus": self.catalog.skus,
            "prices": self.catalog.prices,
            "exported": sorted(self.orders.exported),
        }

    def answer(self, request: Received) -> Reply:
        parts = urlsplit(request.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        steps = [step for step in parts.path.split("/") if step]
        if steps == ["auth"]:
            return self._lend(request)
        if not steps or steps[0] not in ("v2", "v4"):
            return _denied(404, "no such address")
        expected = f"OAuth2 {self.secrets[1]}" if steps[0] == "v2" else f"Bearer {LENT}"
        if request.headers.get("authorization") != expected:
            return _denied(401, "unknown token")
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            return _denied(415, "Content-Type must be application/json")
        if steps[0] == "v4" and query.get("account") != ACCOUNT:
            return _denied(403, "account is required, and must be one of this user's")
        if not self._credits.take(1 if request.method == "GET" else 5, request.at):
            return Reply(429, "throttled", b"", {"X-Throttling-Account-Id": ACCOUNT})
        return (
            self._v2(steps[1:], query, request) if steps[0] == "v2" else self.catalog.answer(steps[1:], query, request)
        )

    def _lend(self, request: Received) -> Reply:
        if request.method != "POST":
            return _denied(405, "only POST")
        if request.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
            return _denied(415, "must be a form")
        form = {name: values[0] for name, values in parse_qs(request.body.decode(errors="replace")).items()}
        given = {"client_id": "brand", "grant_type": "password", "client_secret": SECRET,
                 "username": "brand@example.com", "password": PASSWORD}  # fmt: skip
        if form != given:
            return _denied(401, "invalid credentials")
        lent = {"access_token": LENT, "expires_in": LIFE, "token_type": "Bearer", "refresh_expires_in": 7_776_000}
        return Reply(200, "lent", orjson.dumps(lent))

    # -- v2

    def _v2(self, steps: list[str], query: dict[str, str], request: Received) -> Reply:
        self._logged += 1
        try:
            return self._v2_of(steps, query, request)
        except ValidationError as problem:
            first = problem.errors(include_url=False, include_input=False)[0]
            return self._refused(steps[0], f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
        except (Refused, ValueError) as problem:
            return self._refused(steps[0], str(problem))

    def _v2_of(self, steps: list[str], query: dict[str, str], request: Received) -> Reply:
        writes = request.method in ("POST", "PUT")
        match steps:
            case ["bulk-connection"] if writes:
                job = self.jobs.begin(BulkConnections.model_validate_json(request.body))
                return self._ok("bulk_connections", {"bulk_connections_jobs": [job]})
            case ["bulk-connection", job_id] if request.method == "GET":
                return self._ok("bulk_connections", {"bulk_connections_jobs": [self.jobs.look(job_id)]})
            case ["connection", "customer_code", code] if request.method == "GET":
                found = self.jobs.connections.get(code)
                return self._ok("connections", {"connections": {"connection": [found] if found else []}})
            case ["bulk-inventory"] if writes:
                return self._take_stock(InventoryItems.model_validate_json(request.body), query)
            case ["order"] if request.method == "GET":
                return self._ok("", self.orders.read(query))
            case ["bulk-connection" | "bulk-inventory" | "order"]:
                return _denied(405, "not with this method")
        return _denied(404, "no such address")

    def _take_stock(self, told: InventoryItems, query: dict[str, str]) -> Reply:
        if query.get("dec_pending", "0") not in ("0", "1") or query.keys() - {"dec_pending", "overwrite"}:
            raise Refused("dec_pending is 0 or 1")
        for item in told.inventory_items.inventory_item:
            if item.warehouse not in ("Main", "Second"):
                raise Refused("warehouse: there is none of this name")
            self.stock[f"{item.warehouse}/{item.key}"] = item.inventory
        return self._ok("inventory_items", {})

    def _ok(self, wrapped: str, fields: dict[str, Any]) -> Reply:
        response = {"code": 0, "log_id": str(self._logged), **fields.pop("response", {})}
        document = {"response": response, **fields}
        return Reply(200, "accepted", orjson.dumps({wrapped: document} if wrapped else document))

    def _refused(self, step: str, comment: str) -> Reply:
        wrapped = {"bulk-connection": "bulk_connections", "bulk-inventory": "inventory_items"}.get(step, "")
        document = {"response": {"code": 1, "comment": comment, "log_id": str(self._logged)}}
        return Reply(200, "refused", orjson.dumps({wrapped: document} if wrapped else document))


def _denied(status: int, message: str) -> Reply:
    return Reply(status, "refused", orjson.dumps({"message": message}))
