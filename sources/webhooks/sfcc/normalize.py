"""What a hook of Salesforce Commerce Cloud says. Pure.

The contract is ours (README.md beside this file); the documents in it are the platform's own, as its Shop API shows
orders, baskets and customers.
"""

from __future__ import annotations

from datetime import datetime

from schemas.events import CartReplaced, CustomerErased, CustomerRegistered, CustomerUpdated, ShopEvent
from schemas.values import CustomerRef, Profile
from sources import facts
from sources.webhooks.contract import Headers, ShopSettings, Told
from sources.webhooks.delivery import Delivery
from sources.webhooks.document import Document
from sources.webhooks.envelope import Envelope, Tell, told
from sources.webhooks.sfcc import orders


def _placed(delivery: Delivery, told: Envelope) -> tuple[ShopEvent, ...]:
    return orders.told(delivery, told.data, told.at, is_new=True)


def _updated(delivery: Delivery, told: Envelope) -> tuple[ShopEvent, ...]:
    return orders.told(delivery, told.data, told.at, is_new=False)


def _shipped(delivery: Delivery, told: Envelope) -> tuple[ShopEvent, ...]:
    return orders.shipped(delivery, told.data, told.at)


def _basket(delivery: Delivery, told: Envelope) -> tuple[ShopEvent, ...]:
    basket = told.data
    basket_id = basket.needs("basket_id")
    at = basket.moment("last_modified") or told.at
    named = orders.who_of(basket)
    who = CustomerRef(customer_id=named.customer_id, email=named.email, phone=named.phone, cart_token=basket_id)
    replaced = CartReplaced(
        cart_id=basket_id,
        lines=tuple(each for each in map(orders.line, basket.parts("product_items")) if each.quantity > 0),
        currency=delivery.currency(basket, "currency"),
    )
    return (delivery.event(facts.cart(basket_id, at), at, replaced, who),)


def _customer(delivery: Delivery, told: Envelope) -> tuple[ShopEvent, ...]:
    customer = told.data
    number, profile = customer.needs("customer_no"), _profile(customer)
    at = customer.moment("last_modified") or told.at
    return (delivery.event(facts.customer(number, at), at, CustomerUpdated(profile=profile), _who(customer)),)


def _registered(delivery: Delivery, told: Envelope) -> tuple[ShopEvent, ...]:
    customer = told.data
    at = customer.moment("creation_date") or told.at
    registered = CustomerRegistered(profile=_profile(customer))
    return (delivery.event(facts.customer_registered(customer.needs("customer_no")), at, registered, _who(customer)),)


def _gone(delivery: Delivery, told: Envelope) -> tuple[ShopEvent, ...]:
    erased = CustomerErased(reason="deleted in the shop")
    return (delivery.event(facts.customer_erased(told.data.needs("customer_no")), told.at, erased, _who(told.data)),)


def _who(customer: Document) -> CustomerRef:
    phone = customer.first("phone_mobile", "phone_home")
    return CustomerRef(customer_id=customer.needs("customer_no"), email=customer.text("email"), phone=phone)


def _profile(customer: Document) -> Profile:
    return Profile(
        first_name=customer.text("first_name"),
        last_name=customer.text("last_name"),
        locale=customer.text("preferred_locale"),
        birthday=customer.text("birthday"),
        guest=False,
    )


TYPES: dict[str, Tell] = {
    "order.placed": _placed,
    "order.updated": _updated,
    "order.shipped": _shipped,
    "basket.updated": _basket,
    "customer.created": _registered,
    "customer.updated": _customer,
    "customer.deleted": _gone,
}


def normalize(headers: Headers, body: object, shop: ShopSettings, received: datetime) -> Told:
    return told(TYPES, headers, body, Delivery("sfcc", shop, received))
