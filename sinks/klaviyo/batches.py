"""Calls that travel together: events in bulk jobs, profiles in import jobs, consent taken back. Pure.

Sources: README.md beside this.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from itertools import groupby

import msgspec
from msgspec import Raw, structs

from sinks.contract import Answer, Batch, Call, Verdict
from sinks.klaviyo import importjob
from sinks.klaviyo.refusal import pointers, spared

REQUEST_BYTES = 5_000_000
# What joining may add: an event's own entry, and around them all. The numbers are tested, with room to spare.
_ENTRY_BYTES, _AROUND_BYTES = 100, 200


class _Event(msgspec.Struct, forbid_unknown_fields=True):
    """Raw: not a digit of a number changes on the way."""

    attributes: dict[str, Raw]
    type: str


class _Profile(msgspec.Struct, forbid_unknown_fields=True):
    data: dict[str, Raw]


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    data: Raw


class _EventDocument(msgspec.Struct, forbid_unknown_fields=True):
    data: _Event


_event = msgspec.json.Decoder(_EventDocument)
_profile = msgspec.json.Decoder(_Profile)
_document = msgspec.json.Decoder(_Document)
_fields = msgspec.json.Decoder(dict[str, Raw])
_encode = msgspec.json.Encoder().encode


def _bulk(says: str, resource: str, body: bytes) -> Call:
    return Call(says=says, method="POST", path=f"/api/{resource}", body=body, key="", endpoint=resource)


# -- events


def join_events(calls: Sequence[Call]) -> Call:
    """An entry for each run of events with the same profile. Only a run: were an older profile's entry to take in a
    later event, a name that changed in between might be the last one told."""
    entries = []
    for profile, run in groupby(map(_parted, calls), key=lambda parts: parts[0]):
        events = b",".join([event for _, event in run])
        entries.append(
            b'{"type":"event-bulk-create","attributes":{"profile":%b,"events":{"data":[%b]}}}' % (profile, events)
        )
    jobs = b",".join(entries)
    body = b'{"data":{"type":"event-bulk-create-job","attributes":{"events-bulk-create":{"data":[%b]}}}}' % jobs
    return _bulk("Bulk Create Events", "event-bulk-create-jobs", body)


def _parted(call: Call) -> tuple[bytes, bytes]:
    """The profile and the event without it. All else, `backfill` too, stays with the event."""
    attributes = _event.decode(call.body).data.attributes
    profile = bytes(attributes.pop("profile"))
    if b'"meta"' in profile:
        profile = _with_meta_outside(profile)
    return profile, b'{"type":"event","attributes":%b}' % _encode(attributes)


def _with_meta_outside(profile: bytes) -> bytes:
    """A single event has `meta` (what to append to a property, or to unset) among the profile's attributes, a bulk
    event beside them."""
    data = _profile.decode(profile).data
    attributes = _fields.decode(data["attributes"])
    if (meta := attributes.pop("meta", None)) is None:
        return profile
    return _encode({"data": data | {"attributes": attributes, "meta": meta}})


_ENTRY = re.compile(r"/data/attributes/events-bulk-create/data/(\d{1,5})(/.*)?")
_OF_EVENT = re.compile(r"/attributes/events/data/(\d{1,5})(/.*)?")


def read_events(calls: Sequence[Call], answers: Sequence[Answer]) -> tuple[Verdict, ...] | None:
    """A refused request names the spot, and the spot an item; every other answer is said of the whole."""
    if answers[-1].status != 400:
        return None
    entries: list[list[int]] = []
    for _, run in groupby(enumerate(calls), key=lambda each: _parted(each[1])[0]):
        entries.append([number for number, _ in run])
    blamed = {number for pointer in pointers(answers[-1]) for number in _events_at(pointer, entries)}
    return spared(len(calls), blamed)


def _events_at(pointer: str, entries: list[list[int]]) -> Collection[int]:
    """Nobody, when the pointer is not clear: then halves tell. Nor for a `unique_id`: ours is never wrong, so the event
    may be known already, and alone Klaviyo takes a repeat."""
    entry = _ENTRY.fullmatch(pointer)
    if entry is None or int(entry[1]) >= len(entries) or pointer.endswith("/unique_id"):
        return ()
    events, inside = entries[int(entry[1])], entry[2] or ""
    if one := _OF_EVENT.fullmatch(inside):
        return events[int(one[1]) : int(one[1]) + 1]
    # Klaviyo's own pointers leave steps out ("…/data/0/attributes/email"): only an entry of one event is clear then.
    return events if len(events) == 1 or inside.startswith("/attributes/profile/") else ()


EVENTS = Batch(
    endpoint="events",
    budget="event-bulk-create-jobs",
    join=join_events,
    read=read_events,
    most_items=1_000,
    most_bytes=REQUEST_BYTES - 1_000 * _ENTRY_BYTES - _AROUND_BYTES,
    from_items=25,  # 150 requests a minute carry more than the 3,500 of single events only if there are 24 in each
    in_flight=4,
    repeats=False,  # one unique_id they have seen may fail the whole request
)


# -- profiles


def join_profiles(calls: Sequence[Call]) -> Call:
    profiles = b",".join([bytes(_document.decode(call.body).data) for call in calls])
    body = b'{"data":{"type":"profile-bulk-import-job","attributes":{"profiles":{"data":[%b]}}}}' % profiles
    return _bulk("Bulk Import Profiles", "profile-bulk-import-jobs", body)


PROFILES = Batch(
    endpoint="profile-import",
    budget="profile-bulk-import-jobs",
    join=join_profiles,
    read=importjob.read,
    most_items=10_000,
    most_bytes=REQUEST_BYTES - _AROUND_BYTES,
    from_items=500,  # Klaviyo: not for a few profiles; fewer than these are told one by one within a minute
    one_per_customer=True,  # in which order a job takes two updates of one person is not documented
)


# -- consent taken back


class _ProfilesOf(msgspec.Struct):
    data: list[Raw]


class _Unsubscribing(msgspec.Struct):
    profiles: _ProfilesOf


class _UnsubscribeJob(msgspec.Struct):
    attributes: _Unsubscribing


class _UnsubscribeDocument(msgspec.Struct):
    data: _UnsubscribeJob


TOGETHER = (
    "unsubscriptions-together"  # a share of their own, so that requests refused as a whole do not stop single ones
)
_unsubscribe = msgspec.json.Decoder(_UnsubscribeDocument)
_AT_PROFILE = re.compile(r"/data/attributes/profiles/data/(\d{1,5})(/.*)?")


def join_unsubscriptions(calls: Sequence[Call]) -> Call:
    """Each call is a job of one profile."""
    told = [profile for call in calls for profile in _unsubscribe.decode(call.body).data.attributes.profiles.data]
    profiles = b",".join([bytes(profile) for profile in told])
    body = (
        b'{"data":{"type":"profile-subscription-bulk-delete-job","attributes":{"profiles":{"data":[%b]}}}}' % profiles
    )
    return structs.replace(
        _bulk("Bulk Unsubscribe Profiles", "profile-subscription-bulk-delete-jobs", body), endpoint=TOGETHER
    )


def read_unsubscriptions(calls: Sequence[Call], answers: Sequence[Answer]) -> tuple[Verdict, ...] | None:
    """Accepted is all that Klaviyo ever says."""
    if answers[-1].status != 400:
        return None
    found = [_AT_PROFILE.fullmatch(pointer) for pointer in pointers(answers[-1])]
    return spared(len(calls), {int(spot[1]) for spot in found if spot and int(spot[1]) < len(calls)})


UNSUBSCRIPTIONS = Batch(
    endpoint="profile-subscription-bulk-delete-jobs",
    budget=TOGETHER,
    join=join_unsubscriptions,
    read=read_unsubscriptions,
    most_items=100,
    most_bytes=REQUEST_BYTES - _AROUND_BYTES,
    from_items=25,
    one_per_customer=True,
)
