"""What a Shopify webhook means, by its topic. Pure; the pages it was written from are named in README.md.

Deliveries come more than once and in any order. Facts that happen once have the same id each time; pictures carry
`updated_at`, and the domain leaves an older one alone.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from schemas.events import ShopEvent
from sources.webhooks.contract import NOTHING, Headers, Refusal, ShopSettings, Told
from sources.webhooks.delivery import Delivery
from sources.webhooks.document import Document, Unfit, moment_of
from sources.webhooks.shopify import carts, catalog, orders, people

TOPIC = "x-shopify-topic"
TRIGGERED = "x-shopify-triggered-at"
DOMAIN = "x-shopify-shop-domain"
EVENT = "x-shopify-event-id"

Tell = Callable[[Delivery, Document, Headers], tuple[ShopEvent, ...]]


def _triggered(delivery: Delivery, headers: Headers) -> datetime:
    text = headers.get(TRIGGERED, "")
    return moment_of(text, "X-Shopify-Triggered-At") if text else delivery.received


def _order(delivery: Delivery, order: Document, headers: Headers) -> tuple[ShopEvent, ...]:
    return orders.told(delivery, order, is_new=headers.get(TOPIC) == "orders/create")


def _refund(delivery: Delivery, refund: Document, headers: Headers) -> tuple[ShopEvent, ...]:
    return orders.refund_alone(delivery, refund)


def _fulfillment(delivery: Delivery, fulfillment: Document, headers: Headers) -> tuple[ShopEvent, ...]:
    return orders.fulfillment_alone(delivery, fulfillment)


def _customer(delivery: Delivery, customer: Document, headers: Headers) -> tuple[ShopEvent, ...]:
    return people.told(delivery, customer, _triggered(delivery, headers), headers.get(TOPIC) == "customers/create")


def _consent(delivery: Delivery, consent: Document, headers: Headers) -> tuple[ShopEvent, ...]:
    return people.consent_alone(delivery, consent, _triggered(delivery, headers))


def _gone(delivery: Delivery, customer: Document, headers: Headers) -> tuple[ShopEvent, ...]:
    return people.erased(delivery, customer, _triggered(delivery, headers))


def _cart(delivery: Delivery, cart: Document, headers: Headers) -> tuple[ShopEvent, ...]:
    return carts.cart(delivery, cart, _triggered(delivery, headers))


def _checkout(delivery: Delivery, checkout: Document, headers: Headers) -> tuple[ShopEvent, ...]:
    return carts.checkout(delivery, checkout, _triggered(delivery, headers))


def _product(delivery: Delivery, product: Document, headers: Headers) -> tuple[ShopEvent, ...]:
    return catalog.product(delivery, product, _triggered(delivery, headers), headers.get(DOMAIN))


def _product_gone(delivery: Delivery, product: Document, headers: Headers) -> tuple[ShopEvent, ...]:
    return catalog.deleted(delivery, product, _triggered(delivery, headers))


def _variant(delivery: Delivery, variant: Document, headers: Headers) -> tuple[ShopEvent, ...]:
    return catalog.variant_stock(delivery, variant, _triggered(delivery, headers))


def _nothing(delivery: Delivery, document: Document, headers: Headers) -> tuple[ShopEvent, ...]:
    return NOTHING


def _inventory(delivery: Delivery, level: Document, headers: Headers) -> tuple[ShopEvent, ...]:
    level.needs("inventory_item_id")
    raise Unfit("inventory_item_id", "names no product", "subscribe products/update, which tells the stock by variant")


TOPICS: dict[str, Tell] = {
    **dict.fromkeys(
        ("orders/create", "orders/updated", "orders/paid", "orders/cancelled", "orders/fulfilled",
         "orders/partially_fulfilled"), _order),
    "orders/edited": _nothing,  # what changed; orders/updated comes with it and has the whole order
    "orders/delete": _nothing,  # only what was cancelled before can be deleted
    "refunds/create": _refund,
    **dict.fromkeys(("fulfillments/create", "fulfillments/update"), _fulfillment),
    **dict.fromkeys(("customers/create", "customers/update", "customers/enable", "customers/disable"), _customer),
    **dict.fromkeys(("customers_email_marketing_consent/update", "customers_marketing_consent/update"), _consent),
    **dict.fromkeys(("customers/delete", "customers/redact"), _gone),
    "customers/data_request": _nothing,  # the shop's to answer
    "shop/redact": _nothing,  # 48 hours after we were uninstalled: the operator's to do
    **dict.fromkeys(("carts/create", "carts/update"), _cart),
    **dict.fromkeys(("checkouts/create", "checkouts/update"), _checkout),
    "checkouts/delete": _nothing,  # says which, and not what became of the cart
    **dict.fromkeys(("products/create", "products/update"), _product),
    "products/delete": _product_gone,
    **dict.fromkeys(("variants/in_stock", "variants/out_of_stock"), _variant),
    **dict.fromkeys(("inventory_levels/connect", "inventory_levels/update"), _inventory),
}  # fmt: skip


def normalize(headers: Headers, body: object, shop: ShopSettings, received: datetime) -> Told:
    topic = headers.get(TOPIC, "")
    tell = TOPICS.get(topic)
    if tell is None:
        known = ", ".join(sorted(TOPICS))
        return Refusal("X-Shopify-Topic", "is none that is understood", f"subscribe these only: {known}")
    try:
        return tell(Delivery("shopify", shop, received), Document.of(body), headers)
    except Unfit as unfit:
        return unfit.refusal


def entity_of(headers: Headers, document: object) -> str | None:
    """What the delivery is about: the order of a refund or fulfillment, the token of a cart, else the resource."""
    if not isinstance(document, dict):
        return None
    kind = headers.get(TOPIC, "").partition("/")[0]
    name = {"refunds": "order_id", "fulfillments": "order_id", "carts": "token", "checkouts": "token"}.get(kind, "id")
    value = document.get(name)
    kind = "orders" if name == "order_id" else kind
    return f"{kind}:{value}" if isinstance(value, str | int) else None
