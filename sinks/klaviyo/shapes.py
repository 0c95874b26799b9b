"""What Klaviyo's OpenAPI (revision 2026-07-15) says of the bodies the stand-in takes.

Unknown fields are refused: the OpenAPI does not forbid them, but nothing says that they are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from sinks.klaviyo.rules import Invalid, checked_time

Time = Annotated[str, AfterValidator(checked_time)]
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

    def names(self) -> dict[str, str | None]:
        return {name: getattr(self, name) for name in ("external_id", "email", "phone_number", "kx")}


class ProfileAttributes(Identifiers):
    first_name: str | None = None
    last_name: str | None = None
    organization: str | None = None
    locale: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] | None = None
    title: str | None = None
    image: str | None = None
    location: Location | None = None
    properties: dict[str, Any] | None = None


class BulkEventProfileAttributes(ProfileAttributes):
    anonymous_id: str | None = None

    def names(self) -> dict[str, str | None]:
        return {**super().names(), "anonymous_id": self.anonymous_id}


class EventProfileAttributes(BulkEventProfileAttributes):
    meta: dict[str, Any] | None = None


class Profile(ProfileOf[ProfileAttributes]):
    meta: dict[str, Any] | None = None


ProfileDocument = Document[Profile]


# -- events


class MetricAttributes(Shape):
    name: Annotated[str, Field(min_length=1, max_length=127)]
    service: str | None = None


class EventFacts(Shape):
    properties: dict[str, Any]
    time: Time | None = None
    value: Number | None = None
    value_currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    unique_id: Annotated[str, Field(min_length=1)] | None = None
    backfill: bool | None = None
    metric: Document[Resource[Literal["metric"], MetricAttributes]]


class EventAttributes(EventFacts):
    profile: Document[ProfileOf[EventProfileAttributes]]


EventDocument = Document[Resource[Literal["event"], EventAttributes]]


class BulkEventProfile(ProfileOf[BulkEventProfileAttributes]):
    meta: dict[str, Any] | None = None


class EntryAttributes(Shape):
    backfill: bool | None = None
    profile: Document[BulkEventProfile]
    events: Document[list[Resource[Literal["event"], EventFacts]]]


class EntriesAttributes(Shape):
    entries: Document[list[Resource[Literal["event-bulk-create"], EntryAttributes]]] = Field(alias="events-bulk-create")


EventsDocument = Document[Resource[Literal["event-bulk-create-job"], EntriesAttributes]]


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


class ImportAttributes(Shape):
    profiles: Document[list[Profile]]


class RelatedLists(Shape):
    lists: Document[list[ListName]] | None = None


class ImportJob(Resource[Literal["profile-bulk-import-job"], ImportAttributes]):
    relationships: RelatedLists | None = None


ImportDocument = Document[ImportJob]
SubscribeDocument = Document[SubscribeJob]
UnsubscribeDocument = Document[UnsubscribeJob]


# -- erasure


class Erasable(Shape):
    email: Email | None = None
    phone_number: Phone | None = None


class EraseAttributes(Shape):
    profile: Document[ProfileOf[Erasable]]


EraseDocument = Document[Resource[Literal["data-privacy-deletion-job"], EraseAttributes]]
