"""WayMore: what it is told, when, and what its answers mean. Sources and choices: README.md beside this."""

from __future__ import annotations

from schemas import signals
from sinks.contract import Dedupe, Mass, Sink, Token
from sinks.waymore import calls, catalog, mass, register
from sinks.waymore.config import WayMoreConfig
from sinks.waymore.envelope import with_uuid

SINK = Sink(
    name="waymore",
    tells="everything known when the site is registered; then customers, whole carts, orders, wishlists, products and "
    "stock as they change",
    config=WayMoreConfig,
    base_url=lambda config: config.event_url,
    headers=lambda config: {"Content-Type": "application/json", "Accept": "application/json"},
    token=Token(
        ask=register.ask,
        read=register.read,
        onto=with_uuid,
        given=register.given,
        once=True,
        given_back=frozenset({"Uninstall"}),
    ),
    mass=Mass(kinds=mass.kinds, join=mass.join, part_items=mass.part_items),
    calls={
        signals.CustomerChanged: calls.customer,
        signals.NewsletterSubscribed: calls.newsletter,
        signals.NewsletterUnsubscribed: calls.newsletter,
        signals.Searched: calls.searched,
        signals.WishlistAdded: calls.wishlist_added,
        signals.WishlistRemoved: calls.wishlist_removed,
        signals.CartChanged: calls.cart,
        signals.CartAbandoned: calls.abandoned_cart,
        signals.OrderPlaced: calls.order,
        signals.OrderPaid: calls.paid_order,
        signals.OrderStatusChanged: calls.order_status,
        signals.OrderFulfilled: calls.fulfilled_order,
        signals.OrderCancelled: calls.cancelled_order,
        signals.OrderRefunded: calls.refunded_order,
        signals.StoreDisconnected: calls.uninstall,
    },
    catalog={
        signals.ProductChanged: catalog.changed,
        signals.ProductDeleted: catalog.deleted,
        signals.StockChanged: catalog.stock,
    },
    dedupe=Dedupe.NONE,
    max_in_flight=16,
    timeout_seconds=30,
)
