"""Items and variants in bulk jobs: joined, followed to their end, and read back record by record. 1.9 #9, #17."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from msgspec.structs import replace

from schemas import signals
from schemas.values import CustomerRef
from sinks.contract import Answer, Ask, Batch, Call, Verdict
from sinks.klaviyo.batches import UNSUBSCRIPTIONS
from sinks.klaviyo.catalogjobs import CATALOG
from sinks.klaviyo.categories import CATEGORIES
from tests.sinks.folders import body, config, said
from tests.sinks.klaviyo_teller import Teller
from tests.sinks.openapi import answer_judge, judge, operations
from tests.sinks.products import MUG, PLAIN, SMALL, changed, deleted, new
from tests.sinks.test_klaviyo import calls as of_customer

D, T, U, R = Verdict.DELIVERED, Verdict.THROTTLED, Verdict.UNAVAILABLE, Verdict.REJECTED
BATCHES = {batch.endpoint: batch for batch in CATALOG}
NEW_ITEMS = BATCHES["create-catalog-item"]


def of(endpoint: str, many: int = 2) -> list[Call]:
    """Calls to one endpoint, each about another product of one variant."""
    found = []
    for number in range(many):
        size = replace(SMALL, variant_id=f"V{number}")
        product = replace(MUG, product_id=f"P{number}", variants=(size,), categories=())
        signal_id = f"s{number}"
        for signal in (new(product), changed(product), deleted(product, product.product_id)):
            told = said(replace(signal, signal_id=signal_id), config("klaviyo"), "klaviyo")
            found += [call for call in told if call.endpoint == endpoint]
    return found


# -- joined


@pytest.mark.parametrize("batch", CATALOG, ids=lambda batch: batch.endpoint)
def test_the_records_are_those_of_the_single_calls(batch: Batch) -> None:
    told = of(batch.endpoint)
    joined = batch.join(told)
    data = body(joined)["data"]
    ((many, records),) = data["attributes"].items()

    assert (joined.method, joined.path, joined.endpoint) == ("POST", f"/api/{batch.budget}", batch.budget)
    assert (data["type"], many) == (batch.budget.removesuffix("s"), f"{batch.endpoint.rpartition('-')[2]}s")
    if "delete" in batch.endpoint:
        ids = [f"$custom:::$default:::{call.path.rpartition('%3A')[2]}" for call in told]
        assert [record["id"] for record in records["data"]] == ids
    else:
        assert records["data"] == [body(call)["data"] for call in told]


def test_no_digit_changes_on_the_way() -> None:
    dear = replace(PLAIN, price=Decimal("9007199254740993.0001"))
    (call, _) = said(new(dear), config("klaviyo"), "klaviyo")

    assert b'"price":9007199254740993.0001' in NEW_ITEMS.join((call, call)).body


@pytest.mark.parametrize("batch", CATALOG, ids=lambda batch: batch.endpoint)
def test_the_most_there_may_be_stays_below_five_megabytes(batch: Batch) -> None:
    told = of(batch.endpoint, 100)
    long = [structs.replace(call, path=call.path + "x" * 400) if not call.body else call for call in told]
    added = len(batch.join(long).body) - sum(len(call.body) for call in long)

    assert batch.most_items == 100
    assert batch.most_bytes + added <= 5_000_000


def test_no_two_calls_about_one_thing_share_a_job() -> None:
    """Except creates and deletes of one product's variants, which are about different ones."""
    side_by_side = {batch.endpoint for batch in CATALOG if not batch.one_per_customer}

    assert side_by_side == {"create-catalog-variant", "delete-catalog-variant"}


def test_twenty_processes_stay_below_five_hundred_jobs() -> None:
    assert 20 * sum(batch.in_flight for batch in CATALOG) <= 500


# -- read


JOB = "01J"
AT = "/data/attributes/items/data"
THREE = of("create-catalog-item", 3)


def state(status: str, *pointers: str | None, failed: int | None = None, http: int = 200) -> Answer:
    errors = [
        {"id": "1", "code": "invalid", "title": "", "detail": "", "source": {"pointer": pointer} if pointer else {}}
        for pointer in pointers
    ]
    told = {"status": status, "created_at": "2026-11-21T12:00:00+00:00", "total_count": 3, "errors": errors}
    told |= {"failed_count": len(pointers) if failed is None else failed}
    document = {"data": {"type": "catalog-item-bulk-create-job", "id": JOB, "attributes": told}}
    return Answer(http, {}, json.dumps(document).encode())


def refused(*pointers: str) -> Answer:
    errors = [{"source": {"pointer": pointer}} for pointer in pointers]
    return Answer(400, {}, json.dumps({"errors": errors}).encode())


MADE, BUSY = state("queued", http=202), state("processing")


