"""How WayMore is spoken to: the forms of values, and what is left unsaid."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace
from pydantic import ValidationError

from schemas import signals
from schemas.values import Address, Payment, Profile, Variant
from sinks.contract import CannotSay, Dedupe, Unaddressable, load
from tests.sinks.waymore import COOKIE, GUEST, MUG, ORDER, PRODUCT, calls, cart, data, sandbox

SINK = load("waymore")


@pytest.mark.parametrize(
    ("quantity", "written"), [("2.0000", "2"), ("0.5000", "0.5"), ("1000", "1000"), ("1E+3", "1000")]
)
def test_a_quantity_is_a_text(quantity: str, written: str) -> None:
    (call,) = calls(cart(replace(MUG, quantity=Decimal(quantity))))

    assert data(call)["cart_products"][0]["quantity"] == written


def test_an_amount_is_a_number_digit_by_digit() -> None:
    (call,) = calls(signals.OrderPlaced(order=ORDER))

    assert b'"total_price":24.97,' in call.body


@pytest.mark.parametrize(
    ("told", "written"), [("1815-12-10", "1815-12-10"), ("10/12/1815", ""), ("1815-13-10", ""), (None, "")]
)
def test_a_birthday_is_a_day_or_nothing(told: str | None, written: str) -> None:
    (call,) = calls(signals.CustomerChanged(), profile=Profile(birthday=told))

    assert data(call)["customer"]["birthday"] == written


def test_a_customer_is_added_once_and_then_updated() -> None:
    (new,), (old,) = calls(signals.CustomerChanged(new=True)), calls(signals.CustomerChanged())

    assert (new.says, old.says) == ("CustomerAdd", "CustomerUpdate")
    assert data(new) == data(old)
    assert data(new)["addresses"] == []


@pytest.mark.parametrize(
    "payload",
    [
        signals.CustomerChanged(new=True),
        signals.WishlistAdded(item=MUG),
        signals.WishlistRemoved(item=MUG),
    ],
)
def test_where_a_guest_has_no_place_nobody_is_told_of(payload: Any) -> None:
    with pytest.raises(Unaddressable):
        calls(payload, ref=GUEST)


@pytest.mark.parametrize("payload", [signals.NewsletterSubscribed(), signals.NewsletterUnsubscribed()])
def test_a_newsletter_goes_to_an_address_and_by_email(payload: Any) -> None:
    with pytest.raises(Unaddressable):
        calls(payload, ref=COOKIE)

    assert calls(replace(payload, channel="sms")) == ()


def test_an_order_is_paid_with_the_first_method_that_is_known() -> None:
    card = replace(ORDER, payments=(Payment(amount=Decimal(1)), Payment(amount=Decimal(2), method="card")))
    (call,) = calls(signals.OrderPlaced(order=card))

    assert data(call)["order_details"]["payment_method"] == "card"


def test_an_order_goes_by_the_billing_address_and_the_customers_own_name() -> None:
    billing, shipping = Address(first_name="A.", city="London"), Address(first_name="Annabella", city="Paris")
    both = replace(ORDER, billing_address=billing, shipping_address=shipping)
    (call,) = calls(signals.OrderPlaced(order=both), profile=Profile(first_name="Ada"))
    (guest,) = calls(signals.OrderPlaced(order=replace(both, billing_address=None)), ref=GUEST)

    details, of_guest = data(call)["order_details"], data(guest)["order_details"]
    assert (details["firstname"], details["city"]) == ("Ada", "London")
    assert (of_guest["firstname"], of_guest["city"]) == ("Annabella", "Paris")


@pytest.mark.parametrize(
    ("payload", "word"),
    [
        (signals.OrderFulfilled(order_id="1234", ordinal=1, complete=True), "fulfilled_status"),
        (signals.OrderFulfilled(order_id="1234", ordinal=1, complete=False), "partly_fulfilled_status"),
        (signals.OrderCancelled(order_id="1234"), "cancelled_status"),
        (signals.OrderRefunded(order_id="1234", ordinal=1, complete=True), "refunded_status"),
        (signals.OrderRefunded(order_id="1234", ordinal=1, complete=False), "partly_refunded_status"),
    ],
)
def test_what_becomes_of_an_order_is_said_in_the_settings_words_or_not(payload: Any, word: str) -> None:
    (call,) = calls(payload, **{word: "weg"})

    assert data(call)["order_status"] == "weg"
    assert calls(payload, **{word: ""}) == ()


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        (cart(MUG, replace(MUG, product_id="")), r"cart\.lines\[1\]\.product_id"),
        (signals.OrderPlaced(order=replace(ORDER, order_id="")), r"order\.order_id"),
        (signals.OrderPlaced(order=replace(ORDER, lines=(replace(MUG, product_id=""),))), r"order\.lines\[0\]\.pro"),
        (signals.OrderStatusChanged(order_id="1234", status=""), "status"),
        (signals.OrderCancelled(order_id=""), "order_id"),
        (signals.WishlistAdded(item=replace(MUG, product_id="")), r"item\.product_id"),
        (signals.ProductChanged(product=replace(PRODUCT, product_id="")), r"product\.product_id"),
        (signals.StockChanged(product_id="", quantity=Decimal(1)), "product_id"),
    ],
)
def test_what_lacks_a_name_is_refused_by_field(payload: Any, field: str) -> None:
    with pytest.raises(CannotSay, match=rf"^{field}.* is required by WayMore$"):
        calls(payload)


@pytest.mark.parametrize(
    ("price", "before", "told"),
    [
        ("9.99", None, {"price": Decimal("9.99"), "discount": {}}),
        ("9.99", "9.99", {"price": Decimal("9.99"), "discount": {}}),
        (None, "12", {"discount": {}}),
    ],
)
def test_a_price_that_is_not_reduced_has_no_discount(price: str | None, before: str | None, told: Any) -> None:
    amounts = {"price": price and Decimal(price), "compare_at_price": before and Decimal(before)}
    (call,) = calls(signals.ProductChanged(product=replace(PRODUCT, **amounts)))

    assert {name: value for name, value in data(call).items() if name in ("price", "discount")} == told


@pytest.mark.parametrize(("second", "total"), [(Decimal("2.5"), Decimal("9.5")), (None, None)])
def test_the_stock_of_a_product_is_that_of_all_options_or_not_known(second: Any, total: Any) -> None:
    variants = (Variant(variant_id="1", quantity=Decimal(7)), Variant(variant_id="2", quantity=second))
    (call,) = calls(signals.ProductChanged(product=replace(PRODUCT, variants=variants)))

    assert data(call).get("stock_quantity") == total


def test_one_option_of_several_is_not_the_product() -> None:
    several = replace(PRODUCT, variants=(Variant(variant_id="1"), Variant(variant_id="2")))
    gone = signals.StockChanged(product_id="778", variant_id="1", quantity=Decimal(0), out_of_stock=True)
    one = replace(PRODUCT, variants=several.variants[:1])

    assert [len(calls(replace(gone, product=of))) for of in (several, None, one)] == [1, 1, 2]
    assert len(calls(replace(gone, product=several), sold_out_option="out_of_stock")) == 2


def test_only_the_location_that_sells_is_told_of_when_one_is_named() -> None:
    there = signals.StockChanged(product_id="778", quantity=Decimal(1), location="Berlin")

    assert [len(calls(there, stock_location=place)) for place in ("", "Berlin", "London")] == [1, 1, 0]
    assert len(calls(replace(there, location=None), stock_location="London")) == 1


def test_of_several_locations_the_sum_is_told() -> None:
    there = signals.StockChanged(product_id="778", quantity=Decimal(1), location="Berlin", total=Decimal(5))

    told = [data(calls(there, stock_location=place)[0])["stock_quantity"] for place in ("", "Berlin")]

    assert told == [5, 1]


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": None},
        {"username": ""},
        {"password": ""},
        {"uuid": ""},
        {"uuid": "8e10 9ec3"},
        {"event_url": "idata.routee.net"},
        {"part_items": 0},
    ],
    ids=str,
)
def test_settings_that_lead_nowhere_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        sandbox(**wrong)


def test_nobody_promises_that_a_repeat_is_known() -> None:
    assert SINK.dedupe is Dedupe.NONE
    assert SINK.check is None
