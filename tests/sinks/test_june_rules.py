"""What a correct JUNE client must do, line by line. The numbers are those of the list in `sinks/june/README.md`; what
the engine does for a line is tried with the real runner, in front of the stand-in."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import structlog
from msgspec.structs import replace
from pydantic import ValidationError

from schemas import events, signals
from schemas.signals import Cart, Customer, Signal
from schemas.values import CustomerRef, LineItem, Order, Profile
from sinks.contract import Answer, Call, CannotSay, Dedupe, Unaddressable, Verdict, classify
from sinks.june.fake import LIST, TOKEN
from tests.delivery.moved import moved_clock, until
from tests.delivery.world import World
from tests.sinks.folders import SECRET, body, cases, config, said
from tests.sinks.june import SINK, June, bare, shop, world

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ADA = CustomerRef(customer_id="42", email="ada@example.com")
NOBODY = Profile()
MUG = LineItem(product_id="1111", name="Mug", unit_price=Decimal("9.9900"), url="https://mugs.example/mug")


def signal(payload: Any, ref: CustomerRef = ADA, profile: Profile = NOBODY) -> Signal:
    customer = Customer(key="mugs:42", ref=ref, profile=profile)
    return Signal(signal_id="s1", shop="mugs", occurred_at=NOON, cause="e1", customer=customer, payload=payload)


def calls(payload: Any, ref: CustomerRef = ADA, profile: Profile = NOBODY, **settings: Any) -> tuple[Call, ...]:
    return said(signal(payload, ref, profile), config("june", **settings), "june")


def order(*lines: LineItem) -> Order:
    return Order(order_id="1234", currency="EUR", total=Decimal("14.98"), shipping=Decimal("4.99"), lines=lines)


def changed(*lines: LineItem) -> signals.CartChanged:
    cart = Cart(cart_id="c9", version=1, currency="EUR", lines=lines, total=Decimal(0), changed_at=NOON)
    return signals.CartChanged(cart=cart)


def fulfilled(ordinal: int, **more: Any) -> signals.OrderFulfilled:
    return signals.OrderFulfilled(order_id="1234", fulfillment_id=f"f{ordinal}", ordinal=ordinal, **more)


def test_2_4_01_each_call_is_a_post_of_exactly_one_kind() -> None:
    for case in cases("june"):
        told = said(case.signal, case.config, "june") if case.calls else ()
        for call in (call for call in told if not call.bare):
            kinds = {"customer", "order", "fulfillment", "cart"} & set(body(call))

            assert (call.method, kinds) == ("POST", {call.says})


def test_2_4_02_both_names_are_sent_when_both_are_known() -> None:
    for payload in (signals.CustomerChanged(), signals.OrderPlaced(order=order(MUG)), changed(MUG)):
        (call,) = calls(payload)

        assert (body(call)["id"], body(call)["email"]) == ("42", "ada@example.com")


def test_2_4_02_a_guest_is_known_by_the_email_in_lower_case() -> None:
    (call,) = calls(changed(MUG), ref=CustomerRef(email="Ada@Example.com"))

    assert (body(call)["id"], body(call)["email"]) == ("ada@example.com", "Ada@Example.com")


@pytest.mark.parametrize(
    "payload", [signals.OrderPlaced(order=order(MUG)), changed(MUG), fulfilled(1, complete=True, order=order(MUG))]
)
def test_2_4_02_without_an_id_nothing_but_the_customer_is_told(payload: Any) -> None:
    guest = CustomerRef(email="ada@example.com")
    with pytest.raises(Unaddressable):
        calls(payload, ref=guest, guest_id="refuse")

    (customer,) = calls(signals.CustomerChanged(), ref=guest, guest_id="refuse")

    assert body(customer) == {"email": "ada@example.com", "customer": {"guest": True}}


@pytest.mark.parametrize("payload", [signals.CustomerChanged(), signals.OrderPlaced(order=order(MUG)), changed(MUG)])
def test_2_4_02_without_any_name_there_is_nobody_to_tell(payload: Any) -> None:
    with pytest.raises(Unaddressable):
        calls(payload, ref=CustomerRef(anonymous_id="cookie-7", phone="+4930123456"))


def test_2_4_03_a_fulfilment_needs_its_order() -> None:
    with pytest.raises(CannotSay, match=r"^order is required"):
        calls(fulfilled(1, complete=True))


def test_2_4_03_order_and_fulfilment_name_the_same_order() -> None:
    (placed,) = calls(signals.OrderPlaced(order=order(MUG)))
    (sent,) = calls(fulfilled(1, complete=True, order=order(MUG)))

    assert body(placed)["order"]["id"] == body(sent)["fulfillment"]["id"] == "1234"


def test_2_4_03_under_the_orders_id_the_last_parcel_tells_the_whole_order() -> None:
    two = replace(MUG, quantity=Decimal(2))
    one = LineItem(product_id="1111")
    first, last = (
        body(calls(fulfilled(n, complete=n == 2, lines=(one,), order=order(two)))[0])["fulfillment"] for n in (1, 2)
    )

    assert (first["id"], first["products"][0]["qty"], first["total"]) == ("1234", 1, Decimal("9.99"))
    assert (last["id"], last["products"][0]["qty"], last["total"]) == ("1234", 2, Decimal("14.98"))


async def everything(june: June, *said: signals.Signal) -> World:
    """Told to JUNE by a runner of its own."""
    made = world(june)
    process = made.start(SINK)
    made.log.say(*said)
    await until(made.done)
    assert await process.end() == 0
    return made


PLACED = events.OrderPlaced(order=order(MUG))
SENT = events.OrderFulfilled(order_id="1234", fulfillment_id="f1", lines=bare(MUG))


@moved_clock
async def test_2_4_03_a_fulfilment_is_held_back_until_its_order_was_accepted() -> None:
    june, said = June(), shop(PLACED, SENT)
    june.answers[f"{said[-2].signal_id}:order"] = [Answer(503)] * 3

    await everything(june, *said)

    assert june.heard() == ["customer", "order", "fulfillment"]
    assert [call.says for _, call in june.sent] == ["customer", *["order"] * 4, "fulfillment"]


@moved_clock
async def test_2_4_03_behind_a_refused_order_it_is_queued_again_and_never_dropped() -> None:
    june, said = June(), shop(PLACED, SENT, events.CartReplaced(lines=(MUG,), currency="EUR"))
    june.answers[f"{said[1].signal_id}:order"] = [Answer(406)]
    on = await everything(june, *said)
    assert june.heard() == ["customer", "cart"]
    assert sorted(each.says for each in on.log.still_parked.values()) == ["fulfillment", "order"]

    on.start(SINK)
    on.log.ask(*(each for each in on.log.still_parked.values() if each.opens))
    await until(lambda: not on.log.still_parked)

    assert june.heard() == ["customer", "cart", "order", "fulfillment"]


@moved_clock
async def test_2_4_03_nor_does_an_order_of_somebody_else_let_it_pass() -> None:
    june, said = June(), shop(PLACED, SENT)
    stranger = shop(PLACED, ref=CustomerRef(customer_id="7", email="bob@example.com"))
    june.answers[f"{said[1].signal_id}:order"] = [Answer(406)]

    await everything(june, *stranger, *said)

    assert "fulfillment" not in [call.says for _, call in june.sent]


@moved_clock
async def test_2_4_04_the_customer_is_told_before_their_first_order_or_cart() -> None:
    for first in (PLACED, events.CartItemAdded(cart_id="c9", item=MUG, currency="EUR")):
        june, said = June(), shop(first)
        june.answers[f"{said[0].signal_id}:customer"] = [Answer(500), Answer(0, fault="timeout")]

        await everything(june, *said)

        assert june.heard()[0] == "customer" and len(june.heard()) == 2


RECORDS = f"http://127.0.0.1/collect/{LIST}"


@moved_clock
async def test_2_4_04_where_it_is_set_their_record_in_the_list_comes_first_and_only_once() -> None:
    june = June(record_url=RECORDS)
    said = shop(events.CustomerRegistered(), PLACED, events.CustomerUpdated(profile=Profile(first_name="Ada")))
    june.answers[f"{said[0].signal_id}:record"] = [Answer(500)]

    await everything(june, *said)

    assert june.heard() == ["record", "customer", "order", "customer"]
    assert june.stand_in.stored()["records"] == {"Ada@example.com": {"email": "Ada@example.com"}}


@moved_clock
async def test_2_4_04_a_record_that_is_refused_is_parked_with_its_customer_and_both_are_told_again() -> None:
    june, said = June(record_url=RECORDS), shop(events.CustomerRegistered(), PLACED)
    june.answers[f"{said[0].signal_id}:record"] = [Answer(406)]

    on = await everything(june, *said)

    assert june.heard() == ["order"]
    on.start(SINK)
    on.log.ask(*on.log.still_parked.values())
    await until(lambda: not on.log.still_parked)

    assert june.heard() == ["order", "record", "customer"]


@pytest.mark.parametrize(("ref", "new"), [(CustomerRef(customer_id="42"), True), (ADA, False)])
def test_2_4_04_nobody_gets_a_record_without_an_e_mail_or_one_more(ref: CustomerRef, new: bool) -> None:
    (call,) = calls(signals.CustomerChanged(new=new), ref=ref, record_url=RECORDS)

    assert call.says == "customer"


@pytest.mark.parametrize(
    ("form", "written"),
    [("documented", "2026-11-21T12:00:00.000+0000"), ("sample", "2026-11-21T12:00:00+00:00")],
)
def test_2_4_05_the_time_has_the_form_the_settings_ask_for(form: str, written: str) -> None:
    (call,) = calls(signals.OrderPlaced(order=order(MUG)), created_at_format=form)

    assert body(call)["order"]["created_at"] == written


def test_2_4_06_amounts_are_numbers_and_ids_and_vouchers_strings() -> None:
    (call,) = calls(signals.OrderPlaced(order=replace(order(MUG), discount_code="0")))

    assert b'"total":14.98' in call.body
    assert b'"shipping":4.99' in call.body
    assert b'"price":9.99,' in call.body
    assert b'"qty":1}' in call.body
    assert b'"voucher":"0"' in call.body


def test_2_4_07_every_change_tells_the_whole_cart() -> None:
    other = replace(MUG, product_id="1112")
    (call,) = calls(replace(changed(MUG, other), added=other))

    assert body(call)["cart"]["action"] == "update"
    assert [product["id"] for product in body(call)["cart"]["products"]] == ["1111", "1112"]


def test_2_4_07_an_emptied_cart_is_told_or_not_as_the_settings_say() -> None:
    (call,) = calls(changed())

    assert body(call)["cart"] == {"action": "update", "products": []}
    assert calls(changed(), emptied_cart="silent") == ()


@pytest.mark.parametrize(
    ("ref", "guest", "told"),
    [
        (ADA, None, False),
        (ADA, True, True),
        (CustomerRef(email="ada@example.com"), None, True),
        (CustomerRef(email="ada@example.com"), False, False),
    ],
)
def test_2_4_08_a_guest_is_who_says_so_or_has_no_id(ref: CustomerRef, guest: bool | None, told: bool) -> None:
    (call,) = calls(signals.CustomerChanged(), ref=ref, profile=Profile(guest=guest))

    assert body(call)["customer"]["guest"] is told


@pytest.mark.parametrize("field", ["product_id", "name", "unit_price", "url"])
def test_2_4_09_a_product_that_lacks_what_june_requires_is_refused_by_name(field: str) -> None:
    bare = replace(MUG, **{field: "" if field == "product_id" else None})

    with pytest.raises(CannotSay, match=rf"^order\.lines\[1\]\.{field} is required"):
        calls(signals.OrderPlaced(order=order(MUG, bare)))


def test_2_4_09_a_link_must_be_a_link_and_an_image_that_is_none_is_left_out() -> None:
    with pytest.raises(CannotSay, match=r"^cart\.lines\[0\]\.url must be a complete"):
        calls(changed(replace(MUG, url="/mug")))

    (call,) = calls(changed(replace(MUG, image_url="mug.png")))

    assert "image" not in body(call)["cart"]["products"][0]


def test_2_4_10_a_replay_is_harmless_and_answers_mean_what_the_article_lets_them() -> None:
    assert SINK.dedupe is Dedupe.UPSERT
    assert classify(Answer(200), SINK.rules) is Verdict.DELIVERED
    assert classify(Answer(406), SINK.rules) is Verdict.REJECTED
    assert classify(Answer(422), SINK.rules) is Verdict.REJECTED
    assert classify(Answer(500), SINK.rules) is Verdict.UNAVAILABLE
    assert classify(Answer(0, fault="timeout"), SINK.rules) is Verdict.UNAVAILABLE


@moved_clock
async def test_2_4_10_all_of_it_told_twice_is_what_it_was_told_once() -> None:
    june, said = June(), shop(PLACED, SENT, events.CartReplaced(lines=(MUG,), currency="EUR"))

    await everything(june, *said)
    once = deepcopy({**june.stand_in.stored(), "told": None})
    await everything(june, *said)

    assert {**june.stand_in.stored(), "told": None} == once
    assert june.stand_in.stored()["told"] == {"customer": 2, "order": 2, "fulfillment": 2, "cart": 2}


@moved_clock
async def test_2_4_10_an_answer_that_got_lost_is_asked_for_again_with_the_same_bytes() -> None:
    june, said = June(), shop(PLACED)
    june.answers[f"{said[1].signal_id}:order"] = [Answer(0, fault="reset")]

    await everything(june, *said)

    first, again = (call for _, call in june.sent if call.says == "order")
    assert (first.key, first.body) == (again.key, again.body)


@moved_clock
async def test_2_4_11_the_token_is_in_no_log_and_nothing_parked_though_it_is_in_the_address() -> None:
    june, said = June(), shop(PLACED, SENT)
    june.answers[f"{said[1].signal_id}:order"] = [Answer(500), Answer(0, fault="connect"), Answer(406)]

    with structlog.testing.capture_logs() as logs:
        on = await everything(june, *said)

    assert june.config.token_in == "path" and on.log.parked
    assert TOKEN not in "\n".join([*map(str, logs), *map(repr, on.log.parked), *map(repr, june.sent)])


def test_2_4_11_the_token_goes_into_the_path_at_the_last_moment() -> None:
    settings = config("june", token="a/b")

    assert SINK.base_url(settings) == "https://june.example/collect/a%2Fb"
    assert "Authorization" not in SINK.headers(settings)
    assert all(SECRET not in repr(call) for call in calls(changed(MUG)))


def test_2_4_11_the_token_goes_into_the_header_when_it_should() -> None:
    settings = config("june", url="https://june.example/shop", token_in="header", token="t1")

    assert SINK.base_url(settings) == "https://june.example/shop"
    assert SINK.headers(settings)["Authorization"] == "Bearer t1"


@pytest.mark.parametrize(
    ("url", "token_in"), [("https://june.example/shop", "path"), ("https://june.example/{token}", "header")]
)
def test_2_4_11_a_token_without_a_place_is_refused(url: str, token_in: str) -> None:
    with pytest.raises(ValidationError, match=r"url must contain \{token\}"):
        config("june", url=url, token_in=token_in)


def test_nobody_invents_an_address() -> None:
    assert SINK.config.model_fields["url"].is_required()
    assert SINK.config.model_fields["token_in"].is_required()
