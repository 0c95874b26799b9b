"""What a correct NewStore client must do, by the numbers of the list in `sinks/newstore/README.md`."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from schemas import signals
from schemas.values import Order, Product
from sinks.contract import Answer, Call, CannotSay, Limit, Verdict, classify, deciding
from sinks.fake import Received
from sinks.newstore.fake import TOKEN_SECONDS, NewStoreStandIn
from sinks.newstore.fakeorders import Orders
from sinks.newstore.token import TOKEN, UNTOLD_SECONDS
from tests.sinks.folders import SECRET, body, config, said
from tests.sinks.newstore import (
    ADA,
    MUG,
    NOON,
    ORDER,
    SINK,
    Tenant,
    calls,
    injection,
    items,
    of_product,
    order,
    paid,
    signal,
)

SHUT_OUT = Answer(403, {}, b"<html><body>Forbidden</body></html>")
EXPIRED = Answer(403, {}, b'{"message": "the token has expired"}')
DIFFERS = b'{"error_code": "same_order_injection_with_different_data"}'


def lent(body: bytes) -> tuple[str, float] | None:
    return TOKEN.read(Answer(200, {}, body))


def test_5_9_01_the_token_is_kept_as_long_as_it_says_and_never_longer() -> None:
    assert lent(b'{"access_token": "t", "expires_in": 900}') == ("t", 900)
    assert lent(b'{"access_token": "t"}') == ("t", UNTOLD_SECONDS) == ("t", 300)
    assert lent(b'{"access_token": "t", "expires_in": "20h"}') == ("t", 300)
    assert lent(b'{"expires_in": 900}') is None


def test_5_9_01_the_secret_is_in_no_address_and_no_call() -> None:
    ask = TOKEN.ask(config("newstore"))

    assert SECRET not in ask.path and ask.path.startswith("https://id.p.newstore.net/auth/realms/mugs/")
    assert SECRET not in repr(injection())


def test_5_9_02_client_credentials_are_asked_for_and_a_password_only_by_setting() -> None:
    usual, old = (TOKEN.ask(config("newstore", legacy_password_grant=on)) for on in (False, True))

    assert (usual.method, usual.body.partition(b"&")[0]) == ("POST", b"grant_type=client_credentials")
    assert (old.path, old.body.partition(b"&")[0]) == ("https://mugs.p.newstore.net/v0/token", b"grant_type=password")


@pytest.mark.parametrize("old", [False, True])
def test_5_9_02_the_stand_in_lends_both_ways(old: bool) -> None:
    stand_in = NewStoreStandIn()
    settings = stand_in.settings("http://127.0.0.1") | {"legacy_password_grant": old}
    ask = TOKEN.ask(SINK.config(**settings | ({"token_url": ""} if old else {})))
    reply = stand_in.answer(
        Received(NOON.timestamp(), "POST", ask.path.removeprefix("http://127.0.0.1"), dict(ask.headers), ask.body)
    )

    assert TOKEN.read(Answer(reply.status, {}, reply.body)) == (stand_in.secrets[-1], TOKEN_SECONDS)


def test_5_9_03_a_refused_token_is_renewed_and_a_block_is_not_about_the_token() -> None:
    assert TOKEN.expired(Answer(401)) and TOKEN.expired(EXPIRED)
    assert not TOKEN.expired(SHUT_OUT) and not TOKEN.expired(Answer(403))
    assert classify(EXPIRED, SINK.rules) is Verdict.MISCONFIGURED


def test_5_9_03_shut_out_everything_waits_for_five_minutes() -> None:
    rule = deciding(SHUT_OUT, SINK.rules)

    assert rule is not None and (rule.verdict, rule.wait_seconds) == (Verdict.THROTTLED, 300)


def test_5_9_04_the_shops_number_is_the_key_and_the_bytes_are_kept_before_they_leave() -> None:
    first, again = injection(), injection()

    assert body(first)["external_id"] == "1234"
    assert first == again
    assert first.endpoint in SINK.kept
    with pytest.raises(CannotSay, match=r"^order\.order_id is longer than the 64"):
        injection(order(order_id="1" * 65))


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (Answer(200, {}, b'{"external_id": "1234"}'), Verdict.DELIVERED),
        (Answer(200, {}, b'{"external_id": "1235"}'), Verdict.REJECTED),
        (Answer(200, {}, b"<html>"), Verdict.UNAVAILABLE),
        (Answer(201), Verdict.UNAVAILABLE),
        (Answer(202, {}, b"{}"), Verdict.UNAVAILABLE),
        (Answer(204), Verdict.UNAVAILABLE),
        (Answer(400), Verdict.REJECTED),
        (Answer(429), Verdict.THROTTLED),
        *((Answer(status), Verdict.UNAVAILABLE) for status in (500, 502, 503, 504)),
        *((Answer(status, {}, DIFFERS), Verdict.REJECTED) for status in (200, 202, 400, 409, 422, 500)),
    ],
)
def test_5_9_05_only_a_200_is_injected(answer: Answer, verdict: Verdict) -> None:
    ruled = classify(answer, SINK.rules)
    followed = (
        None if ruled in (Verdict.THROTTLED, Verdict.UNAVAILABLE) else SINK.follow["injection"](injection(), [answer])
    )

    assert (followed or ruled) is verdict


@pytest.mark.parametrize("differing", ["refused", "first"])
@pytest.mark.parametrize("status", [400, 409])
def test_5_9_05_another_order_under_the_same_number_is_for_a_person(differing: Any, status: int) -> None:
    tenant = Tenant(NewStoreStandIn(orders=Orders(differing, status)))
    other = order(lines=(replace(MUG, line_id="b"),))

    assert [tenant.takes(injection(placed)) for placed in (ORDER, ORDER)] == [Verdict.DELIVERED] * 2
    assert tenant.takes(injection(other)) is Verdict.REJECTED


def test_5_9_06_every_piece_is_an_item_with_an_id_of_its_own() -> None:
    lines = (replace(MUG, quantity=Decimal(3)), replace(MUG, line_id="b", quantity=Decimal(1)))
    call = injection(order(lines=lines, payments=(paid("44.95"),)))

    assert [item["external_item_id"] for item in items(call)] == ["a-1", "a-2", "a-3", "b-1"]
    assert {item["product_id"] for item in items(call)} == {"mug-blue"}


@pytest.mark.parametrize("line_id", [None, "a", "a" * 61])
def test_5_9_06_without_ids_of_their_own_lines_go_by_their_place(line_id: str | None) -> None:
    call = injection(order(lines=(replace(MUG, line_id=line_id),) * 2, payments=(paid("44.95"),)))

    assert [item["external_item_id"] for item in items(call)] == ["1-1", "1-2", "2-1", "2-2"]


@pytest.mark.parametrize("quantity", ["1.5", "0", "-1", "101"])
def test_5_9_06_pieces_are_whole_and_not_too_many(quantity: str) -> None:
    with pytest.raises(CannotSay, match=r"^order\.lines"):
        injection(order(lines=(replace(MUG, quantity=Decimal(quantity)),)))


def test_5_9_07_payments_come_to_the_total_or_nothing_leaves() -> None:
    payments = (paid("20.00"), paid("4.97", payment_id="pay_2"))

    assert [p["amount"] for p in body(injection(order(payments=payments)))["payments"]] == [20, Decimal("4.97")]
    with pytest.raises(CannotSay, match=r"^order\.payments must come to order\.lines and order\.shipping"):
        injection(order(payments=(paid("24.96"),)))


@pytest.mark.parametrize(
    ("told", "method", "total"),
    [(True, "tax_included", "24.97"), (False, "tax_excluded", "28.16"), (None, "tax_excluded", "28.16")],
)
def test_5_9_07_taxes_count_where_prices_do_not_hold_them(told: bool | None, method: str, total: str) -> None:
    line = replace(MUG, tax=Decimal("2.39"), tax_rate=Decimal("0.12"))
    placed = order(prices_include_tax=told, shipping_tax=Decimal("0.80"), lines=(line,), payments=(paid(total),))

    assert body(injection(placed, price_method="tax_excluded"))["price_method"] == method


@pytest.mark.parametrize("counted", ["1.50", "0.50"])
def test_5_9_07_a_shop_may_count_the_lines_discounts_into_the_orders_or_not(counted: str) -> None:
    line = replace(MUG, discount=Decimal("1.00"))
    call = injection(order(lines=(line,), discount=Decimal(counted), payments=(paid("23.47"),)))
    off = [item["price"]["item_order_discount_info"][0]["price_adjustment"] for item in items(call)]

    assert sum(off) == Decimal("0.50")


def told_of_a_payment(placed: Order, **settings: Any) -> tuple[Call, ...]:
    payload = signals.OrderPaid(order_id="1234", currency="EUR", payment=paid("24.97", payment_id="now"), order=placed)
    return calls(payload, **settings)


def test_5_9_07_a_shop_may_tell_payments_after_the_order() -> None:
    bare = order(payments=())
    (call,) = told_of_a_payment(bare, inject="paid")
    (brought,) = told_of_a_payment(ORDER, inject="paid")

    assert [payment["correlation_ref"] for payment in body(call)["payments"]] == ["now"]
    assert [payment["correlation_ref"] for payment in body(brought)["payments"]] == ["pay_1"]
    assert calls(signals.OrderPlaced(order=bare), inject="paid") == told_of_a_payment(ORDER) == ()


def test_5_9_07_what_costs_nothing_has_no_payment() -> None:
    free = order(shipping=None, discount=Decimal("19.98"), payments=(paid("0"),))

    assert "payments" not in body(injection(free))
    with pytest.raises(CannotSay, match=r"^order\.payments"):
        injection(order(payments=()))


@pytest.mark.parametrize(("currency", "price"), [("EUR", "9.995"), ("JPY", "9.5"), ("KWD", "1.005"), ("EUR", "-1")])
def test_5_9_07_no_more_decimals_than_the_currency_has(currency: str, price: str) -> None:
    line = replace(MUG, unit_price=Decimal(price))

    with pytest.raises(CannotSay, match=r"^order\.lines\[0\]\.unit_price"):
        injection(order(currency=currency, shipping=None, lines=(line,)))


def test_5_9_08_every_item_has_its_share_of_the_tax_and_a_rate_as_a_fraction() -> None:
    line = replace(MUG, quantity=Decimal(3), tax=Decimal("4.79"), tax_rate=Decimal("0.1900"))
    lines = [
        item["price"]["item_tax_lines"] for item in items(injection(order(lines=(line,), payments=(paid("34.96"),))))
    ]

    assert [line[0]["amount"] for line in lines] == [Decimal("1.60"), Decimal("1.60"), Decimal("1.59")]
    assert {line[0]["rate"] for line in lines} == {Decimal("0.19")}
    assert [item["price"]["item_tax_lines"] for item in items(injection())] == [[], []]


@pytest.mark.parametrize(
    ("field", "tax", "rate"), [("tax_rate", "1", None), ("tax", None, "0.2"), ("tax_rate", "1", "19")]
)
def test_5_9_08_a_tax_without_a_fraction_is_refused_by_its_field(field: str, tax: str | None, rate: str | None) -> None:
    line = replace(MUG, tax=tax and Decimal(tax), tax_rate=rate and Decimal(rate))

    with pytest.raises(CannotSay, match=rf"^order\.lines\[0\]\.{field} "):
        injection(order(lines=(line,)))


def test_5_9_08_a_tax_that_is_not_told_by_line_is_refused() -> None:
    with pytest.raises(CannotSay, match=r"^order\.lines must say their tax"):
        injection(order(tax=Decimal("3.19")))
    taxed = replace(MUG, tax=Decimal("3.19"), tax_rate=Decimal("0.19"))
    assert injection(order(tax=Decimal("3.19"), lines=(taxed,)))


def test_5_9_09_a_service_level_or_a_token_and_never_both() -> None:
    def option(**more: Any) -> set[str]:
        (shipment,) = body(injection(order(**more), service_levels={"Express": "next_day"}))["shipments"]
        return set(shipment["shipping_option"].items())

    cost = {("price", Decimal("4.99")), ("tax", 0)}
    assert option() == {("service_level_identifier", "standard"), *cost}
    assert option(shipping_method="Express") == {("service_level_identifier", "next_day"), *cost}
    assert option(properties={"shipping_offer_token": "tok"}) == {("shipping_offer_token", "tok"), *cost}


def test_5_9_10_the_token_of_the_chosen_option_leaves_unchanged() -> None:
    token = "eyJ+/=\u00e9 " * 100
    (shipment,) = body(injection(order(properties={"shipping_offer_token": token})))["shipments"]

    assert shipment["shipping_option"]["shipping_offer_token"] == token
    with pytest.raises(CannotSay, match=r"shipping_offer_token is longer"):
        injection(order(properties={"shipping_offer_token": "t" * 8193}))


def test_5_9_11_products_go_before_prices_and_nothing_is_ever_full() -> None:
    settings = config("newstore", files_url="https://files.example/in")
    mug = Product(product_id="mug", title="Mug", price=Decimal(12), currency="EUR")
    first, second = said(of_product(signals.ProductChanged(product=mug)), settings, "newstore")

    assert (first.endpoint, second.endpoint) == ("import-products", "import-prices")
    for call in (first, second):
        assert b'"full":false' in call.then
        assert Limit(call.endpoint, 1, 300) in SINK.limits


@pytest.mark.parametrize("name", ["mug=1", "mug%20blue", ""])
def test_5_9_12_ids_of_products_are_refused_where_newstore_would(name: str) -> None:
    with pytest.raises(CannotSay, match=r"^order\.lines\[0\]\.product_id"):
        injection(order(lines=(replace(MUG, variant_id=None, product_id=name),)))
    with pytest.raises(CannotSay, match=r"^product\.product_id"):
        changed = signals.ProductChanged(product=Product(product_id=name, title="Mug"))
        said(of_product(changed), config("newstore", files_url="https://files.example"), "newstore")


def test_5_9_13_an_import_is_asked_after_until_its_end() -> None:
    tenant = Tenant()
    (call,) = said(of_product(signals.ProductDeleted(product_id="mug")), tenant.config, "newstore")

    assert tenant.takes(call) is Verdict.DELIVERED
    job = tenant.told[1:]
    assert [each.partition(" ")[0] for each in job] == ["POST", "POST", "GET", "GET"]
    assert tenant.stand_in.stored()["jobs"] == ["finished"]


def test_5_9_14_shipments_wait_for_the_injection_and_use_newstores_items() -> None:
    tenant = Tenant()
    shipped = signals.OrderFulfilled(order_id="1234", ordinal=1, complete=True, order=ORDER)
    (call,) = calls(shipped, "s2", reports_fulfilment=True)

    assert call.needs == injection().opens == "order 1234"
    assert [tenant.takes(each) for each in (injection(), call)] == [Verdict.DELIVERED] * 2
    assert {item["status"] for item in tenant.stand_in.stored()["orders"]["1234"]["items"]} == {"shipped"}


def test_5_9_15_a_profile_is_met_by_the_whole_address_without_regard_to_case() -> None:
    tenant = Tenant()
    for ref in (
        replace(ADA, email="not-ada@example.com"),
        ADA,
        replace(ADA, email="ada@example.com", phone="+4930123456"),
    ):
        (call,) = said(signal(signals.CustomerChanged(), ref=ref), tenant.config, "newstore")
        assert tenant.takes(call) is Verdict.DELIVERED

    profiles = tenant.stand_in.stored()["profiles"].values()
    assert [(p["email"], p["phone_number"]) for p in profiles] == [
        ("not-ada@example.com", "+442071234567"),
        ("Ada@Example.com", "+4930123456"),
    ]


def test_5_9_16_the_pace_is_declared() -> None:
    assert Limit("injection", 20, 1) in SINK.limits
    assert Limit("*", 30_000, 300) in SINK.limits
    assert SINK.max_in_flight <= 64
