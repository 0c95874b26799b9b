"""Signal → calls about a person: the profile, its consent, its erasure, and what it waits for. Pure."""

from __future__ import annotations

from typing import cast

from schemas.signals import BackInStockRequested, NewsletterSubscribed, NewsletterUnsubscribed, Signal
from sinks.body import Fields, as_json, known
from sinks.contract import Call, CannotSay, Unaddressable
from sinks.klaviyo.config import KlaviyoConfig
from sinks.klaviyo.profile import email_of, person, phone_of

PROFILE_BYTES = 100_000


def profile(signal: Signal, config: KlaviyoConfig) -> tuple[Call, ...]:
    body = as_json({"data": {"type": "profile", "attributes": person(signal)}})
    if len(body) > PROFILE_BYTES:
        raise CannotSay("customer.profile is larger than 100 KB")
    return (_job("Profile", "profile-import", body, signal),)


def erase(signal: Signal, config: KlaviyoConfig) -> tuple[Call, ...]:
    """Klaviyo wants exactly one of e-mail and phone, and knows no external id here. A person must see to the rest:
    nobody may stay on file because we could not name them."""
    names = known(email=email_of(signal)) or known(phone_number=phone_of(signal))
    if not names:
        raise CannotSay("customer.ref has neither an e-mail address nor an E.164 phone: erase the profile in Klaviyo")
    who = {"data": {"type": "profile", "attributes": names}}
    body = as_json({"data": {"type": "data-privacy-deletion-job", "attributes": {"profile": who}}})
    return (_job("Erase Profile", "data-privacy-deletion-jobs", body, signal),)


def subscribe(signal: Signal, config: KlaviyoConfig) -> tuple[Call, ...]:
    """Consent of the past keeps its date and asks nobody again; a live one goes the way the account is set to."""
    said = cast(NewsletterSubscribed, signal.payload)
    consent: Fields = {"consent": "SUBSCRIBED"}
    attributes: Fields = {}
    if signal.priority == "backfill":
        given = min(said.consented_at or signal.occurred_at, signal.occurred_at)  # it must lie in the past
        consent["consented_at"] = given.isoformat(timespec="seconds")
        attributes["historical_import"] = True
    attributes["profiles"] = {"data": [_consenting(signal, said.channel, consent)]}
    data: Fields = {"type": "profile-subscription-bulk-create-job", "attributes": attributes}
    if joined := config.lists.get(said.list_id or "default"):
        data["relationships"] = {"list": {"data": {"type": "list", "id": joined}}}
    return (_job("Subscribe", "profile-subscription-bulk-create-jobs", as_json({"data": data}), signal),)


def unsubscribe(signal: Signal, config: KlaviyoConfig) -> tuple[Call, ...]:
    """Without a list, on purpose: who is not on the list named would be unsubscribed everywhere without our knowing."""
    said = cast(NewsletterUnsubscribed, signal.payload)
    profiles = {"data": [_consenting(signal, said.channel, {"consent": "UNSUBSCRIBED"})]}
    data = {"type": "profile-subscription-bulk-delete-job", "attributes": {"profiles": profiles}}
    return (_job("Unsubscribe", "profile-subscription-bulk-delete-jobs", as_json({"data": data}), signal),)


def back_in_stock(signal: Signal, config: KlaviyoConfig) -> tuple[Call, ...]:
    """What somebody wanted in the past is not told: it came back long ago, and they would hear of it now."""
    said = cast(BackInStockRequested, signal.payload)
    if signal.priority == "backfill":
        return ()
    if not (variant_id := said.variant_id or said.product_id):
        raise CannotSay("product_id is required")
    email, phone = email_of(signal), phone_of(signal)
    if not (email if said.channel == "email" else phone):
        raise Unaddressable
    names = known(external_id=signal.customer.ref.customer_id or None, email=email, phone_number=phone)
    attributes = {"channels": [said.channel.upper()], "profile": {"data": {"type": "profile", "attributes": names}}}
    variant = {"type": "catalog-variant", "id": config.variant_prefix + variant_id}
    data = {
        "type": "back-in-stock-subscription",
        "attributes": attributes,
        "relationships": {"variant": {"data": variant}},
    }
    return (_job("Back in Stock", "back-in-stock-subscriptions", as_json({"data": data}), signal),)


def _consenting(signal: Signal, channel: str, consent: Fields) -> Fields:
    names = known(email=email_of(signal)) if channel == "email" else known(phone_number=phone_of(signal))
    if not names:
        raise Unaddressable
    return {"type": "profile", "attributes": {**names, "subscriptions": {channel: {"marketing": consent}}}}


def _job(says: str, resource: str, body: bytes, signal: Signal) -> Call:
    key = f"{signal.signal_id}:{resource}"
    return Call(says=says, method="POST", path=f"/api/{resource}", body=body, key=key, endpoint=resource)
