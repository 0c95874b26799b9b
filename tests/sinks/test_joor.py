"""What JOOR hears of products and customers, and how each is followed to its end."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from schemas.values import Address, Variant
from sinks.contract import Answer, Ask, Call, CannotSay, Unaddressable, Verdict
from sinks.fake import Received, Reply
from sinks.joor import jobs, styles
from sinks.joor.fake import JoorStandIn
from tests.sinks.joor import ask, calls, config, customer, mug, product, says, scripted, stock, told, variant

GRID = (variant("1", "Blue", "S"), variant("2", "Blue", "L"), variant("3", "Red", "S"), variant("4", "Red", "L"))


def failing(step: str, *errors: dict[str, Any]) -> Any:
    """What a stand-in answers to one step becomes these errors."""

    def change(request: Received, reply: Reply) -> Reply:
        if step not in request.path:
            return reply
        return Reply(200, "refused", json.dumps({"data": [], "errors": list(errors)}).encode())

    return change


# -- styles


def test_a_new_style_goes_product_skus_prices_each_with_the_id_before() -> None:
    stand_in, heard = JoorStandIn(), list[Call]()

    assert told(stand_in, product(mug(*GRID)), heard=heard) is Verdict.DELIVERED

    assert says(heard) == ["Create SKUs", "Create Prices"]
    (made,) = stand_in.catalog.products.values()
    assert (made["external_id"], made["product_identifier"]) == ("P1", "P1")
    assert {sku["product_id"] for sku in stand_in.catalog.skus.values()} == {made["id"]}
    assert [price["wholesale_value"] for price in stand_in.catalog.prices.values()] == ["10.00"] * 4


def test_a_style_that_is_there_is_found_and_updated_with_all_its_parts() -> None:
    stand_in, heard = JoorStandIn(), list[Call]()
    told(stand_in, product(mug(*GRID)))
    dearer = tuple(variant(v.variant_id, v.options["Color"], v.options["Size"]) for v in GRID)

    verdict = told(stand_in, product(mug(*dearer, title="Big mug")), config(wholesale_percent=50), heard)

    assert verdict is Verdict.DELIVERED
    assert says(heard) == [
        "Find Product", "Update Product", "Create SKUs", "Update SKUs", "Create Prices", "Find Prices", "Update Prices",
    ]  # fmt: skip
    assert [p["name"] for p in stand_in.catalog.products.values()] == ["Big mug"]
    assert {p["wholesale_value"] for p in stand_in.catalog.prices.values()} == {"5.00"}
    assert len(stand_in.catalog.skus) == len(stand_in.catalog.prices) == 4


def test_a_size_that_is_new_is_created_and_the_others_are_updated() -> None:
    stand_in, heard = JoorStandIn(), list[Call]()
    told(stand_in, product(mug(*GRID[::2])))

    assert told(stand_in, product(mug(*GRID)), heard=heard) is Verdict.DELIVERED

    update = next(call for call in heard if call.says == "Update SKUs")
    assert [row["external_id"] for row in json.loads(update.body)] == ["1", "3"]
    assert len(stand_in.catalog.prices) == 4


def test_a_style_is_looked_for_page_by_page_where_the_list_is_not_narrowed() -> None:
    stand_in, heard = JoorStandIn(), list[Call]()
    for number in range(230):
        told(stand_in, product(mug(product_id=f"X{number}")), config(prices=False))
        stand_in._credits._used = 0
    told(stand_in, product(mug(product_id="P1")))
    heard.clear()

    assert told(stand_in, product(mug(product_id="P1")), heard=heard) is Verdict.DELIVERED

    assert says(heard)[:3] == ["Find Product"] * 3


def test_a_product_without_variants_is_a_style_without_skus() -> None:
    stand_in, heard = JoorStandIn(), list[Call]()

    assert told(stand_in, product(mug(variants=())), heard=heard) is Verdict.DELIVERED
    assert heard == []


@pytest.mark.parametrize("step", ["products/bulk_create", "skus/bulk_create", "prices/bulk_create"])
def test_an_error_in_a_row_parks_it_although_the_status_is_good(step: str) -> None:
    stand_in = scripted(JoorStandIn(), failing(step, {"status": "INVALID", "message": "no", "details": {}}))

    assert told(stand_in, product(mug(*GRID))) is Verdict.REJECTED


@pytest.mark.parametrize("step", ["products/bulk_update", "bulk_update_by_external_id", "prices/bulk_update"])
def test_an_error_while_updating_parks_it(step: str) -> None:
    stand_in = JoorStandIn()
    told(stand_in, product(mug(*GRID)))
    scripted(stand_in, failing(step, {"status": "INVALID"}))

    assert told(stand_in, product(mug(*GRID))) is Verdict.REJECTED


def test_a_style_that_is_said_to_be_there_and_is_not_found_is_parked() -> None:
    stand_in = scripted(JoorStandIn(), failing("products/bulk_create", {"status": "DUPLICATED"}))
    scripted(stand_in, failing("products?"))

    assert told(stand_in, product(mug(*GRID))) is Verdict.REJECTED


def test_trouble_on_the_way_is_left_to_the_rules() -> None:
    (call,) = calls(product(mug(*GRID)))
    created = Answer(200, {}, b'{"data":[{"id":"P1"}],"errors":[]}')

    assert styles.follow(call, [Answer(404)]) is None
    assert isinstance(styles.follow(call, [created]), Ask)
    assert styles.follow(call, [created, Answer(401)]) is None


@pytest.mark.parametrize(
    ("of", "reason"),
    [
        (mug(title=" "), "product.title"),
        (mug(variant("1"), variant("2")), "the same colour and size"),
        (mug(variant("1"), variant("1", "Red")), "the same id"),
        (mug(GRID[0], GRID[3]), "every colour in every size"),
        (mug(variant("")), "variant_id is required"),
    ],
)
def test_what_joor_would_refuse_is_refused_before(of: Any, reason: str) -> None:
    with pytest.raises(CannotSay, match=reason):
        calls(product(of))


def test_a_price_is_told_to_the_cent_and_never_below_zero() -> None:
    odd = mug(variant("1", barcode="800"), price=None)
    (call,) = calls(product(odd), config(wholesale_percent=Decimal("33.3")))
    assert json.loads(call.then)["prices"] == {"1": {"wholesale_value": "3.33", "retail_value": "10.00"}}

    with pytest.raises(CannotSay, match="below zero"):
        calls(product(mug(price=Decimal(-1), variants=(Variant(variant_id="1"),))))


def test_the_upc_is_the_barcode_where_it_is_set_so() -> None:
    (call,) = calls(product(mug(variant("1", barcode="800"))), config(upc="barcode"))

    assert json.loads(call.then)["skus"][0]["identifiers"] == [{"type": "upc", "value": "800"}]


# -- stock


@pytest.mark.parametrize(("quantity", "told_as"), [("7", 7), ("7.9", 7), ("0", 0), ("-3", 0)])
def test_stock_is_a_whole_number_from_zero(quantity: str, told_as: int) -> None:
    stand_in = JoorStandIn()

    assert told(stand_in, stock(quantity)) is Verdict.DELIVERED
    assert stand_in.stock == {"Main/1001": told_as}


def test_a_warehouse_that_joor_does_not_know_parks_the_call() -> None:
    assert told(JoorStandIn(), stock("7"), config(warehouse="Attic")) is Verdict.REJECTED


def test_stock_by_style_names_colour_and_size() -> None:
    stand_in = JoorStandIn()
    of = mug(variant("1001", "Red", "L"))

    assert told(stand_in, stock("7", product=of), config(stock_key="style")) is Verdict.DELIVERED
    assert stand_in.stock == {"Main/P1/Red/L": 7}
    with pytest.raises(CannotSay):
        calls(stock("7"), config(stock_key="style"))


# -- customers and jobs


def test_a_name_is_required_and_the_company_comes_first() -> None:
    signal = customer("JOOR")
    profile = replace(signal.customer.profile, address=Address(company="Ada's Boutique"))
    (call,) = calls(replace(signal, customer=replace(signal.customer, profile=profile)))
    assert json.loads(call.body)["bulk_connections"]["connection"][0]["customer_name"] == "Ada's Boutique"


@pytest.mark.parametrize(("number", "name"), [("4" * 51, "Ada"), ("42", "A" * 101)])
def test_what_is_too_long_is_refused_before(number: str, name: str) -> None:
    with pytest.raises(CannotSay, match="longer than"):
        calls(customer("JOOR", number=number, name=name))


def test_nobody_without_an_id_is_told() -> None:
    with pytest.raises(Unaddressable):
        calls(customer("JOOR", number=None))


def test_a_job_is_asked_for_more_and_more_seldom_and_not_for_ever() -> None:
    (call,) = calls(customer("JOOR"))
    begun = Answer(200, {}, b'{"bulk_connections":{"response":{"code":0},"x":[{"bulk_connections_job_id":4}]}}')
    queued = Answer(200, {}, b'{"bulk_connections":{"bulk_connections_jobs":[{"status":"queued"}]}}')
    waits = []
    answers = [begun]
    while isinstance(said := jobs.follow(call, answers), Ask):
        waits.append(said.seconds)
        assert said.call.path == "/v2/bulk-connection/4" and said.call.cost == 1
        answers.append(queued)

    assert waits[:6] == [5, 10, 20, 40, 60, 60] and len(waits) == jobs.PATIENCE
    assert said is Verdict.UNAVAILABLE


def test_a_job_nobody_names_is_told_again() -> None:
    (call,) = calls(customer("JOOR"))

    assert jobs.follow(call, [Answer(200, {}, b'{"response":{"code":0}}')]) is Verdict.UNAVAILABLE


def test_kinds_that_are_switched_off_are_not_told() -> None:
    settings = config(customers=False, styles=False, stock=False)

    assert calls(customer("JOOR"), settings) == calls(product(mug()), settings) == calls(stock("1"), settings) == ()


@pytest.mark.parametrize(
    ("changes", "missing"),
    [({"client_id": ""}, "client_id"), ({"price_type_id": ""}, "price_type_id"), ({"warehouse": ""}, "warehouse")],
)
def test_what_is_told_needs_its_settings(changes: dict[str, Any], missing: str) -> None:
    with pytest.raises(ValueError, match=missing):
        config(**changes)


def test_the_stand_in_shows_a_connection_by_its_code_only_when_the_job_is_finished() -> None:
    stand_in = JoorStandIn()
    (call,) = calls(customer("JOOR"))
    ask(stand_in, "/v2/bulk-connection", call.body)
    path = "/v2/connection/customer_code/42/"
    assert json.loads(ask(stand_in, path).body)["connections"]["connections"]["connection"] == []

    ask(stand_in, "/v2/bulk-connection/1")
    ask(stand_in, "/v2/bulk-connection/1")
    assert len(json.loads(ask(stand_in, path).body)["connections"]["connections"]["connection"]) == 1
