"""Acme: what it is told, how fast, and what its answers mean."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from schemas import signals
from sinks.contract import Answer, Batch, Call, Dedupe, Limit, Rule, Sink, Token, Verdict
from tests.certificate.acme import calls
from tests.certificate.acme.batch import join, read_batch
from tests.certificate.acme.config import AcmeConfig


def ask(config: AcmeConfig) -> Call:
    body = orjson.dumps({"client_secret": config.client_secret.get_secret_value()})
    return Call("token", "POST", "/token", body, "token", endpoint="token")


def read_token(answer: Answer) -> tuple[str, float] | None:
    token, seconds = answer.at("access_token"), answer.at("expires_in")
    return (token, float(seconds)) if isinstance(token, str) and isinstance(seconds, int) else None


def bearer(token: str) -> Mapping[str, str]:
    return {"authorization": f"Bearer {token}"}


SINK = Sink(
    name="acme",
    tells="searches, abandoned carts, orders and their parcels, products",
    config=AcmeConfig,
    base_url=lambda config: config.base_url,
    headers=lambda config: {"content-type": "application/json"},
    calls={
        signals.Searched: calls.searched,
        signals.CartAbandoned: calls.abandoned_cart,
        signals.OrderPlaced: calls.order,
        signals.OrderFulfilled: calls.parcel,
    },
    catalog={signals.ProductChanged: calls.product},
    follow={"products": calls.follow},
    dedupe=Dedupe.BY_KEY,
    rules=(Rule(Verdict.DELIVERED, frozenset({409}), at="error.code", equals="known", why="they have it already"),),
    limits=(Limit("events", 5, 1), Limit("orders", 10, 1), Limit("events-batch", 1, 1)),
    token=Token(ask, read_token, bearer),
    batches=(Batch("events", "events-batch", join, read_batch, most_items=20, most_bytes=100_000, from_items=5),),
    max_in_flight=8,
    timeout_seconds=10,
)
