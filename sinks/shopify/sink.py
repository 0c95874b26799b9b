"""Shopify: what it is told, how fast, and what its answers mean. Sources and choices: README.md beside this."""

from __future__ import annotations

from collections.abc import Mapping

from schemas import signals
from sinks.contract import Call, Dedupe, Limit, Rule, Sink, Verdict
from sinks.shopify import calls, entering
from sinks.shopify.config import ShopifyConfig


def _headers(config: ShopifyConfig) -> Mapping[str, str]:
    return {
        "X-Shopify-Access-Token": config.access_token.get_secret_value(),
        "Content-Type": "application/json",
        "Accept": "application/json",
    }


def _check(config: ShopifyConfig) -> Call:
    path = f"/admin/api/{config.api_version}/orders.json?status=any&limit=1&fields=id"
    return Call("Check", "GET", path, b"", "check", "orders")


SINK = Sink(
    name="shopify",
    tells="wholesale orders approved at JOOR, unfulfilled and unpaid",
    config=ShopifyConfig,
    base_url=lambda config: config.base_url,
    headers=_headers,
    calls={signals.WholesaleOrderApproved: calls.order},
    follow={"orders": entering.follow},
    dedupe=Dedupe.LOOKED_FOR,
    rules=(
        Rule(Verdict.MISCONFIGURED, frozenset({423}), why="the shop is locked"),
        Rule(Verdict.UNAVAILABLE, frozenset({430}), why="Shopify's protection turned us away for a while"),
    ),
    limits=(Limit("orders", 2, 1),),
    check=_check,
    max_in_flight=4,
    timeout_seconds=30,
    answer_limit=1_000_000,
)
