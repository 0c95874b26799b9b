"""What a WooCommerce webhook means, by its topic. Pure; the pages it was written from are named in README.md.

A delivery is the whole resource as the REST API shows it. Times are read from the `*_gmt` fields, which are UTC; those
beside them are in the shop's zone, which nobody says.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from schemas.events import ShopEvent
from sources.webhooks.contract import NOTHING, Headers, Refusal, ShopSettings, Told
from sources.webhooks.delivery import Delivery
from sources.webhooks.document import Document, Unfit
from sources.webhooks.woocommerce import orders, people, products

TOPIC = "x-wc-webhook-topic"
DELIVERY = "x-wc-webhook-delivery-id"

Tell = Callable[[Delivery, Document, Headers], tuple[ShopEvent, ...]]


def _order(delivery: Delivery, order: Document, headers: Headers) -> tuple[ShopEvent, ...]:
    return orders.told(delivery, order, is_new=headers.get(TOPIC) == "order.created")


def _refund(delivery: Delivery, refund: Document, headers: Headers) -> tuple[ShopEvent, ...]:
    return orders.refund_alone(delivery, refund)


def _customer(delivery: Delivery, customer: Document, headers: Headers) -> tuple[ShopEvent, ...]:
    return people.told(delivery, customer, is_new=headers.get(TOPIC) == "customer.created")


def _customer_gone(delivery: Delivery, customer: Document, headers: Headers) -> tuple[ShopEvent, ...]:
    return people.erased(delivery, customer)


def _product(delivery: Delivery, product: Document, headers: Headers) -> tuple[ShopEvent, ...]:
    return products.told(delivery, product)


def _product_gone(delivery: Delivery, product: Document, headers: Headers) -> tuple[ShopEvent, ...]:
    return products.deleted(delivery, product, headers.get(DELIVERY))


def _nothing(delivery: Delivery, document: Document, headers: Headers) -> tuple[ShopEvent, ...]:
    return NOTHING


TOPICS: dict[str, Tell] = {
    **dict.fromkeys(("order.created", "order.updated", "order.restored"), _order),
    "order.deleted": _nothing,  # an order in the bin was cancelled before, or never was one
    **dict.fromkeys(("refund.created", "order_refund.created"), _refund),
    **dict.fromkeys(("customer.created", "customer.updated"), _customer),
    "customer.deleted": _customer_gone,
    **dict.fromkeys(("product.created", "product.updated", "product.restored"), _product),
    "product.deleted": _product_gone,
}


def normalize(headers: Headers, body: object, shop: ShopSettings, received: datetime) -> Told:
    tell = TOPICS.get(headers.get(TOPIC, ""))
    if tell is None:
        known = ", ".join(sorted(TOPICS))
        return Refusal("X-WC-Webhook-Topic", "is none that is understood", f"make webhooks of these only: {known}")
    try:
        document = Document.of(body)
        if not document.has("id") and any(document.has(name) for name in ("order", "customer", "product")):
            raise Unfit("id", "is missing", "choose API version `WP REST API Integration v3` in the webhook's settings")
        return tell(Delivery("woocommerce", shop, received), document, headers)
    except Unfit as unfit:
        return unfit.refusal


def entity_of(headers: Headers, document: object) -> str | None:
    """The resource; a refund goes with its order."""
    if not isinstance(document, dict):
        return None
    kind = headers.get(TOPIC, "").partition(".")[0]
    if "refund" in kind:
        try:
            order_id = orders.order_of(Document(document))
        except Unfit:  # refused when it is told
            return None
        return f"order:{order_id}" if order_id else None
    value = document.get("id")
    return f"{kind}:{value}" if isinstance(value, str | int) else None
