"""A strict stand-in for NewStore: refuses what its documents refuse, and keeps one order per number.

This is its door: tokens, budgets, the block of an address, problem documents. Behind it are its sides: `fakeorders.py`,
`fakeprofiles.py`, `fakeimports.py`, and whatever `others` are given.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from math import ceil
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
from aiohttp import web

from sinks.contract import Limit
from sinks.fake import Received, Reply, application
from sinks.newstore.fakeimports import Imports
from sinks.newstore.fakeorders import Orders
from sinks.newstore.fakeprofiles import Profiles
from sinks.newstore.fakeread import ReadSide
from sinks.newstore.faketalk import Refused, Side, problem, query, said, steps
from sinks.windows import Windows

TENANT, CLIENT_ID, CLIENT_SECRET = "sandbox", "shoprelay", "newstore-sandbox-secret"
TOKEN_SECONDS = 72_000.0  # the 20 hours of NewStore's guide
BLOCK_SECONDS = 300.0
BLOCKED = "block"
EXPORTED = "/exports/"
LIMITS = (
    Limit("injection", 20, 1),
    Limit("order", 100, 1),
    Limit("history", 30, 1),
    Limit("fulfillment-requests", 70, 1),
    Limit(BLOCKED, 30_000, 300),
)


def app(limits: tuple[Limit, ...] = LIMITS, clock: Callable[[], float] = time.time) -> web.Application:
    """`limits=()` takes calls as fast as they come."""
    stand_in = NewStoreStandIn(limits=limits)
    stand_in.add(ReadSide(clock, lambda token: stand_in.is_valid(token, clock()), alone=False))
    return application(stand_in, clock)


class NewStoreStandIn:
    """`token_seconds` is how long a token is valid, `None` when it does not say (300 s then). `others` are further
    sides, asked for what is of none of these."""

    def __init__(
        self,
        *,
        limits: tuple[Limit, ...] = LIMITS,
        orders: Orders | None = None,
        imports: Imports | None = None,
        others: Iterable[Side] = (),
        token_seconds: float | None = TOKEN_SECONDS,
    ) -> None:
        self.orders, self.profiles, self.imports = orders or Orders(), Profiles(), imports or Imports()
        self._sides: tuple[Side, ...] = (self.orders, self.profiles, self.imports, *others)
        self._windows = Windows(limits)
        self._token_seconds = token_seconds
        self._tokens: dict[str, float] = {}  # until when each is valid
        self._blocked_until = 0.0
        self.secrets: tuple[str, ...] = (CLIENT_SECRET,)

    def settings(self, base: str) -> dict[str, str]:
        return {
            "tenant": TENANT,
            "url": base,
            "token_url": f"{base}/auth/realms/{TENANT}/protocol/openid-connect/token",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "shop": "storefront-catalog-en",
            "locale": "en-US",
            "service_level": "standard",
            "payment_method": "credit_card",
            "payment_processor": "stripe",
            "fulfillment_node": "FN1",
            "files_url": f"{base}/_files",
        }

    def stored(self) -> dict[str, Any]:
        """Of a name that two sides have, the earlier side's."""
        return {name: kept for side in reversed(self._sides) for name, kept in side.stored().items()}

    def add(self, side: Side) -> None:
        """One more side, asked last."""
        self._sides = (*self._sides, side)

    def is_valid(self, token: str, at: float) -> bool:
        """Whether it was lent, and has not ended."""
        return self._tokens.get(token, 0.0) > at

    def expire(self) -> None:
        """Every token there is ends now."""
        self._tokens.clear()

    def block(self, until: float) -> None:
        """Shuts the caller's address out until then."""
        self._blocked_until = until

    def answer(self, request: Received) -> Reply:
        try:
            return self._answer(request)
        except Refused as refused:
            return problem(refused)

    def _answer(self, request: Received) -> Reply:
        if (stored := self.imports.put(request)) is not None:
            return stored
        if request.at >= self._blocked_until and self._windows.take(BLOCKED, request.at):
            self._blocked_until = request.at + BLOCK_SECONDS
        if request.at < self._blocked_until:
            return Reply(403, "throttled", b"<html><body>Forbidden</body></html>", content_type="text/html")
        if (lent := self._lend(request)) is not None:
            return lent
        if not urlsplit(request.path).path.startswith(EXPORTED):  # whoever has the link may read
            self._check_token(request)
        self._check_budget(request)
        for side in self._sides:
            if (reply := side.answer(request)) is not None:
                return reply
        if steps(request) == ["v0", "orders"] and request.method == "GET" and "customer_id" in query(request):
            return said(200, {"orders": []})  # nobody is known here but by profile
        raise Refused(404, "not_found", "There is no such address.")

    # -- tokens

    def _lend(self, request: Received) -> Reply | None:
        parts = urlsplit(request.path)
        old = parts.path == "/v0/token"
        if not old and parts.path != f"/auth/realms/{TENANT}/protocol/openid-connect/token":
            return None
        if request.method != "POST":
            raise Refused(405, "method_not_allowed", "only POST")
        if "password" in parse_qs(parts.query) or "client_secret" in parse_qs(parts.query):
            raise Refused(400, "bad_request", "secrets do not belong into the address")
        form = {name: values[0] for name, values in parse_qs(request.body.decode(errors="replace")).items()}
        if form.get("grant_type") != ("password" if old else "client_credentials"):
            return _no_token(400, "unsupported_grant_type")
        user, secret = ("username", "password") if old else ("client_id", "client_secret")
        if (form.get(user), form.get(secret)) != (CLIENT_ID, CLIENT_SECRET):
            return _no_token(401, "invalid_client")
        return said(200, self._lent(request.at, form, old))

    def _lent(self, at: float, form: dict[str, str], old: bool) -> dict[str, Any]:
        token = f"newstore-sandbox-token-{len(self.secrets)}"
        self.secrets += (token,)
        self._tokens[token] = at + (self._token_seconds or 300.0)
        told: dict[str, Any] = {"access_token": token, "token_type": "Bearer", "scope": form.get("scope", "")}
        if self._token_seconds is not None:
            told["expires_in"] = int(self._token_seconds)
        return told | ({"refresh_token": ""} if old else {})

    def _check_token(self, request: Received) -> None:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or not token:
            raise Refused(401, "unauthorized", "The Authorization header is missing.")
        if not self.is_valid(token, request.at):
            raise Refused(403, "forbidden", "The token is invalid or has expired.")

    def _check_budget(self, request: Received) -> None:
        if wait := self._windows.take(_budget(steps(request)), request.at):
            raise Refused(429, "too_many_requests", "Too many requests.", Retry_After=str(ceil(wait)))


def _budget(path: list[str]) -> str:
    match path:
        case ["v0", "d", "fulfill_order"]:
            return "injection"
        case ["v0", "orders"]:
            return "history"
        case ["v0", "orders", _]:
            return "order"
        case ["v0", "fulfillment_requests", _]:
            return "fulfillment-requests"
    return ""


def _no_token(status: int, error: str) -> Reply:
    return Reply(status, "refused", orjson.dumps({"error": error, "error_description": "no token"}))
