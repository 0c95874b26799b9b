"""Orders and their refunds: one document, and every fact it shows, each under the id it has whoever tells it.

WooCommerce has no events for payments, shipments or refunds: `date_paid_gmt` says that all was paid, the status
`completed` that all was sent, and `refunds` lists what was given back. A draft of the checkout page is no order yet.
"""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from html import unescape

from schemas.events import (
    OrderCancelled,
    OrderFulfilled,
    OrderPaid,
    OrderPlaced,
    OrderRefunded,
    ShopEvent,
)
from schemas.values import Address, CustomerRef, LineItem, Order, Payment
from sources import facts
from sources.webhooks.contract import NOTHING
from sources.webhooks.delivery import Delivery, total_of
from sources.webhooks.document import Document, rounded

WHOLE = "all"
DRAFTS = frozenset({"checkout-draft", "auto-draft", "draft", "trash"})


def told(delivery: Delivery, order: Document, *, is_new: bool) -> tuple[ShopEvent, ...]:
    order_id, status = order.needs("id"), order.text("status") or ""
    if status in DRAFTS:
        return NOTHING
    placed_at = order.moment("date_created_gmt") or order.moment("date_modified_gmt")
    if placed_at is None:
        raise order.missing("date_created_gmt", "choose API version `WP REST API Integration v3` in the webhook")
    at = max(order.moment("date_modified_gmt") or placed_at, placed_at)
    named = who_of(order)
    who = named if named.customer_id or named.email else facts.order_ref(order_id)
    placed = OrderPlaced(order=picture(delivery, order, order_id, placed_at))
    said = delivery.order(placed, placed_at, at, who, is_new=is_new)
    said += _paid(delivery, order, placed.order, who)
    if status == "completed":
        sent_at = order.moment("date_completed_gmt") or at
        sent = OrderFulfilled(order_id=order_id, fulfillment_id=WHOLE)
        said.append(delivery.event(facts.order_fulfilled(order_id, WHOLE), sent_at, sent, who))
    if status == "cancelled":
        cancelled = OrderCancelled(order_id=order_id)
        said.append(delivery.event(facts.order_cancelled(order_id), at, cancelled, who))
    for each in order.parts("refunds"):
        said += _refunded(delivery, each, order_id, who, each.needs_amount("total"), placed.order.currency, at)
    return tuple(said)


def who_of(order: Document) -> CustomerRef:
    """`customer_id` 0 is a guest, known by the address of the bill."""
    billing = order.part("billing") or Document({})
    return CustomerRef(
        customer_id=order.entity("customer_id"), email=billing.text("email"), phone=billing.text("phone")
    )


def picture(delivery: Delivery, order: Document, order_id: str, placed_at: datetime) -> Order:
    lines, shipping = list(order.parts("line_items")), list(order.parts("shipping_lines"))
    codes = [code for each in order.parts("coupon_lines") if (code := each.text("code"))]
    status = order.text("status")
    return Order(
        order_id=order_id,
        number=order.text("number"),
        placed_at=placed_at,
        currency=delivery.currency(order, "currency"),
        total=order.needs_amount("total"),
        subtotal=total_of(lines, "subtotal"),
        shipping=order.amount("shipping_total"),
        shipping_tax=order.amount("shipping_tax"),
        tax=order.amount("total_tax"),
        discount=order.amount("discount_total"),
        discount_code=codes[0] if codes else None,
        status=delivery.shop.status(status) if status else None,
        note=order.text("customer_note"),
        lines=tuple(line(each) for each in lines),
        billing_address=address(order.part("billing")),
        shipping_address=address(order.part("shipping")),
        shipping_method=shipping[0].text("method_title") if shipping else None,
        prices_include_tax=False if lines else None,  # of a line's `subtotal`, however the shop shows its prices
    )


def line(told: Document) -> LineItem:
    """`subtotal` is the line before discounts and tax, `total` the same after discounts."""
    quantity = told.needs_amount("quantity")
    before, after = told.amount("subtotal"), told.amount("total")
    product_id, line_id = told.entity("product_id"), told.entity("id")
    return LineItem(
        line_id=line_id,
        product_id=product_id or f"line:{line_id or told.text('name')}",
        variant_id=told.entity("variation_id"),
        sku=told.text("sku"),
        name=unescape(name) if (name := told.text("name")) else None,
        quantity=quantity,
        unit_price=rounded(before / quantity) if before is not None and quantity else told.amount("price"),
        options=_options(told),
        tax=told.amount("total_tax"),
        discount=before - after if before is not None and after is not None and before >= after else None,
    )


