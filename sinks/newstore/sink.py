"""NewStore: what it is told, when, how fast, and what its answers mean. Sources and choices: README.md beside this."""

from __future__ import annotations

from collections.abc import Mapping

from sinks.contract import Call, Dedupe, Limit, Rule, Sink, Verdict
from sinks.newstore.calls import CALLS, CATALOG, FOLLOW
from sinks.newstore.config import NewStoreConfig
from sinks.newstore.imports import BATCHES, FAILED
from sinks.newstore.injection import DIFFERS
from sinks.newstore.token import TOKEN

NOBODY = "00000000-0000-0000-0000-000000000000"
_HISTORY = (("Accept", "application/x.newstore.orders+json;version=2"),)
# RFC 6749, 5.2: what the identity host says with a 400 is about our settings, never about a call.
_OAUTH = (
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
)


def _headers(config: NewStoreConfig) -> Mapping[str, str]:
    return {"Content-Type": "application/json"}


def _check(config: NewStoreConfig) -> Call:
    """The orders of a customer there is not: asks for a token, needs no scope, reads nothing and changes nothing."""
    path = f"/v0/orders?customer_id={NOBODY}&count=1"
    return Call("check", "GET", path, b"", "check", endpoint="order", headers=_HISTORY)


SINK = Sink(
    name="newstore",
    tells="orders when they are placed, and what becomes of them; customer profiles; products, prices and stock",
    config=NewStoreConfig,
    base_url=lambda config: config.base,
    headers=_headers,
    calls=CALLS,
    catalog=CATALOG,
    follow=FOLLOW,
    dedupe=Dedupe.BY_KEY,
    kept=frozenset({"injection"}),
    check=_check,
    token=TOKEN,
    rules=(
        Rule(
            Verdict.REJECTED,
            frozenset(range(200, 600)),
            containing=DIFFERS,
            why="another order has this number: a person must look",
        ),
        Rule(Verdict.THROTTLED, frozenset({403}), unless_json=True, wait_seconds=300, why="our address is shut out"),
        *(Rule(Verdict.MISCONFIGURED, frozenset({400}), at="error", equals=code, why="no token") for code in _OAUTH),
        FAILED,
    ),
    limits=(
        Limit("*", 30_000, 300),
        Limit("injection", 20, 1),
        Limit("return", 25, 1),  # these three share the 100 of one order's address
        Limit("refund", 25, 1),
        Limit("shipment", 50, 1),
        Limit("fulfillment-requests", 70, 1),
        *(Limit(batch.budget, 1, 300) for batch in BATCHES),
    ),
    batches=BATCHES,
    max_in_flight=32,
    timeout_seconds=60,
    answer_limit=4_000_000,  # a page of 500 profiles, 2,000 fulfilment requests
)
