"""Orders, shipments and credit memos. `entity_id` names them, as their other facts do; customers see `increment_id`.

An order says itself what was paid (`total_paid`) and that it was cancelled (`state`). A credit memo names its order and
nobody; a shipment names the account at most.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

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
from sources.webhooks.delivery import Delivery
from sources.webhooks.document import Document, rounded

WHOLE = "all"
HUNDRED = Decimal(100)
OPEN, CANCELLED = "1", "3"  # states of a credit memo; 2 is given back


def order_of(order: Document) -> str | None:
    """The order's own number, which its parts repeat; some subscriptions send only those."""
    own = order.entity("order_id") or order.entity("entity_id") or order.entity("id")
    if own is not None:
        return own
    payment = order.part("payment")
    inside = [each.entity("order_id") for each in order.parts("items")]
    inside.append(payment.entity("parent_id") if payment else None)
    return next((found for found in inside if found), None)


def told(delivery: Delivery, order: Document, *, is_new: bool) -> tuple[ShopEvent, ...]:
    order_id = order_of(order)
    if order_id is None:
        raise order.missing("entity_id", "subscribe the event with the field `entity_id`")
    placed_at = order.moment("created_at") or order.moment("updated_at")
    if placed_at is None:
        raise order.missing("created_at", "subscribe the event with the field `created_at`")
    at = max(order.moment("updated_at") or placed_at, placed_at)
    named = who_of(order)
    who = named if named.customer_id or named.email else facts.order_ref(order_id)
    placed = OrderPlaced(order=picture(delivery, order, order_id, placed_at), cart_id=order.entity("quote_id"))
    said = delivery.order(placed, placed_at, at, who, is_new=is_new)
    said += _paid(delivery, order, placed.order, at, who)
    if order.text("state") == "canceled":
        said.append(delivery.event(facts.order_cancelled(order_id), at, OrderCancelled(order_id=order_id), who))
    return tuple(said)


def who_of(order: Document) -> CustomerRef:
    billing = next((each for each in _addresses(order, "billing")), Document({}))
    return CustomerRef(
        customer_id=order.entity("customer_id"),
        email=order.text("customer_email") or billing.text("email"),
        phone=billing.text("telephone"),
        cart_token=order.entity("quote_id"),
    )


def picture(delivery: Delivery, order: Document, order_id: str, placed_at: datetime) -> Order:
    """Amounts are in the currency the customer ordered in; those that begin with `base_` are not read."""
    discount, status = order.amount("discount_amount"), order.text("status")
    billing, shipping = (next(iter(_addresses(order, kind)), None) for kind in ("billing", "shipping"))
    return Order(
        order_id=order_id,
        number=order.first("increment_id", "real_order_id"),
        placed_at=placed_at,
        currency=delivery.currency(order, "order_currency_code"),
        total=order.needs_amount("grand_total"),
        subtotal=order.amount("subtotal"),
        shipping=order.amount("shipping_amount"),
        shipping_tax=order.amount("shipping_tax_amount"),
        tax=order.amount("tax_amount"),
        discount=None if discount is None else abs(discount),  # written below zero
        discount_code=order.text("coupon_code"),
        status=delivery.shop.status(status) if status else None,
        note=order.text("customer_note"),
        lines=tuple(line(each, "qty_ordered") for each in order.parts("items") if not _is_part(each)),
        billing_address=address(billing),
        shipping_address=address(shipping),
        shipping_method=order.text("shipping_description"),
        prices_include_tax=False,
    )


def _is_part(item: Document) -> bool:
    """The chosen variant of a configurable product stands below it, with no price of its own."""
    return item.entity("parent_item_id") is not None


def line(item: Document, quantity: str) -> LineItem:
    """`price` is without tax. A quote's lines may name the SKU alone."""
    percent = item.amount("tax_percent")
    rate = None if percent is None else rounded(percent / HUNDRED)
    line_id = item.entity("order_item_id") or item.entity("item_id")
    product_id = item.entity("product_id") or item.text("sku")
    if product_id is None:
        raise item.missing("product_id", "subscribe the event with the field `items[].product_id`")
    return LineItem(
        line_id=line_id,
        product_id=product_id,
        sku=item.text("sku"),
        name=item.text("name"),
        quantity=item.needs_amount(quantity),
        unit_price=item.amount("price"),
        tax=item.amount("tax_amount"),
        tax_rate=rate if rate is not None and 0 <= rate <= 1 else None,
        discount=item.amount("discount_amount"),
    )


