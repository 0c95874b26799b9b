"""The stand-in for Klaviyo refuses what the documents refuse, with their error bodies, and dedupes as they say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sinks.fake import Received, Reply
from sinks.klaviyo.fake import API_KEY, SCOPES, KlaviyoStandIn
from sinks.klaviyo.sink import SINK
from tests.sinks.documents import changed
from tests.sinks.folders import config

NOON = 1_795_262_400.0  # 2026-11-21T12:00:00Z
HEADERS = {
    "authorization": f"Klaviyo-API-Key {API_KEY}",
    "revision": "2026-07-15",
    "content-type": "application/vnd.api+json",
    "accept": "application/vnd.api+json",
}
EVENT = {
    "data": {
        "type": "event",
        "attributes": {
            "metric": {"data": {"type": "metric", "attributes": {"name": "Placed Order"}}},
            "profile": {"data": {"type": "profile", "attributes": {"email": "ada@example.com"}}},
            "properties": {"OrderId": "1234"},
            "time": "2026-11-21T12:00:00+00:00",
            "unique_id": "1234",
            "value": 9.99,
            "value_currency": "EUR",
        },
    }
}
PROFILE = {"data": {"type": "profile", "attributes": {"email": "ada@example.com", "phone_number": "+4930123456"}}}
ERASE = {
    "data": {
        "type": "data-privacy-deletion-job",
        "attributes": {"profile": {"data": {"type": "profile", "attributes": {"email": "ada@example.com"}}}},
    }
}


def consent(kind: str, word: str) -> dict[str, Any]:
    marketing = {"email": {"marketing": {"consent": word}}}
    who = {"type": "profile", "attributes": {"email": "ada@example.com", "subscriptions": marketing}}
    return {"data": {"type": f"profile-subscription-bulk-{kind}-job", "attributes": {"profiles": {"data": [who]}}}}


SUBSCRIBE, UNSUBSCRIBE = consent("create", "SUBSCRIBED"), consent("delete", "UNSUBSCRIBED")
SUB, UNSUB = (f"profile-subscription-bulk-{kind}-jobs" for kind in ("create", "delete"))
MARKETING = "data.attributes.profiles.data.0.attributes.subscriptions.email.marketing"
PATHS = {
    "events": EVENT,
    "profile-import": PROFILE,
    "data-privacy-deletion-jobs": ERASE,
    SUB: SUBSCRIBE,
    UNSUB: UNSUBSCRIBE,
}


def people(document: dict[str, Any]) -> list[Any]:
    return list(document["data"]["attributes"]["profiles"]["data"])


def ask(
    stand_in: KlaviyoStandIn,
    document: Any = EVENT,
    path: str = "/api/events",
    at: float = NOON,
    method: str = "POST",
    **headers: str | None,
) -> Reply:
    """`headers` with underscores for dashes; `None` leaves one out."""
    changed = {**HEADERS, **{name.replace("_", "-"): value for name, value in headers.items()}}
    sent = {name: value for name, value in changed.items() if value is not None}
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return stand_in.answer(Received(at, method, path, sent, body))


def error(reply: Reply) -> dict[str, Any]:
    (told,) = json.loads(reply.body)["errors"]
    assert set(told) >= {"id", "status", "code", "title", "detail"}
    assert told["status"] == reply.status
    assert reply.content_type == "application/vnd.api+json"
    return dict(told)


@pytest.mark.parametrize(("resource", "status"), [(name, 201 if name == "profile-import" else 202) for name in PATHS])
def test_what_is_right_is_taken(resource: str, status: int) -> None:
    reply = ask(KlaviyoStandIn(), PATHS[resource], f"/api/{resource}")

    assert (reply.status, reply.verdict) == (status, "accepted")
    assert bool(reply.body) is (status == 201)


@pytest.mark.parametrize(
    ("status", "request_"),
    [
        (401, {"authorization": None}),
        (401, {"authorization": "Klaviyo-API-Key pk_other"}),
        (401, {"authorization": f"Bearer {API_KEY}"}),
        (400, {"revision": None}),
        (400, {"revision": "yesterday"}),
        (410, {"revision": "2022-10-17"}),
        (415, {"content_type": "application/json"}),
        (415, {"accept": "*/*"}),
        (405, {"method": "GET"}),
        (404, {"path": "/api/event"}),
        (404, {"path": "/client/events"}),
        (410, {"path": "/api/track"}),
        (410, {"path": "/api/v2/people"}),
    ],
    ids=str,
)
def test_at_the_door(status: int, request_: dict[str, Any]) -> None:
    reply = ask(KlaviyoStandIn(), **request_)

    assert (reply.status, reply.verdict) == (status, "refused")
    assert error(reply)


@pytest.mark.parametrize("resource", PATHS)
def test_a_key_without_the_scope_is_refused(resource: str) -> None:
    assert ask(KlaviyoStandIn(scopes=frozenset()), PATHS[resource], f"/api/{resource}").status == 403


@pytest.mark.parametrize(
    ("way", "value"),
    [
        ("data.type", "events"),
        ("data.attributes.properties", ...),
        ("data.attributes.properties", []),
        ("data.attributes.metric", ...),
        ("data.attributes.metric.data.attributes.name", ""),
        ("data.attributes.metric.data.attributes.name", "x" * 128),
        ("data.attributes.metric.data.type", "metrics"),
        ("data.attributes.profile", ...),
        ("data.attributes.profile.data.attributes.email", ...),
        ("data.attributes.profile.data.attributes.email", "ada"),
        ("data.attributes.profile.data.attributes.phone_number", "030 123456"),
        ("data.attributes.profile.data.attributes.phone_number", "+0301234567"),
        ("data.attributes.profile.data.attributes.name", "Ada"),
        ("data.attributes.value", "9.99"),
        ("data.attributes.value", True),
        ("data.attributes.value_currency", "€"),
        ("data.attributes.unique_id", 1234),
        ("data.attributes.time", 1387302423),
        ("data.attributes.time", "2026-11-21T12:00:00"),
        ("data.attributes.time", "2026-11-21 12:00"),
        ("data.attributes.time", "1990-12-31T23:59:59+00:00"),
        ("data.attributes.time", "2027-11-22T12:00:00+00:00"),
        ("data.attributes.backfill", "yes"),
        ("data.attributes.event", "Placed Order"),
        ("data.attributes.properties.Long", "x" * 100_001),
        ("data.attributes.properties.Many", [0] * 4_001),
        ("data.attributes.properties", {str(n): n for n in range(401)}),
        ("data.attributes.properties.Deep", {"1": {"2": {"3": {"4": {"5": {"6": {"7": {"8": {"9": 0}}}}}}}}}),
    ],
    ids=lambda value: str(value)[:60],
)
def test_an_event_that_is_wrong_is_refused_with_the_spot(way: str, value: Any) -> None:
    stand_in = KlaviyoStandIn()
    reply = ask(stand_in, changed(EVENT, way, value))

    assert (reply.status, reply.verdict) == (400, "refused")
    assert error(reply)["code"] == "invalid"
    assert error(reply)["source"]["pointer"].startswith("/data")
    assert stand_in.stored()["events"] == []


def test_more_than_five_megabytes_is_refused() -> None:
    large = changed(EVENT, "data.attributes.properties", {str(n): "x" * 99_000 for n in range(51)})

    assert ask(KlaviyoStandIn(), large).status == 400


def test_what_is_not_json_is_refused() -> None:
    assert error(ask(KlaviyoStandIn(), b"{"))["code"] == "invalid"


@pytest.mark.parametrize(
    ("resource", "way", "value"),
    [
        ("profile-import", "data.attributes", {"first_name": "Ada"}),
        ("profile-import", "data.attributes.anonymous_id", "cookie-7"),
        ("profile-import", "data.attributes.locale", "en_GB"),
        ("profile-import", "data.attributes.first_name", "x" * 100_000),
        ("data-privacy-deletion-jobs", "data.attributes.profile.data.attributes", {}),
        ("data-privacy-deletion-jobs", "data.attributes.profile.data.attributes.phone_number", "+4930123456"),
        ("data-privacy-deletion-jobs", "data.attributes.profile.data.attributes.external_id", "42"),
        (SUB, "data.attributes.historical_import", True),
        (SUB, "data.attributes.profiles.data.0.attributes.email", ...),
        (SUB, f"{MARKETING}.consent", "YES"),
        (SUB, f"{MARKETING}.consented_at", "2026-01-01T00:00:00Z"),
        (SUB, "data.relationships", {"list": {"data": {"type": "list", "id": ""}}}),
        (UNSUB, f"{MARKETING}.consent", "SUBSCRIBED"),
        (SUB, "data.attributes.profiles.data", people(SUBSCRIBE) * 1_001),
        (UNSUB, "data.attributes.profiles.data", people(UNSUBSCRIBE) * 101),
    ],
    ids=lambda value: str(value)[-60:],
)
def test_the_other_bodies_are_looked_at_as_closely(resource: str, way: str, value: Any) -> None:
    reply = ask(KlaviyoStandIn(), changed(PATHS[resource], way, value), f"/api/{resource}")

    assert (reply.status, error(reply)["code"]) == (400, "invalid")


def test_consent_of_the_future_is_refused_and_of_the_past_kept() -> None:
    stand_in = KlaviyoStandIn()
    path = f"/api/{SUB}"
    history = changed(SUBSCRIBE, "data.attributes.historical_import", True)

    assert ask(stand_in, changed(history, f"{MARKETING}.consented_at", "2026-11-22T00:00:00Z"), path).status == 400
    assert ask(stand_in, changed(history, f"{MARKETING}.consented_at", "2020-01-01T00:00:00Z"), path).status == 202
    assert stand_in.stored()["consents"] == {"email:ada@example.com": "SUBSCRIBED"}


# -- dedupe


@pytest.mark.parametrize(
    ("other", "stored"),
    [
        (EVENT, 1),
        (changed(EVENT, "data.attributes.value", 1), 1),
        (changed(EVENT, "data.attributes.unique_id", "1235"), 2),
        (changed(EVENT, "data.attributes.metric.data.attributes.name", "Fulfilled Order"), 2),
        (changed(EVENT, "data.attributes.profile.data.attributes.email", "bob@example.com"), 2),
    ],
)
def test_one_event_is_kept_per_profile_metric_and_unique_id(other: dict[str, Any], stored: int) -> None:
    stand_in = KlaviyoStandIn()

    assert [ask(stand_in, EVENT).status, ask(stand_in, other).status] == [202, 202]
    assert len(stand_in.stored()["events"]) == stored
    assert stand_in.stored()["events"][0]["value"] == 9.99


def test_without_a_unique_id_one_event_a_second_is_kept() -> None:
    stand_in, bare = KlaviyoStandIn(), changed(EVENT, "data.attributes.unique_id", ...)
    later = changed(bare, "data.attributes.time", "2026-11-21T12:00:01+00:00")

    for document in (bare, bare, later):
        ask(stand_in, document)

    assert len(stand_in.stored()["events"]) == 2


def test_a_profile_is_the_same_under_any_of_its_names() -> None:
    stand_in = KlaviyoStandIn()
    by_phone = changed(EVENT, "data.attributes.profile.data.attributes", {"phone_number": "+4930123456"})

    assert ask(stand_in, PROFILE, "/api/profile-import").status == 201
    assert ask(stand_in, PROFILE, "/api/profile-import").status == 200
    assert [ask(stand_in, document).verdict for document in (EVENT, by_phone)] == ["accepted", "duplicate"]


def test_an_erased_profile_is_new_when_it_comes_back() -> None:
    stand_in = KlaviyoStandIn()
    ask(stand_in, PROFILE, "/api/profile-import")
    ask(stand_in, ERASE, "/api/data-privacy-deletion-jobs")

    assert stand_in.stored()["profiles"] == 0
    assert stand_in.stored()["erased"] == [{"email": "ada@example.com"}]
    assert ask(stand_in, PROFILE, "/api/profile-import").status == 201


# -- budgets


def test_the_burst_window_closes_and_opens() -> None:
    stand_in = KlaviyoStandIn()
    statuses = [ask(stand_in, ERASE, "/api/data-privacy-deletion-jobs", at=NOON + n / 10).status for n in range(4)]
    refused = ask(stand_in, ERASE, "/api/data-privacy-deletion-jobs", at=NOON + 0.9)

    assert statuses == [202, 202, 202, 429]
    assert (refused.verdict, refused.headers) == ("throttled", {"Retry-After": "1"})
    assert error(refused)["code"] == "throttled"
    assert ask(stand_in, ERASE, "/api/data-privacy-deletion-jobs", at=NOON + 1).status == 202
    assert ask(stand_in, EVENT, at=NOON + 0.9).status == 202


def test_the_steady_window_is_told_in_every_other_answer() -> None:
    stand_in = KlaviyoStandIn()
    replies = [ask(stand_in, ERASE, "/api/data-privacy-deletion-jobs", at=NOON + n) for n in range(60)]

    assert replies[0].headers == {"RateLimit-Limit": "60", "RateLimit-Remaining": "59", "RateLimit-Reset": "60"}
    assert ask(stand_in, b"{", "/api/data-privacy-deletion-jobs", at=NOON + 60).headers["RateLimit-Remaining"] == "59"


def test_without_limits_calls_are_taken_as_fast_as_they_come() -> None:
    stand_in = KlaviyoStandIn(limits=())

    assert {ask(stand_in).status for _ in range(400)} == {202}


# -- profiles whose names clash


def test_names_of_two_profiles_are_refused_with_the_profile_they_clash_with() -> None:
    stand_in = KlaviyoStandIn()
    ada = changed(PROFILE, "data.attributes", {"email": "ada@example.com"})
    ask(stand_in, ada, "/api/profile-import")
    ask(stand_in, changed(PROFILE, "data.attributes", {"phone_number": "+4930123456"}), "/api/profile-import")

    reply = ask(stand_in, PROFILE, "/api/profile-import")

    assert (reply.status, error(reply)["code"]) == (409, "duplicate_profile")
    known = json.loads(ask(stand_in, ada, "/api/profile-import").body)["data"]["id"]
    assert error(reply)["meta"] == {"duplicate_profile_id": known}
    assert update(stand_in, known).status == 200


def update(stand_in: KlaviyoStandIn, profile: str, **changes: Any) -> Reply:
    told = {"type": "profile", "id": profile, "attributes": {"first_name": "Ada"}} | changes
    return ask(stand_in, {"data": told}, f"/api/profiles/{profile}", method="PATCH")


@pytest.mark.parametrize(
    ("changes", "status"), [({}, 404), ({"id": "other"}, 400), ({"attributes": {"first_name": 7}}, 400)], ids=str
)
def test_a_profile_that_is_not_there_and_a_wrong_change_are_refused(changes: dict[str, Any], status: int) -> None:
    assert update(KlaviyoStandIn(), "01NOBODY", **changes).status == status


# -- the check


@pytest.mark.parametrize(
    ("status", "request_"),
    [
        (200, {}),
        (401, {"authorization": "Klaviyo-API-Key pk_other"}),
        (400, {"revision": None}),
        (405, {"method": "POST"}),
    ],
    ids=str,
)
def test_the_call_that_changes_nothing_proves_key_and_address(status: int, request_: dict[str, Any]) -> None:
    assert SINK.check is not None
    call = SINK.check(config("klaviyo"))

    assert ask(KlaviyoStandIn(), b"", call.path, **{"method": call.method, **request_}).status == status
    assert ask(KlaviyoStandIn(scopes=SCOPES - {"lists:read"}), b"", call.path, method=call.method).status == 403
