"""What Klaviyo's OpenAPI (revision 2026-07-15) says of the bodies the stand-in takes, and the rules it leaves out.

Unknown fields are refused: the OpenAPI does not forbid them, but nothing says that they are kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

STRING_BYTES, PROPERTIES, LIST_ITEMS, DEPTH = 100_000, 400, 4_000, 10

_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")


class Invalid(Exception):
    """A rule that the shapes cannot say. `pointer` leads to the spot, as JSON:API wants it."""

    def __init__(self, detail: str, pointer: str) -> None:
        super().__init__(detail)
        self.pointer = pointer


def rfc3339(text: str) -> datetime:
    """Raises `ValueError`."""
    if not _RFC3339.fullmatch(text):
        raise ValueError("must be a date and time with offset, as in RFC 3339")
    return datetime.fromisoformat(text)


def _checked_time(text: str) -> str:
    rfc3339(text)
    return text


Time = Annotated[str, AfterValidator(_checked_time)]
Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
Phone = Annotated[str, Field(pattern=r"^\+[1-9][0-9]{6,14}$")]
Number = int | Annotated[float, Field(allow_inf_nan=False)]


class Shape(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


Kind = TypeVar("Kind")
Attributes = TypeVar("Attributes")
Inner = TypeVar("Inner")


class Document(Shape, Generic[Inner]):
    data: Inner


class Resource(Shape, Generic[Kind, Attributes]):
    type: Kind
    attributes: Attributes


class ProfileOf(Shape, Generic[Attributes]):
    type: Literal["profile"]
    id: str | None = None
    attributes: Attributes


# -- profiles


class Location(Shape):
    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    country: str | None = None
    latitude: str | Number | None = None
    longitude: str | Number | None = None
    region: str | None = None
    zip: str | None = None
    timezone: str | None = None
    ip: str | None = None


class Identifiers(Shape):
    email: Email | None = None
    phone_number: Phone | None = None
    external_id: str | None = None
    kx: str | None = Field(None, alias="_kx")

    def names(self, *, anonymous: bool) -> dict[str, str | None]:
        wanted = ("external_id", "email", "phone_number", "kx", *(("anonymous_id",) if anonymous else ()))
        return {name: getattr(self, name) for name in wanted}


class ProfileAttributes(Identifiers):
    first_name: str | None = None
    last_name: str | None = None
    organization: str | None = None
    locale: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] | None = None
    title: str | None = None
    image: str | None = None
    location: Location | None = None
    properties: dict[str, Any] | None = None


class EventProfileAttributes(ProfileAttributes):
    anonymous_id: str | None = None
    meta: dict[str, Any] | None = None


class Profile(ProfileOf[ProfileAttributes]):
    meta: dict[str, Any] | None = None


ProfileDocument = Document[Profile]


# -- events


class MetricAttributes(Shape):
    name: Annotated[str, Field(min_length=1, max_length=127)]
    service: str | None = None


class EventAttributes(Shape):
    properties: dict[str, Any]
    time: Time | None = None
    value: Number | None = None
    value_currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    unique_id: Annotated[str, Field(min_length=1)] | None = None
    backfill: bool | None = None
    metric: Document[Resource[Literal["metric"], MetricAttributes]]
    profile: Document[ProfileOf[EventProfileAttributes]]


EventDocument = Document[Resource[Literal["event"], EventAttributes]]


def check_size(body: bytes, limit: int) -> None:
    if len(body) > limit:
        raise Invalid(f"The payload must not be larger than {limit} bytes.", "/data")


def check_event(attributes: dict[str, Any]) -> None:
    if len(attributes["properties"]) > PROPERTIES:
        raise Invalid(f"At most {PROPERTIES} properties.", "/data/attributes/properties")
    _check_value(attributes, "/data/attributes", 0)


def _check_value(value: Any, pointer: str, depth: int) -> None:
    if depth > DEPTH:
        raise Invalid(f"At most {DEPTH} levels.", pointer)
    if isinstance(value, str) and len(value) * 4 > STRING_BYTES and len(value.encode()) > STRING_BYTES:
        raise Invalid("A string must not be larger than 100 KB.", pointer)
    if isinstance(value, list) and len(value) > LIST_ITEMS:
        raise Invalid(f"At most {LIST_ITEMS} items.", pointer)
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in inside:
        _check_value(inner, f"{pointer}/{name}", depth + 1)


# -- consent


class Subscribed(Shape):
    consent: Literal["SUBSCRIBED"]
    consented_at: Time | None = None


class Unsubscribed(Shape):
    consent: Literal["UNSUBSCRIBED"]


class Channel(Shape, Generic[Attributes]):
    marketing: Attributes


class Channels(Shape, Generic[Attributes]):
    email: Channel[Attributes] | None = None
    sms: Channel[Attributes] | None = None


class Consenting(Shape, Generic[Attributes]):
    email: Email | None = None
    phone_number: Phone | None = None
    subscriptions: Channels[Attributes]

    def consents(self) -> Iterator[tuple[str, str, Attributes]]:
        """Channel, address and consent. Raises `Invalid` when a channel has no address."""
        channels = self.subscriptions
        for name, channel, address in (("email", channels.email, self.email), ("sms", channels.sms, self.phone_number)):
            if channel is None:
                continue
            if not address:
                raise Invalid(f"Consent for {name} needs its address.", "/data/attributes/profiles/data")
            yield name, address, channel.marketing


class ListName(Shape):
    type: Literal["list"]
    id: Annotated[str, Field(min_length=1)]


class Related(Shape):
    list: Document[ListName] | None = None


class SubscribeAttributes(Shape):
    custom_source: str | None = None
    profiles: Document[list[ProfileOf[Consenting[Subscribed]]]]
    historical_import: bool | None = None


class UnsubscribeAttributes(Shape):
    profiles: Document[list[Resource[Literal["profile"], Consenting[Unsubscribed]]]]


class SubscribeJob(Resource[Literal["profile-subscription-bulk-create-job"], SubscribeAttributes]):
    relationships: Related | None = None


class UnsubscribeJob(Resource[Literal["profile-subscription-bulk-delete-job"], UnsubscribeAttributes]):
    relationships: Related | None = None


SubscribeDocument = Document[SubscribeJob]
UnsubscribeDocument = Document[UnsubscribeJob]


# -- erasure


class Erasable(Shape):
    email: Email | None = None
    phone_number: Phone | None = None


class EraseAttributes(Shape):
    profile: Document[ProfileOf[Erasable]]


EraseDocument = Document[Resource[Literal["data-privacy-deletion-job"], EraseAttributes]]
