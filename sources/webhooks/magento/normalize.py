"""What an event of Magento or Adobe Commerce means, by its name. Pure; its pages are named in README.md.

It comes in one of three envelopes: a CloudEvent of Adobe I/O (`type`, `id`, `time`, `data.value`), the form of Adobe's
documentation (`event.data.value`), or ours (`type`, `id`, `time`, `value`). Numbers may be text; times are UTC.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from schemas.events import ShopEvent
from sources.webhooks.contract import NOTHING, Headers, ShopSettings, Told
from sources.webhooks.delivery import Delivery
from sources.webhooks.document import Document, Unfit
from sources.webhooks.magento import carts, orders, people, products

TOPIC, DELIVERY = "x-shoprelay-topic", "x-shoprelay-delivery"
VENDOR = "com.adobe.commerce."


@dataclass(frozen=True, slots=True)
class Envelope:
    """`name` as Adobe lists it, without `observer.`, `plugin.` and the vendor; `id` and `at` of the event itself."""

    name: str
    id: str | None
    at: datetime | None
    value: Document


Tell = Callable[[Delivery, Envelope], tuple[ShopEvent, ...]]


def _order(delivery: Delivery, told: Envelope) -> tuple[ShopEvent, ...]:
    return orders.told(delivery, told.value, is_new=told.value.truth("_isNew") is True)


def _placed(delivery: Delivery, told: Envelope) -> tuple[ShopEvent, ...]:
    return orders.told(delivery, told.value, is_new=True)


def _submitted(delivery: Delivery, told: Envelope) -> tuple[ShopEvent, ...]:
    order = told.value.part("order")
    if order is None:
        raise told.value.missing("order", "subscribe the event with the field `order`")
    return orders.told(delivery, order, is_new=True)


def _shipment(delivery: Delivery, told: Envelope) -> tuple[ShopEvent, ...]:
    return orders.shipment(delivery, told.value)


def _creditmemo(delivery: Delivery, told: Envelope) -> tuple[ShopEvent, ...]:
    return orders.creditmemo(delivery, told.value)


def _customer(delivery: Delivery, told: Envelope) -> tuple[ShopEvent, ...]:
    return people.told(delivery, told.value.part("customer") or told.value, told.at, is_new=False)


def _registered(delivery: Delivery, told: Envelope) -> tuple[ShopEvent, ...]:
    return people.told(delivery, told.value.part("customer") or told.value, told.at, is_new=True)


def _customer_gone(delivery: Delivery, told: Envelope) -> tuple[ShopEvent, ...]:
    return people.erased(delivery, told.value, told.at)


def _quote(delivery: Delivery, told: Envelope) -> tuple[ShopEvent, ...]:
    return carts.quote(delivery, told.value.part("quote") or told.value, told.at)


def _product(delivery: Delivery, told: Envelope) -> tuple[ShopEvent, ...]:
    return products.told(delivery, told.value, told.at)


def _product_gone(delivery: Delivery, told: Envelope) -> tuple[ShopEvent, ...]:
    return products.deleted(delivery, told.value, told.id, told.at)


def _stock(delivery: Delivery, told: Envelope) -> tuple[ShopEvent, ...]:
    return products.stock(delivery, told.value, told.id, told.at)


def _nothing(delivery: Delivery, told: Envelope) -> tuple[ShopEvent, ...]:
    return NOTHING


EVENTS: dict[str, Tell] = {
    **dict.fromkeys(
        ("sales_order_save_after", "sales_order_save_commit_after", "sales.api.order_repository.save"), _order),
    **dict.fromkeys(("sales_order_place_after", "sales.api.order_management.place"), _placed),
    "checkout_submit_all_after": _submitted,
    "sales_order_shipment_save_after": _shipment,
    "sales_order_creditmemo_save_after": _creditmemo,
    # what was paid and what the status is, the order says itself
    **dict.fromkeys(
        ("sales_order_invoice_save_after", "sales_order_status_history_save_after",
         "sales_order_shipment_track_save_after"), _nothing),
    **dict.fromkeys(("customer_save_after", "customer_save_commit_after", "customer_login"), _customer),
    "customer_register_success": _registered,
    "customer_delete_commit_after": _customer_gone,
    **dict.fromkeys(("sales_quote_save_after", "checkout_cart_product_add_after"), _quote),
    **dict.fromkeys(("catalog_product_save_after", "catalog_product_save_commit_after"), _product),
    **dict.fromkeys(("catalog_product_delete_after", "catalog_product_delete_commit_after"), _product_gone),
    "cataloginventory_stock_item_save_commit_after": _stock,
}  # fmt: skip


def normalize(headers: Headers, body: object, shop: ShopSettings, received: datetime) -> Told:
    try:
        told = opened(headers, Document.of(body))
        tell = EVENTS.get(told.name)
        if tell is None:
            known = ", ".join(sorted(EVENTS))
            raise Unfit("type", "is no event that is understood", f"subscribe these only: {known}")
        return tell(Delivery("magento", shop, received), told)
    except Unfit as unfit:
        return unfit.refusal


def opened(headers: Headers, document: Document) -> Envelope:
    event = document.part("event") or document
    data = event.part("data") or event
    value = data.part("value")
    if value is None:
        raise data.missing("value", "send the event in its envelope: type, id, time and data.value")
    name = (
        headers.get(TOPIC) or document.first("type", "event_code") or event.first("type", "event_code") or ""
    ).strip()
    name = name.removeprefix(VENDOR).removeprefix("observer.").removeprefix("plugin.")
    event_id = headers.get(DELIVERY) or document.first("id", "event_id")
    return Envelope(name, event_id, document.moment("time"), value)


def entity_of(headers: Headers, document: object) -> str | None:
    """The order where there is one; else the customer, the quote or the product."""
    try:
        told = opened(headers, Document.of(document))
        value = told.value.part("order") or told.value.part("quote") or told.value.part("customer") or told.value
        if told.name.startswith(("sales_order", "sales.api", "checkout_submit")):
            order_id = orders.order_of(value)
            return f"order:{order_id}" if order_id else None
        return next((f"{n}:{of}" for n in ("product_id", "entity_id", "id") if (of := value.text(n))), None)
    except Unfit:
        return None
