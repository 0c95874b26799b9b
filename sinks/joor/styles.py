"""How a style comes to JOOR by v4: each step needs an id from the answer before. Pure.

`follow` is asked again and again with all answers so far, and walks the same way each time.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any
from urllib.parse import urlencode

import orjson

from sinks.body import as_json
from sinks.contract import Answer, Ask, Call, Verdict
from sinks.ways import Plan, Way, walked

PAGE, PAGES = 100, 50  # of products, when one must be looked for
WRITE, READ = 5, 1


def follow(call: Call, answers: Sequence[Answer]) -> Verdict | Ask | None:
    return walked(_way(orjson.loads(call.then), call.key), answers)


def _way(plan: Plan, key: str) -> Way:
    created = yield None
    product_id = _text(created.at("data.0.id"))
    if _duplicated(created):
        product_id = yield from _found(plan, key)
        if not product_id:
            return Verdict.REJECTED  # there is one of this name, and it cannot be found
        product = {name: value for name, value in plan["product"].items() if name != "external_id"}
        updated = yield _write(plan, key, "Update Product", "products/bulk_update", [product | {"id": product_id}])
        if _errors(updated):
            return Verdict.REJECTED
    if not product_id or (_errors(created) and not _duplicated(created)):
        return Verdict.REJECTED
    return (yield from _skus(plan, key, product_id)) if plan["skus"] else Verdict.DELIVERED


def _found(plan: Plan, key: str) -> Generator[Ask, Answer, str]:
    """The id of the product under our `external_id`. How the list is narrowed is not documented, so every row is
    compared, page by page until nothing new comes."""
    seen: set[str] = set()
    for page in range(1, PAGES + 1):
        narrowed = {plan["lookup"]: plan["product"]["external_id"], "page": page, "page_size": PAGE}
        rows = _rows((yield _read(plan, key, "Find Product", "products", narrowed)))
        for row in rows:
            if _text(row.get("external_id")) == plan["product"]["external_id"]:
                return _text(row.get("id"))
        new = {_text(row.get("id")) for row in rows} - seen
        if not new:
            break
        seen |= new
    return ""


def _skus(plan: Plan, key: str, product_id: str) -> Way:
    rows = [sku | {"product_id": product_id} for sku in plan["skus"]]
    answer = yield _write(plan, key, "Create SKUs", "skus/bulk_create", rows)
    ids = _ids(answer)
    if _errors(answer):
        if not _duplicated(answer):
            return Verdict.REJECTED
        there = [sku for sku in plan["skus"] if sku["external_id"] not in ids]
        answer = yield _write(plan, key, "Update SKUs", "skus/bulk_update_by_external_id", there or plan["skus"])
        if _errors(answer):
            return Verdict.REJECTED
        ids |= _ids(answer)
    priced = [sku for sku in plan["prices"] if sku not in ids]
    if priced:
        ids |= _ids((yield _read(plan, key, "Find SKUs", "skus", {"product_ids": product_id})))
    if not plan["prices"]:
        return Verdict.DELIVERED
    if any(sku not in ids for sku in plan["prices"]):
        return Verdict.REJECTED
    return (yield from _prices(plan, key, ids))


def _prices(plan: Plan, key: str, ids: dict[str, str]) -> Way:
    kind = plan["price_type_id"]
    values = {ids[sku]: price for sku, price in plan["prices"].items()}
    rows = [{"sku_id": sku, "price_type_id": kind} | price for sku, price in values.items()]
    answer = yield _write(plan, key, "Create Prices", "prices/bulk_create", rows)
    if not _errors(answer):
        return Verdict.DELIVERED
    if not _duplicated(answer):
        return Verdict.REJECTED
    named = [_text(error.get("details", {}).get("sku_id")) for error in _errors(answer)]
    there = [sku for sku in named if sku in values]
    found = _rows((yield _read(plan, key, "Find Prices", "prices", {"sku_ids": ",".join(there)})))
    updates = [
        {"id": _text(row.get("id"))} | values[sku]
        for row in found
        if (sku := _text(row.get("sku_id"))) in there and _text((row.get("price_type") or {}).get("id")) == kind
    ]
    if len(updates) < len(there) or not updates:
        return Verdict.REJECTED
    answer = yield _write(plan, key, "Update Prices", "prices/bulk_update", updates)
    return Verdict.REJECTED if _errors(answer) else Verdict.DELIVERED


# -- asking


def _write(plan: Plan, key: str, says: str, path: str, rows: list[dict[str, Any]]) -> Ask:
    account = urlencode({"account": plan["account"]})
    return Ask(Call(says, "POST", f"/v4/{path}?{account}", as_json(rows), f"{key}:{path}", "styles", cost=WRITE))


def _read(plan: Plan, key: str, says: str, path: str, narrowed: dict[str, Any]) -> Ask:
    query = urlencode({"account": plan["account"], **narrowed})
    return Ask(Call(says, "GET", f"/v4/{path}?{query}", b"", f"{key}:{path}:{query}", "styles", cost=READ))


# -- answers


def _rows(answer: Answer) -> list[dict[str, Any]]:
    rows = answer.at("data")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _errors(answer: Answer) -> list[dict[str, Any]]:
    """Rows that failed, though the status is good. What is no list of rows is one error: nothing is known then."""
    errors = answer.at("errors")
    if errors is None and isinstance(answer.at("data"), list):
        return []
    if not isinstance(errors, list):
        return [{}]
    return [error if isinstance(error, dict) else {} for error in errors]


def _duplicated(answer: Answer) -> bool:
    """All that failed is there already."""
    errors = _errors(answer)
    return bool(errors) and all(_text(error.get("status")).upper() == "DUPLICATED" for error in errors)


def _ids(answer: Answer) -> dict[str, str]:
    """SKU ids by our name for them."""
    rows = [(_text(row.get("external_id")), _text(row.get("id"))) for row in _rows(answer)]
    return {name: each for name, each in rows if name and each}


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
