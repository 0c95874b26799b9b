"""A customer and what is in their cart or order, as WayMore writes them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.signals import Customer
from schemas.values import Address, LineItem
from sinks.body import Fields
from sinks.contract import Unaddressable
from sinks.waymore.forms import day, in_words, required, text


def customer(who: Customer) -> Fields:
    """With their addresses. Raises `Unaddressable` for a guest: WayMore's customers have an id."""
    profile = who.profile
    about = {
        "id": member(who),
        "lastname": text(profile.last_name),
        "firstname": text(profile.first_name),
        "birthday": day(profile.birthday),
        "email": text(who.ref.email),
        "phone": text(who.ref.phone),
    }
    return {"customer": about, "addresses": [_address(profile.address)] if profile.address else []}


def member(who: Customer) -> str:
    """The id of somebody who has one."""
    if not who.ref.customer_id:
        raise Unaddressable
    return who.ref.customer_id


def country(address: Address) -> str:
    return text(address.country or address.country_code)


def lines(of: Iterable[LineItem], field: str) -> list[Fields]:
    return [
        {
            "product_id": required(line.product_id, f"{field}[{position}].product_id"),
            "option_id": line.variant_id or None,
            "quantity": in_words(line.quantity),
        }
        for position, line in enumerate(of)
    ]


def _address(address: Address) -> Fields:
    return {
        "country": country(address),
        "city": text(address.city),
        "address1": text(address.address1),
        "postcode": text(address.zip),
        "company": text(address.company),
    }
