"""Customers with an account. Guests are known by their orders alone."""

from __future__ import annotations

from schemas.events import CustomerErased, CustomerRegistered, CustomerUpdated, ShopEvent
from schemas.values import CustomerRef, Profile
from sources import facts
from sources.webhooks.delivery import Delivery
from sources.webhooks.document import Document
from sources.webhooks.woocommerce.orders import address


def told(delivery: Delivery, customer: Document, *, is_new: bool) -> tuple[ShopEvent, ...]:
    customer_id = customer.needs("id")
    created = customer.moment("date_created_gmt")
    at = customer.moment("date_modified_gmt") or created or delivery.received
    billing = customer.part("billing") or Document({})
    who = CustomerRef(
        customer_id=customer_id, email=customer.text("email") or billing.text("email"), phone=billing.text("phone")
    )
    profile = Profile(
        first_name=customer.text("first_name") or billing.text("first_name"),
        last_name=customer.text("last_name") or billing.text("last_name"),
        guest=False,
        address=address(customer.part("billing")),
    )
    if is_new:
        registered = CustomerRegistered(profile=profile)
        return (delivery.event(facts.customer_registered(customer_id), created or at, registered, who),)
    return (delivery.event(facts.customer(customer_id, at), at, CustomerUpdated(profile=profile), who),)


def erased(delivery: Delivery, customer: Document) -> tuple[ShopEvent, ...]:
    """Names the account and nothing else, no time either."""
    customer_id = customer.needs("id")
    gone = CustomerErased(reason="deleted in the shop")
    who = CustomerRef(customer_id=customer_id, email=customer.text("email"))
    return (delivery.event(facts.customer_erased(customer_id), delivery.received, gone, who),)