@pytest.mark.parametrize(
    ("answers", "verdicts"),
    [
        # the request itself
        ([Answer(429)], None),
        ([Answer(503)], None),
        ([Answer(403)], None),
        ([Answer(404)], None),
        ([Answer(400)], None),
        ([refused("/data")], None),
        ([refused(f"{AT}/3/attributes/title")], None),
        ([refused(f"{AT}/1/attributes/title")], (T, R, T)),
        ([refused(f"{AT}/0", f"{AT}/2")], (R, T, R)),
        ([Answer(202)], (U, U, U)),  # made, and nobody can say which
        # the job
        ([state("complete", http=202)], (D, D, D)),
        ([MADE, BUSY, state("complete")], (D, D, D)),
        ([MADE, Answer(503), Answer(404), Answer(0, fault="timeout"), state("complete")], (D, D, D)),
        ([MADE, state("cancelled")], (U, U, U)),
        ([MADE, Answer(403)], None),
        ([MADE, *[BUSY] * 40], (U, U, U)),
        ([MADE, *[state("resting")] * 40], (U, U, U)),
        # its errors
        ([MADE, state("complete", f"{AT}/1/attributes/external_id")], (D, R, D)),
        ([MADE, state("complete", f"{AT}/0", f"{AT}/2/attributes/price")], (R, D, R)),
        ([MADE, state("complete", f"{AT}/1", failed=2)], (U, R, U)),
        ([MADE, state("complete", "/data")], (U, U, U)),
        ([MADE, state("complete", None)], (U, U, U)),
        ([MADE, state("complete", f"{AT}/7")], (U, U, U)),
        ([MADE, state("complete", "/data", failed=0)], (U, U, U)),
        ([MADE, state("complete", failed=1)], (U, U, U)),
    ],
    ids=str,
)
def test_what_the_answers_mean_for_each_record(answers: Sequence[Answer], verdicts: Sequence[Verdict] | None) -> None:
    assert NEW_ITEMS.read(THREE, answers) == verdicts
    for number in range(1, len(answers)):
        assert isinstance(NEW_ITEMS.read(THREE, answers[:number]), Ask), "it was not settled before"


@pytest.mark.parametrize("batch", CATALOG, ids=lambda batch: batch.endpoint)
def test_the_job_is_asked_for_below_its_own_path_in_waits_that_grow(batch: Batch) -> None:
    asked = [batch.read(THREE, (MADE, *[BUSY] * times)) for times in range(7)]

    assert [ask.seconds for ask in asked if isinstance(ask, Ask)] == [1, 2, 4, 8, 16, 30, 30]
    assert {(ask.call.method, ask.call.path) for ask in asked if isinstance(ask, Ask)} == {
        ("GET", f"/api/{batch.budget}/{JOB}")
    }


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from([MADE, BUSY, Answer(200), Answer(404), Answer(400, body=b"[]"), Answer(0, fault="reset")])
        | st.builds(Answer, st.sampled_from([200, 202, 400]), body=st.binary(max_size=9)),
        min_size=1,
        max_size=8,
    )
)
def test_whatever_is_answered_is_read(answers: list[Answer]) -> None:
    meant = NEW_ITEMS.read(THREE, answers)

    assert meant is None or isinstance(meant, Ask) or len(meant) == 3
    assert meant != (T, T, T)


# -- at the stand-in


def told_together(teller: Teller, endpoint: str, calls: Sequence[Call]) -> tuple[Verdict, ...]:
    return teller.together(BATCHES[endpoint], calls)


def test_jobs_keep_what_single_calls_keep() -> None:
    alone, together = Teller(), Teller()
    verbs, kinds = ("create", "update", "delete"), ("item", "variant")
    for endpoint in [f"{verb}-catalog-{kind}" for verb in verbs for kind in kinds]:
        assert {alone.alone(call) for call in of(endpoint, 5)} == {D}
        assert set(told_together(together, endpoint, of(endpoint, 5))) == {D}
        assert alone.stand_in.stored() == together.stand_in.stored()

    assert not any(together.stand_in.stored()["catalog"].values())


def test_of_items_that_exist_the_job_says_so_and_alone_they_are_updated() -> None:
    teller, told = Teller(), of("create-catalog-item", 3)
    teller.alone(told[1])

    verdicts = told_together(teller, "create-catalog-item", told)

    assert verdicts == (D, R, D)
    assert teller.alone(told[1]) is D


def test_variants_before_their_items_are_suspects_and_alone_refused() -> None:
    teller, told = Teller(), of("create-catalog-variant", 2)

    assert told_together(teller, "create-catalog-variant", told) == (R, R)
    assert [teller.alone(call) for call in told] == [R, R]


def test_a_cancelled_job_delivers_nothing() -> None:
    teller = Teller()
    teller.stand_in.catalog_jobs.cancelled = True

    assert told_together(teller, "create-catalog-item", THREE) == (U, U, U)


# -- categories


