"""What follows an answer that is not the last word: the same as another call, another question, or a verdict."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import signals
from schemas.signals import CatalogSignal
from schemas.values import CustomerRef, Profile
from sinks.contract import Answer, Ask, Call, Verdict, load
from tests.sinks.folders import body, config, said
from tests.sinks.klaviyo_teller import Teller
from tests.sinks.openapi import judge
from tests.sinks.products import MUG, PLAIN, changed, deleted, new, stock
from tests.sinks.test_klaviyo import calls
from tests.sinks.test_klaviyo import signal as of_customer

SINK = load("klaviyo")
D, R, U = Verdict.DELIVERED, Verdict.REJECTED, Verdict.UNAVAILABLE


def error(status: int, code: str = "any", pointer: str = "/data", **meta: str) -> Answer:
    told = {"id": "1", "status": status, "code": code, "title": "", "detail": "", "source": {"pointer": pointer}}
    return Answer(status, {}, json.dumps({"errors": [told | {"meta": meta}]}).encode())


def one(signal: CatalogSignal, says: str, **changes: Any) -> Call:
    return next(call for call in said(signal, config("klaviyo", **changes), "klaviyo") if call.says == says)


def follow(call: Call, *answers: Answer) -> Verdict | Ask | None:
    return SINK.follow[call.endpoint](call, answers)


NEW_ITEM, NEW_VARIANT = one(new(), "Create Catalog Item"), one(new(), "Create Catalog Variant")
ITEM, VARIANT = one(changed(), "Update Catalog Item"), one(changed(), "Update Catalog Variant")
STOCK = one(stock(3, variant_id="P1-S"), "Update Stock")
GONE, GONE_ITEM = one(deleted(), "Delete Catalog Variant"), one(deleted(), "Delete Catalog Item")
CATEGORY = one(new(), "Create Catalog Category")
(WAITING,) = calls(signals.BackInStockRequested(product_id="P1", variant_id="P1-S"))
(PROFILE,) = calls(signals.CustomerChanged(), profile=Profile(first_name="Ada"))
NOT_THERE, THERE, PROXY = error(404), error(409), Answer(404, body=b"<html>")
NO_VARIANT = error(400, pointer="/data/relationships/variant/data/id")
ASK = "ask"


@pytest.mark.parametrize(
    ("call", "answers", "meaning"),
    [
        (NEW_ITEM, [Answer(201)], None),
        (NEW_ITEM, [THERE], ASK),
        (NEW_ITEM, [Answer(409)], ASK),
        (NEW_ITEM, [THERE, Answer(200)], None),
        (NEW_ITEM, [THERE, NOT_THERE], U),  # they contradict themselves
        (NEW_ITEM, [THERE, error(400)], None),
        (NEW_ITEM, [NOT_THERE], R),  # a category it names is not there
        (NEW_ITEM, [PROXY], None),  # nothing is said of any item
        (NEW_VARIANT, [THERE], ASK),
        (NEW_VARIANT, [NOT_THERE], R),  # its item is not there
        (ITEM, [Answer(200)], None),
        (ITEM, [NOT_THERE], ASK),
        (ITEM, [PROXY], None),
        (ITEM, [NOT_THERE, Answer(201)], None),
        (ITEM, [NOT_THERE, THERE], U),
        (ITEM, [NOT_THERE, NOT_THERE], R),
        (ITEM, [NOT_THERE, Answer(403)], None),
        (VARIANT, [NOT_THERE], ASK),
        (VARIANT, [NOT_THERE, NOT_THERE], R),
        (STOCK, [Answer(200)], None),
        (STOCK, [NOT_THERE], D),  # it comes with its product
        (STOCK, [PROXY], None),
        (GONE, [Answer(204)], None),
        (GONE, [NOT_THERE], D),
        (GONE_ITEM, [NOT_THERE], D),
        (GONE, [PROXY], None),
        (CATEGORY, [Answer(201)], None),
        (CATEGORY, [THERE], D),
        (CATEGORY, [error(400)], None),
        (WAITING, [Answer(202)], None),
        (WAITING, [NOT_THERE], ASK),
        (WAITING, [NO_VARIANT], ASK),
        (WAITING, [PROXY], None),
        (WAITING, [error(400, pointer="/data/attributes/channels")], None),
        (WAITING, [NOT_THERE, Answer(202)], None),
        (WAITING, [NOT_THERE] * 3, ASK),
        (WAITING, [NOT_THERE] * 4, R),
        (PROFILE, [Answer(200)], None),
        (PROFILE, [error(409, duplicate_profile_id="01ABC")], ASK),
        (PROFILE, [error(409, duplicate_profile_id="../x")], R),
        (PROFILE, [error(409)], R),
        (PROFILE, [error(409, duplicate_profile_id="01ABC"), Answer(200)], None),
        (PROFILE, [error(409, duplicate_profile_id="01ABC"), NOT_THERE], R),
        (PROFILE, [Answer(404)], None),
    ],
    ids=str,
)
def test_what_an_answer_means(call: Call, answers: list[Answer], meaning: Any) -> None:
    next_step = follow(call, *answers)

    assert isinstance(next_step, Ask) if meaning is ASK else next_step is meaning


def test_a_create_becomes_the_update_of_the_same_thing() -> None:
    for created, updated in ((NEW_ITEM, ITEM), (NEW_VARIANT, VARIANT)):
        ask = follow(created, THERE)

        assert isinstance(ask, Ask)
        assert (ask.call.method, ask.call.path, ask.call.endpoint) == (updated.method, updated.path, updated.endpoint)
        assert body(ask.call) == body(updated)


def test_an_update_becomes_the_create_of_the_same_thing() -> None:
    for updated, created in ((ITEM, NEW_ITEM), (VARIANT, NEW_VARIANT)):
        ask = follow(updated, NOT_THERE)

        assert isinstance(ask, Ask)
        assert (ask.call.method, ask.call.path, ask.call.endpoint) == (created.method, created.path, created.endpoint)
        assert body(ask.call) == body(created)


def test_a_quantity_that_nobody_told_is_left_alone_by_the_update_and_0_for_a_create() -> None:
    unknown = one(new(PLAIN), "Create Catalog Variant")
    update, create = follow(unknown, THERE), follow(one(changed(PLAIN), "Update Catalog Variant"), NOT_THERE)

    assert isinstance(update, Ask)
    assert isinstance(create, Ask)
    assert "inventory_quantity" not in body(update.call)["data"]["attributes"]
    assert body(create.call) == body(unknown)


def test_somebody_who_waits_is_told_again_after_2_10_and_30_seconds_under_another_key() -> None:
    asked = [follow(WAITING, *[NOT_THERE] * times) for times in (1, 2, 3)]

    assert [ask.seconds for ask in asked if isinstance(ask, Ask)] == [2, 10, 30]
    assert {(ask.call.body, ask.call.key != WAITING.key) for ask in asked if isinstance(ask, Ask)} == {
        (WAITING.body, True)
    }


def test_what_is_known_goes_to_the_profile_klaviyo_points_at_without_the_names_that_clash() -> None:
    ask = follow(PROFILE, error(409, "duplicate_profile", duplicate_profile_id="01ABC"))

    assert isinstance(ask, Ask)
    assert (ask.call.method, ask.call.path) == ("PATCH", "/api/profiles/01ABC")
    assert body(ask.call) == {"data": {"type": "profile", "id": "01ABC", "attributes": {"first_name": "Ada"}}}


def test_of_somebody_known_by_names_alone_nothing_is_left_to_tell() -> None:
    (bare,) = calls(signals.CustomerChanged())

    assert follow(bare, error(409, "duplicate_profile", duplicate_profile_id="01ABC")) is D


def test_two_profiles_with_one_customers_names_stay_two_and_hear_what_is_known() -> None:
    teller = Teller()
    email, phone = CustomerRef(email="ada@example.com"), CustomerRef(phone="+4930123456")
    both = CustomerRef(email="ada@example.com", phone="+4930123456")
    for ref in (email, phone):
        teller.tell(of_customer(signals.CustomerChanged(), ref=ref))

    assert teller.tell(of_customer(signals.CustomerChanged(), ref=both, profile=Profile(first_name="Ada"))) == [D]
    assert teller.sent[-2:] == [("Profile", 409), ("Update Profile", 200)]
    assert teller.stand_in.stored()["profiles"] == 2


def test_who_waits_for_a_variant_that_comes_in_time_is_delivered_and_else_refused() -> None:
    late, never = Teller(), Teller()
    wanted = of_customer(signals.BackInStockRequested(product_id="P1", variant_id="P1-S"))

    assert never.tell(wanted) == [R]
    assert never.waited == 42
    late.tell(new(MUG))
    assert late.tell(wanted) == late.tell(wanted) == [D]
    assert late.stand_in.stored()["waiting"] == [
        {
            "variant": "$custom:::$default:::P1-S",
            "channels": ["EMAIL"],
            "email": "ada@example.com",
            "external_id": "42",
        }
    ]


CALLS = (NEW_ITEM, NEW_VARIANT, ITEM, VARIANT, STOCK, GONE, GONE_ITEM, CATEGORY, WAITING, PROFILE)
STATUSES = st.sampled_from([200, 201, 204, 301, 400, 401, 403, 404, 409, 410, 413, 422])
BODIES = st.sampled_from(
    [b"", b"{", b"null", b"[]", b'{"errors":[]}', b'{"errors":[7]}', NOT_THERE.body, NO_VARIANT.body]
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(CALLS), st.lists(st.tuples(STATUSES, BODIES), min_size=1, max_size=6))
def test_whatever_is_answered_it_is_followed_to_an_end(call: Call, answers: list[tuple[int, bytes]]) -> None:
    told = [Answer(status, body=text) for status, text in answers]

    assert isinstance(follow(call, *told), Ask | Verdict | None)
    assert not isinstance(follow(call, *told, *told, *told, *told), Ask), "it must come to an end"


@pytest.mark.real
def test_klaviyos_openapi_accepts_what_is_asked(real_data: Path) -> None:
    conflict = error(409, "duplicate_profile", duplicate_profile_id="01ABC")
    for call, answer in (
        (NEW_ITEM, THERE),
        (NEW_VARIANT, THERE),
        (ITEM, NOT_THERE),
        (VARIANT, NOT_THERE),
        (WAITING, NOT_THERE),
        (PROFILE, conflict),
    ):
        ask = follow(call, answer)

        assert isinstance(ask, Ask)
        judge(real_data, ask.call.path, ask.call.method).validate(json.loads(ask.call.body))
