"""The stand-in for JUNE refuses what its article refuses, and a fulfilment before its order."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sinks.fake import Received, Reply
from sinks.june.fake import LIST, TOKEN, JuneStandIn
from tests.sinks.documents import changed

HEADERS = {"content-type": "application/json", "authorization": f"Bearer {TOKEN}"}
WHO = {"id": "42", "email": "ada@example.com"}
MUG = {"id": "1111", "name": "Mug", "qty": 1, "price": 9.99, "link": "https://mugs.example/mug"}
PARCEL = {"id": "1234", "created_at": "2026-11-21T12:00:00.000+0000", "total": 9.99, "products": [MUG]}
CUSTOMER = {**WHO, "customer": {"firstname": "Ada", "geo_location": {"city": "London"}, "guest": False}}
ORDER = {**WHO, "order": PARCEL}
FULFILLMENT = {**WHO, "fulfillment": {**PARCEL, "tracking_code": "JD0146"}}
CART = {**WHO, "cart": {"action": "update", "products": [MUG]}}
KINDS = {"customer": CUSTOMER, "order": ORDER, "cart": CART}


def ask(stand_in: JuneStandIn, document: Any, path: str = "/collect", method: str = "POST", **headers: str) -> Reply:
    sent = {**HEADERS, **{name.replace("_", "-"): value for name, value in headers.items()}}
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return stand_in.answer(Received(1_795_262_400.0, method, path, sent, body))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", [{"path": f"/collect/{TOKEN}", "authorization": ""}, {}])
def test_what_is_right_is_taken_with_the_token_in_either_place(kind: str, place: dict[str, str]) -> None:
    reply = ask(JuneStandIn(), KINDS[kind], **place)

    assert (reply.status, reply.verdict) == (200, "accepted")


@pytest.mark.parametrize(
    ("status", "request_"),
    [
        (401, {"authorization": ""}),
        (401, {"authorization": "Bearer other"}),
        (401, {"path": "/collect/other"}),
        (404, {"path": "/shop"}),
        (405, {"method": "GET"}),
        (415, {"content_type": "text/plain"}),
    ],
    ids=str,
)
def test_at_the_door(status: int, request_: dict[str, str]) -> None:
    assert ask(JuneStandIn(), CUSTOMER, **request_).status == status


@pytest.mark.parametrize(
    ("document", "way", "value"),
    [
        (CUSTOMER, "customer", ...),
        (CUSTOMER, "order", PARCEL),
        (CUSTOMER, "customer.guest", "no"),
        (CUSTOMER, "customer.firstname", 1),
        (CUSTOMER, "customer.phone", "+4930123456"),
        (CUSTOMER, "id", 42),
        (ORDER, "id", ...),
        (ORDER, "order.id", ...),
        (ORDER, "order.id", 1234),
        (ORDER, "order.total", ...),
        (ORDER, "order.total", "9.99"),
        (ORDER, "order.voucher", 0),
        (ORDER, "order.created_at", ...),
        (ORDER, "order.created_at", "2026-11-21"),
        (ORDER, "order.created_at", "2026-11-21T12:00:00Z"),
        (ORDER, "order.created_at", "2026-13-21T12:00:00.000+0000"),
        (ORDER, "order.products", ...),
        (ORDER, "order.tracking_code", "JD0146"),
        (CART, "id", ...),
        (CART, "cart.action", ...),
        (CART, "cart.action", "delete"),
        (CART, "cart.products.0.id", ...),
        (CART, "cart.products.0.name", ...),
        (CART, "cart.products.0.qty", ...),
        (CART, "cart.products.0.qty", "1"),
        (CART, "cart.products.0.price", ...),
        (CART, "cart.products.0.link", ...),
        (CART, "cart.products.0.link", "/mug"),
        (CART, "cart.products.0.image", "mug.png"),
        (CART, "cart.products.0.category", "Kitchen"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_wrong_is_refused(document: dict[str, Any], way: str, value: Any) -> None:
    reply = ask(JuneStandIn(), changed(document, way, value))

    assert (reply.status, reply.verdict) == (406, "refused")
    assert json.loads(reply.body)["message"]


def test_a_customer_needs_one_of_both_names() -> None:
    stand_in = JuneStandIn()

    assert ask(stand_in, changed(CUSTOMER, "id", ...)).status == 200
    assert ask(stand_in, changed(CUSTOMER, "email", ...)).status == 200
    assert ask(stand_in, {"customer": {}}).status == 406


def test_a_fulfilment_comes_after_its_order_and_for_the_same_customer() -> None:
    stand_in = JuneStandIn()
    stranger = {**FULFILLMENT, "id": "7", "email": "bob@example.com"}

    statuses = [ask(stand_in, told).status for told in (FULFILLMENT, ORDER, stranger, FULFILLMENT)]

    assert statuses == [406, 200, 406, 200]
    assert ask(stand_in, changed(FULFILLMENT, "fulfillment.id", "1234_f2")).status == 200
    assert ask(stand_in, changed(FULFILLMENT, "fulfillment.id", "12345")).status == 406


def test_a_repeat_overwrites_itself() -> None:
    stand_in = JuneStandIn()
    for document in (ORDER, changed(ORDER, "order.total", 5), CART, changed(CART, "cart.products", [])):
        assert ask(stand_in, document).status == 200

    assert stand_in.stored()["orders"]["1234"]["total"] == 5
    assert stand_in.stored()["carts"] == {"42": []}


def test_a_list_takes_records_by_their_e_mail_in_the_version_it_is_asked_in() -> None:
    stand_in, path, version = JuneStandIn(), f"/collect/{LIST}", {"accept_version": "~1", "authorization": ""}
    record = {"email": "ada@example.com", "_tags": "shop"}

    assert ask(stand_in, record, path, **version).status == 200
    assert ask(stand_in, {"_tags": "shop"}, path, **version).status == 406
    assert ask(stand_in, record, path, accept_version="~2").status == 406
    assert ask(stand_in, record, path, "GET", **version).status == 405
    assert stand_in.stored()["records"] == {"ada@example.com": record}


def test_what_is_not_json_is_refused() -> None:
    assert ask(JuneStandIn(), b"{").status == 406
