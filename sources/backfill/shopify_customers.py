"""Shopify's export of customers (CSV from its admin): one row a customer. Pure.

The export has no times, so what it says counts for when the file was written, and is known by its content. That
somebody accepts marketing is told as consent; that they do not is no word of theirs, and nothing is told of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from schemas.events import CustomerUpdated, NewsletterSubscribed, ShopEvent, ShopPayload
from schemas.values import Address, CustomerRef, Profile
from sources import facts
from sources.backfill.format import Fact, Format, Found, Row, Telling, Unreadable, text

SOURCE = "shopify"
CONSENTS = (("Accepts Email Marketing", "email"), ("Accepts SMS Marketing", "sms"))


def tell(rows: Sequence[Row], telling: Telling) -> Iterator[Found]:
    for row in rows:
        yield from _customer(row, telling)


def _customer(row: Row, telling: Telling) -> Iterator[Found]:
    account, email = text(row.said, "Customer ID").lstrip("'"), text(row.said, "Email")
    phone = text(row.said, "Phone").lstrip("'")
    if account and not account.isdecimal():
        yield Unreadable(row.line, "Customer ID", "is no number",
                         "a spreadsheet has rounded it: use the file as it was exported")  # fmt: skip
        return
    if not account and not email:
        yield Unreadable(row.line, "Customer ID", "is blank, and Email too", "a customer is known by one of them")
        return
    who = CustomerRef(customer_id=account or None, email=email or None, phone=phone or None)
    name = account or facts.print_of(email.lower())  # ids hold no address

    def fact(event_id: str, payload: ShopPayload) -> Fact:
        event = ShopEvent(
            event_id=event_id, shop=telling.shop, occurred_at=telling.as_of, source=SOURCE, priority="backfill",
            customer=who, payload=payload,
        )  # fmt: skip
        return Fact(row.line, event)

    content = facts.print_of(*(f"{column}={said}" for column, said in sorted(row.said.items())))
    yield fact(facts.customer(name, content), CustomerUpdated(profile=_profile(row)))
    for column, channel in CONSENTS:
        said = text(row.said, column) or (text(row.said, "Accepts Marketing") if channel == "email" else "")
        if said.lower() in ("yes", "true"):
            event_id = facts.consent(name, channel, "subscribed", "export")
            yield fact(event_id, NewsletterSubscribed(channel="sms" if channel == "sms" else "email"))


def _profile(row: Row) -> Profile:
    def said(column: str) -> str | None:
        """Older exports have no `Default Address` in front."""
        return (text(row.said, f"Default Address {column}") or text(row.said, column)).lstrip("'") or None

    first, last = text(row.said, "First Name") or None, text(row.said, "Last Name") or None
    address = Address(
        company=said("Company"),
        address1=said("Address1"),
        address2=said("Address2"),
        city=said("City"),
        region_code=said("Province Code"),
        country_code=said("Country Code"),
        zip=said("Zip"),
    )
    tags = tuple(tag.strip() for tag in text(row.said, "Tags").split(",") if tag.strip())
    return Profile(first_name=first, last_name=last, address=None if address == Address() else address, tags=tags)


FORMAT = Format(
    name="shopify-customers",
    kind="csv",
    says="Shopify's export of customers: Customer ID, First Name, Last Name, Email, …",
    tell=tell,
    columns=(("First Name",), ("Last Name",), ("Email",)),
)