def _addresses(order: Document, kind: str) -> list[Document]:
    """Of this kind: in a list with their `address_type`, or by name."""
    named = order.part(f"{kind}_address")
    return [*([named] if named else []), *(a for a in order.parts("addresses") if a.text("address_type") == kind)]


def address(told: Document | None) -> Address | None:
    if told is None:
        return None
    street = told.texts("street") or tuple((told.text("street") or "").splitlines()) if told.has("street") else ()
    return Address(
        first_name=told.text("firstname"),
        last_name=told.text("lastname"),
        company=told.text("company"),
        address1=street[0] if street else None,
        address2=", ".join(street[1:]) or None,
        city=told.text("city"),
        region=told.text("region") if not isinstance(told.raw("region"), dict) else None,
        region_code=told.text("region_code"),
        country_code=told.text("country_id"),
        zip=told.text("postcode"),
        phone=told.text("telephone"),
    )


def _paid(delivery: Delivery, order: Document, placed: Order, at: datetime, who: CustomerRef) -> tuple[ShopEvent, ...]:
    """Once all of it is paid; of several invoices the last one makes it so."""
    paid = order.amount("total_paid")
    if paid is None or paid == 0 or paid < placed.total:
        return NOTHING
    method = (order.part("payment") or Document({})).text("method")
    payment = Payment(payment_id=WHOLE, method=method, amount=placed.total, paid_at=at)
    told = OrderPaid(order_id=placed.order_id, currency=placed.currency, payment=payment)
    return (delivery.event(facts.order_paid(placed.order_id, WHOLE), at, told, who),)


# -- what is sent and given back


def _named(told: Document) -> str:
    """The shipment's or memo's own number; where it was not subscribed, its lines repeat it."""
    inside = [each.entity("parent_id") for each in (*told.parts("items"), *told.parts("tracks"))]
    found = told.entity("entity_id") or next((each for each in inside if each), None) or told.text("increment_id")
    if found is None:
        raise told.missing("entity_id", "subscribe the event with the field `entity_id`")
    return found


def _lines(told: Document) -> tuple[LineItem, ...]:
    items = [each for each in told.parts("items") if each.amount("qty") != 0]
    return tuple(line(each, "qty") for each in items)


def shipment(delivery: Delivery, told: Document) -> tuple[ShopEvent, ...]:
    order_id, shipment_id = told.needs("order_id"), _named(told)
    account = told.entity("customer_id")
    who = CustomerRef(customer_id=account) if account else facts.order_ref(order_id)
    track = next(iter(told.parts("tracks")), Document({}))
    sent = OrderFulfilled(
        order_id=order_id,
        fulfillment_id=shipment_id,
        lines=_lines(told),
        tracking_code=track.first("track_number", "number"),
        carrier=track.first("title", "carrier_code"),
    )
    at = told.moment("created_at") or told.moment("updated_at") or delivery.received
    return (delivery.event(facts.order_fulfilled(order_id, shipment_id), at, sent, who),)


def creditmemo(delivery: Delivery, told: Document) -> tuple[ShopEvent, ...]:
    """One that is still open, or was cancelled, gave back nothing."""
    order_id, memo_id, amount = told.needs("order_id"), _named(told), told.needs_amount("grand_total")
    if told.text("state") in (OPEN, CANCELLED) or amount == 0:
        return NOTHING
    back = OrderRefunded(
        order_id=order_id,
        refund_id=memo_id,
        currency=delivery.currency(told, "order_currency_code"),
        amount=amount,
        lines=_lines(told),
    )
    at = told.moment("created_at") or told.moment("updated_at") or delivery.received
    return (delivery.event(facts.order_refunded(order_id, memo_id), at, back, facts.order_ref(order_id)),)
