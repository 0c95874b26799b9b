"""What becomes of each event at each platform: a case whose calls go where the documents say, told to the stand-in and
followed to their end, or the sentence of the platform's README that says why it has no place for it."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

import pytest

from schemas import signals
from schemas.signals import CatalogSignalPayload, Conclusion, SignalPayload
from shoprelay.certificate.asking import taken
from shoprelay.certificate.material import before, borrowed
from shoprelay.certificate.subject import Case, Subject, load
from sinks.contract import Call, Verdict
from tests.sinks.folders import NAMES

PLATFORMS = ("klaviyo", "june", "waymore", "joor", "newstore", "shopify")
SUBJECTS = {name: load(name) for name in PLATFORMS if name in NAMES}  # whose folder is deleted, is gone


@dataclass(frozen=True)
class Told:
    """`calls` are method, path and the platform's word for it, each as the beginning of a call or with `*`, in their
    order. `after` are cases that are told before."""

    case: str
    calls: tuple[str, ...]
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class NoPlace:
    """The words README has for it below the table of what is told (or `under` another heading), and a case without
    calls where the signal has a function all the same."""

    words: str
    case: str = ""
    under: str = "What is told"


@dataclass(frozen=True)
class Beginning:
    """Registered, and then told everything that is known, kind by kind."""

    asks: str
    kinds: tuple[str, ...]


Cell = Told | NoPlace | Beginning


def told(case: str, *calls: str, after: tuple[str, ...] = ()) -> Told:
    return Told(case, calls, after)


no, CHOICES = NoPlace, "Choices"
EVENT = "POST /api/events "
KLAVIYO_ITEM, KLAVIYO_VARIANT = "/api/catalog-items/*", "/api/catalog-variants/*"
KLAVIYO_NEW = "product_changed--two_new_mugs_one_of_them_sold_out"
JUNE, WAYMORE = "POST /collect/* ", "POST /api/event "
PRODUCTS = ("PUT /_files/import-products-*", "POST /v0/d/import ", "POST /v0/d/import/*/start")
STOCK = ("PUT /_files/import-stock-*", "POST /v0/d/import ", "POST /v0/d/import/*/start")
PROFILES = "/customer/profiles"
STYLE = "product_changed--two_colours"
SHOP = no("Nothing else: the shop is where all the other facts come from.")
NO_ORDERS = no("a shop's own orders and what becomes of them are not told")
NO_STATUS = no("A change of status is NewStore's own.")

# fmt: off
TABLE: dict[str, tuple[type[Conclusion], tuple[Cell, ...]]] = {
    "site connected": (signals.StoreConnected, (
        told("order_placed--long_ago", EVENT + "Placed Order"),
        no("a site that comes or goes"),
        Beginning("POST /api/authenticate", ("customers", "subscribers", "products", "wishlist", "orders")),
        no("JOOR's Data Services take them by a template", under="Wholesale customers that are not in the shop"),
        told("order_placed--history_as_history", "POST /v0/d/fulfill_order"), SHOP)),
    "customer.created": (signals.CustomerChanged, (
        told("customer_changed--consent_is_no_property", "POST /api/profile-import"),
        told("customer_changed--a_member", JUNE + "customer"),
        told("customer_changed--she_registers", WAYMORE + "CustomerAdd"),
        told("customer_changed--with_an_agreed_tag", "POST /v2/bulk-connection", "GET /v2/bulk-connection/*"),
        told("customer_changed--ada", "GET " + PROFILES, "POST " + PROFILES), SHOP)),
    "customer.updated": (signals.CustomerChanged, (
        told("customer_changed--ada_moves_to_berlin", "POST /api/profile-import"),
        told("customer_changed--a_guest", JUNE + "customer"),
        told("customer_changed--she_moves", WAYMORE + "CustomerUpdate"),
        told("customer_changed--with_the_address", "POST /v2/bulk-connection"),
        told("customer_changed--another_number", f"GET {PROFILES} ", f"PATCH {PROFILES}/*",
             after=("customer_changed--ada",)), SHOP)),
    "customer.deleted": (signals.CustomerErased, (
        told("customer_erased--by_email", "POST /api/data-privacy-deletion-jobs"),
        no("**and erasures**: a customer to be forgotten must be erased in JUNE by hand"),
        no("**and erasures**: a customer to be forgotten must be erased in WayMore by hand"),
        no("erasures (erase in JOOR by hand)"),
        told("customer_erased--by_email", f"GET {PROFILES} ", f"POST {PROFILES}/*", after=("customer_changed--ada",)),
        SHOP)),
    "newsletter.subscribed": (signals.NewsletterSubscribed, (
        told("newsletter_subscribed--on_a_list", "POST /api/profile-subscription-bulk-create-jobs"),
        no("newsletter"), told("newsletter_subscribed--a_customer", WAYMORE + "Newsletter"), no("newsletters"),
        no("newsletters"), SHOP)),
    "newsletter.unsubscribed": (signals.NewsletterUnsubscribed, (
        told("newsletter_unsubscribed--everywhere", "POST /api/profile-subscription-bulk-delete-jobs"),
        no("newsletter"), told("newsletter_unsubscribed--a_customer", WAYMORE + "Newsletter"), no("newsletters"),
        no("newsletters"), SHOP)),
    "cart.item_added": (signals.CartChanged, (
        told("cart_changed--a_second_mug_goes_in", EVENT + "Added to Cart"),
        told("cart_changed--two_mugs", JUNE + "cart"),
        told("cart_changed--two_kinds_of_mugs", WAYMORE + "CartUpdate"), no("carts"), no("Carts"), SHOP)),
    "cart.item_removed": (signals.CartChanged, (
        no("a removal from the cart", "cart_changed--taken_out"),
        told("cart_changed--one_taken_out", JUNE + "cart"),
        told("cart_changed--a_guest", WAYMORE + "CartUpdate"), no("carts"), no("Carts"), SHOP)),
    "cart.emptied": (signals.CartChanged, (
        no("of the last thing too (no such metric)", "cart_changed--emptied"),
        told("cart_changed--emptied", JUNE + "cart"),
        told("cart_changed--emptied", WAYMORE + "CartUpdate"), no("carts"), no("Carts"), SHOP)),
    "cart.abandoned": (signals.CartAbandoned, (
        told("cart_abandoned--two_mugs", EVENT + "Abandoned Cart"),
        no("builds its reminders from cart payloads by itself", "cart_abandoned--june_finds_out_by_itself", CHOICES),
        no("is what WayMore itself does with carts", "cart_abandoned--waymore_finds_out_by_itself", CHOICES),
        no("carts"), no("Carts"), SHOP)),
    "checkout.started": (signals.CheckoutStarted, (
        told("checkout_started--two_mugs", EVENT + "Started Checkout"),
        no("checkouts"), no("checkouts"), no("checkouts"), no("A checkout is not told"), SHOP)),
    "order.placed": (signals.OrderPlaced, (
        told("order_placed--two_lines_of_one_sku", EVENT + "Placed Order", *[EVENT + "Ordered Product"] * 2),
        told("order_placed--with_a_voucher", JUNE + "order"),
        told("order_placed--a_guest", WAYMORE + "OrderAdd"),
        no("`POST /orders/bulk_create` is for wholesale orders taken outside JOOR"),
        told("order_placed--two_mugs", "POST /v0/d/fulfill_order"), SHOP)),
    "order.paid": (signals.OrderPaid, (
        told("order_paid--by_card", EVENT + "Paid Order"),
        told("order_paid--the_order_again", JUNE + "order"),
        told("order_paid--by_card", WAYMORE + "OrderPaymentConfirmed"), NO_ORDERS,
        told("order_paid--injected_now", "POST /v0/d/fulfill_order"), SHOP)),
    "order.status_changed": (signals.OrderStatusChanged, (
        told("order_status_changed--on_hold", EVENT + "Order Status Changed"),
        told("order_status_changed--the_order_again", JUNE + "order"),
        told("order_status_changed--pending_validation", WAYMORE + "OrderStatusUpdate"),
        NO_ORDERS, NO_STATUS, SHOP)),
    "order.fulfilled": (signals.OrderFulfilled, (
        told("order_fulfilled--all_at_once", EVENT + "Fulfilled Order"),
        told("order_fulfilled--all_at_once", JUNE + "fulfillment"),
        told("order_fulfilled--all_at_once", WAYMORE + "OrderStatusUpdate"), NO_ORDERS,
        told("order_fulfilled--all_at_once", "GET /v0/orders/1234", "POST /v0/fulfillment_request/*/set_items_states"),
        SHOP)),
    "order.cancelled": (signals.OrderCancelled, (
        told("order_cancelled--changed_her_mind", EVENT + "Cancelled Order"), no("cancellations"),
        told("order_cancelled--changed_her_mind", WAYMORE + "OrderStatusUpdate"), NO_ORDERS,
        told("order_cancelled--changed_her_mind", "POST /v0/orders/1234/cancel"), SHOP)),
    "order.refunded": (signals.OrderRefunded, (
        told("order_refunded--all_of_it", EVENT + "Refunded Order"), no("refunds"),
        told("order_refunded--all_of_it", WAYMORE + "OrderStatusUpdate"), NO_ORDERS,
        told("order_refunded--all_of_it", "GET /v0/orders/1234", "POST /v0/d/orders/*/refunds"), SHOP)),
    "product.created": (signals.ProductChanged, (
        told(KLAVIYO_NEW, "POST /api/catalog-categories", "POST /api/catalog-items", "POST /api/catalog-variants"),
        no("catalog"), told("product_changed--a_new_one_with_options", WAYMORE + "ProductAdd"),
        told(STYLE, "POST /v4/products/bulk_create", "POST /v4/skus/bulk_create", "POST /v4/prices/bulk_create"),
        told("product_changed--two_mugs", *PRODUCTS, "PUT /_files/import-prices-*", "POST /v0/d/import "), SHOP)),
    "product.updated": (signals.ProductChanged, (
        told("product_changed--cheaper_and_a_size_is_gone", f"PATCH {KLAVIYO_ITEM}", f"PATCH {KLAVIYO_VARIANT}",
             f"DELETE {KLAVIYO_VARIANT}", after=(KLAVIYO_NEW,)),
        no("catalog"), told("product_changed--reduced", WAYMORE + "ProductUpdate"),
        told(STYLE, "POST /v4/products/bulk_create", "POST /v4/products/bulk_update", "POST /v4/skus/bulk_create",
             "POST /v4/skus/bulk_update_by_external_id", "POST /v4/prices/bulk_create", "POST /v4/prices/bulk_update",
             after=(STYLE,)),
        told("product_changed--products_only", *PRODUCTS), SHOP)),
    "product.deleted": (signals.ProductDeleted, (
        told("product_deleted--with_its_variants", f"DELETE {KLAVIYO_VARIANT}", f"DELETE {KLAVIYO_ITEM}"),
        no("catalog"), no("**Deleted products**: no word for it.", "product_deleted--no_word_for_it", CHOICES),
        no("ProductDeleted (how to delete is not documented"), told("product_deleted--goes_offline", *PRODUCTS), SHOP)),
    "stock.changed": (signals.StockChanged, (
        told("stock_changed--known_by_its_sku", f"PATCH {KLAVIYO_VARIANT} Update Stock"), no("stock"),
        told("stock_changed--one_less", WAYMORE + "ProductStockUpdate"),
        told("stock_changed--seven_left", "POST /v2/bulk-inventory"), told("stock_changed--of_a_variant", *STOCK),
        SHOP)),
    "product.out_of_stock": (signals.StockChanged, (
        told("stock_changed--the_last_one_is_sold", f"PATCH {KLAVIYO_VARIANT} Update Stock"), no("stock"),
        told("stock_changed--the_last_one", WAYMORE + "ProductStockUpdate", WAYMORE + "ProductOutOfStock"),
        told("stock_changed--sold_out", "POST /v2/bulk-inventory"),
        told("stock_changed--sold_more_than_there_was", *STOCK), SHOP)),
    "back_in_stock.requested": (signals.BackInStockRequested, (
        told("back_in_stock_requested--by_email", "POST /api/back-in-stock-subscriptions", after=(KLAVIYO_NEW,)),
        *[no("back-in-stock requests")] * 4, SHOP)),
    "wishlist.added": (signals.WishlistAdded, (
        told("wishlist_added--a_mug", EVENT + "Added to Wishlist"), no("wishlist"),
        told("wishlist_added--a_mug", WAYMORE + "WishlistAdd"), no("wishes"), no("wishes"), SHOP)),
    "wishlist.removed": (signals.WishlistRemoved, (
        told("wishlist_removed--a_mug", EVENT + "Removed from Wishlist"), no("wishlist"),
        told("wishlist_removed--a_mug", WAYMORE + "WishlistDelete"), no("wishes"), no("wishes"), SHOP)),
    "product.viewed": (signals.ProductViewed, (
        told("product_viewed--a_reduced_mug", EVENT + "Viewed Product"), *[no("browsing")] * 4, SHOP)),
    "site.search": (signals.Searched, (
        told("searched--nothing_found", EVENT + "Searched Site"), no("searches"),
        told("searched--a_customer", WAYMORE + "Search"), no("searches"), no("searches"), SHOP)),
    "site.active": (signals.SessionActive, (
        told("session_active--known_by_a_cookie", EVENT + "Active on Site"), *[no("browsing")] * 4, SHOP)),
    "site disconnected": (signals.StoreDisconnected, (
        no("a store that comes or goes"), no("a site that comes or goes"),
        told("store_disconnected--goodbye", WAYMORE + "Uninstall"), *[no("a site that comes or goes")] * 2, SHOP)),
    "wholesale order approved": (signals.WholesaleOrderApproved, (
        *[no("wholesale orders")] * 3, no("Wholesale orders go the other way, from JOOR to the shop"),
        no("wholesale orders"),
        told("wholesale_order_approved--of_a_customer_of_the_shop", "GET /admin/api/*/orders.json",
             "POST /admin/api/*/orders.json"))),
}
# fmt: on
CELLS = [
    pytest.param(signal, SUBJECTS[name], cells[column : column + 1], id=f"{row} {name}")
    for row, (signal, cells) in TABLE.items()
    for column, name in enumerate(PLATFORMS)
    if name in SUBJECTS
]


@pytest.mark.parametrize(("signal", "of", "cell"), CELLS)
def test_each_event_is_told_or_it_is_said_why_not(
    signal: type[Conclusion], of: Subject, cell: tuple[Cell, ...]
) -> None:
    assert cell, "nobody has said what becomes of it"
    match cell[0]:
        case Told(name, calls, after):
            case = _case(of, name)
            assert signal is type(case.signal.payload) or signal is signals.StoreConnected  # which is told as history
            assert signal in of.table or case.signal.priority == "backfill"
            _in_order(calls, _heard(of, [*(_case(of, each) for each in after), case]))
        case NoPlace(words, name, under):
            assert words in _prose(of, under)
            assert (_case(of, name).calls == []) if name else (signal not in of.table)
        case Beginning(asks, kinds):
            config = of.config()
            assert of.sink.token is not None and of.sink.mass is not None and of.sink.token.once
            assert _shown(of, config, of.sink.token.ask(config)).startswith(asks)
            assert tuple(kind.name for kind in of.sink.mass.kinds(config)) == kinds


def test_no_signal_is_left_out() -> None:
    there = {*SignalPayload.__args__, *CatalogSignalPayload.__args__}

    assert {signal for signal, _ in TABLE.values()} == there
    assert {len(cells) for _, cells in TABLE.values()} == {len(PLATFORMS)}


def _prose(of: Subject, heading: str) -> str:
    """What stands below a heading of README, without its tables and its list of what a client must do."""
    below = (
        of.text("README.md").partition(f"\n## {heading}\n")[2].partition("\n## ")[0].partition("\nWhat a correct ")[0]
    )
    return " ".join(" ".join(line for line in below.splitlines() if not line.startswith("|")).split())


def _case(of: Subject, name: str) -> Case:
    (found,) = [case for case in of.cases if case.path.stem == name]
    return found


def _heard(of: Subject, cases: list[Case]) -> list[str]:
    """What the stand-in is asked for the last one; all of it is delivered, and what must come before it, too."""
    stand_in, put, shown = of.stand_in(), None, list[str]()
    for nth, case in enumerate(cases):
        config = of.config(**case.changes)
        put = put or borrowed(of, config, stand_in, case.signal)
        needed = [each for each in before(case.signal) if type(each.payload) in of.table]
        for at, signal in enumerate([*needed, case.signal]):
            shown.clear()
            for call in of.said(signal, config):
                when = signal.occurred_at.timestamp() + 600 * (nth + 1) + 60 * at
                heard = [call]
                verdict, answer = taken(of.sink, config, stand_in, call, when, put, heard)
                assert verdict is Verdict.DELIVERED, (call.says, answer.status, answer.body)
                shown += [_shown(of, config, each) for each in heard]
    return shown


def _shown(of: Subject, config: Any, call: Call) -> str:
    whole = call.path if "://" in call.path else of.sink.base_url(config).rstrip("/") + call.path
    return f"{call.method} {urlsplit(whole).path} {call.says}"


def _in_order(wanted: tuple[str, ...], heard: list[str]) -> None:
    left = iter(heard)
    for each in wanted:
        assert any(fnmatchcase(call, f"{each}*") for call in left), f"{each!r} is not, or not in order, in {heard}"
