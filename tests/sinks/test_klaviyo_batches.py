"""How events and profiles travel together to Klaviyo."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from schemas import signals
from schemas.values import CustomerRef, LineItem, Profile
from sinks.contract import Call
from sinks.klaviyo.batches import EVENTS, PROFILES
from sinks.klaviyo.event import event
from tests.sinks.folders import body, cases, said
from tests.sinks.openapi import judge
from tests.sinks.test_klaviyo import ADA, MUG, attributes, calls, order, signal

BOB = CustomerRef(customer_id="43", email="bob@example.com")
MUGS = LineItem(product_id="1111", sku="MUG", name="Mug", quantity=Decimal(2), unit_price=Decimal("9.99"))


def placed(*lines: LineItem, ref: CustomerRef = ADA, **more: Any) -> tuple[Call, ...]:
    return calls(signals.OrderPlaced(order=order(*lines)), ref=ref, **more)


def entries(call: Call) -> list[dict[str, Any]]:
    return [entry["attributes"] for entry in attributes(call)["events-bulk-create"]["data"]]


def changed(ref: CustomerRef, **known: Any) -> Call:
    (call,) = calls(signals.CustomerChanged(), ref=ref, profile=Profile(**known))
    return call


# -- joined

TWO_MUGS = """
{"data": {"type": "event-bulk-create-job", "attributes": {"events-bulk-create": {"data": [
  {"type": "event-bulk-create", "attributes": {
    "profile": {"data": {"type": "profile", "attributes": {"external_id": "42", "email": "ada@example.com"}}},
    "events": {"data": [
      {"type": "event", "attributes": {
        "metric": {"data": {"type": "metric", "attributes": {"name": "Placed Order"}}},
        "time": "2026-11-21T12:00:00+00:00",
        "unique_id": "1234",
        "value": 9.99,
        "value_currency": "EUR",
        "properties": {
          "OrderId": "1234", "Brands": [], "Categories": [], "ItemNames": ["Mug"],
          "Items": [
            {"ProductID": "1111", "SKU": "MUG", "ProductName": "Mug",
             "Quantity": 2, "ItemPrice": 9.99, "RowTotal": 19.98}
          ]
        }
      }},
      {"type": "event", "attributes": {
        "metric": {"data": {"type": "metric", "attributes": {"name": "Ordered Product"}}},
        "time": "2026-11-21T12:00:00+00:00",
        "unique_id": "1234_MUG",
        "value": 19.98,
        "value_currency": "EUR",
        "properties": {"OrderId": "1234", "ProductID": "1111", "SKU": "MUG", "ProductName": "Mug", "Quantity": 2}
      }}
    ]}
  }}
]}}}}
"""


def test_two_mugs_of_ada_at_noon_become_one_request() -> None:
    joined = EVENTS.join(placed(MUGS))

    assert (joined.method, joined.path) == ("POST", "/api/event-bulk-create-jobs")
    assert joined.endpoint == "event-bulk-create-jobs"
    assert body(joined) == json.loads(TWO_MUGS, parse_float=Decimal)


def test_profiles_become_one_job() -> None:
    joined = PROFILES.join((changed(ADA, first_name="Ada"), changed(BOB)))

    assert (joined.method, joined.path) == ("POST", "/api/profile-bulk-import-jobs")
    assert joined.endpoint == "profile-bulk-import-jobs"
    assert body(joined) == {
        "data": {
            "type": "profile-bulk-import-job",
            "attributes": {
                "profiles": {
                    "data": [
                        {
                            "type": "profile",
                            "attributes": {"external_id": "42", "email": "ada@example.com", "first_name": "Ada"},
                        },
                        {"type": "profile", "attributes": {"external_id": "43", "email": "bob@example.com"}},
                    ]
                }
            },
        }
    }


def test_events_of_one_profile_share_an_entry_in_their_order() -> None:
    joined = entries(EVENTS.join((*placed(MUG), *placed(MUG, ref=BOB), *placed(MUG, MUG))))

    assert [entry["profile"]["data"]["attributes"]["external_id"] for entry in joined] == ["42", "43", "42"]
    assert [len(entry["events"]["data"]) for entry in joined] == [2, 2, 3]


def test_a_name_that_changed_and_changed_back_is_told_in_that_order() -> None:
    ada, eve = ({"profile": Profile(first_name=name)} for name in ("Ada", "Eve"))
    active = signals.SessionActive()
    joined = entries(EVENTS.join([call for known in (ada, eve, ada) for call in calls(active, **known)]))

    assert [entry["profile"]["data"]["attributes"]["first_name"] for entry in joined] == ["Ada", "Eve", "Ada"]


def test_history_stays_history_event_by_event() -> None:
    told = (*placed(), *placed(priority="backfill"))

    (entry,) = entries(EVENTS.join(told))

    assert [each["attributes"].get("backfill") for each in entry["events"]["data"]] == [None, True]
    assert "backfill" not in entry


def test_what_changes_a_profiles_properties_moves_beside_its_attributes() -> None:
    meta = {"patch_properties": {"unset": "skus"}}
    call = event(signal(signals.SessionActive()), "Any", "1", {"email": "a@b.cc", "meta": meta}, {})
    plain = event(signal(signals.SessionActive()), "Any", "2", {"email": "a@b.cc", "last_name": '"meta"'}, {})

    first, second = entries(EVENTS.join((call, plain)))

    assert first["profile"]["data"] == {"type": "profile", "attributes": {"email": "a@b.cc"}, "meta": meta}
    assert second["profile"]["data"] == {"type": "profile", "attributes": {"email": "a@b.cc", "last_name": '"meta"'}}


def test_no_digit_changes_on_the_way() -> None:
    paid = {"value": Decimal("9007199254740993.0001"), "value_currency": "EUR"}
    call = event(signal(signals.SessionActive()), "Any", "1", {"email": "a@b.cc"}, {"Price": Decimal("0.10")}, paid)

    joined = EVENTS.join((call,)).body

    assert b'"value":9007199254740993.0001' in joined
    assert b'"Price":0.10' in joined


def every_event() -> list[Call]:
    told = [case for case in cases("klaviyo") if case.calls]
    return [c for case in told for c in said(case.signal, case.config, "klaviyo") if c.endpoint == "events"]


def test_nothing_of_any_event_is_lost() -> None:
    told = [
        event["attributes"] | {"profile": entry["profile"]}
        for entry in entries(EVENTS.join(every_event()))
        for event in entry["events"]["data"]
    ]

    assert told == [attributes(call) for call in every_event()]


@pytest.mark.parametrize("batch", [EVENTS, PROFILES], ids=["events", "profiles"])
def test_9_the_most_there_may_be_stays_below_five_megabytes(batch: Any) -> None:
    one = placed()[0] if batch is EVENTS else changed(ADA)
    other = placed(ref=BOB)[0] if batch is EVENTS else changed(BOB)
    full = [one, other] * (batch.most_items // 2)  # an entry for each event: the most that joining adds
    added = len(batch.join(full).body) - sum(len(call.body) for call in full)

    assert batch.most_bytes + added <= 5_000_000


def test_10_the_same_profile_metric_and_unique_id_has_the_same_key() -> None:
    """So a batch, which never holds a key twice, holds no repeat that would make Klaviyo refuse all of it."""
    by_triple: dict[tuple[str, ...], set[str]] = {}
    for call in every_event():
        told = attributes(call)
        triple = json.dumps(told["profile"]), told["metric"]["data"]["attributes"]["name"], told["unique_id"]
        by_triple.setdefault(triple, set()).add(call.key)

    assert {len(keys) for keys in by_triple.values()} == {1}


@pytest.mark.real
def test_klaviyos_openapi_accepts_what_is_joined(real_data: Path) -> None:
    events, profiles = EVENTS.join(every_event()), PROFILES.join((changed(ADA, first_name="Ada"), changed(BOB)))

    for joined in (events, profiles):
        judge(real_data, joined.path).validate(json.loads(joined.body))
