"""The formats there are, by name."""

from __future__ import annotations

from sources.backfill import bodies, canonical, rees46, shopify_customers, shopify_orders, uci
from sources.backfill.format import Format
from sources.webhooks.contract import names

FORMATS: dict[str, Format] = {
    each.name: each
    for each in (
        canonical.FORMAT,
        shopify_orders.FORMAT,
        shopify_customers.FORMAT,
        *(bodies.format_of(system, heads) for system, heads in bodies.SYSTEMS.items() if system in names()),
        uci.FORMAT,
        rees46.FORMAT,
    )
}
