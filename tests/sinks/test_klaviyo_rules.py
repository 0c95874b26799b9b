"""What a correct Klaviyo client must do, one test for each line of the list in `sinks/klaviyo/README.md`.

Each shows its line at work, most of them at the strict stand-in; finer points are in `test_klaviyo*.py` beside this.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from schemas import signals
from schemas.values import CustomerRef, LineItem, Profile
from sinks.contract import Answer, Ask, Call, CannotSay, Verdict, classify
from sinks.klaviyo.batches import EVENTS, PROFILES, UNSUBSCRIPTIONS
from sinks.klaviyo.catalogjobs import CATALOG
from tests.sinks.folders import body, cases, config, said
from tests.sinks.klaviyo_teller import SINK, Teller
from tests.sinks.openapi import operations, template, windows
from tests.sinks.products import changed, deleted, new, stock
from tests.sinks.test_klaviyo import ADA, MUG, attributes, calls, order, profile_of
from tests.sinks.test_klaviyo import signal as of_customer

D, R, T, U, M = (Verdict[name] for name in ("DELIVERED", "REJECTED", "THROTTLED", "UNAVAILABLE", "MISCONFIGURED"))
WANTED = signals.BackInStockRequested(product_id="P1", variant_id="P1-S")


def every_call() -> list[Call]:
    """Of all cases, and all that joins them."""
    told = [call for case in cases("klaviyo") if case.calls for call in said(case.signal, case.config, "klaviyo")]
    return told + [
        batch.join([call for call in told if call.endpoint == batch.endpoint][:1])
        for batch in SINK.batches
        if any(call.endpoint == batch.endpoint for call in told)
    ]


def test_1_9_01_the_key_is_in_a_header_beside_revision_and_media_types_and_never_in_an_address() -> None:
    settings = config("klaviyo", api_key="pk_1")

    assert dict(SINK.headers(settings)) == {
        "Authorization": "Klaviyo-API-Key pk_1",
        "revision": "2026-07-15",
        "Content-Type": "application/vnd.api+json",
        "Accept": "application/vnd.api+json",
    }
    assert all(call.path.startswith("/api/") and not call.bare and not call.headers for call in every_call())
    assert all("pk_" not in call.path for call in every_call())


def test_1_9_02_nothing_goes_to_a_retired_path_nor_to_a_browsers_and_410_holds() -> None:
    old = ("/api/track", "/api/identify", "/api/v1", "/api/v2", "/client")

    assert not [call.path for call in every_call() if call.path.startswith(old)]
    assert not [p for p in Path(__file__).parents[2].glob("sinks/klaviyo/*.py") if '"/client' in p.read_text()]
    assert classify(Answer(410), SINK.rules) is M


@pytest.mark.real
def test_1_9_01_the_call_that_proves_the_key_is_klaviyos_own(real_data: Path) -> None:
    assert SINK.check is not None
    call = SINK.check(config("klaviyo"))

    assert operations(real_data)[call.method, call.path.partition("?")[0]] == {"lists:read"}


@pytest.mark.real
def test_1_9_02_every_call_is_an_operation_that_klaviyo_has(real_data: Path) -> None:
    assert {(call.method, template(call.path)) for call in every_call()} <= set(operations(real_data))


def test_1_9_03_an_event_has_somebody_and_a_short_name_and_a_phone_that_is_none_is_dropped() -> None:
    (call,) = calls(signals.SessionActive(), ref=CustomerRef(email="ada@example.com", phone="030 123456"))

    assert profile_of(call) == {"email": "ada@example.com"}
    assert len(attributes(call)["metric"]["data"]["attributes"]["name"]) < 128


def test_1_9_04_an_event_told_any_number_of_times_is_stored_once() -> None:
    teller = Teller()
    placed = of_customer(signals.OrderPlaced(order=order(MUG, MUG)))

    assert {verdict for _ in range(3) for verdict in teller.tell(placed)} == {D}
    assert sorted(event["unique_id"] for event in teller.stand_in.stored()["events"]) == [
        "1234",
        "1234_MUG",
        "1234_MUG_2",
    ]


def test_1_9_05_the_time_is_the_facts_with_its_offset_and_nothing_up_to_1990() -> None:
    (call,) = calls(signals.SessionActive(), at=datetime(2021, 3, 1, 9, 30, 5, tzinfo=UTC))

    assert attributes(call)["time"] == "2021-03-01T09:30:05+00:00"
    with pytest.raises(CannotSay, match=r"^occurred_at must be after the year 1990"):
        calls(signals.SessionActive(), at=datetime(1990, 1, 1, tzinfo=UTC))


def test_1_9_06_a_value_is_a_number_beside_its_currency() -> None:
    placed, *_ = calls(signals.OrderPlaced(order=order(MUG)))

    assert b'"value":9.99,"value_currency":"EUR"' in placed.body


def test_1_9_07_an_order_is_placed_once_and_each_line_is_ordered_once() -> None:
    told = calls(signals.OrderPlaced(order=order(MUG, replace(MUG, sku="CUP"))))

    assert [call.says for call in told] == ["Placed Order", "Ordered Product", "Ordered Product"]
    assert [attributes(call)["unique_id"] for call in told] == ["1234", "1234_MUG", "1234_CUP"]


def test_1_9_08_accepted_is_enough_and_no_body_is_expected() -> None:
    for call in every_call():
        follow = SINK.follow.get(call.endpoint)

        assert follow is None or follow(call, [Answer(202)]) is None
    assert classify(Answer(202), SINK.rules) is D


def test_1_9_09_no_request_of_many_is_over_its_limits_and_no_event_over_its_own() -> None:
    most = {batch.endpoint: batch.most_items for batch in SINK.batches}

    assert most == {
        "events": 1_000,
        "profile-import": 10_000,
        "profile-subscription-bulk-delete-jobs": 100,
        "create-catalog-category": 50,
        **{batch.endpoint: 100 for batch in CATALOG},
    }
    assert all(batch.most_bytes < 5_000_000 for batch in SINK.batches)
    with pytest.raises(CannotSay, match=r"ProductName is longer than 100 KB$"):
        calls(signals.ProductViewed(item=LineItem(product_id="1", name="x" * 100_001)))


def test_1_9_10_of_many_events_none_is_repeated_and_refused_ones_go_one_by_one() -> None:
    """The runner never puts one key into a request twice; equal keys mean equal (profile, metric, unique_id)."""
    once, again = calls(signals.OrderPlaced(order=order(MUG))), calls(signals.OrderPlaced(order=order(MUG)))

    assert [call.key for call in once] == [call.key for call in again]
    assert not EVENTS.repeats
    assert EVENTS.read(once, (Answer(400, body=b'{"errors":[{"code":"invalid"}]}'),)) is None


@pytest.mark.real
def test_1_9_11_no_window_of_ours_is_wider_than_klaviyos(real_data: Path) -> None:
    for call in every_call():
        ours = {limit.seconds: limit.count for limit in SINK.limits if limit.endpoint == call.endpoint}
        second, minute = windows(real_data, call.method, template(call.path))

        assert 0 < ours[1] <= second
        assert 0 < ours[60] <= minute


def test_1_9_11_only_what_passes_by_itself_is_tried_again() -> None:
    verdicts = {status: classify(Answer(status), SINK.rules) for status in (400, 408, 422, 429, 500, 503, 524)}

    assert verdicts == {400: R, 408: U, 422: R, 429: T, 500: U, 503: U, 524: U}
    assert classify(Answer(0, fault="timeout"), SINK.rules) is U


def test_1_9_12_what_is_named_as_invalid_is_taken_out_and_the_rest_goes_again() -> None:
    told = calls(signals.OrderPlaced(order=order(MUG)))
    pointer = "/data/attributes/events-bulk-create/data/0/attributes/events/data/1/attributes/time"
    refused = Answer(400, body=json.dumps({"errors": [{"source": {"pointer": pointer}}]}).encode())

    assert EVENTS.read(told, (refused,)) == (T, R)


def test_1_9_13_a_customer_is_imported_and_what_is_not_known_is_left_out() -> None:
    (call,) = calls(signals.CustomerChanged(), profile=Profile(first_name="Ada"))

    assert call.path == "/api/profile-import"
    assert attributes(call) == {"external_id": "42", "email": "ada@example.com", "first_name": "Ada"}


def test_1_9_14_consent_changes_through_subscription_jobs_and_has_a_date_only_in_history() -> None:
    teller, known = Teller(), Profile(properties={"$consent": "email", "$source": "-1"})
    (upsert,) = calls(signals.CustomerChanged(), profile=known)
    (live,) = calls(signals.NewsletterSubscribed(consented_at=datetime(2020, 1, 1, tzinfo=UTC)))
    past = of_customer(signals.NewsletterSubscribed(), at=datetime(2020, 1, 1, tzinfo=UTC), priority="backfill")

    assert b"consent" not in upsert.body
    assert b"consented_at" not in live.body
    assert teller.tell(past) == [D]
    assert teller.stand_in.stored()["consents"] == {"email:ada@example.com": "SUBSCRIBED"}
    assert said(past, config("klaviyo"), "klaviyo")[0].body.count(b'"consented_at":"2020-01-01T00:00:00+00:00"') == 1


def test_1_9_15_nobody_is_unsubscribed_from_a_list_alone_nor_with_others() -> None:
    settings = config("klaviyo", lists={"default": "L1", "weekly": "L2"})
    (call,) = said(of_customer(signals.NewsletterUnsubscribed(list_id="weekly")), settings, "klaviyo")

    for told in (call, UNSUBSCRIPTIONS.join([call])):
        assert set(body(told)["data"]) == {"type", "attributes"}


def test_1_9_16_item_before_variant_before_who_waits_for_it_each_by_its_compound_id() -> None:
    teller, wanted = Teller(), of_customer(WANTED)

    assert teller.tell(wanted) == [R]
    assert set(teller.tell(new())) == {D}
    assert teller.tell(wanted) == [D]
    created = [says for says, status in teller.sent if status == 201 and "Category" not in says]
    assert created == ["Create Catalog Item", "Create Catalog Variant", "Create Catalog Variant"]
    assert teller.stand_in.stored()["waiting"][0]["variant"] == "$custom:::$default:::P1-S"


@pytest.mark.parametrize("batch", [PROFILES, *CATALOG], ids=lambda batch: batch.endpoint)
def test_1_9_17_a_job_is_asked_for_until_it_is_done_and_what_failed_is_no_success(batch: Any) -> None:
    told = [call for call in (*of_products(), *people()) if call.endpoint == batch.endpoint]

    def job(status: str, failed: int) -> Answer:
        about = {"status": status, "failed_count": failed}
        return Answer(202, body=json.dumps({"data": {"id": "01J", "attributes": about}}).encode())

    assert isinstance(batch.read(told, [job("queued", 0)]), Ask)
    assert isinstance(batch.read(told, [job("queued", 0), job("processing", 0)]), Ask)
    assert batch.read(told, [job("queued", 0), job("complete", 0)]) == (D,) * len(told)
    failed = batch.read(told, [job("queued", 0), job("complete", 1), Answer(200, body=b'{"data":[],"links":{}}')])
    assert D not in (failed if isinstance(failed, tuple) else ())


def of_products() -> list[Call]:
    told = (new(), changed(gone=("P1-M",)), deleted(), stock(3, variant_id="P1-S"))
    return [call for signal in told for call in said(signal, config("klaviyo"), "klaviyo")]


def people() -> tuple[Call, ...]:
    return calls(signals.CustomerChanged(), ref=ADA)


def test_1_9_18_history_is_marked_and_keeps_its_time() -> None:
    teller = Teller()
    past = of_customer(signals.OrderPlaced(order=order(MUG)), at=datetime(2020, 1, 1, tzinfo=UTC), priority="backfill")

    assert set(teller.tell(past)) == {D}
    kept = teller.stand_in.stored()["events"]
    assert {(event["backfill"], event["time"]) for event in kept} == {(True, "2020-01-01T00:00:00+00:00")}
