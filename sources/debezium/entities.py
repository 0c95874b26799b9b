"""Rows of customers, products and stock: each is whole by itself."""

from __future__ import annotations

from schemas.events import (
    CustomerErased,
    CustomerRegistered,
    CustomerUpdated,
    ProductDeleted,
    ProductUpserted,
    StockChanged,
)
from schemas.values import CustomerRef, Product, Profile
from sources.debezium.pieces import Fact, Piece
from sources.debezium.reading import Reading
from sources.debezium.row import Unfit
from sources.debezium.tables import Customers, Products, Stock


def customer(read: Reading, table: Customers) -> Piece | None:
    """A row that goes on under another key is nobody's erasure."""
    of = table.columns
    customer_id = read.needs(of.id)
    owner = f"customer:{customer_id}"
    if read.is_gone:
        if read.change.moved:
            return None
        gone = Fact(
            name="customer",
            payload=CustomerErased(reason="deleted in the shop"),
            who=CustomerRef(customer_id=customer_id),
        )
        return read.piece(owner, customer_id, gone)
    profile = Profile(
        first_name=read.text(of.first_name),
        last_name=read.text(of.last_name),
        locale=read.text(of.locale),
        store_id=read.entity(of.store),
        guest=read.row.truth(of.guest) if of.guest else False,
        birthday=read.row.day(of.birthday) if of.birthday else None,
    )
    is_new = read.change.op == "created"
    created = read.moment(of.created_at) if is_new else None
    fact = Fact(
        name="customer",
        payload=CustomerRegistered(profile=profile) if is_new else CustomerUpdated(profile=profile),
        who=CustomerRef(customer_id=customer_id, email=read.text(of.email), phone=read.text(of.phone)),
        updated_at=created or read.moment(of.updated_at),
    )
    return read.piece(owner, customer_id, fact)


def product(read: Reading, table: Products) -> Piece | None:
    of = table.columns
    product_id = read.needs(of.id)
    owner = f"product:{product_id}"
    if read.is_gone:
        fact = Fact(name="product", payload=ProductDeleted(product_id=product_id))
        return None if read.change.moved else read.piece(owner, product_id, fact)
    published = read.row.truth(of.published) if of.published else None
    title, currency = read.text(of.title), read.text(of.currency) or read.currency
    if title is None:
        raise Unfit(of.title, "is missing", "name the column that customers know the product by")
    product = Product(
        product_id=product_id,
        title=title,
        description=read.text(of.description),
        url=read.text(of.url),
        image_url=read.text(of.image_url),
        brand=read.text(of.brand),
        currency=currency.upper() if currency else None,
        price=read.amount(of.price),
        compare_at_price=read.amount(of.compare_at_price),
        published=published is not False,
    )
    fact = Fact(
        name="product",
        payload=ProductUpserted(product=product),
        updated_at=read.moment(of.updated_at),
        unchanged=read.unchanged(of),
    )
    return read.piece(owner, product_id, fact)


def stock(read: Reading, table: Stock) -> Piece | None:
    of = table.columns
    if read.is_gone:
        return None
    product_id, variant, location = read.needs(of.product), read.entity(of.variant), read.text(of.location)
    changed = StockChanged(
        product_id=product_id,
        variant_id=variant,
        sku=read.text(of.sku),
        quantity=read.needs_amount(of.quantity),
        location=location,
    )
    name = f"stock:{variant or ''}:{location or ''}"
    fact = Fact(name=name, payload=changed, updated_at=read.moment(of.updated_at))
    return read.piece(f"product:{product_id}", name, fact)
