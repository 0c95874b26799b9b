"""What a hook of CS-Cart says. Pure.

The contract is ours (README.md beside this file); the arrays in it are CS-Cart's own: `fn_get_order_info`, the cart,
the user, `fn_get_product_data`.
"""

from __future__ import annotations

from datetime import datetime

from schemas.events import (
    CartReplaced,
    CustomerErased,
    CustomerRegistered,
    CustomerUpdated,
    ProductDeleted,
    ProductUpserted,
    ShopEvent,
    StockChanged,
)
from schemas.values import CustomerRef, Product, Profile
from sources import facts
from sources.webhooks.contract import Headers, ShopSettings, Told
from sources.webhooks.cscart import orders
from sources.webhooks.delivery import Delivery
from sources.webhooks.document import Document
from sources.webhooks.envelope import Envelope, Tell, told


def _placed(delivery: Delivery, told: Envelope) -> tuple[ShopEvent, ...]:
    return orders.told(delivery, told.data, told.at, is_new=True)


def _changed(delivery: Delivery, told: Envelope) -> tuple[ShopEvent, ...]:
    return orders.told(delivery, told.data, told.at, is_new=False)


def _shipment(delivery: Delivery, told: Envelope) -> tuple[ShopEvent, ...]:
    return orders.shipment(delivery, told.data, told.at)


def _cart(delivery: Delivery, told: Envelope) -> tuple[ShopEvent, ...]:
    cart = told.data
    cart_id = cart.needs("cart_id", "name the cart, for example by the id of its session")
    user = cart.part("user_data") or Document({})
    account = cart.entity("user_id") or user.entity("user_id")
    who = CustomerRef(customer_id=account, email=user.text("email"), cart_token=cart_id)
    replaced = CartReplaced(
        cart_id=cart_id,
        lines=tuple(each for each in map(orders.line, cart.parts("products")) if each.quantity > 0),
        currency=delivery.currency(cart, "currency"),
    )
    return (delivery.event(facts.cart(cart_id, told.at), told.at, replaced, who),)


def _registered(delivery: Delivery, told: Envelope) -> tuple[ShopEvent, ...]:
    user_id, at = told.data.needs("user_id"), told.data.moment("timestamp") or told.at
    registered = CustomerRegistered(profile=_profile(told.data))
    return (delivery.event(facts.customer_registered(user_id), at, registered, _who(told.data)),)


def _customer(delivery: Delivery, told: Envelope) -> tuple[ShopEvent, ...]:
    user_id, updated = told.data.needs("user_id"), CustomerUpdated(profile=_profile(told.data))
    return (delivery.event(facts.customer(user_id, told.at), told.at, updated, _who(told.data)),)


def _gone(delivery: Delivery, told: Envelope) -> tuple[ShopEvent, ...]:
    erased = CustomerErased(reason="deleted in the shop")
    return (delivery.event(facts.customer_erased(told.data.needs("user_id")), told.at, erased, _who(told.data)),)


def _who(user: Document) -> CustomerRef:
    return CustomerRef(customer_id=user.needs("user_id"), email=user.text("email"), phone=user.text("phone"))


def _profile(user: Document) -> Profile:
    return Profile(
        first_name=user.text("firstname"),
        last_name=user.text("lastname"),
        locale=user.text("lang_code"),
        guest=False,
        address=orders.address(user, "b"),
    )


def _product(delivery: Delivery, told: Envelope) -> tuple[ShopEvent, ...]:
    product, at = told.data, told.at
    product_id, price, listed = product.needs("product_id"), product.amount("price"), product.amount("list_price")
    code = product.text("product_code")
    said = Product(
        product_id=product_id,
        title=product.needs("product"),
        description=product.text("full_description"),
        short_description=product.text("short_description"),
        url=product.text("url"),
        image_url=product.text("image_url"),
        currency=delivery.shop.currency,
        price=price,
        compare_at_price=listed if listed is not None and price is not None and listed > price else None,
        published=(product.text("status") or "A") == "A",
        properties={"sku": code} if code else {},
    )
    upserted = delivery.event(facts.product(product_id, at), at, ProductUpserted(product=said))
    quantity = product.amount("amount")
    if quantity is None or product.text("tracking") == "D":
        return (upserted,)
    changed = StockChanged(product_id=product_id, sku=code, quantity=quantity)
    return (upserted, delivery.event(facts.stock(product_id, None, None, at), at, changed))


def _product_gone(delivery: Delivery, told: Envelope) -> tuple[ShopEvent, ...]:
    product_id = told.data.needs("product_id")
    gone = ProductDeleted(product_id=product_id)
    return (delivery.event(facts.product_deleted(product_id, told.at), told.at, gone),)


TYPES: dict[str, Tell] = {
    "order.placed": _placed,
    "order.changed": _changed,
    "shipment.created": _shipment,
    "cart.changed": _cart,
    "user.created": _registered,
    "user.changed": _customer,
    "user.deleted": _gone,
    "product.changed": _product,
    "product.deleted": _product_gone,
}


def normalize(headers: Headers, body: object, shop: ShopSettings, received: datetime) -> Told:
    return told(TYPES, headers, body, Delivery("cscart", shop, received))
