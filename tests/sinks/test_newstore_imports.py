"""Import files and their jobs, alone and many together, up to the real runner in virtual time."""

from __future__ import annotations

import json
from dataclasses import replace as with_
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web
from msgspec.structs import replace

from schemas import signals
from schemas.values import Product, Variant
from shoprelay.certificate.rehearsal import stage
from shoprelay.certificate.subject import load
from shoprelay.certificate.virtual import in_virtual_time
from sinks.contract import Answer, Ask, Call, CannotSay, Verdict, classify
from sinks.fake import application
from sinks.newstore.fake import NewStoreStandIn
from sinks.newstore.fakeimports import Imports
from sinks.newstore.files import packed, unpacked
from sinks.newstore.imports import BATCHES, PATIENCE
from streams.delivery.clock import SystemClock
from streams.delivery.http import HttpTransport
from streams.delivery.token import borrowing
from tests.sinks.folders import config, said
from tests.sinks.newstore import SINK, Tenant, of_product

MUG = Product(
    product_id="mug",
    title="Mug",
    currency="EUR",
    price=Decimal("9.9900"),
    variants=(Variant(variant_id="mug-blue", sku="B"), Variant(variant_id="mug-red", sku="R", price=Decimal(11))),
)
CHANGED = signals.ProductChanged(product=MUG, gone=("mug-green", "mug-red"))
ITEM = {"product_id": "mug", "title": "Mug"}
HEAD = {"catalog": "c", "locale": "en-US"}


def files(payload: Any, nth: str = "s1", **settings: Any) -> tuple[Call, ...]:
    given = {"files_url": "https://files.example", "fulfillment_node": "FN1"} | settings
    return said(of_product(payload, nth), config("newstore", **given), "newstore")


def lines(call: Call) -> list[Any]:
    ((_, found),) = unpacked(call.body)
    return found


# -- files


def test_a_file_is_the_same_to_the_byte_and_depends_on_its_content_alone() -> None:
    assert packed([(HEAD, [ITEM])]) == packed([(dict(reversed(HEAD.items())), [dict(reversed(ITEM.items()))])])
    assert packed([(HEAD, [ITEM])]) != packed([(HEAD, [ITEM | {"title": "Cup"}])])


def test_a_file_comes_back_as_it_went_with_the_later_word_on_each_product() -> None:
    other = {"product_id": "cup", "value": Decimal("9.90")}
    body = packed([(HEAD, [ITEM, other]), ({"x": 1}, [ITEM]), (HEAD, [ITEM | {"title": "Cup"}])])

    assert unpacked(body) == [(HEAD, [other, ITEM | {"title": "Cup"}]), ({"x": 1}, [ITEM])]


@pytest.mark.parametrize("body", [b"", b"PK", packed([(HEAD, [ITEM])])[:-30], b"{}"])
def test_what_is_no_file_is_said(body: bytes) -> None:
    with pytest.raises(ValueError):
        unpacked(body)


def test_variants_are_products_of_one_group_and_gone_ones_go_offline() -> None:
    products, prices = files(CHANGED)
    blue, red, green = lines(products)

    assert [each["product_id"] for each in (blue, red, green)] == ["mug-blue", "mug-red", "mug-green"]
    assert blue["variant_group_id"] == red["variant_group_id"] == "mug"
    assert datetime.fromisoformat(green["online_to"]) < datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert datetime.fromisoformat(blue["online_to"]).year == 2999
    assert lines(prices) == [
        {"product_id": "mug-blue", "value": Decimal("9.99")},
        {"product_id": "mug-red", "value": 11},
    ]


@pytest.mark.parametrize(("way", "names"), [("product", ["mug", "mug"]), ("sku", ["B", "R"])])
def test_a_setting_says_which_id_is_newstores(way: str, names: list[str]) -> None:
    if way == "product":
        names = ["mug"]  # one item, the last variant's
    products, _ = files(replace(CHANGED, gone=()), product_id=way)

    assert [each["product_id"] for each in lines(products)] == names


@pytest.mark.parametrize(
    ("payload", "settings"),
    [
        (CHANGED, {"files_url": ""}),
        (CHANGED, {"imports": []}),
        (signals.ProductDeleted(product_id="mug"), {"imports": ["prices"]}),
        (signals.StockChanged(product_id="mug", quantity=Decimal(1)), {"is_inventory_master": True}),
        (signals.StockChanged(product_id="mug", quantity=Decimal(1)), {"imports": ["products"]}),
    ],
)
def test_what_is_switched_off_is_not_told(payload: Any, settings: dict[str, Any]) -> None:
    assert files(payload, **settings) == ()


