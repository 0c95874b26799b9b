"""How an order is entered once: looked for, looked for again after a while, and only then made. Pure.

Shopify's order creation has no key that makes a repeat harmless. So it is made only after it was not found twice, and
is never made again without looking: when the answer gets lost, all begins anew.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any
from urllib.parse import urlencode

import orjson

from sinks.body import as_json
from sinks.contract import Answer, Ask, Call, Verdict
from sinks.ways import Plan, Way, walked

AGAIN_SECONDS = 10.0  # what was made a moment ago may not be in the list yet
PAGE, PAGES = 250, 40


def follow(call: Call, answers: Sequence[Answer]) -> Verdict | Ask | None:
    return walked(_way(orjson.loads(call.then), call), answers)


def _way(plan: Plan, call: Call) -> Way:
    answer = yield None
    for nth in ("again", ""):
        rows = _rows(answer)
        if rows is None:
            return Verdict.UNAVAILABLE  # no list of orders: whether it is there is not known
        if any(_is_it(row, plan) for row in rows) or (rows and (yield from _is_further(plan, call, nth))):
            return Verdict.DELIVERED
        if nth:
            look = Call("Order", "GET", call.path, b"", f"{call.key}:{nth}", "orders")
            answer = yield Ask(look, AGAIN_SECONDS)
    body = as_json({"order": plan["order"]})
    answer = yield Ask(
        Call("Create Order", "POST", plan["orders"], body, f"{call.key}:create", "orders"), repeats=False
    )
    # A 201 is an order; some answer 200 with a list of others when they did not understand.
    return Verdict.DELIVERED if answer.at("order.id") is not None else Verdict.UNAVAILABLE


def _is_further(plan: Plan, call: Call, nth: str) -> Generator[Ask, Answer, bool]:
    """`name` is not among the documented parameters. Where it is not heeded, others come, and all since the approval
    are read by the documented ones."""
    last = 0
    for _ in range(PAGES):
        query = {"status": "any", "created_at_min": plan["since"], "since_id": last, "limit": PAGE}
        path = f"{plan['orders']}?{urlencode(query | {'fields': 'id,name,source_identifier'})}"
        answer = yield Ask(Call("Orders", "GET", path, b"", f"{call.key}:since:{nth}:{last}", "orders"))
        rows = _rows(answer) or []
        if any(_is_it(row, plan) for row in rows):
            return True
        ids = [row["id"] for row in rows if isinstance(row.get("id"), int)]
        if len(rows) < PAGE or not ids or max(ids) <= last:
            break
        last = max(ids)
    return False


def _rows(answer: Answer) -> list[dict[str, Any]] | None:
    rows = answer.at("orders")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else None


def _is_it(row: dict[str, Any], plan: Plan) -> bool:
    return bool(row.get("name") == plan["name"] or row.get("source_identifier") == plan["source_identifier"])
