"""The stand-in's bulk endpoints: all or nothing, by the documents' limits, and jobs that take their time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sinks.fake import Reply
from sinks.klaviyo.fake import API_KEY, KlaviyoStandIn
from tests.sinks.documents import changed
from tests.sinks.openapi import answer_judge, judge
from tests.sinks.test_klaviyo_fake import EVENT, NOON, ask, error

EVENTS, JOBS = "/api/event-bulk-create-jobs", "/api/profile-bulk-import-jobs"
ENTRY = "data.attributes.events-bulk-create.data.0"
WHO = f"{ENTRY}.attributes.profile.data"
FIRST = f"{ENTRY}.attributes.events.data.0.attributes"


def placed(order: str, **more: Any) -> dict[str, Any]:
    attributes = {k: v for k, v in EVENT["data"]["attributes"].items() if k != "profile"}
    return {"type": "event", "attributes": {**attributes, "unique_id": order, **more}}


def entry(email: str, *events: dict[str, Any]) -> dict[str, Any]:
    who = {"data": {"type": "profile", "attributes": {"email": email}}}
    return {"type": "event-bulk-create", "attributes": {"profile": who, "events": {"data": list(events)}}}


def bulk(*entries: dict[str, Any]) -> dict[str, Any]:
    attributes = {"events-bulk-create": {"data": list(entries)}}
    return {"data": {"type": "event-bulk-create-job", "attributes": attributes}}


def profile(email: str | None, **more: Any) -> dict[str, Any]:
    return {"type": "profile", "attributes": {**({"email": email} if email else {}), **more}}


def job(*profiles: dict[str, Any]) -> dict[str, Any]:
    return {"data": {"type": "profile-bulk-import-job", "attributes": {"profiles": {"data": list(profiles)}}}}


ADA = bulk(entry("ada@example.com", placed("1234"), placed("1235")))
IMPORT = job(profile("ada@example.com"), profile("bob@example.com"))


def get(stand_in: KlaviyoStandIn, path: str, at: float = NOON, **headers: str | None) -> Reply:
    return ask(stand_in, b"", path, at, "GET", **{"content_type": None, **headers})


def data(reply: Reply) -> Any:
    return json.loads(reply.body)["data"]


# -- events


def test_events_in_bulk_are_kept_like_single_ones() -> None:
    one_by_one, at_once = KlaviyoStandIn(), KlaviyoStandIn()
    for order in ("1234", "1235"):
        ask(one_by_one, changed(EVENT, "data.attributes.unique_id", order))

    reply = ask(at_once, ADA, EVENTS)

    assert (reply.status, reply.verdict, reply.body) == (202, "accepted", b"")
    assert at_once.stored() == one_by_one.stored()


def test_history_may_be_marked_for_the_entry_or_for_the_event() -> None:
    stand_in = KlaviyoStandIn()
    told = bulk(entry("ada@example.com", placed("1"), placed("2", backfill=False), placed("3", backfill=True)))

    ask(stand_in, changed(told, f"{ENTRY}.attributes.backfill", True), EVENTS)

    assert [event["backfill"] for event in stand_in.stored()["events"]] == [True, False, True]


@pytest.mark.parametrize(
    ("way", "value", "pointer"),
    [
        ("data.type", "event", "/data/type"),
        (f"{ENTRY}.type", "event", "/data/0/type"),
        (f"{ENTRY}.attributes.events", ..., "/data/0/attributes/events"),
        (f"{ENTRY}.attributes.profile", ..., "/data/0/attributes/profile"),
        (f"{WHO}.attributes", {}, "/data/0/attributes/profile/data"),
        (f"{WHO}.attributes.email", "ada", "/data/0/attributes/profile/data/attributes/email"),
        (f"{WHO}.attributes.meta", {}, "/data/0/attributes/profile/data/attributes/meta"),
        (f"{FIRST}.profile", {}, "/events/data/0/attributes/profile"),
        (f"{FIRST}.metric", ..., "/events/data/0/attributes/metric"),
        (f"{FIRST}.properties", ..., "/events/data/0/attributes/properties"),
        (f"{FIRST}.value_currency", "€", "/events/data/0/attributes/value_currency"),
        (f"{FIRST}.time", "1990-01-01T00:00:00Z", "/events/data/0/attributes/time"),
        (f"{FIRST}.properties.Long", "x" * 100_001, "/events/data/0/attributes/properties/Long"),
        (f"{FIRST}.properties", dict.fromkeys(map(str, range(401))), "/events/data/0/attributes/properties"),
        (f"{FIRST}.unique_id", "1235", "/events/data/1/attributes/unique_id"),
    ],
    ids=lambda value: str(value)[-50:],
)
def test_one_wrong_event_fails_the_whole_request_and_is_pointed_at(way: str, value: Any, pointer: str) -> None:
    stand_in = KlaviyoStandIn()
    reply = ask(stand_in, changed(ADA, way, value), EVENTS)

    assert (reply.status, reply.verdict, error(reply)["code"]) == (400, "refused", "invalid")
    assert error(reply)["source"]["pointer"].endswith(pointer)
    assert stand_in.stored()["events"] == []
    assert stand_in.stored()["profiles"] == 0


def test_a_thousand_events_are_taken_and_one_more_is_not() -> None:
    def many(count: int) -> dict[str, Any]:
        return bulk(
            *(entry(f"{person}@example.com", *(placed(str(n)) for n in range(count // 10))) for person in range(9)),
            entry("last@example.com", *(placed(str(n)) for n in range(count - 9 * (count // 10)))),
        )

    stand_in = KlaviyoStandIn()

    assert ask(stand_in, many(1_001), EVENTS).status == 400
    assert ask(stand_in, many(1_000), EVENTS).status == 202
    assert len(stand_in.stored()["events"]) == 1_000


def test_more_than_five_megabytes_of_events_are_refused() -> None:
    large = bulk(entry("ada@example.com", *(placed(str(n), properties={"x": "x" * 99_000}) for n in range(51))))

    assert ask(KlaviyoStandIn(), large, EVENTS).status == 400


@pytest.mark.parametrize("refused", [False, True])
def test_whether_a_repeat_of_earlier_events_fails_the_request_can_be_chosen(refused: bool) -> None:
    stand_in = KlaviyoStandIn(repeats_refused=refused)
    ask(stand_in, EVENT)

    reply = ask(stand_in, ADA, EVENTS)

    assert reply.status == (400 if refused else 202)
    assert len(stand_in.stored()["events"]) == (1 if refused else 2)
    assert ask(stand_in, EVENT).verdict == "duplicate"


# -- profiles


def test_a_job_is_queued_then_processed_then_complete() -> None:
    stand_in = KlaviyoStandIn(job_seconds=(1, 2))
    made = data(ask(stand_in, IMPORT, JOBS))
    path = f"{JOBS}/{made['id']}"

    states = [data(get(stand_in, path, NOON + after))["attributes"] for after in (0.5, 1, 2.5, 3)]

    assert made["attributes"]["status"] == "queued"
    assert [state["status"] for state in states] == ["queued", "processing", "processing", "complete"]
    assert [(state["completed_count"], state["failed_count"]) for state in states] == [(0, 0)] * 3 + [(2, 0)]
    assert data(get(stand_in, f"{path}/import-errors", NOON + 3)) == []
    assert stand_in.stored()["profiles"] == 2


def test_profiles_that_fail_are_among_the_errors_and_the_others_are_kept() -> None:
    stand_in = KlaviyoStandIn(unwanted=frozenset({"eve@example.com"}), job_seconds=(0, 1))
    large = profile("big@example.com", properties={"x": "x" * 100_000})
    made = data(ask(stand_in, job(profile("eve@example.com"), profile("ada@example.com"), profile(None), large), JOBS))
    path = f"{JOBS}/{made['id']}"

    assert data(get(stand_in, f"{path}/import-errors", NOON)) == []  # not before it is complete
    assert data(get(stand_in, path, NOON + 1))["attributes"]["failed_count"] == 3
    errors = data(get(stand_in, f"{path}/import-errors", NOON + 1))
    assert [each["attributes"]["source"]["pointer"] for each in errors] == [
        "/data/attributes/profiles/data/0/attributes/email",
        "/data/attributes/profiles/data/2",
        "/data/attributes/profiles/data/3",
    ]
    assert errors[0]["attributes"]["original_payload"] == profile("eve@example.com")
    assert stand_in.stored()["profiles"] == 1


def test_errors_come_in_pages() -> None:
    stand_in = KlaviyoStandIn(job_seconds=(0, 0))
    path = f"{JOBS}/{data(ask(stand_in, job(*[profile(None)] * 45), JOBS))['id']}/import-errors"

    sizes, link = [], path
    while link:
        reply = get(stand_in, link)
        sizes.append(len(data(reply)))
        following = json.loads(reply.body)["links"].get("next", "")
        assert following.startswith(f"https://a.klaviyo.com{path}?") or not following
        link = following.removeprefix("https://a.klaviyo.com")

    assert sizes == [20, 20, 5]
    assert len(data(get(stand_in, f"{path}?page%5Bsize%5D=100"))) == 45


@pytest.mark.parametrize("query", ["page[size]=0", "page[size]=101", "page[size]=all", "page[cursor]=elsewhere"])
def test_a_page_there_cannot_be_is_refused(query: str) -> None:
    stand_in = KlaviyoStandIn()
    path = f"{JOBS}/{data(ask(stand_in, IMPORT, JOBS))['id']}/import-errors"

    assert error(get(stand_in, f"{path}?{query}"))["source"]["parameter"] == query.partition("=")[0]


def test_a_cancelled_job_says_so() -> None:
    stand_in = KlaviyoStandIn()
    made = data(ask(stand_in, IMPORT, JOBS))
    stand_in.jobs.cancel()

    assert data(get(stand_in, f"{JOBS}/{made['id']}", NOON + 60))["attributes"]["status"] == "cancelled"


@pytest.mark.parametrize(
    ("way", "value"),
    [
        ("data.type", "profile-import-job"),
        ("data.attributes.profiles", ...),
        ("data.attributes.profiles.data.1.type", "person"),
        ("data.attributes.profiles.data.1.attributes", ...),
        ("data.attributes.profiles.data.1.attributes.email", "bob"),
        ("data.attributes.profiles.data.1.attributes.anonymous_id", "cookie-7"),
        ("data.attributes.profiles.data.1.attributes.location", {"town": "Berlin"}),
        ("data.relationships", {"lists": {"data": [{"type": "list", "id": ""}]}}),
        ("data.attributes.profiles.data", [profile("ada@example.com")] * 10_001),
        ("data.attributes.profiles.data", [profile("a@b.cc", properties={"x": "x" * 90_000})] * 56),
    ],
    ids=lambda value: str(value)[-50:],
)
def test_a_job_that_is_wrong_is_refused_and_keeps_nobody(way: str, value: Any) -> None:
    stand_in = KlaviyoStandIn()
    reply = ask(stand_in, changed(IMPORT, way, value), JOBS)

    assert (reply.status, error(reply)["code"]) == (400, "invalid")
    assert stand_in.stored()["profiles"] == 0


# -- the door


@pytest.mark.parametrize(
    ("status", "request_"),
    [
        (401, {"authorization": None}),
        (400, {"revision": None}),
        (410, {"revision": "2022-10-17"}),
        (415, {"accept": "application/json"}),
    ],
    ids=str,
)
@pytest.mark.parametrize("resource", [EVENTS, JOBS, f"{JOBS}/1", f"{JOBS}/1/import-errors"])
def test_at_the_door(resource: str, status: int, request_: dict[str, Any]) -> None:
    method = "GET" if "/1" in resource else "POST"

    assert ask(KlaviyoStandIn(), ADA, resource, method=method, **request_).status == status


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", EVENTS, 405),
        ("GET", JOBS, 405),
        ("POST", f"{JOBS}/1", 405),
        ("GET", f"{JOBS}/1", 404),
        ("GET", f"{JOBS}/1/import-errors", 404),
        ("GET", f"{JOBS}/1/profiles", 404),
    ],
)
def test_what_is_not_there(method: str, path: str, status: int) -> None:
    assert ask(KlaviyoStandIn(), ADA, path, method=method).status == status


@pytest.mark.parametrize(
    ("method", "path", "lacking"),
    [
        ("POST", EVENTS, "events:write"),
        ("POST", JOBS, "lists:write"),
        ("POST", JOBS, "profiles:write"),
        ("GET", f"{JOBS}/1", "lists:read"),
        ("GET", f"{JOBS}/1", "profiles:read"),
        ("GET", f"{JOBS}/1/import-errors", "profiles:read"),
    ],
)
def test_a_key_without_the_scope_is_refused(method: str, path: str, lacking: str) -> None:
    every = frozenset({"events:write", "lists:read", "lists:write", "profiles:read", "profiles:write"})
    reply = ask(KlaviyoStandIn(scopes=every - {lacking}), ADA, path, method=method)

    assert (reply.status, error(reply)["detail"]) == (403, f"The key lacks {lacking}.")


@pytest.mark.parametrize("path", [EVENTS, JOBS, f"{JOBS}/1", f"{JOBS}/1/import-errors"])
def test_ten_a_second_and_no_more(path: str) -> None:
    stand_in, method = KlaviyoStandIn(), "GET" if "/1" in path else "POST"
    statuses = [ask(stand_in, b"{", path, NOON + n / 100, method).status for n in range(11)]

    assert statuses.count(429) == 1
    assert statuses[-1] == 429
    assert ask(stand_in, EVENT, at=NOON + 0.5).status == 202


def test_the_key_stands_in_no_link() -> None:
    stand_in = KlaviyoStandIn()

    assert API_KEY.encode() not in ask(stand_in, IMPORT, JOBS).body


# -- Klaviyo's own word


@pytest.mark.real
def test_klaviyos_openapi_knows_these_requests_and_answers(real_data: Path) -> None:
    stand_in = KlaviyoStandIn(job_seconds=(0, 1))
    made = ask(stand_in, job(*[profile(None)] * 30), JOBS)
    path = f"{JOBS}/{data(made)['id']}"

    judge(real_data, EVENTS).validate(ADA)
    judge(real_data, JOBS).validate(IMPORT)
    answer_judge(real_data, "post", JOBS, 202).validate(json.loads(made.body))
    for at in (NOON, NOON + 1):
        state, errors = get(stand_in, path, at), get(stand_in, f"{path}/import-errors", at)
        answer_judge(real_data, "get", f"{JOBS}/{{job_id}}", 200).validate(json.loads(state.body))
        answer_judge(real_data, "get", f"{JOBS}/{{id}}/import-errors", 200).validate(json.loads(errors.body))
