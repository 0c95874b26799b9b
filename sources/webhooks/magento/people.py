"""Customers with an account. Guests are known by their quotes and orders alone."""

from __future__ import annotations

from datetime import datetime

from schemas.events import CustomerErased, CustomerRegistered, CustomerUpdated, ShopEvent
from schemas.values import CustomerRef, Profile
from sources import facts
from sources.webhooks.delivery import Delivery
from sources.webhooks.document import Document
from sources.webhooks.magento.orders import address


def told(delivery: Delivery, customer: Document, event_at: datetime | None, *, is_new: bool) -> tuple[ShopEvent, ...]:
    customer_id, addresses = _number(customer), list(customer.parts("addresses"))
    created = customer.moment("created_at")
    at = customer.moment("updated_at") or event_at or created or delivery.received
    home = next((each for each in addresses if each.truth("default_billing")), addresses[0] if addresses else None)
    who = CustomerRef(
        customer_id=customer_id, email=customer.text("email"), phone=home.text("telephone") if home else None
    )
    profile = Profile(
        first_name=customer.text("firstname"),
        last_name=customer.text("lastname"),
        store_id=customer.entity("store_id"),
        guest=False,
        address=address(home),
        birthday=customer.text("dob"),
    )
    if is_new:
        registered = CustomerRegistered(profile=profile)
        return (delivery.event(facts.customer_registered(customer_id), created or at, registered, who),)
    return (delivery.event(facts.customer(customer_id, at), at, CustomerUpdated(profile=profile), who),)


def erased(delivery: Delivery, customer: Document, event_at: datetime | None) -> tuple[ShopEvent, ...]:
    customer_id = _number(customer)
    gone = CustomerErased(reason="deleted in the shop")
    who = CustomerRef(customer_id=customer_id, email=customer.text("email"))
    return (delivery.event(facts.customer_erased(customer_id), event_at or delivery.received, gone, who),)


def _number(customer: Document) -> str:
    found = customer.entity("id") or customer.entity("entity_id")
    if found is None:
        raise customer.missing("id", "subscribe the event with the field `id`")
    return found
