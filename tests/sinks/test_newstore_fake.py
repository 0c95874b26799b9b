"""The stand-in for NewStore refuses what its documents refuse, with the codes they name: at its door, and orders."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from sinks.fake import Received, Reply
from sinks.newstore.fake import CLIENT_ID, NewStoreStandIn
from sinks.newstore.fakeorders import Orders
from tests.sinks.documents import changed
from tests.sinks.newstore import AT
from tests.sinks.newstore_caller import (
    FORM,
    INJECT,
    ITEM,
    LEND,
    OFF,
    OPTION,
    ORDER,
    PAYMENT,
    TOKEN_OPTION,
    Caller,
    code,
)

# -- tokens


@pytest.mark.parametrize(
    ("status", "method", "path", "form"),
    [
        (405, "GET", LEND, FORM),
        (400, "POST", f"{LEND}?client_secret=s", FORM),
        (400, "POST", "/v0/token?password=s", FORM),
        (400, "POST", LEND, FORM.replace("client_credentials", "password")),
        (400, "POST", "/v0/token", FORM),
        (401, "POST", LEND, FORM + "x"),
        (401, "POST", LEND, FORM.replace(CLIENT_ID, "nobody")),
        (401, "POST", "/auth/realms/other/protocol/openid-connect/token", FORM),
    ],
)
def test_a_token_is_not_lent_to_everybody(status: int, method: str, path: str, form: str) -> None:
    assert Caller().raw(method, path, form.encode()).status == status


def test_a_token_ends_when_it_said() -> None:
    caller = Caller(NewStoreStandIn(token_seconds=60))

    assert caller.ask("GET", "/customer/profiles").status == 200
    caller.at += 61
    assert code(caller.ask("GET", "/customer/profiles")) == (403, "forbidden")
    assert caller.ask("GET", "/customer/profiles", authorization="").status == 401
    assert b"expires_in" not in Caller(NewStoreStandIn(token_seconds=None)).raw("POST", LEND, FORM.encode()).body


# -- injection


def test_what_is_right_is_taken_once() -> None:
    caller = Caller()
    first, again = (caller.ask("POST", INJECT, ORDER) for _ in range(2))

    assert (first.status, first.verdict, again.verdict) == (200, "accepted", "duplicate")
    assert first.body == again.body
    assert json.loads(first.body)["items"][0]["external_item_id"] == "a-1"


@pytest.mark.parametrize("optional", ["price_method", "shipping_address"])
def test_what_may_be_left_out(optional: str) -> None:
    assert Caller().ask("POST", INJECT, changed(ORDER, optional, ...)).status == 200


@pytest.mark.parametrize(
    ("way", "value"),
    [
        *((required, ...) for required in ("external_id", "shop", "shop_locale", "channel_type", "channel_name")),
        *((required, ...) for required in ("currency", "shipments")),
        ("external_id", ""),
        ("external_id", "1" * 65),
        ("external_id", 1234),
        ("shop", "s" * 129),
        ("shop_locale", "english please"),
        ("channel_type", "phone"),
        ("channel_name", "c" * 65),
        ("currency", "eur"),
        ("currency", "ZZZ"),
        ("placed_at", "2026-11-21"),
        ("placed_at", "2026-11-21T12:00:00"),
        ("price_method", "net"),
        ("customer_name", ""),
        ("customer_email", "e" * 65),
        ("customer_language", "eng"),
        ("external_customer_id", "4" * 65),
        ("is_historical", "yes"),
        ("colour", "blue"),
        ("notification_blacklist", "all"),
        ("extended_attributes", [{"name": "a"}]),
        ("shipping_address.address_line_1", ...),
        ("shipping_address.address_line_1", "a" * 129),
        ("shipping_address.country", ...),
        ("shipping_address.country", "GBR"),
        ("shipping_address.city", "c" * 65),
        ("shipping_address.state", "s" * 33),
        ("shipments", []),
        ("shipments.0.items", []),
        ("shipments.0.shipping_option", ...),
        ("shipments.0.shipping_option.price", ...),
        ("shipments.0.shipping_option.tax", ...),
        ("shipments.0.shipping_option.service_level_identifier", ...),
        ("shipments.0.shipping_option.shipping_offer_token", "tok"),
        ("shipments.0.items.0.external_item_id", ...),
        ("shipments.0.items.0.external_item_id", "a" * 65),
        ("shipments.0.items.0.product_id", "mug=1"),
        ("shipments.0.items.0.product_id", "mug%20"),
        ("shipments.0.items.0.product_id", "m" * 65),
        ("shipments.0.items.0.quantity", 2),
        ("shipments.0.items.0.price.item_price", "10.50"),
        ("shipments.0.items.0.price.item_price", -1),
        ("shipments.0.items.0.price.item_list_price", ...),
        ("shipments.0.items.0.price.item_tax_lines", ...),
        ("shipments.0.items.0.price.item_tax_lines.0.rate", 19),
        ("shipments.0.items.0.price.item_tax_lines.0.name", ...),
        ("shipments.0.items.0.price.item_discount_info", [OFF, OFF]),
        ("shipments.0.items.0.price.item_discount_info.0.type", "free"),
        ("shipments.0.items.0.price.item_discount_info.0.discount_ref", ...),
        *((f"payments.0.{required}", ...) for required in PAYMENT),
        ("payments.0.amount", 0),
        ("payments.0.amount", 14.495),
        ("payments.0.type", "token"),
        ("payments.0.processor", "p" * 33),
        ("payments.0.correlation_ref", "c" * 129),
        ("payments.0.processed_at", "yesterday"),
    ],
    ids=lambda value: str(value)[:48],
)
def test_what_has_another_shape_is_refused(way: str, value: Any) -> None:
    reply = Caller().ask("POST", INJECT, changed(ORDER, way, value))

    assert code(reply) == (400, "schema_validation_error")
    assert reply.content_type == "application/problem+json"


@pytest.mark.parametrize(
    ("way", "value", "said"),
    [
        ("payments.0.amount", 14.5, "bad_request"),
        ("payments", [], "bad_request"),
        ("payments", [PAYMENT | {"amount": 7}, PAYMENT | {"amount": 7.49}], "bad_request"),
        ("price_method", "tax_excluded", "bad_request"),
        ("shipments.0.items.0.price.item_discount_info", [], "bad_request"),
        ("shipments.0.items.0.price.item_list_price", 12.005, "bad_request"),
        ("currency", "JPY", "bad_request"),
        ("shipments.0.items", [ITEM] * 101, "maximum_allowed_number_of_items_exceeded"),
        ("shipments", [{"items": [ITEM], "shipping_option": OPTION}] * 6, "maximum_allowed_number_of_items_exceeded"),
        ("shipments.0.items", [ITEM] * 2, "addon_duplicate_external_item_id"),
        ("shipments.0.items.0.addon_parent_external_item_id", "a-1", "addon_invalid_parent_item"),
        ("shipments.0.items.0.addon_parent_external_item_id", "b-1", "addon_invalid_parent_item"),
        ("shipments", [{"items": [ITEM], "shipping_option": OPTION}] * 2, "invalid_shipments"),
        ("shipments", [{"items": [ITEM], "shipping_option": o} for o in (OPTION, TOKEN_OPTION)], "invalid_shipments"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_does_not_go_together_is_refused(way: str, value: Any, said: str) -> None:
    assert code(Caller().ask("POST", INJECT, changed(ORDER, way, value))) == (400, said)


def test_numbers_are_read_digit_by_digit() -> None:
    third = changed(changed(ORDER, "shipments.0.items.0.price.item_price", 0.1), "payments.0.amount", 4.29)
    third = changed(third, "shipments.0.items.0.price.item_discount_info", [OFF | {"price_adjustment": 0.8}])

    assert Caller().ask("POST", INJECT, third).status == 200
    assert Decimal("0.1") + Decimal("4.99") - Decimal("0.8") == Decimal("4.29")


@pytest.mark.parametrize(("differing", "status"), [("refused", 400), ("refused", 409), ("first", 200)])
def test_both_documented_answers_to_another_order_under_the_same_number(differing: Any, status: int) -> None:
    caller = Caller(NewStoreStandIn(orders=Orders(differing, status if status != 200 else 400)))
    first = caller.ask("POST", INJECT, ORDER)
    other = caller.ask("POST", INJECT, changed(ORDER, "customer_name", "Bob"))

    assert other.status == status
    assert other.body == first.body if status == 200 else code(other)[1] == "same_order_injection_with_different_data"


@pytest.mark.parametrize(
    ("status", "method", "path", "document", "headers"),
    [
        (404, "POST", "/v0/d/fulfill_orders", ORDER, {}),
        (404, "GET", "/v0/orders", None, {}),
        (405, "GET", INJECT, None, {}),
        (405, "POST", "/v0/orders/1234?id_type=external", {}, {}),
        (415, "POST", INJECT, ORDER, {"content_type": "text/plain"}),
        (400, "POST", INJECT, b"{", {}),
        (400, "GET", "/v0/orders/1234", None, {}),
        (400, "GET", "/v0/orders/1234?id_type=human", None, {}),
        (404, "GET", "/v0/orders/1235?id_type=external", None, {}),
        (404, "POST", "/v0/orders/1235/cancel?id_type=external", {"reason": "r"}, {}),
        (400, "POST", "/v0/orders/1234/cancel?id_type=external", {}, {}),
        (400, "POST", "/v0/orders/1234/cancel?id_type=external", {"reason": ""}, {}),
        (404, "POST", "/v0/d/orders/1234/returns", {"items": []}, {}),
        (404, "POST", "/v0/fulfillment_request/nobody/set_items_states", {}, {}),
        (200, "GET", "/v0/fulfillment_requests/nobody", None, {}),
    ],
    ids=str,
)
def test_at_the_orders_door(status: int, method: str, path: str, document: Any, headers: dict[str, str]) -> None:
    caller = Caller()
    caller.ask("POST", INJECT, ORDER)

    assert caller.ask(method, path, document, **headers).status == status


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([], 400),
        ([{"state": "shipped"}], 400),
        ([{"state": "lost"}], 400),
        ([{"item_id": "nobody", "state": "shipped"}], 400),
        ([{"state": "shipped"}, {"state": "rejected"}], 400),
    ],
)
def test_states_are_for_items_of_the_request(lines: list[dict[str, str]], status: int) -> None:
    caller = Caller()
    uuid = json.loads(caller.ask("POST", INJECT, ORDER).body)["id"]
    (request,) = json.loads(caller.ask("GET", f"/v0/fulfillment_requests/{uuid}").body)["fulfillment_requests"]
    path = f"/v0/fulfillment_request/{request['fulfillment_request_id']}/set_items_states"
    item = request["items"][0]["item_id"]
    good = {"line_items": [{"item_id": item, "state": "shipped"}]}

    mixed = [{"item_id": item, **line} for line in lines] if len(lines) == 2 else lines
    assert caller.ask("POST", path, {"line_items": mixed}).status == status
    assert [caller.ask("POST", path, good).status for _ in range(2)] == [204, 400]


# -- pace


def test_twenty_injections_a_second() -> None:
    caller = Caller()
    replies = [caller.ask("POST", INJECT, changed(ORDER, "external_id", str(nth))) for nth in range(21)]

    assert [reply.status for reply in replies] == [200] * 20 + [429]
    assert replies[-1].headers["Retry-After"] == "1"
    caller.at += 1
    assert caller.ask("POST", INJECT, ORDER).status == 200


def test_an_address_that_asks_too_often_is_shut_out_for_five_minutes_without_json() -> None:
    caller = Caller()
    caller.stand_in.block(AT + 300)

    reply = caller.ask("GET", "/customer/profiles")
    assert (reply.status, reply.content_type) == (403, "text/html")
    assert caller.raw("PUT", "/_files/a.zip", b"x").status == 200
    caller.at += 300
    assert caller.ask("GET", "/customer/profiles").status == 200


def test_another_side_is_asked_for_what_is_of_none_of_these() -> None:
    class Reads:
        def answer(self, request: Received) -> Reply | None:
            return Reply(200, "accepted") if request.path.startswith("/v0/d/availabilities") else None

        def stored(self) -> dict[str, Any]:
            return {"exports": 1}

    caller = Caller(NewStoreStandIn(others=(Reads(),)))

    assert caller.ask("GET", "/v0/d/availabilities/groups").status == 200
    assert caller.stand_in.stored()["exports"] == 1
    assert Caller().ask("GET", "/v0/d/availabilities/groups").status == 404