def categories(*names: str) -> list[Call]:
    told = said(new(replace(PLAIN, categories=names)), config("klaviyo"), "klaviyo")
    return [call for call in told if call.endpoint == CATEGORIES.endpoint]


def test_of_many_categories_one_question_tells_which_are_there() -> None:
    teller, told = Teller(), categories("Kitchen", "Men's, & more", "Gifts", 'The "best"')
    for call in (told[0], told[1], told[3]):
        teller.alone(call)

    assert teller.together(CATEGORIES, told) == (D, D, R, R)  # how a quote is written in a filter is not documented
    assert [teller.alone(call) for call in told[2:]] == [D, D]
    assert teller.sent[3:] == [
        ("Get Catalog Categories", 200),
        ("Create Catalog Category", 201),
        ("Create Catalog Category", 409),
    ]


@pytest.mark.parametrize(
    ("answer", "verdicts"),
    [
        (Answer(200), (R, R)),  # nobody is known to be there: each goes alone
        (Answer(200, body=b'{"data":7}'), (R, R)),
        (Answer(200, body=b'{"data":[7,{"id":7},{"id":"$custom:::$default:::Gifts"}]}'), (R, D)),
        (Answer(400), None),
        (Answer(403), None),
        (Answer(414), None),
        (Answer(429), None),
        (Answer(0, fault="timeout"), None),
    ],
    ids=str,
)
def test_what_an_answer_means_for_each_category(answer: Answer, verdicts: Any) -> None:
    assert CATEGORIES.read(categories("Kitchen", "Gifts"), (answer,)) == verdicts


def test_the_address_of_fifty_stays_short() -> None:
    joined = CATEGORIES.join(categories(*(f"Kitchen and Table {number:02}" for number in range(50))))

    assert len(joined.path) < 8_000


# -- consent taken back


def unsubscribed(number: int) -> Call:
    (call,) = of_customer(signals.NewsletterUnsubscribed(), ref=CustomerRef(email=f"{number}@example.com"))
    return structs.replace(call, key=str(number))


def test_a_hundred_take_back_their_consent_in_one_request_without_a_list() -> None:
    teller, told = Teller(), [unsubscribed(number) for number in range(100)]

    assert set(teller.together(UNSUBSCRIPTIONS, told)) == {D}
    assert len(teller.stand_in.stored()["consents"]) == UNSUBSCRIPTIONS.most_items == 100
    assert "relationships" not in body(UNSUBSCRIPTIONS.join(told))["data"]


@pytest.mark.parametrize(
    ("answer", "verdicts"),
    [
        (Answer(202), None),
        (Answer(429), None),
        (Answer(400), None),
        (refused("/data/attributes/profiles/data/1/attributes/email"), (T, R)),
        (refused("/data/attributes/profiles/data/2"), None),
    ],
    ids=str,
)
def test_what_an_answer_means_for_each_who_unsubscribes(answer: Answer, verdicts: Any) -> None:
    assert UNSUBSCRIPTIONS.read([unsubscribed(0), unsubscribed(1)], (answer,)) == verdicts


# -- Klaviyo's own word


@pytest.mark.real
def test_klaviyos_openapi_knows_the_question_about_categories_and_its_answer(real_data: Path) -> None:
    teller = Teller()
    for call in (told := categories("Kitchen", "Gifts")):
        teller.alone(call)
    answer = teller.answer(CATEGORIES.join(told))

    assert operations(real_data)["GET", "/api/catalog-categories"] == {"catalogs:read"}
    answer_judge(real_data, "get", "/api/catalog-categories", 200).validate(json.loads(answer.body))


@pytest.mark.real
@pytest.mark.parametrize("batch", [*CATALOG, UNSUBSCRIPTIONS], ids=lambda batch: batch.endpoint)
def test_klaviyos_openapi_accepts_what_is_joined(batch: Batch, real_data: Path) -> None:
    told = [unsubscribed(0), unsubscribed(1)] if batch is UNSUBSCRIPTIONS else of(batch.endpoint)
    joined = batch.join(told)

    judge(real_data, joined.path).validate(json.loads(joined.body))


@pytest.mark.real
@pytest.mark.parametrize("batch", CATALOG, ids=lambda batch: batch.endpoint)
def test_klaviyos_openapi_knows_the_stand_ins_jobs(batch: Batch, real_data: Path) -> None:
    teller = Teller(job_seconds=(0, 1))
    made = teller.answer(batch.join(of(batch.endpoint)))
    ask = batch.read(of(batch.endpoint), (made,))

    assert isinstance(ask, Ask)
    answer_judge(real_data, "post", f"/api/{batch.budget}", 202).validate(json.loads(made.body))
    for _ in range(2):
        done = teller.answer(ask.call)
        answer_judge(real_data, "get", f"/api/{batch.budget}/{{job_id}}", 200).validate(json.loads(done.body))
