"""Orders of Salesforce Commerce Cloud, named by `order_no`; baskets share their lines."""

from __future__ import annotations

from datetime import datetime

from schemas.events import OrderCancelled, OrderFulfilled, OrderPaid, OrderPlaced, ShopEvent
from schemas.values import Address, CustomerRef, LineItem, Order, Payment
from sources import facts
from sources.webhooks.contract import NOTHING
from sources.webhooks.delivery import Delivery
from sources.webhooks.document import Document, rounded

WHOLE = "all"
NOT_PLACED = frozenset({"created", "failed", "failed_with_reopen"})
"""An order that is being paid, or could not be: the basket is what the customer still has."""


def told(delivery: Delivery, order: Document, event_at: datetime, *, is_new: bool) -> tuple[ShopEvent, ...]:
    order_no, status = order.needs("order_no"), order.text("status")
    if status in NOT_PLACED:
        return NOTHING
    placed_at = order.moment("creation_date") or event_at
    at = max(order.moment("last_modified") or event_at, placed_at)
    named = who_of(order)
    who = named if named.customer_id or named.email else facts.order_ref(order_no)
    placed = OrderPlaced(order=picture(delivery, order, order_no, placed_at), cart_id=order.text("basket_id"))
    said = delivery.order(placed, placed_at, at, who, is_new=is_new)
    if order.text("payment_status") == "paid" and placed.order.total:
        said.append(_paid(delivery, order, placed.order, at, who))
    if status == "cancelled":
        cancelled = OrderCancelled(order_id=order_no, reason=order.text("cancel_code"))
        said.append(delivery.event(facts.order_cancelled(order_no), at, cancelled, who))
    return tuple(said)


def _paid(delivery: Delivery, order: Document, placed: Order, at: datetime, who: CustomerRef) -> ShopEvent:
    methods = [method for each in order.parts("payment_instruments") if (method := each.text("payment_method_id"))]
    payment = Payment(payment_id=WHOLE, method=", ".join(methods) or None, amount=placed.total, paid_at=at)
    paid = OrderPaid(order_id=placed.order_id, currency=placed.currency, payment=payment)
    return delivery.event(facts.order_paid(placed.order_id, WHOLE), at, paid, who)


def who_of(order: Document) -> CustomerRef:
    """`customer_no` is the account's; a guest's is drawn anew for each visit and names nobody."""
    info, billing = order.part("customer_info") or Document({}), order.part("billing_address") or Document({})
    return CustomerRef(
        customer_id=None if order.truth("guest") else info.text("customer_no"),
        email=info.text("email"),
        phone=billing.text("phone"),
        cart_token=order.text("basket_id"),
    )


def picture(delivery: Delivery, order: Document, order_no: str, placed_at: datetime) -> Order:
    shipment = next(iter(order.parts("shipments")), Document({}))
    codes = [code for each in order.parts("coupon_items") if (code := each.text("code"))]
    status = order.text("status")
    return Order(
        order_id=order_no,
        number=order_no,
        placed_at=placed_at,
        currency=delivery.currency(order, "currency"),
        total=order.needs_amount("order_total"),
        subtotal=order.amount("product_total"),
        shipping=order.amount("shipping_total"),
        shipping_tax=order.amount("shipping_total_tax"),
        tax=order.amount("tax_total"),
        discount_code=codes[0] if codes else None,
        status=delivery.shop.status(status) if status else None,
        lines=tuple(line(each) for each in order.parts("product_items")),
        billing_address=address(order.part("billing_address")),
        shipping_address=address(shipment.part("shipping_address")),
        shipping_method=(shipment.part("shipping_method") or Document({})).text("name"),
        prices_include_tax=order.raw("taxation") == "gross" if order.has("taxation") else None,
    )


def line(item: Document) -> LineItem:
    """`base_price` is of one unit, `price` of the whole line before the order's discounts."""
    quantity, price, base = item.needs_amount("quantity"), item.amount("price"), item.amount("base_price")
    if base is None and price is not None and quantity:
        base = rounded(price / quantity)
    rate = item.amount("tax_rate")
    return LineItem(
        line_id=item.text("item_id"),
        product_id=item.needs("product_id"),
        name=item.first("product_name", "item_text"),
        quantity=quantity,
        unit_price=base,
        tax=item.amount("tax"),
        tax_rate=rate if rate is not None and 0 <= rate <= 1 else None,
    )


def address(told: Document | None) -> Address | None:
    if told is None:
        return None
    return Address(
        first_name=told.text("first_name"),
        last_name=told.text("last_name"),
        company=told.text("company_name"),
        address1=told.text("address1"),
        address2=told.text("address2"),
        city=told.text("city"),
        region_code=told.text("state_code"),
        country_code=(told.text("country_code") or "").upper() or None,
        zip=told.text("postal_code"),
        phone=told.text("phone"),
    )


def shipped(delivery: Delivery, told: Document, event_at: datetime) -> tuple[ShopEvent, ...]:
    """One shipment. Without lines it is the whole order."""
    order_no = told.needs("order_no")
    shipment_id = told.text("shipment_id") or WHOLE
    sent = OrderFulfilled(
        order_id=order_no,
        fulfillment_id=shipment_id,
        lines=tuple(each for each in map(line, told.parts("product_items")) if each.quantity > 0),
        tracking_code=told.text("tracking_number"),
        carrier=told.text("carrier"),
    )
    fulfilled = facts.order_fulfilled(order_no, shipment_id)
    return (delivery.event(fulfilled, event_at, sent, facts.order_ref(order_no)),)
