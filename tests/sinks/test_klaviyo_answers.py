"""What each answer to many events or profiles means for each of them. The numbers are those of the list in
`sinks/klaviyo/README.md`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.values import CustomerRef
from sinks.contract import Answer, Ask, Verdict, classify
from sinks.klaviyo.batches import EVENTS, PROFILES
from tests.sinks.test_klaviyo import ADA, MUG, SINK
from tests.sinks.test_klaviyo_batches import BOB, changed, placed

D, T, U, R = Verdict.DELIVERED, Verdict.THROTTLED, Verdict.UNAVAILABLE, Verdict.REJECTED

# -- events


def refusal(*pointers: str | None, status: int = 400, code: str = "invalid") -> Answer:
    errors = [
        {"id": "1", "status": status, "code": code, "title": "Invalid input.", "detail": "Invalid input.", "meta": {}}
        | ({"source": {"pointer": pointer}} if pointer is not None else {})
        for pointer in pointers
    ]
    return Answer(status, {}, json.dumps({"errors": errors}).encode())


# Entries: Ada's first two, Bob's one, Ada's last.
FOUR = (*placed(MUG), *placed(ref=BOB), *placed())
AT = "/data/attributes/events-bulk-create/data"


@pytest.mark.parametrize(
    ("answer", "verdicts"),
    [
        (Answer(202), None),
        (Answer(429), None),
        (Answer(503), None),
        (Answer(401), None),
        (Answer(413), None),
        (Answer(0, fault="timeout"), None),
        (refusal(f"{AT}/1/attributes/email", status=409), None),
        (Answer(400), None),
        (Answer(400, body=b"<html>"), None),
        (Answer(400, body=b"[]"), None),
        (Answer(400, body=b'{"errors":{}}'), None),
        (Answer(400, body=b'{"errors":[7,{"source":7},{"source":{"pointer":7}}]}'), None),
        (refusal(None), None),
        (refusal("/data"), None),
        (refusal(AT), None),
        (refusal(f"{AT}/3/attributes/email"), None),
        (refusal(f"{AT}/x/attributes/email"), None),
        (refusal(f"{AT}/1"), (T, T, R, T)),
        (refusal(f"{AT}/1/attributes/email"), (T, T, R, T)),
        (refusal(f"{AT}/2/attributes/profile/data/attributes/email"), (T, T, T, R)),
        (refusal(f"{AT}/0/attributes/events/data/1/attributes/time"), (T, R, T, T)),
        (refusal(f"{AT}/0/attributes/events/data/1"), (T, R, T, T)),
        (refusal(f"{AT}/0/attributes/events/data/2/attributes/time"), None),
        (refusal(f"{AT}/0/attributes/profile/data/attributes/email"), (R, R, T, T)),  # both have that profile
        (refusal(f"{AT}/0/attributes/email"), None),  # of which of the two is not clear
        (refusal(f"{AT}/0/attributes/email", f"{AT}/1/attributes/email"), (T, T, R, T)),
        (refusal(f"{AT}/0/attributes/events/data/0/attributes/time", f"{AT}/2"), (R, T, T, R)),
        (refusal(f"{AT}/1/attributes/events/data/0/attributes/unique_id"), None),  # they may have it
        (refusal(f"{AT}/1/attributes/unique_id", f"{AT}/2"), (T, T, T, R)),
    ],
    ids=lambda value: str(getattr(value, "body", value))[-70:],
)
def test_12_what_an_answer_means_for_each_event(answer: Answer, verdicts: Sequence[Verdict] | None) -> None:
    assert EVENTS.read(FOUR, (answer,)) == verdicts


def test_10_a_request_refused_as_a_repeat_is_never_taken_for_delivered() -> None:
    for status in (400, 409):
        answer = refusal(f"{AT}/1/attributes/unique_id", status=status, code="duplicate")

        assert EVENTS.read(FOUR, (answer,)) is None
        assert classify(answer, SINK.rules) is R  # so it is halved, and alone a repeat is taken


# -- profiles

TWO = (changed(ADA), changed(BOB))
JOB = "01J"
ERRORS = f"/api/profile-bulk-import-jobs/{JOB}/import-errors"


def state(status: str, failed: int | None = 0, http: int = 200) -> Answer:
    told = {"status": status, "created_at": "2026-11-21T12:00:00+00:00", "total_count": 2, "failed_count": failed}
    document = {"data": {"type": "profile-bulk-import-job", "id": JOB, "attributes": told}}
    return Answer(http, {}, json.dumps(document).encode())


def page(*errors: Any, cursor: str | None = None) -> Answer:
    there = {"next": f"https://elsewhere.example/api?page[size]=100&page[cursor]={cursor}"} if cursor else {}
    return Answer(200, {}, json.dumps({"data": list(errors), "links": {"self": ERRORS, **there}}).encode())


def failure(payload: Any = None, pointer: str = "/data") -> dict[str, Any]:
    told = {"code": "invalid", "title": "Invalid input", "detail": "", "source": {"pointer": pointer}}
    return {"type": "import-error", "id": "e1", "attributes": told | {"original_payload": payload}}


MADE, QUEUED, BUSY = state("queued", http=202), state("queued"), state("processing")
OF_ADA = {"email": "ada@example.com"}
OF_BOB = {"type": "profile", "attributes": {"external_id": "43", "email": "BOB@example.com"}}
AT_PROFILE = "/data/attributes/profiles/data"


@pytest.mark.parametrize(
    ("answers", "verdicts"),
    [
        # the request itself
        ([Answer(429)], None),
        ([Answer(500)], None),
        ([Answer(403)], None),
        ([Answer(413)], None),
        ([Answer(0, fault="reset")], None),
        ([Answer(400)], None),
        ([refusal(None)], None),
        ([refusal(f"{AT_PROFILE}/2/attributes/email")], None),
        ([refusal(f"{AT_PROFILE}/1/attributes/email")], (T, R)),
        ([refusal(f"{AT_PROFILE}/0", f"{AT_PROFILE}/1")], (R, R)),
        ([Answer(202)], (U, U)),  # made, and nobody can say which
        ([Answer(202, body=b'{"data":{"id":7}}')], (U, U)),
        # the job
        ([state("complete", http=202)], (D, D)),
        ([MADE, state("complete")], (D, D)),
        ([MADE, QUEUED, BUSY, state("complete", None)], (D, D)),
        ([MADE, Answer(503), Answer(0, fault="timeout"), state("complete")], (D, D)),
        ([MADE, state("complete", 1, http=503), state("complete")], (D, D)),  # a gateway that remembers
        ([MADE, BUSY, state("cancelled")], (U, U)),
        ([state("cancelled", http=202)], (U, U)),
        ([MADE, Answer(403)], None),  # the key may not look
        ([MADE, Answer(410)], None),
        ([MADE, Answer(400)], None),
        ([MADE, *[BUSY] * 40], (U, U)),
        ([MADE, *[Answer(404)] * 40], (U, U)),
        ([MADE, *[state("resting")] * 40], (U, U)),
        ([MADE, *[Answer(200, body=b"{")] * 40], (U, U)),
        # its errors
        ([MADE, state("complete", 1), page(failure(OF_ADA))], (R, D)),
        ([MADE, state("complete", 1), page(failure(OF_BOB))], (D, R)),
        ([MADE, state("complete", 1), page(failure(OF_BOB), failure(OF_BOB))], (D, R)),
        ([MADE, state("complete", 2), page(failure(OF_ADA), failure(OF_BOB))], (R, R)),
        ([MADE, state("complete", 2), page(failure(OF_ADA), cursor="n"), page(failure(OF_BOB))], (R, R)),
        ([MADE, state("complete", 2), page(cursor="n"), page(failure(OF_ADA), cursor="n")], (R, U)),  # no way out
        ([MADE, state("complete", 2), *[page(failure(OF_ADA), cursor=str(n)) for n in range(41)]], (U, U)),  # no end
        ([MADE, state("complete", 1), Answer(429), page(failure(OF_ADA))], (R, D)),
        ([MADE, state("complete", 1), page(failure(None, f"{AT_PROFILE}/1/attributes/email"))], (D, R)),
        ([MADE, state("complete", 1), page(failure(OF_ADA, f"{AT_PROFILE}/1"))], (R, D)),  # the payload knows better
        ([MADE, state("complete", 1), page(failure({"email": "eve@example.com"}, f"{AT_PROFILE}/1"))], (D, R)),
        ([MADE, state("complete", 1), page(failure())], (U, U)),
        ([MADE, state("complete", 1), page(failure({"email": "eve@example.com"}))], (U, U)),
        ([MADE, state("complete", 1), page(failure({"email": "ada@example.com", "external_id": "43"}))], (U, U)),
        ([MADE, state("complete", 1), page()], (U, U)),
        ([MADE, state("complete", 2), page(failure(OF_ADA))], (R, U)),
        ([MADE, state("complete", 1), page(7, {"attributes": 7}, failure(7), failure(OF_ADA))], (R, D)),
        ([MADE, state("complete", 1), Answer(403)], None),
        ([MADE, state("complete", 1), *[Answer(200, fault="too_large")] * 41], (U, U)),
    ],
    ids=str,
)
def test_17_what_the_answers_mean_for_each_profile(
    answers: Sequence[Answer], verdicts: Sequence[Verdict] | None
) -> None:
    assert PROFILES.read(TWO, answers) == verdicts
    for number in range(1, len(answers)):
        assert isinstance(PROFILES.read(TWO, answers[:number]), Ask), "it was not settled before"


NAMES = ["errors", "source", "pointer", "data", "id", "attributes", "status", "failed_count", "links", "next"]
WORDS = ["complete", "cancelled", "..", "", f"{AT}/0", f"{AT_PROFILE}/1", "http://[", "?page[cursor]=1", "9" * 5_000]
JSON = st.recursive(
    st.none() | st.integers() | st.floats() | st.text() | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
)
ANSWERS = st.builds(
    Answer,
    st.sampled_from([0, 200, 202, 204, 301, 400, 401, 404, 409, 429, 500, 503]),
    body=st.binary(max_size=9) | JSON.map(lambda document: json.dumps(document).encode()),
    fault=st.sampled_from([None, None, "timeout", "too_large"]),
)
KNOWN = st.sampled_from([MADE, BUSY, state("complete", 1), page(cursor="n"), refusal(f"{AT}/1")])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ANSWERS | KNOWN, min_size=1, max_size=6))
def test_whatever_is_answered_is_read(answers: list[Answer]) -> None:
    for batch, told in ((EVENTS, FOUR), (PROFILES, TWO)):
        meant = batch.read(told, answers)

        assert meant is None or isinstance(meant, Ask) or len(meant) == len(told)
        assert meant != (T,) * len(told), "somebody must be settled, or it would go round for ever"


def asked(*answers: Answer) -> tuple[str, str, str, float]:
    ask = PROFILES.read(TWO, answers)
    assert isinstance(ask, Ask)
    return ask.call.method, ask.call.path, ask.call.endpoint, ask.seconds


def test_the_job_is_asked_for_in_waits_that_grow() -> None:
    waits = [asked(MADE, *[BUSY] * n)[3] for n in range(9)]

    assert waits == [1, 2, 4, 8, 16, 30, 30, 30, 30]
    assert asked(MADE)[:3] == ("GET", f"/api/profile-bulk-import-jobs/{JOB}", "profile-bulk-import-job")


def test_its_errors_are_asked_for_page_by_page_at_once_and_from_klaviyo_alone() -> None:
    done, page_1 = state("complete", 2), page(failure(OF_ADA), cursor="bm==")

    assert asked(MADE, done) == ("GET", f"{ERRORS}?page%5Bsize%5D=100", "profile-import-errors", 0)
    assert asked(MADE, done, Answer(503))[3] == 1
    assert asked(MADE, done, Answer(503), page_1) == (
        "GET",
        f"{ERRORS}?page%5Bsize%5D=100&page%5Bcursor%5D=bm%3D%3D",
        "profile-import-errors",
        0,
    )


def test_a_job_is_asked_for_below_our_own_address_whatever_its_id_says() -> None:
    document = json.loads(MADE.body)
    document["data"]["id"] = "../../evil?x=1"

    ask = PROFILES.read(TWO, (Answer(202, {}, json.dumps(document).encode()),))

    assert isinstance(ask, Ask)
    assert ask.call.path == "/api/profile-bulk-import-jobs/..%2F..%2Fevil%3Fx%3D1"


def test_an_error_that_two_profiles_fit_is_nobodys_unless_its_pointer_says_whose() -> None:
    twice = (changed(CustomerRef(email="ada@example.com")), changed(CustomerRef(email="Ada@example.com")))

    assert PROFILES.read(twice, (MADE, state("complete", 1), page(failure(OF_ADA)))) == (U, U)
    pointed = page(failure(OF_ADA, f"{AT_PROFILE}/1/attributes/email"))
    assert PROFILES.read(twice, (MADE, state("complete", 1), pointed)) == (D, R)
