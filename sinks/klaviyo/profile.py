"""Who it is about: identifiers Klaviyo can match, and what is known about the person. Pure."""

from __future__ import annotations

import re

from schemas.signals import Signal
from schemas.values import Address, Profile
from sinks.body import Fields, known
from sinks.contract import Unaddressable

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_LOCALE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")  # the shape of a BCP 47 tag


def email_of(signal: Signal) -> str | None:
    email = signal.customer.ref.email
    return email if email and _EMAIL.fullmatch(email) else None


def phone_of(signal: Signal) -> str | None:
    """E.164 or nothing. A number is never repaired: half of the ways to do that call somebody else."""
    phone = signal.customer.ref.phone
    return phone if phone and _E164.fullmatch(phone) else None


def identifiers(signal: Signal, *, anonymous: bool) -> Fields:
    """At least one; an anonymous id counts only if asked for. Raises `Unaddressable`."""
    ref = signal.customer.ref
    names = known(external_id=ref.customer_id or None, email=email_of(signal), phone_number=phone_of(signal))
    if anonymous and ref.anonymous_id:
        names["anonymous_id"] = ref.anonymous_id
    if not names:
        raise Unaddressable
    return names


def person_of_event(signal: Signal, *, anonymous: bool = True) -> Fields:
    """Identifiers, and what is known about the person now. History brings identifiers only: an event updates the
    profile, and what was known two years ago must not replace what is known today."""
    names = identifiers(signal, anonymous=anonymous)
    return names if signal.priority == "backfill" else names | _description(signal.customer.profile)


def person(signal: Signal) -> Fields:
    """All that is known, for an upsert. Klaviyo takes no anonymous id here."""
    profile = signal.customer.profile
    properties = known(StoreId=profile.store_id, Tags=list(profile.tags) or None)
    # Names with $ are Klaviyo's own; through them a mere property could change consent.
    properties |= {name: value for name, value in profile.properties.items() if not name.startswith("$")}
    names = identifiers(signal, anonymous=False)
    return names | _description(profile) | known(properties=properties or None)


def _description(profile: Profile) -> Fields:
    locale = profile.locale.replace("_", "-") if profile.locale else ""
    return known(
        first_name=profile.first_name,
        last_name=profile.last_name,
        organization=profile.address.company if profile.address else None,
        locale=locale if _LOCALE.fullmatch(locale) else None,
        location=_location(profile.address) if profile.address else None,
    )


def _location(address: Address) -> Fields | None:
    location = known(
        address1=address.address1,
        address2=address.address2,
        city=address.city,
        region=address.region or address.region_code,
        zip=address.zip,
        country=address.country or address.country_code,
    )
    return location or None