def _options(told: Document) -> dict[str, str]:
    """What was chosen. Names with an underscore in front are WooCommerce's own."""
    raw = told.raw("meta_data")
    pairs = (
        [(each.get("key"), each.get("value")) for each in raw if isinstance(each, dict)]
        if isinstance(raw, list)
        else []
    )
    return {
        key: value
        for key, value in pairs
        if isinstance(key, str) and key and not key.startswith("_") and isinstance(value, str)
    }


def address(told: Document | None) -> Address | None:
    if told is None:
        return None
    made = Address(
        first_name=told.text("first_name"),
        last_name=told.text("last_name"),
        company=told.text("company"),
        address1=told.text("address_1"),
        address2=told.text("address_2"),
        city=told.text("city"),
        region_code=told.text("state"),
        country_code=told.text("country"),
        zip=told.text("postcode"),
        phone=told.text("phone"),
    )
    return None if made == Address() else made


def _paid(delivery: Delivery, order: Document, placed: Order, who: CustomerRef) -> tuple[ShopEvent, ...]:
    at = order.moment("date_paid_gmt")
    if at is None or placed.total == 0:
        return NOTHING
    payment = Payment(
        payment_id=order.text("transaction_id") or WHOLE,
        method=order.first("payment_method_title", "payment_method"),
        amount=placed.total,
        paid_at=at,
    )
    paid = OrderPaid(order_id=placed.order_id, currency=placed.currency, payment=payment)
    return (delivery.event(facts.order_paid(placed.order_id, WHOLE), at, paid, who),)


# -- refunds


def refund_alone(delivery: Delivery, refund: Document) -> tuple[ShopEvent, ...]:
    """A refund as the REST API shows it, which a plugin may post: it names its order in a link, and nobody."""
    order_id = order_of(refund)
    if order_id is None:
        raise refund.missing("parent_id", "send the refund with its `_links`, or the whole order")
    at = refund.moment("date_created_gmt") or delivery.received
    amount = refund.needs_amount("amount")
    return _refunded(delivery, refund, order_id, facts.order_ref(order_id), amount, None, at)


def order_of(refund: Document) -> str | None:
    if parent := refund.entity("parent_id"):
        return parent
    links = refund.raw("_links")
    up = links.get("up") if isinstance(links, dict) else None
    href = up[0].get("href") if isinstance(up, list) and up and isinstance(up[0], dict) else None
    found = re.search(r"/orders/(\d{1,20})/?$", href) if isinstance(href, str) else None
    return found[1] if found else None


def _refunded(
    delivery: Delivery,
    refund: Document,
    order_id: str,
    who: CustomerRef,
    amount: Decimal,
    currency: str | None,
    at: datetime,
) -> tuple[ShopEvent, ...]:
    """Amounts are below zero in an order's list and above in the refund itself; quantities are below zero."""
    refund_id = refund.needs("id")
    if not amount:
        return NOTHING
    lines = [_given_back(each) for each in refund.parts("line_items") if each.amount("quantity")]
    back = OrderRefunded(
        order_id=order_id,
        refund_id=refund_id,
        currency=currency,
        amount=abs(amount),
        lines=tuple(lines),
        reason=refund.first("reason", "refund"),
    )
    return (delivery.event(facts.order_refunded(order_id, refund_id), at, back, who),)


def _given_back(told: Document) -> LineItem:
    quantity, before = abs(told.needs_amount("quantity")), told.amount("subtotal")
    return LineItem(
        product_id=told.entity("product_id") or f"line:{told.text('id')}",
        variant_id=told.entity("variation_id"),
        sku=told.text("sku"),
        name=unescape(name) if (name := told.text("name")) else None,
        quantity=quantity,
        unit_price=rounded(abs(before) / quantity) if before is not None else None,
        options=_options(told),
    )