@pytest.mark.parametrize(
    ("payload", "settings", "reason"),
    [
        (replace(CHANGED, product=replace(MUG, currency=None)), {}, "product.currency is required"),
        (replace(CHANGED, product=replace(MUG, price=Decimal(-1))), {}, "product.price must be"),
        (signals.StockChanged(product_id="mug", quantity=Decimal(1)), {"fulfillment_node": ""}, "location is required"),
        (signals.StockChanged(product_id="mug", quantity=Decimal("0.5")), {}, "quantity must be a whole"),
        (signals.ProductDeleted(product_id="mug"), {"product_id": "sku"}, "product is required"),
    ],
)
def test_what_cannot_be_said_is_refused_by_its_field(payload: Any, settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(CannotSay, match=rf"^{reason}"):
        files(payload, **settings)


# -- jobs

MADE = Answer(200, {}, b'{"id": "j1"}')
PUT = Answer(200)


def state(word: str) -> Answer:
    return Answer(200, {}, json.dumps({"state": word}).encode())


def test_a_job_is_made_started_and_asked_after_more_and_more_slowly() -> None:
    (call, _), answers, waits = files(CHANGED), [PUT], list[float]()
    while isinstance(step := SINK.follow["import-products"](call, answers), Ask):
        waits.append(step.seconds)
        answers.append(MADE if step.call.method == "POST" else state("waiting"))

    assert step is Verdict.UNAVAILABLE
    assert waits[:8] == [0, 0, 5, 10, 20, 40, 60, 60] and len(waits) == 2 + PATIENCE


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [
        ([PUT, MADE, MADE, state("finished")], Verdict.DELIVERED),
        ([PUT, MADE, MADE, state("failed")], Verdict.REJECTED),
        ([Answer(403)], Verdict.UNAVAILABLE),
        ([Answer(404)], Verdict.UNAVAILABLE),
        ([PUT, Answer(200)], Verdict.UNAVAILABLE),
        ([PUT, Answer(200, {}, b'{"id": ".."}')], Verdict.UNAVAILABLE),
        ([PUT, Answer(400)], None),
        ([PUT, MADE, Answer(400)], None),
    ],
)
def test_where_a_job_comes_to_its_end(answers: list[Answer], verdict: Verdict | None) -> None:
    call, _ = files(CHANGED)

    assert SINK.follow["import-products"](call, answers) is verdict


def test_a_failed_job_of_many_is_refused_as_a_whole_so_that_halves_tell() -> None:
    calls = [files(CHANGED, f"s{nth}")[0] for nth in range(3)]
    answers = [PUT, MADE, MADE, state("failed")]

    assert BATCHES[0].read(calls, answers) is None
    assert classify(answers[-1], SINK.rules) is Verdict.REJECTED
    assert BATCHES[0].read(calls, [*answers[:-1], state("finished")]) == (Verdict.DELIVERED,) * 3


def test_many_are_one_file_at_one_place_and_its_job_names_it() -> None:
    calls = [
        files(replace(CHANGED, product=replace(MUG, product_id=f"p{nth}", variants=())), f"s{nth}")[1]
        for nth in range(3)
    ]
    whole = BATCHES[2].join(calls)
    asked = BATCHES[2].read(calls, [PUT])

    assert [each["product_id"] for each in lines(whole)] == ["p0", "p1", "p2"]
    assert whole.bare and whole.endpoint == BATCHES[2].budget
    assert isinstance(asked, Ask) and json.loads(asked.call.body)["source_uri"] == whole.path


def test_a_token_is_never_shown_to_the_file_store() -> None:
    tenant = Tenant()
    for call in said(of_product(CHANGED), tenant.config, "newstore"):
        assert tenant.takes(call) is Verdict.DELIVERED

    assert tenant.stand_in.stored()["showing"] == ["mug-blue", "mug-red"]


async def test_over_http_the_file_arrives_without_our_headers_and_the_job_with_them() -> None:
    stand_in = NewStoreStandIn()
    runner = web.AppRunner(application(stand_in), access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    settings = SINK.config(**stand_in.settings(f"http://127.0.0.1:{runner.addresses[0][1]}"))
    http = HttpTransport(SINK.base_url(settings), lambda: SINK.headers(settings), SINK.answer_limit, 4)
    transport = borrowing(http, SINK.token, settings, SystemClock())
    try:
        call, *_ = said(of_product(CHANGED), settings, "newstore")
        answers = [await transport.send(call)]
        while isinstance(step := SINK.follow[call.endpoint](call, answers), Ask):
            answers.append(await transport.send(step.call))
    finally:
        await transport.close()
        await runner.cleanup()

    assert step is Verdict.DELIVERED
    assert sorted(stand_in.stored()["products"]) == ["mug-blue", "mug-green", "mug-red"]


# -- the real runner, in virtual time


def rehearsed(stand_in: NewStoreStandIn) -> Any:
    return with_(load("newstore"), app=lambda: application(stand_in))


def test_a_bad_product_of_many_is_parked_alone_and_jobs_keep_their_distance() -> None:
    stand_in = NewStoreStandIn(imports=Imports(unwanted=frozenset({"p3"})))
    subject = rehearsed(stand_in)
    told = [
        of_product(signals.ProductChanged(product=Product(product_id=f"p{nth}", title="Mug")), f"s{nth}")
        for nth in range(8)
    ]

    async def story() -> None:
        async with stage(subject, told[0]) as on:
            on.log.say(*told)
            on.start()
            await on.done("eight products, one of them bad", 12 * 3600)
            puts = [each.at for each in on.platform.sent if each.call.method == "PUT"]

            assert [parked.signal_id for parked in on.log.parked] == ["s3"]
            assert sorted(stand_in.stored()["products"]) == [f"p{nth}" for nth in range(8) if nth != 3]
            assert min(later - earlier for earlier, later in pairwise(puts)) >= 300
            assert len(puts) < 12

    in_virtual_time(story())


def test_prices_wait_for_their_product() -> None:
    stand_in = NewStoreStandIn()

    async def story() -> None:
        signal = of_product(CHANGED)
        async with stage(rehearsed(stand_in), signal) as on:
            on.log.say(signal)
            on.start()
            await on.done("a product and its prices")
            says = [f"{each.call.method} {each.call.says}" for each in on.platform.sent]

            job = ["POST import job", "POST import job", "GET import job", "GET import job"]
            assert says == ["PUT import products", *job, "PUT import prices", *job]

    in_virtual_time(story())
