"""Klaviyo: what it is told, when, how fast, and what its answers mean. Sources and choices: README.md beside this."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from schemas import signals
from sinks.contract import Call, Dedupe, Limit, Rule, Sink, Verdict
from sinks.klaviyo import calls, catalog, people
from sinks.klaviyo.batches import EVENTS, PROFILES, UNSUBSCRIPTIONS
from sinks.klaviyo.catalogjobs import CATALOG
from sinks.klaviyo.categories import CATEGORIES
from sinks.klaviyo.config import KlaviyoConfig
from sinks.klaviyo.follow import FOLLOW

REVISION = "2026-07-15"
MEDIA_TYPE = "application/vnd.api+json"


def _headers(config: KlaviyoConfig) -> Mapping[str, str]:
    return {
        "Authorization": f"Klaviyo-API-Key {config.api_key.get_secret_value()}",
        "revision": REVISION,
        "Content-Type": MEDIA_TYPE,
        "Accept": MEDIA_TYPE,
    }


def _windows(endpoint: str, per_second: int, per_minute: int) -> tuple[Limit, Limit]:
    return Limit(endpoint, per_second, 1), Limit(endpoint, per_minute, 60)


def _catalog_windows() -> Iterator[Limit]:
    """Each operation has its own; asking how a delete goes may be done more often than asking the others."""
    for verb in ("create", "update", "delete"):
        for kind in ("catalog-item", "catalog-variant"):
            job = f"{kind}-bulk-{verb}-job"
            yield from _windows(f"{verb}-{kind}", 75, 700)
            yield from _windows(f"{job}s", 75, 700)
            yield from _windows(job, *((350, 3500) if verb == "delete" else (75, 700)))
    yield from _windows("create-catalog-category", 75, 700)
    yield from _windows("catalog-categories", 350, 3500)


def _check(config: KlaviyoConfig) -> Call:
    """The lists there are: a right that every key of ours has, and no word of any person."""
    return Call("Get Lists", "GET", "/api/lists?fields%5Blist%5D=name", b"", "check", "lists")


SINK = Sink(
    name="klaviyo",
    tells="browsing, carts, orders as they happen; profiles, consent, erasures, products and stock when they change",
    config=KlaviyoConfig,
    base_url=lambda config: config.base_url,
    headers=_headers,
    calls={
        signals.CustomerChanged: people.profile,
        signals.CustomerErased: people.erase,
        signals.NewsletterSubscribed: people.subscribe,
        signals.NewsletterUnsubscribed: people.unsubscribe,
        signals.SessionActive: calls.active_on_site,
        signals.ProductViewed: calls.viewed_product,
        signals.Searched: calls.searched,
        signals.WishlistAdded: calls.wishlist_added,
        signals.WishlistRemoved: calls.wishlist_removed,
        signals.BackInStockRequested: people.back_in_stock,
        signals.CartChanged: calls.added_to_cart,
        signals.CheckoutStarted: calls.started_checkout,
        signals.CartAbandoned: calls.abandoned_cart,
        signals.OrderPlaced: calls.placed_order,
        signals.OrderPaid: calls.paid_order,
        signals.OrderStatusChanged: calls.order_status,
        signals.OrderFulfilled: calls.fulfilled_order,
        signals.OrderCancelled: calls.cancelled_order,
        signals.OrderRefunded: calls.refunded_order,
    },
    catalog={
        signals.ProductChanged: catalog.product,
        signals.ProductDeleted: catalog.deleted,
        signals.StockChanged: catalog.stock,
    },
    follow=FOLLOW,
    check=_check,
    dedupe=Dedupe.BY_KEY,
    rules=(
        Rule(Verdict.DELIVERED, frozenset({409}), at="errors.0.code", equals="duplicate_profile", why="they have it"),
        Rule(Verdict.MISCONFIGURED, frozenset({410}), why="our revision or a path was retired"),
    ),
    limits=(
        *_windows("events", 350, 3500),
        *_windows("event-bulk-create-jobs", 10, 150),
        *_windows("profile-import", 75, 700),
        *_windows("update-profile", 75, 700),
        *_windows("profile-bulk-import-jobs", 10, 150),
        *_windows("profile-bulk-import-job", 10, 150),
        *_windows("profile-import-errors", 10, 150),
        *_windows("profile-subscription-bulk-create-jobs", 75, 700),
        *_windows("profile-subscription-bulk-delete-jobs", 65, 600),
        *_windows("unsubscriptions-together", 10, 100),  # the rest of the same windows
        *_windows("data-privacy-deletion-jobs", 3, 60),
        *_windows("back-in-stock-subscriptions", 350, 3500),
        *_windows("lists", 75, 700),
        *_catalog_windows(),
    ),
    batches=(EVENTS, PROFILES, UNSUBSCRIPTIONS, CATEGORIES, *CATALOG),
    max_in_flight=64,
    timeout_seconds=30,
    answer_limit=12_000_000,  # a page of import errors gives back up to 100 profiles of 100 KB
)
