"""JOOR: what it is told, how fast, and what its answers mean. Sources and choices: README.md beside this."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from urllib.parse import urlencode

from schemas import signals
from sinks.contract import Answer, Call, Dedupe, Limit, Rule, Sink, Token, Verdict
from sinks.joor import calls, jobs, styles
from sinks.joor.config import JoorConfig

# Of 300 credits in 300 s: the rest is for the poller that reads this account's orders.
CREDITS, WINDOW = 270, 300.0
OK = frozenset({200, 201})


def _headers(config: JoorConfig) -> Mapping[str, str]:
    token = base64.b64encode(config.token.get_secret_value().encode()).decode()
    return {
        "Authorization": f"OAuth2 {token}",
        "Content-Type": "application/json",
        "Accept": "application/json",
    }


def _ask(config: JoorConfig) -> Call:
    """User name and password go here, and nowhere else."""
    form = {
        "client_id": config.client_id,
        "grant_type": "password",
        "client_secret": config.client_secret.get_secret_value() if config.client_secret else "",
        "username": config.username,
        "password": config.password.get_secret_value() if config.password else "",
    }
    headers = (("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json"))
    body = urlencode(form).encode()
    return Call("Token", "POST", config.auth_url, body, "token", endpoint="auth", headers=headers, bare=True)


def _read(answer: Answer) -> tuple[str, float] | None:
    token, seconds = answer.at("access_token"), answer.at("expires_in")
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
        return None
    whole = isinstance(seconds, int) and not isinstance(seconds, bool) and seconds > 0
    return (token, seconds) if whole else None


def _check(config: JoorConfig) -> Call:
    query = urlencode({"order_type": 6, "sync": 0, "start_from": 0, "count": 1})
    return Call("Check", "GET", f"/v2/order/?{query}", b"", "check")


def _refused(place: str) -> Rule:
    return Rule(Verdict.REJECTED, OK, at=place, equals=0, differs=True, why="v2 says so in the body")


SINK = Sink(
    name="joor",
    tells="wholesale customers with an agreed tag when they change, styles with SKUs and prices, stock",
    config=JoorConfig,
    base_url=lambda config: config.base_url,
    headers=_headers,
    calls={signals.CustomerChanged: calls.customer},
    catalog={signals.ProductChanged: calls.style, signals.StockChanged: calls.stock},
    follow={"bulk-connection": jobs.follow, "styles": styles.follow},
    dedupe=Dedupe.UPSERT,
    rules=tuple(
        _refused(place)
        for place in ("response.code", "bulk_connections.response.code", "inventory_items.response.code")
    ),
    limits=(Limit("*", CREDITS, WINDOW),),
    token=Token(
        ask=_ask,
        read=_read,
        headers=lambda token: {"Authorization": f"Bearer {token}"},
        wanted=lambda call: call.path.startswith("/v4/"),
    ),
    batches=(jobs.CONNECTIONS, jobs.INVENTORY),
    check=_check,
    max_in_flight=16,
    timeout_seconds=60,
    answer_limit=4_000_000,
    throttled_seconds=WINDOW,
)
