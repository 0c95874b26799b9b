"""Customers: what is known of them, what they consented to, and that they are gone."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from schemas.events import (
    CustomerErased,
    CustomerRegistered,
    CustomerUpdated,
    NewsletterSubscribed,
    NewsletterUnsubscribed,
    ShopEvent,
)
from schemas.values import CustomerRef, Profile
from sources import facts
from sources.webhooks.contract import NOTHING
from sources.webhooks.delivery import Delivery
from sources.webhooks.document import Document
from sources.webhooks.shopify.lines import address

Channel = Literal["email", "sms"]
CHANNELS: tuple[tuple[str, Channel], ...] = (("email_marketing_consent", "email"), ("sms_marketing_consent", "sms"))


def told(delivery: Delivery, customer: Document, triggered: datetime, is_new: bool) -> tuple[ShopEvent, ...]:
    customer_id, who, profile = customer.needs("id"), _who(customer), _profile(customer)
    at = customer.moment("updated_at") or triggered
    said = [delivery.event(facts.customer(customer_id, at), at, CustomerUpdated(profile=profile), who)]
    if is_new:
        opened = customer.moment("created_at") or at
        registered = CustomerRegistered(profile=profile)
        said = [delivery.event(facts.customer_registered(customer_id), opened, registered, who)]
    for name, channel in CHANNELS:
        if (consent := customer.part(name)) is not None:
            said += _consent(delivery, consent, customer_id, who, channel, at)
    return tuple(said)


def consent_alone(delivery: Delivery, told: Document, triggered: datetime) -> tuple[ShopEvent, ...]:
    """`customers_*marketing_consent/update`: the customer's number, the address, and the consent."""
    customer_id = told.needs("customer_id")
    who = CustomerRef(
        customer_id=customer_id, email=told.text("email_address"), phone=told.text("phone") or told.text("phone_number")
    )
    said: tuple[ShopEvent, ...] = NOTHING
    for name, channel in CHANNELS:
        if (consent := told.part(name)) is not None:
            said += _consent(delivery, consent, customer_id, who, channel, triggered)
    return said


def erased(delivery: Delivery, told: Document, triggered: datetime) -> tuple[ShopEvent, ...]:
    """`customers/redact` asks for it, and a customer deleted in the shop is gone here, too."""
    customer = told.part("customer") or told
    customer_id = customer.needs("id")
    gone = CustomerErased(reason="the shop asked for it" if told.has("customer") else "deleted in the shop")
    who = CustomerRef(customer_id=customer_id, email=customer.text("email"), phone=customer.text("phone"))
    return (delivery.event(facts.customer_erased(customer_id), triggered, gone, who),)


def _who(customer: Document) -> CustomerRef:
    return CustomerRef(customer_id=customer.needs("id"), email=customer.text("email"), phone=customer.text("phone"))


def _profile(customer: Document) -> Profile:
    tags = customer.text("tags") or ""
    return Profile(
        first_name=customer.text("first_name"),
        last_name=customer.text("last_name"),
        locale=customer.text("locale"),
        address=address(customer.part("default_address")),
        tags=tuple(tag.strip() for tag in tags.split(",") if tag.strip()),
    )


def _consent(
    delivery: Delivery, consent: Document, customer_id: str, who: CustomerRef, channel: Channel, at: datetime
) -> tuple[ShopEvent, ...]:
    """Never asked, pending and redacted are no word of the customer's, so nothing is told of them."""
    state = consent.text("state")
    said_at = consent.moment("consent_updated_at") or at
    if state == "subscribed":
        said: NewsletterSubscribed | NewsletterUnsubscribed = NewsletterSubscribed(
            channel=channel, consented_at=said_at
        )
    elif state == "unsubscribed":
        said = NewsletterUnsubscribed(channel=channel)
    else:
        return NOTHING
    return (delivery.event(facts.consent(customer_id, channel, state, said_at), said_at, said, who),)
