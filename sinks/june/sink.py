"""JUNE: what it is told, when, and what its answers mean. Sources and choices: README.md beside this."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from schemas import signals
from sinks.contract import Dedupe, Sink
from sinks.june import calls
from sinks.june.config import JuneConfig


def _url(config: JuneConfig) -> str:
    """May hold the token: made at the moment of sending and shown nowhere."""
    return config.url.replace("{token}", quote(config.token.get_secret_value(), safe=""))


def _headers(config: JuneConfig) -> Mapping[str, str]:
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if config.token_in == "header":
        headers["Authorization"] = f"Bearer {config.token.get_secret_value()}"
    return headers


SINK = Sink(
    name="june",
    tells="customers when they change, the whole cart on each change, orders and then their fulfilments",
    config=JuneConfig,
    base_url=_url,
    headers=_headers,
    calls={
        signals.CustomerChanged: calls.customer,
        signals.CartChanged: calls.cart,
        signals.CartAbandoned: calls.abandoned_cart,
        signals.OrderPlaced: calls.order,
        signals.OrderPaid: calls.order_again,
        signals.OrderStatusChanged: calls.order_again,
        signals.OrderFulfilled: calls.fulfillment,
    },
    dedupe=Dedupe.UPSERT,
    max_in_flight=16,
    timeout_seconds=30,
)
