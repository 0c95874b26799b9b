"""Orders of CS-Cart, as `fn_get_order_info` returns them: products by item, addresses in fields with b_ and s_."""

from __future__ import annotations

from datetime import datetime

from schemas.events import OrderCancelled, OrderFulfilled, OrderPaid, OrderPlaced, ShopEvent
from schemas.values import Address, CustomerRef, LineItem, Order, Payment
from sources import facts
from sources.webhooks.contract import NOTHING, ShopSettings
from sources.webhooks.delivery import Delivery
from sources.webhooks.document import Document

WHOLE = "all"
WORDS = {
    "O": "open", "P": "processed", "C": "complete", "F": "failed", "D": "declined", "B": "backordered",
    "I": "cancelled", "Y": "awaiting call",
}  # fmt: skip
"""What CS-Cart ships its letters with; the settings' `statuses` come first, by the letter."""
INCOMPLETE, PAID, CANCELLED = frozenset({"N", "T"}), frozenset({"P", "C"}), "I"


def status_of(shop: ShopSettings, letter: str) -> str:
    mapped = shop.status(letter)
    return WORDS.get(letter, letter) if mapped == letter else mapped


def told(delivery: Delivery, order: Document, event_at: datetime, *, is_new: bool) -> tuple[ShopEvent, ...]:
    order_id, letter = order.needs("order_id"), order.needs("status")
    if letter in INCOMPLETE:
        return NOTHING
    placed_at = order.moment("timestamp") or event_at
    at = max(event_at, placed_at)
    named = who_of(order)
    who = named if named.customer_id or named.email else facts.order_ref(order_id)
    placed = OrderPlaced(order=picture(delivery, order, order_id, placed_at), cart_id=order.text("cart_id"))
    said = delivery.order(placed, placed_at, at, who, is_new=is_new)
    if letter in PAID and placed.order.total:
        method = (order.part("payment_method") or Document({})).text("payment")
        payment = Payment(payment_id=WHOLE, method=method, amount=placed.order.total, paid_at=at)
        paid = OrderPaid(order_id=order_id, currency=placed.order.currency, payment=payment)
        said.append(delivery.event(facts.order_paid(order_id, WHOLE), at, paid, who))
    if letter == CANCELLED:
        said.append(delivery.event(facts.order_cancelled(order_id), at, OrderCancelled(order_id=order_id), who))
    return tuple(said)


def who_of(order: Document) -> CustomerRef:
    """`user_id` 0 is a guest."""
    return CustomerRef(
        customer_id=order.entity("user_id"),
        email=order.text("email"),
        phone=order.first("phone", "b_phone", "s_phone"),
        cart_token=order.text("cart_id"),
    )


def picture(delivery: Delivery, order: Document, order_id: str, placed_at: datetime) -> Order:
    shipping = next(iter(order.parts("shipping")), Document({}))
    return Order(
        order_id=order_id,
        number=order_id,
        placed_at=placed_at,
        currency=delivery.currency(order, "secondary_currency", "currency"),
        total=order.needs_amount("total"),
        subtotal=order.amount("subtotal"),
        shipping=order.amount("shipping_cost"),
        tax=order.amount("tax_subtotal"),
        discount=order.amount("subtotal_discount"),
        discount_code=_coupon(order),
        status=status_of(delivery.shop, order.needs("status")),
        note=order.text("notes"),
        lines=tuple(line(each) for each in order.parts("products")),
        billing_address=address(order, "b"),
        shipping_address=address(order, "s"),
        shipping_method=shipping.text("shipping"),
    )


def _coupon(order: Document) -> str | None:
    codes = order.raw("coupons")
    return next(iter(codes), None) if isinstance(codes, dict) else None


def line(item: Document) -> LineItem:
    return LineItem(
        line_id=item.text("item_id"),
        product_id=item.needs("product_id"),
        sku=item.text("product_code"),
        name=item.text("product"),
        quantity=item.needs_amount("amount"),
        unit_price=item.amount("base_price") if item.has("base_price") else item.amount("price"),
        discount=item.amount("discount"),
    )


def address(told: Document, kind: str) -> Address | None:
    """`kind` is b for the bill's and s for the parcel's."""
    made = Address(
        first_name=told.text(f"{kind}_firstname"),
        last_name=told.text(f"{kind}_lastname"),
        address1=told.text(f"{kind}_address"),
        address2=told.text(f"{kind}_address_2"),
        city=told.text(f"{kind}_city"),
        region_code=told.text(f"{kind}_state"),
        country_code=told.text(f"{kind}_country"),
        zip=told.text(f"{kind}_zipcode"),
        phone=told.text(f"{kind}_phone"),
    )
    return None if made == Address() else made


def shipment(delivery: Delivery, told: Document, event_at: datetime) -> tuple[ShopEvent, ...]:
    """`products` are the lines sent, with how many of each in `amount`; none are the whole order."""
    order_id, shipment_id = told.needs("order_id"), told.needs("shipment_id")
    sent = OrderFulfilled(
        order_id=order_id,
        fulfillment_id=shipment_id,
        lines=tuple(each for each in map(line, told.parts("products")) if each.quantity > 0),
        tracking_code=told.text("tracking_number"),
        carrier=told.text("carrier"),
    )
    at = told.moment("timestamp") or event_at
    return (delivery.event(facts.order_fulfilled(order_id, shipment_id), at, sent, facts.order_ref(order_id)),)
