"""Orders: one document, and every fact it shows, each under the id it has whoever tells it.

Every `orders/*` delivery is the whole order, so each says: it was placed (once, with the time it was placed), what it
looks like now, its status, that it was paid, cancelled, sent and refunded. What was told before does nothing.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from msgspec.structs import replace

from schemas.events import (
    OrderCancelled,
    OrderFulfilled,
    OrderPaid,
    OrderPlaced,
    OrderRefunded,
    ShopEvent,
)
from schemas.values import CustomerRef, Order, Payment
from sources import facts
from sources.webhooks.contract import NOTHING
from sources.webhooks.delivery import Delivery, total_of
from sources.webhooks.document import Document
from sources.webhooks.shopify.lines import address, line, part_of_line

WHOLE = "all"  # a payment that has no id of its own
PAID = frozenset({"paid", "partially_refunded", "refunded"})


def told(delivery: Delivery, order: Document, *, is_new: bool) -> tuple[ShopEvent, ...]:
    order_id, who = order.needs("id"), who_of(order)
    placed_at = order.moment("processed_at") or order.moment("created_at") or order.moment("updated_at")
    if placed_at is None:
        raise order.missing("created_at")
    updated_at = max(order.moment("updated_at") or placed_at, placed_at)
    who = who if _is_somebody(who) else facts.order_ref(order_id)
    placed = OrderPlaced(order=picture(delivery, order, order_id, placed_at), cart_id=cart_of(order))
    said = delivery.order(placed, placed_at, updated_at, who, is_new=is_new)
    said += _paid(delivery, order, placed.order, updated_at, who)
    for each in order.parts("fulfillments"):
        said += _fulfilled(delivery, each, order_id, who)
    for each in order.parts("refunds"):
        said += _refunded(delivery, each, order_id, who)
    if cancelled_at := order.moment("cancelled_at"):
        cancelled = OrderCancelled(order_id=order_id, reason=order.text("cancel_reason"))
        said.append(delivery.event(facts.order_cancelled(order_id), cancelled_at, cancelled, who))
    return tuple(said)


def who_of(order: Document) -> CustomerRef:
    """Guests have a customer record of their own in Shopify. The cart's token ties the cart to the customer."""
    customer = order.part("customer") or Document({})
    return CustomerRef(
        customer_id=customer.entity("id"),
        email=order.first("email", "contact_email") or customer.text("email"),
        phone=order.text("phone") or customer.text("phone"),
        cart_token=order.text("cart_token"),
    )


def cart_of(order: Document) -> str | None:
    """The cart it was; where there was none (bought at once), the checkout."""
    return order.first("cart_token", "checkout_token")


def _is_somebody(who: CustomerRef) -> bool:
    return bool(who.customer_id or who.email or who.cart_token)


def picture(delivery: Delivery, order: Document, order_id: str, placed_at: datetime) -> Order:
    """As placed: `total_price` and the lines' `quantity` stay what they were whatever is edited or refunded later."""
    codes = [code for each in order.parts("discount_codes") if (code := each.text("code"))]
    shipping = list(order.parts("shipping_lines"))
    shipping_taxes = [tax for each in shipping for tax in each.parts("tax_lines")]
    status = order.text("financial_status")
    return Order(
        order_id=order_id,
        number=order.first("name", "order_number"),
        placed_at=placed_at,
        currency=delivery.currency(order, "currency"),
        total=order.needs_amount("total_price"),
        subtotal=order.amount("subtotal_price"),
        shipping=total_of(shipping, "price"),
        shipping_tax=total_of(shipping_taxes, "price"),
        tax=order.amount("total_tax"),
        discount=order.amount("total_discounts"),
        discount_code=codes[0] if codes else None,
        status=delivery.shop.status(status) if status else None,
        note=order.text("note"),
        url=order.text("order_status_url"),
        lines=tuple(line(each) for each in order.parts("line_items")),
        billing_address=address(order.part("billing_address")),
        shipping_address=address(order.part("shipping_address")),
        shipping_method=shipping[0].text("title") if shipping else None,
        prices_include_tax=order.truth("taxes_included"),
    )


