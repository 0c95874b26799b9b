"""A profile is searched, made, changed under its lock, and asked to be deleted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from schemas import signals
from schemas.values import CustomerRef, Profile
from sinks.contract import Answer, Ask, Call, Unaddressable, Verdict
from sinks.newstore.profiles import changed, erased
from tests.sinks.folders import said
from tests.sinks.newstore import ADA, SINK, Tenant, signal

LOVELACE = Profile(first_name="Ada", last_name="Lovelace")
CHANGED, ERASED = signals.CustomerChanged(), signals.CustomerErased()


def call(tenant: Tenant, payload: Any = CHANGED, ref: CustomerRef = ADA, profile: Profile = LOVELACE) -> Call:
    (made,) = said(signal(payload, ref=ref, profile=profile), tenant.config, "newstore")
    return made


def kept(tenant: Tenant) -> list[dict[str, Any]]:
    return list(tenant.stand_in.stored()["profiles"].values())


def found(*profiles: dict[str, Any]) -> Answer:
    return Answer(200, {}, json.dumps({"profiles": profiles}).encode())


def test_who_is_new_is_made_once() -> None:
    tenant = Tenant()

    assert [tenant.takes(call(tenant)) for _ in range(2)] == [Verdict.DELIVERED] * 2
    assert tenant.told == ["GET /customer/profiles", "POST /customer/profiles", "GET /customer/profiles"]
    (profile,) = kept(tenant)
    assert (profile["full_name"], profile["phone_number"]) == ("Ada Lovelace", "+442071234567")


def test_only_what_differs_is_changed() -> None:
    tenant = Tenant()
    tenant.takes(call(tenant))
    tenant.takes(call(tenant, profile=replace(LOVELACE, last_name="King")))

    assert tenant.told[-1].startswith("PATCH /customer/profiles/")
    assert set(json.loads(tenant.asked[-1].body)) == {"first_name", "last_name", "last_updated_at"}
    assert kept(tenant)[0]["full_name"] == "Ada King"


@pytest.mark.parametrize("known", [LOVELACE, Profile(first_name="Countess")])
def test_a_single_name_fills_an_empty_profile_only(known: Profile) -> None:
    tenant = Tenant()
    tenant.takes(call(tenant, profile=known))
    tenant.takes(call(tenant, profile=Profile(first_name="Ada")))

    (profile,) = kept(tenant)
    assert profile["full_name"] == " ".join(filter(None, (known.first_name, known.last_name)))


@pytest.mark.parametrize("phone", ["030 123", "+0", "", None])
def test_a_number_that_is_no_e164_is_not_told(phone: str | None) -> None:
    tenant = Tenant()
    tenant.takes(call(tenant, ref=replace(ADA, phone=phone)))

    assert kept(tenant)[0]["phone_number"] is None


@pytest.mark.parametrize("ref", [CustomerRef(customer_id="42"), CustomerRef(email="nobody", phone="+442071234567")])
@pytest.mark.parametrize("payload", [CHANGED, ERASED])
def test_without_an_address_there_is_nobody_to_tell(ref: CustomerRef, payload: Any) -> None:
    with pytest.raises(Unaddressable):
        call(Tenant(), payload, ref)


def test_whoever_else_changes_it_is_read_first_and_then_once_more() -> None:
    ask = call(Tenant())
    there = {"id": "p1", "email": "ada@example.com", "updated_at": "2026-01-01T00:00:00Z"}
    answers = [found(there), Answer(409)]

    read = changed(ask, answers)
    assert isinstance(read, Ask) and (read.call.method, read.call.path) == ("GET", "/customer/profiles/p1")
    answers.append(Answer(200, {}, json.dumps(there | {"updated_at": "2026-01-02T00:00:00Z"}).encode()))
    again = changed(ask, answers)
    assert isinstance(again, Ask) and again.call.method == "PATCH"
    assert json.loads(again.call.body)["last_updated_at"] == "2026-01-02T00:00:00Z"
    assert changed(ask, [*answers, Answer(200)]) is None
    assert changed(ask, [*answers, Answer(409)]) is Verdict.UNAVAILABLE
    assert changed(ask, [found(there), Answer(404)]) is Verdict.UNAVAILABLE
    assert changed(ask, [found(there), Answer(422)]) is None


def test_every_profile_with_the_address_is_asked_to_be_deleted() -> None:
    tenant = Tenant()
    tenant.takes(call(tenant))

    assert [tenant.takes(call(tenant, ERASED)) for _ in range(2)] == [Verdict.DELIVERED] * 2
    assert len(tenant.stand_in.stored()["to_delete"]) == 1
    assert tenant.asked[-1].body == b'{"operation":"delete"}'


def test_older_profiles_need_not_be_alone_with_their_address() -> None:
    ask = call(Tenant(), ERASED)
    answers = [found(*({"id": f"p{n}", "email": "ADA@example.com"} for n in (1, 2)), {"id": "p3", "email": "not-ada"})]
    for status, path in ((202, "/customer/profiles/p1"), (409, "/customer/profiles/p2")):
        step = erased(ask, answers)
        assert isinstance(step, Ask) and step.call.path == path
        answers.append(Answer(status))

    assert erased(ask, answers) is Verdict.DELIVERED
    assert erased(ask, [answers[0], Answer(400)]) is None


@pytest.mark.parametrize("kind", ["profile", "erasure"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b'{"profiles": 7}',
        b'{"profiles": [null, 7, {}]}',
        b'{"profiles": [{"email": "ada@example.com"}]}',
        b'{"profiles": [{"email": "ada@example.com", "id": ".."}]}',
        b'{"profiles": [{"email": "ada@example.com", "id": "1"}]}',
    ],
)
def test_no_answer_is_too_strange(kind: str, body: bytes) -> None:
    ask = call(Tenant(), CHANGED if kind == "profile" else ERASED)
    for answers in (
        [Answer(200, {}, body)],
        [found({"id": "1", "email": ADA.email}), Answer(409), Answer(200, {}, body)],
    ):
        said = SINK.follow[kind](ask, answers)

        assert said is None or isinstance(said, Verdict | Ask)
