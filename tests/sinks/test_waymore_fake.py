"""The stand-in for WayMore refuses what its documents do not show, whom it does not know, and kinds out of order."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sinks.fake import Received, Reply
from sinks.waymore.fake import DOMAIN, PASSWORD, USERNAME, WayMoreStandIn
from sinks.waymore.shapes import EVENTS
from tests.sinks.documents import changed
from tests.sinks.folders import body, cases, said
from tests.sinks.waymore import Registered, sandbox

WHO = {
    "username": USERNAME,
    "password": PASSWORD,
    "source": "Shoprelay",
    "type": "E-Commerce",
    "version": "1",
    "plugin_version": "1",
    "domain": DOMAIN,
}
PERSON = {
    "id": "1",
    "lastname": "Doe",
    "firstname": "john",
    "birthday": "2000-01-01",
    "email": "a@b.example",
    "phone": "",
}
PLACE = {"country": "Greece", "city": "Athens", "address1": "", "postcode": "534231", "company": ""}
CUSTOMER = {"customer": PERSON, "addresses": [PLACE]}
LINE = {"product_id": "778", "option_id": "1", "quantity": "1"}
CART = {"customer_id": "1061", "cart_products": [LINE], "cart_url": "https://www.site.gr/shop/cart"}
STATUS = {"customer_id": "1061", "order_id": "123", "order_status": "pending validation"}
PRODUCT = {
    "product_id": "779",
    "name": "TestProduct",
    "categories": ["TestCategory"],
    "description": "This is a test product",
    "short_description": "Test product",
    "stock_quantity": 100,
    "price": 45,
    "discount": {"price": 40, "date_start": "2018-06-06", "date_end": "2018-08-06", "quantity": ""},
    "image_link": "https://www.example.com/e-com/testproduct.jpg",
    "product_link": "https://www.example.com/e-com/testproduct",
    "product_options": [{"option_id": "1", "size": "S", "stock_quantity": 250, "price": 29.4, "color": "White"}],
}
KNOWN_ORDER = {
    "order_details": {
        "customer_id": "33",
        "order_id": "123",
        "order_status": "pending validation",
        "shipping_method": "carrier",
        "payment_method": "credit card",
        "total_price": "150",
    },
    "order_products": [{"product_id": "1", "quantity": "1"}],
}


def ask(
    stand_in: WayMoreStandIn, path: str, document: Any, method: str = "POST", kind: str = "application/json"
) -> Reply:
    sent = document if isinstance(document, bytes) else json.dumps(document).encode()
    return stand_in.answer(Received(1_795_262_400.0, method, f"/api/{path}", {"content-type": kind}, sent))


def registered(stand_in: WayMoreStandIn) -> str:
    return str(json.loads(ask(stand_in, "authenticate", WHO).body)["uuid"])


def event(name: str, about: Any) -> tuple[int, str]:
    """What a site that is registered hears of it."""
    stand_in = WayMoreStandIn()
    reply = ask(stand_in, "event", {"event": name, "uuid": registered(stand_in), "data": about})
    return reply.status, json.loads(reply.body)["message"]


# -- registering


@pytest.mark.parametrize(
    ("status", "way", "value"),
    [
        (401, "password", "wrong"),
        (401, "username", "nobody"),
        (400, "password", ...),
        (400, "domain", ...),
        (400, "domain", 7),
        (400, "version", ""),
        (400, "token", "x"),
    ],
)
def test_whom_it_does_not_know_it_gives_no_uuid(status: int, way: str, value: Any) -> None:
    reply = ask(WayMoreStandIn(), "authenticate", changed(WHO, way, value))

    assert (reply.status, reply.verdict) == (status, "refused")
    assert set(json.loads(reply.body)) == {"message"}


def test_a_site_that_registers_twice_is_refused_or_told_the_same() -> None:
    strict, patient = WayMoreStandIn(), WayMoreStandIn(again="same")

    assert [ask(strict, "authenticate", WHO).status for _ in "12"] == [200, 403]
    assert registered(patient) == registered(patient)
    assert strict.stored()["registrations"] == patient.stored()["registrations"] == {DOMAIN: 2}


def test_another_site_has_another_uuid_and_so_has_one_that_came_back() -> None:
    stand_in = WayMoreStandIn()
    first, other = registered(stand_in), ask(stand_in, "authenticate", {**WHO, "domain": "https://b.example"})

    assert json.loads(other.body)["uuid"] != first
    assert ask(stand_in, "event", {"event": "Uninstall", "uuid": first, "data": {}}).status == 200
    assert registered(stand_in) != first


def test_every_uuid_is_a_secret() -> None:
    stand_in = WayMoreStandIn()

    assert registered(stand_in) in stand_in.secrets


def test_after_uninstall_it_counts_what_still_comes() -> None:
    site = Registered()
    (goodbye,) = [case for case in cases("waymore") if "goodbye" in str(case)]
    (call,) = said(goodbye.signal, goodbye.config, "waymore")

    assert [site.tell(call).status for _ in "12"] == [200, 200]
    assert site.stored["after_uninstall"] == 1


# -- at the door


@pytest.mark.parametrize(
    ("status", "request_"),
    [
        (404, {"path": "events"}),
        (405, {"method": "GET"}),
        (415, {"kind": "text/plain"}),
        (415, {"kind": ""}),
        (400, {"document": b"{"}),
        (400, {"document": b""}),
        (400, {"document": {}}),
        (400, {"document": {"event": "CartUpdate", "data": CART}}),
        (400, {"document": {"event": "CartUpdate", "uuid": "", "data": CART}}),
        (400, {"document": {"event": "CartUpdate", "uuid": 7, "data": CART}}),
        (400, {"document": {"event": "CartUpdate", "uuid": "u", "data": CART, "shop": "mugs"}}),
        (401, {"document": {"event": "CartUpdate", "uuid": "of-nobody", "data": CART}}),
    ],
    ids=str,
)
def test_at_the_door(status: int, request_: dict[str, Any]) -> None:
    given = {"path": "event", "document": {"event": "CartUpdate", "uuid": "u", "data": CART}, **request_}

    assert ask(WayMoreStandIn(), **given).status == status


# -- events


def test_all_that_the_cases_say_is_taken_and_kept() -> None:
    site = Registered()
    calls = [call for case in cases("waymore") if case.calls for call in said(case.signal, case.config, "waymore")]

    assert {site.tell(call).status for call in calls} == {200}
    assert sum(site.stored["told"].values()) == len(calls)
    assert set(site.stored["told"]) == set(EVENTS)


def test_a_repeat_is_kept_twice() -> None:
    site = Registered()
    case = next(case for case in cases("waymore") if case.calls)
    (call,) = said(case.signal, case.config, "waymore")

    assert [site.tell(call).status for _ in "12"] == [200, 200]
    assert [each["data"] for each in site.stored["events"]] == [json.loads(json.dumps(body(call)["data"]))] * 2


@pytest.mark.parametrize("name", ["ProductoutOfStock", "Productoutofstock", "cartUpdate", "Order", ""])
def test_names_are_exact(name: str) -> None:
    assert event(name, {"product_id": "778"})[0] == 400


@pytest.mark.parametrize("name", ["CustomerAdd", "CustomerUpdate"])
def test_only_carts_and_stock_may_stand_in_an_array(name: str) -> None:
    assert event("CartUpdate", [CART])[0] == 200
    assert event("ProductStockUpdate", [{"product_id": "778", "option_id": "1"}])[0] == 200
    assert event("CartUpdate", [CART, CART])[0] == 400
    assert event(name, [CUSTOMER])[0] == 400


@pytest.mark.parametrize(
    ("name", "document", "way", "value"),
    [
        ("CustomerAdd", CUSTOMER, "customer", ...),
        ("CustomerAdd", CUSTOMER, "addresses", ...),
        ("CustomerAdd", CUSTOMER, "customer.id", 1),
        ("CustomerAdd", CUSTOMER, "customer.id", ""),
        ("CustomerAdd", CUSTOMER, "customer.email", ...),
        ("CustomerAdd", CUSTOMER, "customer.birthday", "01/01/2000"),
        ("CustomerAdd", CUSTOMER, "customer.birthday", "2000-13-01"),
        ("CustomerAdd", CUSTOMER, "addresses.0.postcode", ...),
        ("CustomerAdd", CUSTOMER, "addresses.0.country", None),
        ("CartUpdate", CART, "customer_id", ...),
        ("CartUpdate", CART, "customer_id", 1061),
        ("CartUpdate", CART, "customer_id", ""),
        ("CartUpdate", CART, "cart_products", ...),
        ("CartUpdate", CART, "cart_products.0.option_id", ...),
        ("CartUpdate", CART, "cart_products.0.quantity", 1),
        ("CartUpdate", CART, "cart_products.0.quantity", "many"),
        ("CartUpdate", CART, "cart_url", ...),
        ("OrderStatusUpdate", STATUS, "order_status", ""),
        ("OrderStatusUpdate", STATUS, "order_id", 123),
        ("OrderPaymentConfirmed", STATUS, "order_status", "paid"),
        ("ProductAdd", PRODUCT, "name", ...),
        ("ProductAdd", PRODUCT, "price", "45"),
        ("ProductAdd", PRODUCT, "categories", "Mugs"),
        ("ProductAdd", PRODUCT, "discount.price", ...),
        ("ProductAdd", PRODUCT, "discount.date_start", "06/12/2018"),
        ("ProductAdd", PRODUCT, "product_options.0.option_id", 1),
        ("ProductAdd", PRODUCT, "product_options.0.size", ...),
        ("ProductStockUpdate", {"product_id": "778", "option_id": "1", "stock_quantity": 99}, "stock_quantity", "99"),
        ("ProductStockUpdate", {"product_id": "778", "option_id": "1", "stock_quantity": 99}, "option_id", ...),
        ("ProductOutOfStock", {"product_id": "778"}, "product_id", 778),
        ("WishlistAdd", {"product_id": "778", "customer_id": "1061"}, "customer_id", 0),
        ("Newsletter", {"customer_id": 0, "email": "a@b.example", "subscription": True}, "subscription", "true"),
        ("Newsletter", {"customer_id": 0, "email": "a@b.example", "subscription": True}, "email", ...),
        ("Search", {"customer_id": "", "search_string": "blue car"}, "search_string", None),
        ("Uninstall", {}, "reason", "none"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_wrong_is_refused(name: str, document: Any, way: str, value: Any) -> None:
    status, message = event(name, changed(document, way, value))

    assert status == 400
    assert message


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("CustomerUpdate", CUSTOMER),
        ("CartUpdate", CART),
        ("OrderStatusUpdate", STATUS),
        ("ProductUpdate", PRODUCT),
        ("ProductUpdate", changed(PRODUCT, "discount", {})),
        ("Search", {"customer_id": "", "search_string": "blue car"}),
    ],
)
def test_the_documents_own_samples_are_taken(name: str, document: Any) -> None:
    assert event(name, document)[0] == 200


# -- what is told at the beginning


def mass(site: Registered, name: str, *records: Any, entries: int = 1) -> int:
    entry = {"name": name, "description": "shop things", "object": list(records)}
    assert isinstance(site.stand_in, WayMoreStandIn)
    return ask(site.stand_in, "data", {"uuid": site.uuid, "data": [entry] * entries}).status


@pytest.mark.parametrize("name", ["customers", "Customers"])
def test_kinds_are_known_in_both_cases(name: str) -> None:
    assert mass(Registered(), name, {**CUSTOMER, "cart": {}}) == 200


@pytest.mark.parametrize("name", ["wishlist", "Wishlist", "wishlists", "Wishlists"])
def test_wishlists_have_two_names(name: str) -> None:
    assert mass(Registered(), name, {"customer_id": "1", "product_id": ["778"]}) == 200


def test_what_is_wrong_with_a_part_is_refused() -> None:
    known = {**CUSTOMER, "cart": {"cart_products": [{"product_id": "778", "quantity": "1"}]}}

    assert mass(Registered(), "customers", known) == 200
    assert mass(Registered(), "customers") == 400
    assert mass(Registered(), "customers", CUSTOMER) == 400
    assert mass(Registered(), "customers", changed(known, "cart.cart_products", [])) == 400
    assert mass(Registered(), "customers", known, known, entries=2) == 400
    assert mass(Registered(), "CUSTOMERS", known) == 400
    assert mass(Registered(), "people", known) == 400
    assert mass(Registered(), "customers", known, KNOWN_ORDER) == 400
    assert mass(Registered(), "orders", KNOWN_ORDER) == 200
    assert mass(Registered(), "orders", changed(KNOWN_ORDER, "order_details.total_price", 150)) == 400
    assert mass(Registered(), "orders", changed(KNOWN_ORDER, "order_details.customer_id", None)) == 400


def test_a_part_needs_a_site() -> None:
    entry = {"name": "orders", "description": "shop orders", "object": [KNOWN_ORDER]}

    assert ask(WayMoreStandIn(), "data", {"uuid": "of-nobody", "data": [entry]}).status == 401
    assert ask(WayMoreStandIn(), "data", {"data": [entry]}).status == 400


def test_a_kind_may_be_left_out_and_none_may_come_late() -> None:
    site = Registered()
    known = {**CUSTOMER, "cart": {}}

    assert [mass(site, "customers", known), mass(site, "orders", KNOWN_ORDER)] == [200, 200]
    assert [mass(site, "products", PRODUCT), mass(site, "customers", known)] == [400, 400]
    assert mass(site, "orders", KNOWN_ORDER) == 200


def test_where_it_is_can_be_asked() -> None:
    stand_in = WayMoreStandIn()

    assert sandbox().domain == DOMAIN
    assert json.loads(ask(stand_in, "endpoints/get", b"").body)["data"][0]["url"] == "http://localhost/api/authenticate"
    assert ask(stand_in, "endpoints/get", b"", method="GET").status == 405
