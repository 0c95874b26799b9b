"""What a correct WayMore client must do. The numbers are those of the list in `sinks/waymore/README.md`; the parts of
1, 3, 4 and 5 that are the engine's (durable, resumed, in the background) are tested with it."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas import signals
from schemas.known import KnownCustomer, KnownOrder
from shoprelay.certificate.asking import asked
from sinks.contract import Answer, Call, Verdict, classify
from sinks.waymore.discovery import read
from sinks.waymore.envelope import event, with_uuid
from sinks.waymore.fake import PASSWORD
from sinks.waymore.shapes import EVENTS
from tests.sinks.folders import SECRET, body, cases, config, said
from tests.sinks.waymore import (
    ADA,
    COOKIE,
    GUEST,
    MUG,
    ORDER,
    PRODUCT,
    SINK,
    Registered,
    calls,
    cart,
    customer,
    data,
    sandbox,
)


def test_3_5_01_a_site_is_registered_once_for_ever_and_then_tells_what_is_known() -> None:
    assert SINK.token is not None and SINK.token.once
    assert SINK.mass is not None

    site = Registered()

    assert site.seconds == math.inf
    assert asked(SINK, site.config, site.stand_in, SINK.token.ask(site.config), 0).status == 403


def test_3_5_01_with_a_uuid_in_the_settings_nobody_is_asked() -> None:
    assert SINK.token is not None

    assert SINK.token.given(sandbox(uuid="8e109ec3", username="", password=None)) == "8e109ec3"
    assert SINK.token.given(sandbox()) is None


def all_calls() -> list[Call]:
    return [call for case in cases("waymore") if case.calls for call in said(case.signal, case.config, "waymore")]


def test_3_5_02_the_uuid_is_in_every_body_that_leaves_and_in_no_call() -> None:
    for call in all_calls():
        assert SECRET not in repr(call)
        assert body(with_uuid(call, SECRET)) == {**body(call), "uuid": SECRET}


@given(st.dictionaries(st.text(), st.text() | st.just('"uuid":""}')), st.text(min_size=1))
def test_3_5_02_it_is_put_in_one_place_and_nothing_of_the_customers_is_touched(about: Any, uuid: str) -> None:
    call = event("Search", {**about, "uuid": "", "search_string": '{"uuid":""}'}, "s1")

    left = json.loads(with_uuid(call, uuid).body)

    assert left == {"event": "Search", "uuid": uuid, "data": json.loads(call.body)["data"]}


@pytest.mark.parametrize("spoilt", [b"", b"{}", b'{"uuid":"other"}', b'{"uuid":""} '])
def test_3_5_02_a_body_of_another_kind_is_left_as_it_is(spoilt: bytes) -> None:
    call = Call("x", "POST", "", spoilt, "k")

    assert with_uuid(call, SECRET) is call


def test_3_5_02_it_is_given_back_with_uninstall() -> None:
    assert SINK.token is not None
    (call,) = calls(signals.StoreDisconnected())

    assert SINK.token.given_back == {call.says}
    assert body(call) == {"event": "Uninstall", "uuid": "", "data": {}}


ADAS = KnownCustomer(
    customer=customer(), orders=(KnownOrder(order=ORDER),), wishlist=("778",), subscribed=("email",), carts=()
)


def part(nth: int, **settings: Any) -> Call:
    """A part of the nth kind."""
    assert SINK.mass is not None
    given_settings = sandbox(**settings)
    kind = SINK.mass.kinds(given_settings)[nth]
    items = kind.items(PRODUCT if kind.of == "products" else ADAS, given_settings)
    return SINK.mass.join(kind, items, given_settings)


def test_3_5_03_the_kinds_have_their_order_and_the_stand_in_takes_no_other() -> None:
    assert SINK.mass is not None
    names = [kind.name for kind in SINK.mass.kinds(config("waymore"))]
    assert names == ["customers", "subscribers", "products", "wishlist", "orders"]
    site = Registered()

    assert [site.tell(part(nth)).status for nth in (0, 0, 1, 2, 3, 4, 4)] == [200] * 7
    assert [site.tell(part(nth)).status for nth in (0, 1, 2, 3)] == [400] * 4
    assert [name for name, _ in site.stored["parts"]] == ["customers", *names, "orders"]


def test_3_5_04_parts_have_a_hundred_records_or_as_many_as_set_and_keys_of_their_content() -> None:
    assert SINK.mass is not None
    assert SINK.mass.part_items(config("waymore")) == 100
    assert SINK.mass.part_items(config("waymore", part_items=7)) == 7

    assert part(0) == part(0)
    assert len({part(nth).key for nth in range(5)}) == 5


def test_3_5_05_it_has_a_way_of_its_own_beside_what_happens() -> None:
    (call,) = calls(cart(MUG))

    assert (part(0).path, part(0).endpoint) == ("http://127.0.0.1/api/data", "data")
    assert (call.path, call.endpoint) == ("", "default")


@pytest.mark.parametrize("ref", [GUEST, COOKIE])
def test_3_5_06_a_guest_is_the_number_0(ref: Any) -> None:
    (ordered,) = calls(signals.OrderPlaced(order=ORDER), ref)
    (carted,) = calls(cart(MUG), ref)

    assert b'"customer_id":0,' in ordered.body
    assert b'"customer_id":0}' in carted.body
    (subscribed,) = calls(signals.NewsletterSubscribed(), GUEST)
    assert b'"customer_id":0,' in subscribed.body


def test_3_5_06_everybody_else_is_a_text() -> None:
    (call,) = calls(signals.OrderPlaced(order=ORDER), ADA)

    assert data(call)["customer_id"] == "42"


def test_3_5_07_the_whole_cart_on_each_change_and_none_when_the_last_line_goes() -> None:
    other = replace(MUG, product_id="1112", variant_id=None)
    (both,), (none,) = calls(cart(MUG, other)), calls(cart())

    assert [line["product_id"] for line in data(both)["cart_products"]] == ["1111", "1112"]
    assert data(none)["cart_products"] == []


def test_3_5_08_fifteen_names_and_three_keys() -> None:
    assert {call.says for call in all_calls()} == set(EVENTS)
    assert len(EVENTS) == 15
    for call in all_calls():
        assert set(body(call)) == {"event", "uuid", "data"}
        assert body(call)["event"] == call.says


def test_3_5_09_every_change_of_stock_and_that_it_is_gone() -> None:
    changed = signals.StockChanged(product_id="778", quantity=Decimal(3))

    assert [call.says for call in calls(changed)] == ["ProductStockUpdate"]
    gone = calls(replace(changed, quantity=Decimal(0), out_of_stock=True))
    assert [(call.says, data(call).get("stock_quantity")) for call in gone] == [
        ("ProductStockUpdate", 0),
        ("ProductOutOfStock", None),
    ]


@pytest.mark.parametrize(
    "later",
    [
        signals.OrderStatusChanged(order_id="1234", status="shipped"),
        signals.OrderFulfilled(order_id="1234", ordinal=1, complete=True),
        signals.OrderCancelled(order_id="1234"),
        signals.OrderRefunded(order_id="1234", ordinal=1, complete=True),
    ],
)
def test_3_5_10_the_order_comes_before_what_becomes_of_it(later: Any) -> None:
    (placed,), (call,) = calls(signals.OrderPlaced(order=ORDER)), calls(later)

    assert call.needs == placed.opens == "order 1234"
    in_order, not_in_order = Registered(), Registered()
    assert [in_order.tell(each).status for each in (placed, call, placed)] == [200] * 3
    assert [not_in_order.tell(each).status for each in (call, placed)] == [200] * 2
    assert (in_order.stored["too_early"], not_in_order.stored["too_early"]) == ([], ["1234"])


def test_3_5_11_400_is_final_and_silence_is_not() -> None:
    expected = {400: Verdict.REJECTED, 401: Verdict.MISCONFIGURED, 403: Verdict.MISCONFIGURED, 500: Verdict.UNAVAILABLE}

    assert {status: classify(Answer(status), SINK.rules) for status in expected} == expected
    assert classify(Answer(0, fault="timeout"), SINK.rules) is Verdict.UNAVAILABLE


def test_3_5_12_the_addresses_come_from_the_settings() -> None:
    settings = config(
        "waymore", auth_url="https://a.example/x", data_url="https://d.example/y", event_url="https://e.example/z"
    )
    assert SINK.token is not None and SINK.mass is not None

    assert SINK.base_url(settings) == "https://e.example/z"
    assert SINK.token.ask(settings).path == "https://a.example/x"
    assert SINK.mass.join(SINK.mass.kinds(settings)[0], [], settings).path == "https://d.example/y"
    defaults = [SINK.config.model_fields[f"{name}_url"].default for name in ("auth", "data", "event")]
    assert defaults == [
        "https://waymore.routee.net/api/authenticate",
        "https://idata.routee.net/api/data",
        "https://idata.routee.net/api/event",
    ]


def test_3_5_12_and_from_asking() -> None:
    listed = [{"type": kind, "url": f"https://wm.example/{kind}"} for kind in ("auth", "data", "event", "logs")]

    assert read(Answer(200, {}, json.dumps({"success": 1, "data": listed}).encode())) == {
        "auth_url": "https://wm.example/auth",
        "data_url": "https://wm.example/data",
        "event_url": "https://wm.example/event",
    }


def test_the_password_is_only_where_it_is_asked_for() -> None:
    assert SINK.token is not None
    ask = SINK.token.ask(sandbox())

    assert body(ask) == {
        "username": "waymore-sandbox",
        "password": PASSWORD,
        "source": "Shoprelay",
        "type": "E-Commerce",
        "version": "1.0",
        "plugin_version": "0.1.0",
        "domain": "https://mugs.example",
    }
    assert PASSWORD not in repr(sandbox()) and PASSWORD not in ask.path