def _paid(delivery: Delivery, order: Document, placed: Order, at: datetime, who: CustomerRef) -> tuple[ShopEvent, ...]:
    """An order's webhook names no payments, so there is one, of the whole order, once the shop calls it paid."""
    if order.text("financial_status") not in PAID or placed.total == 0:
        return NOTHING
    gateways = order.texts("payment_gateway_names")
    payment = Payment(
        payment_id=WHOLE, method=", ".join(gateways) or order.text("gateway"), amount=placed.total, paid_at=at
    )
    paid = OrderPaid(order_id=placed.order_id, currency=placed.currency, payment=payment)
    return (delivery.event(facts.order_paid(placed.order_id, WHOLE), at, paid, who),)


# -- fulfillments


def fulfillment_alone(delivery: Delivery, fulfillment: Document) -> tuple[ShopEvent, ...]:
    """`fulfillments/*` name the order and at most an e-mail address."""
    order_id = fulfillment.needs("order_id")
    email = fulfillment.text("email")
    who = CustomerRef(email=email) if email else facts.order_ref(order_id)
    return _fulfilled(delivery, fulfillment, order_id, who)


def _fulfilled(delivery: Delivery, fulfillment: Document, order_id: str, who: CustomerRef) -> tuple[ShopEvent, ...]:
    """One that is pending, cancelled or failed sent nothing."""
    if (fulfillment.text("status") or "success") != "success":
        return NOTHING
    fulfillment_id = fulfillment.needs("id")
    at = fulfillment.moment("created_at") or fulfillment.moment("updated_at")
    numbers = fulfillment.texts("tracking_numbers")
    sent = OrderFulfilled(
        order_id=order_id,
        fulfillment_id=fulfillment_id,
        lines=tuple(each for each in map(part_of_line, fulfillment.parts("line_items")) if each.quantity > 0),
        tracking_code=fulfillment.text("tracking_number") or (numbers[0] if numbers else None),
        carrier=fulfillment.text("tracking_company"),
    )
    return (delivery.event(facts.order_fulfilled(order_id, fulfillment_id), at or delivery.received, sent, who),)


# -- refunds


def refund_alone(delivery: Delivery, refund: Document) -> tuple[ShopEvent, ...]:
    """`refunds/create` names the order and nobody."""
    order_id = refund.needs("order_id")
    return _refunded(delivery, refund, order_id, facts.order_ref(order_id))


def _refunded(delivery: Delivery, refund: Document, order_id: str, who: CustomerRef) -> tuple[ShopEvent, ...]:
    """What was given back in money. While a transaction is pending it is not known how much; the order's next picture
    says it. What only put goods back into stock gave back nothing."""
    refund_id = refund.needs("id")
    given = [each for each in refund.parts("transactions") if (each.text("kind") or "refund") == "refund"]
    if any(each.text("status") == "pending" for each in given):
        return NOTHING
    given = [each for each in given if (each.text("status") or "success") == "success"]
    amount = total_of(given, "amount") or Decimal(0)
    if amount == 0:
        return NOTHING
    lines = []
    for each in refund.parts("refund_line_items"):
        item, quantity = each.part("line_item"), each.amount("quantity")
        if item is not None and quantity:
            lines.append(replace(part_of_line(item), quantity=quantity))
    back = OrderRefunded(
        order_id=order_id,
        refund_id=refund_id,
        currency=delivery.currency(given[0], "currency"),
        amount=amount,
        lines=tuple(lines),
        reason=refund.text("note"),
    )
    at = refund.moment("processed_at") or refund.moment("created_at") or delivery.received
    return (delivery.event(facts.order_refunded(order_id, refund_id), at, back, who),)
