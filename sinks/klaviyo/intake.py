"""What the stand-in does with a request that is past the door. Raises `Invalid` and pydantic's `ValidationError`."""

from __future__ import annotations

from itertools import chain
from typing import Any

import orjson

from sinks.fake import Received, Reply
from sinks.klaviyo import rules, shapes
from sinks.klaviyo.rules import Invalid, Missing
from sinks.klaviyo.store import EventKey, Store


class Intake:
    """`repeats_refused`: whether an event kept earlier makes a bulk request fail, or only one in the same request.
    Klaviyo's documents leave that open."""

    def __init__(self, store: Store, repeats_refused: bool) -> None:
        self._store = store
        self._repeats_refused = repeats_refused

    def event(self, request: Received) -> Reply:
        told = shapes.EventDocument.model_validate_json(request.body).data.attributes
        rules.check_size(request.body, rules.REQUEST_BYTES)
        rules.check_event(orjson.loads(request.body)["data"]["attributes"], "/data/attributes")
        who = told.profile.data
        with self._store.all_or_nothing():
            profile = self._store.known(who.attributes, who.id, "/data/attributes/profile/data")
            key, kept = self._store.event(profile, told, None, request.at, "/data/attributes")
        verdict = "duplicate" if key in self._store.events else "accepted"
        self._store.events.setdefault(key, kept)
        return Reply(202, verdict)

    def events(self, request: Received) -> Reply:
        """All of them or none."""
        entries = shapes.EventsDocument.model_validate_json(request.body).data.attributes.entries.data
        rules.check_size(request.body, rules.REQUEST_BYTES)
        top = "/data/attributes/events-bulk-create/data"
        rules.check_items(list(chain.from_iterable(e.attributes.events.data for e in entries)), rules.EVENTS, top)
        raw = orjson.loads(request.body)["data"]["attributes"]["events-bulk-create"]["data"]
        taken: dict[EventKey, dict[str, Any]] = {}
        with self._store.all_or_nothing():
            for number, entry in enumerate(entries):
                self._entry(entry.attributes, raw[number]["attributes"], request.at, f"{top}/{number}", taken)
        for key, kept in taken.items():
            self._store.events.setdefault(key, kept)
        return Reply(202, "accepted")

    def _entry(
        self,
        told: shapes.EntryAttributes,
        raw: dict[str, Any],
        now: float,
        pointer: str,
        taken: dict[EventKey, dict[str, Any]],
    ) -> None:
        who = told.profile.data
        rules.check_value(raw["profile"], f"{pointer}/attributes/profile")
        profile = self._store.known(who.attributes, who.id, f"{pointer}/attributes/profile/data")
        for number, event in enumerate(told.events.data):
            spot = f"{pointer}/attributes/events/data/{number}/attributes"
            rules.check_event(raw["events"]["data"][number]["attributes"], spot)
            key, kept = self._store.event(profile, event.attributes, told.backfill, now, spot)
            if key in taken or (self._repeats_refused and key in self._store.events):
                raise Invalid("The unique_id is repeated for this profile and metric.", f"{spot}/unique_id")
            taken[key] = kept

    def profile(self, request: Received) -> Reply:
        told = shapes.ProfileDocument.model_validate_json(request.body).data
        rules.check_size(request.body, rules.PROFILE_BYTES)
        self._store.one_profile(told.attributes, "/data")
        before = set(self._store.profiles.values())
        profile = self._store.known(told.attributes, told.id, "/data")
        document = {"data": {"type": "profile", "id": profile, "attributes": {}}}
        return Reply(200 if profile in before else 201, "accepted", orjson.dumps(document))

    def update_profile(self, request: Received, profile: str) -> Reply:
        told = shapes.ProfileDocument.model_validate_json(request.body).data
        rules.check_size(request.body, rules.PROFILE_BYTES)
        if told.id != profile:
            raise Invalid("The id must be the one of the path.", "/data/id")
        if profile not in self._store.profiles.values():
            raise Missing("A profile with this id does not exist.", "/data/id")
        document = {"data": {"type": "profile", "id": profile, "attributes": {}}}
        return Reply(200, "accepted", orjson.dumps(document))

    def subscribe(self, request: Received) -> Reply:
        told = shapes.SubscribeDocument.model_validate_json(request.body).data.attributes
        rules.check_items(told.profiles.data, rules.SUBSCRIBERS, "/data/attributes/profiles")
        for profile in told.profiles.data:
            for channel, address, consent in profile.attributes.consents():
                if (consent.consented_at is not None) != bool(told.historical_import):
                    raise Invalid("consented_at goes with historical_import.", "/data/attributes/profiles/data")
                if consent.consented_at and rules.rfc3339(consent.consented_at).timestamp() > request.at:
                    raise Invalid("consented_at must be in the past.", "/data/attributes/profiles/data")
                self._store.consents[channel, address] = consent.consent
        return Reply(202, "accepted")

    def unsubscribe(self, request: Received) -> Reply:
        told = shapes.UnsubscribeDocument.model_validate_json(request.body).data.attributes
        rules.check_items(told.profiles.data, rules.UNSUBSCRIBERS, "/data/attributes/profiles")
        for profile in told.profiles.data:
            for channel, address, consent in profile.attributes.consents():
                self._store.consents[channel, address] = consent.consent
        return Reply(202, "accepted")

    def erase(self, request: Received) -> Reply:
        told = shapes.EraseDocument.model_validate_json(request.body).data.attributes.profile.data
        given = {"id": told.id, "email": told.attributes.email, "phone_number": told.attributes.phone_number}
        names = {name: value for name, value in given.items() if value}
        if len(names) != 1:
            raise Invalid("Exactly one of id, email and phone_number.", "/data/attributes/profile/data")
        self._store.erase(names)
        return Reply(202, "accepted")
