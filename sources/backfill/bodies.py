"""Documents of a shop system's own interface (orders, customers, products): what a webhook tells of them, as history.

Each document is given to the system's webhook source, so a fact has the same id whoever tells it. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from msgspec.structs import replace

from sources.backfill.format import Counted, Fact, Format, Found, Row, Telling, Unreadable
from sources.webhooks.contract import Headers, Refusal, ShopSettings, load

SILENT = "documents that are no event"

Heads = Callable[[dict[str, Any]], Headers | None]


def shopify(document: dict[str, Any]) -> Headers | None:
    """The webhook topic of a document, which does not name its own kind; `None`: of no kind we know."""
    if "line_items" in document and "total_price" in document:
        return {"x-shopify-topic": "orders/updated"}
    if "variants" in document and "title" in document:
        return {"x-shopify-topic": "products/update"}
    if "id" in document and ("orders_count" in document or "default_address" in document or "first_name" in document):
        return {"x-shopify-topic": "customers/update"}
    return None


def woocommerce(document: dict[str, Any]) -> Headers | None:
    if "line_items" in document and "total" in document:
        return {"x-wc-webhook-topic": "order.updated"}
    if "regular_price" in document and "name" in document:
        return {"x-wc-webhook-topic": "product.updated"}
    if "billing" in document and "email" in document:
        return {"x-wc-webhook-topic": "customer.updated"}
    return None


def teller(system: str, heads: Heads) -> Callable[[Sequence[Row], Telling], Iterator[Found]]:
    normalize = load(system).normalize

    def one(row: Row, telling: Telling) -> Iterator[Found]:
        headers = heads(row.said) if isinstance(row.said, dict) else None
        if headers is None:
            yield Unreadable(row.line, "", f"is no order, customer or product of {system}", "leave it out of the file")
            return
        settings = ShopSettings(shop=telling.shop, currency=telling.currency or None)
        told = normalize(headers, row.said, settings, telling.as_of)
        if isinstance(told, Refusal):
            yield Unreadable(row.line, told.field or "", told.problem, told.remedy)
            return
        if not told:
            yield Counted(row.line, SILENT, 1)
        for event in told:
            yield Fact(row.line, replace(event, priority="backfill"))

    def tell(rows: Sequence[Row], telling: Telling) -> Iterator[Found]:
        for row in rows:
            yield from one(row, telling)

    return tell


def format_of(system: str, heads: Heads) -> Format:
    return Format(
        name=system,
        kind="documents",
        says=f"orders, customers and products as {system}'s own interface has them: JSON lines or a list",
        tell=teller(system, heads),
    )


SYSTEMS: dict[str, Heads] = {"shopify": shopify, "woocommerce": woocommerce}
