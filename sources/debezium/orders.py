"""Rows of orders and carts: the order or cart itself, its lines, and what was given back and sent."""

from __future__ import annotations

from datetime import datetime

from schemas.events import OrderFulfilled, OrderRefunded
from schemas.values import CustomerRef, LineItem, Order
from sources import facts
from sources.debezium.pieces import CartRow, Fact, Gone, LineRow, OrderRow, Payload, Piece
from sources.debezium.reading import Reading
from sources.debezium.row import Unfit, rounded
from sources.debezium.tables import (
    CartLines,
    Carts,
    Fulfilments,
    LineColumns,
    OrderColumns,
    OrderLines,
    Orders,
    Refunds,
)


def order(read: Reading, table: Orders) -> Piece:
    of = table.columns
    order_id = read.needs(of.id)
    if read.is_gone:
        return read.piece(f"order:{order_id}", order_id, Gone())
    theirs = read.text(of.status) or ""
    paid, count, cart_id = read.amount(of.paid_total), read.amount(of.line_count), read.entity(of.cart)
    named = CustomerRef(
        customer_id=read.entity(of.customer), email=read.text(of.email), phone=read.text(of.phone), cart_token=cart_id
    )
    picture = _picture(read, of, order_id, table.statuses.get(theirs, theirs) or None)
    content = OrderRow(
        order=picture,
        who=named if named.customer_id or named.email else facts.order_ref(order_id),
        cart_id=cart_id,
        is_new=read.change.op == "created",
        updated_at=read.moment(of.updated_at),
        paid_at=read.moment(of.paid_at),
        paid=theirs in table.paid or (paid is not None and 0 < picture.total <= paid),
        payment_method=read.text(of.payment_method),
        line_count=None if count is None else int(count),
        draft=theirs in table.drafts,
        cancelled=theirs in table.cancelled,
        fulfilled=theirs in table.fulfilled,
        unchanged=read.unchanged(of),
    )
    return read.piece(f"order:{order_id}", order_id, content)


def _picture(read: Reading, of: OrderColumns, order_id: str, status: str | None) -> Order:
    discount, placed_at = read.amount(of.discount), read.moment(of.placed_at)
    if placed_at is None:
        raise Unfit(of.placed_at, "is missing", "name the column that says when the order was placed")
    return Order(
        order_id=order_id,
        number=read.text(of.number),
        placed_at=placed_at,
        currency=read.money_of(of.currency),
        total=read.needs_amount(of.total),
        subtotal=read.amount(of.subtotal),
        shipping=read.amount(of.shipping),
        shipping_tax=read.amount(of.shipping_tax),
        tax=read.amount(of.tax),
        discount=None if discount is None else abs(discount),  # some write it below zero
        discount_code=read.text(of.discount_code),
        status=status,
        note=read.text(of.note),
        lines=(),
        shipping_method=read.text(of.shipping_method),
        prices_include_tax=False,
    )


def order_line(read: Reading, table: OrderLines) -> Piece:
    return _line(read, table.columns, f"order:{read.needs(table.columns.order)}")


def left_order(read: Reading, table: OrderLines) -> Piece | None:
    return _left(read, table.columns, "order", table.columns.order)


def left_cart(read: Reading, table: CartLines) -> Piece | None:
    return _left(read, table.columns, "cart", table.columns.cart)


def _left(read: Reading, of: LineColumns, kind: str, column: str) -> Piece | None:
    """A line that went over to another order or cart is gone from the one before, where the database says which."""
    before = read.change.before
    if read.change.op != "updated" or before is None or not before.has(column):
        return None
    owner = before.entity(column)
    if owner is None or owner == read.entity(column):
        return None
    line_id = read.needs(of.id)
    return read.piece(f"{kind}:{owner}", line_id, LineRow(line_id=line_id))


def _line(read: Reading, of: LineColumns, owner: str) -> Piece:
    """A part of another line is none, and neither is one of nothing or less: that is how a return is written."""
    line_id = read.needs(of.id)
    quantity = None if read.is_gone else read.needs_amount(of.quantity)
    if quantity is None or quantity <= 0 or read.entity(of.part_of) is not None:
        return read.piece(owner, line_id, LineRow(line_id=line_id))
    discount, price, whole = read.amount(of.discount), read.amount(of.unit_price), read.amount(of.line_total)
    if price is None and whole is not None:
        price = rounded((whole + (discount or 0)) / quantity)
    line = LineItem(
        line_id=line_id,
        product_id=read.needs(of.product),
        variant_id=read.entity(of.variant),
        sku=read.text(of.sku),
        name=read.text(of.name),
        quantity=quantity,
        unit_price=price,
        tax=read.amount(of.tax),
        discount=None if discount is None else abs(discount),
    )
    return read.piece(owner, line_id, LineRow(line_id=line_id, line=line))


def refund(read: Reading, table: Refunds) -> Piece | None:
    of = table.columns
    if read.is_gone:
        return None
    order_id, refund_id, amount = read.needs(of.order), read.needs(of.id), abs(read.needs_amount(of.amount))
    if not amount:
        return None
    back = OrderRefunded(
        order_id=order_id,
        refund_id=refund_id,
        currency=read.text(of.currency),
        amount=amount,
        reason=read.text(of.reason),
    )
    return _of_order(read, order_id, f"refund:{refund_id}", back, read.moment(of.created_at))


def fulfilment(read: Reading, table: Fulfilments) -> Piece | None:
    of = table.columns
    if read.is_gone:
        return None
    order_id, sent_id = read.needs(of.order), read.needs(of.id)
    sent = OrderFulfilled(
        order_id=order_id,
        fulfillment_id=sent_id,
        tracking_code=read.text(of.tracking_code),
        carrier=read.text(of.carrier),
    )
    return _of_order(read, order_id, f"fulfilment:{sent_id}", sent, read.moment(of.created_at))


def _of_order(read: Reading, order_id: str, name: str, payload: Payload, at: datetime | None) -> Piece:
    fact = Fact(name=name, payload=payload, who=facts.order_ref(order_id), updated_at=at)
    return read.piece(f"order:{order_id}", name, fact)


# -- carts


def cart(read: Reading, table: Carts) -> Piece:
    of = table.columns
    cart_id = read.needs(of.id)
    if read.is_gone:
        return read.piece(f"cart:{cart_id}", cart_id, Gone())
    active = read.row.truth(of.active) if of.active else None
    currency = read.text(of.currency) or read.currency
    content = CartRow(
        who=CustomerRef(customer_id=read.entity(of.customer), email=read.text(of.email), cart_token=cart_id),
        currency=currency.upper() if currency else None,
        url=read.text(of.url),
        active=active is not False,
        updated_at=read.moment(of.updated_at),
    )
    return read.piece(f"cart:{cart_id}", cart_id, content)


def cart_line(read: Reading, table: CartLines) -> Piece:
    return _line(read, table.columns, f"cart:{read.needs(table.columns.cart)}")
