"""A wholesale order is entered into Shopify once, whatever gets lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from schemas.signals import Customer, Signal, WholesaleOrderApproved
from schemas.values import CustomerRef, LineItem, Order
from shoprelay.certificate import subject
from shoprelay.certificate.asking import taken
from shoprelay.certificate.platform import Script
from shoprelay.certificate.rehearsal import stage
from sinks.contract import Answer, Ask, Call, CannotSay, Verdict
from sinks.shopify import entering
from sinks.shopify.config import ShopifyConfig
from sinks.shopify.fake import TOKEN, ShopifyStandIn
from sinks.shopify.sink import SINK
from tests.delivery.moved import moved_clock

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
MUGS = LineItem(product_id="P1", variant_id="1001", quantity=Decimal(2), unit_price=Decimal("10.00"))


def config(**changes: Any) -> ShopifyConfig:
    return ShopifyConfig(**{"base_url": "https://mugs.example", "access_token": TOKEN, **changes})


def approved(number: str = "7001", *lines: LineItem, code: str | None = "42", **more: Any) -> Signal:
    order = Order(order_id=number, currency="EUR", total=Decimal(20), lines=lines or (MUGS,), **more)
    who = Customer(key=f"mugs/c:{code}", ref=CustomerRef(customer_id=code))
    payload = WholesaleOrderApproved(order=order, account_code=code, account_name="Ada's Boutique")
    return Signal(signal_id=f"w{number}", shop="mugs", occurred_at=NOON, cause="e1", customer=who, payload=payload)


def told(
    stand_in: ShopifyStandIn, signal: Signal, at: float = 60.0, heard: list[Call] | None = None, **changes: Any
) -> Verdict:
    (call,) = SINK.calls[WholesaleOrderApproved](signal, config(**changes))
    verdict, _ = taken(SINK, config(**changes), stand_in, call, NOON.timestamp() + at, lambda call: call, heard)
    return verdict


# -- once


def test_an_order_is_looked_for_twice_and_then_entered() -> None:
    stand_in, heard = ShopifyStandIn(), list[Call]()

    assert told(stand_in, approved(), heard=heard) is Verdict.DELIVERED

    assert [call.method for call in heard] == ["GET", "POST"]
    (row,) = stand_in.orders
    assert (row["name"], row["financial_status"], row["customer"]) == ("JOOR-7001", "pending", {"id": 42})
    assert "fulfillment_status" not in row
    assert row["line_items"] == [{"variant_id": 1001, "quantity": 2, "price": "10"}]


def test_told_again_it_is_found() -> None:
    stand_in, heard = ShopifyStandIn(), list[Call]()
    told(stand_in, approved())

    assert told(stand_in, approved(), at=3600, heard=heard) is Verdict.DELIVERED
    assert len(stand_in.orders) == 1 and heard == []


def test_one_that_is_listed_late_is_found_at_the_second_look() -> None:
    stand_in, heard = ShopifyStandIn(late=5), list[Call]()
    told(stand_in, approved(), at=0)

    assert told(stand_in, approved(), at=12, heard=heard) is Verdict.DELIVERED
    assert len(stand_in.orders) == 1


def test_where_the_name_is_not_heeded_all_since_the_approval_are_read() -> None:
    stand_in = ShopifyStandIn(narrows=False)
    for number in range(300):
        stand_in._filled = 0
        assert told(stand_in, approved(str(number)), at=number) is Verdict.DELIVERED
    heard = list[Call]()
    stand_in._filled = 0

    assert told(stand_in, approved("3"), at=400, heard=heard) is Verdict.DELIVERED
    assert len(stand_in.orders) == 300
    assert heard and all("created_at_min" in call.path for call in heard)


def test_an_order_that_was_renamed_is_known_by_its_number_at_joor() -> None:
    plan = b'{"orders":"/o","name":"JOOR-1","source_identifier":"1","since":"2026-11-24T12:00:00Z","order":{}}'
    call = Call("Order", "GET", "/o", b"", "k", "orders", then=plan)

    there = Answer(200, {}, b'{"orders":[{"id":1,"name":"#9","source_identifier":"1"}]}')
    assert entering.follow(call, [there]) is Verdict.DELIVERED


def test_an_answer_that_is_no_list_is_no_reason_to_enter_it() -> None:
    (call,) = SINK.calls[WholesaleOrderApproved](approved(), config())

    assert entering.follow(call, [Answer(200, {}, b"<html>")]) is Verdict.UNAVAILABLE
    assert entering.follow(call, [Answer(503)]) is None


def test_a_creation_is_never_repeated_without_looking_and_needs_an_order_in_its_answer() -> None:
    (call,) = SINK.calls[WholesaleOrderApproved](approved(), config())
    none = Answer(200, {}, b'{"orders":[]}')
    said = entering.follow(call, [none, none])

    assert isinstance(said, Ask) and said.call.method == "POST" and not said.repeats
    assert entering.follow(call, [none, none, Answer(200, {}, b'{"orders":[]}')]) is Verdict.UNAVAILABLE
    assert entering.follow(call, [none, none, Answer(422)]) is None


def lost(times: int, *, taken_in: bool) -> Any:
    """The answer to a POST gets lost so often; `taken_in` when the platform had it before."""

    def script(on: Any) -> Script:
        left = [times]

        async def answer(call: Call, before: int) -> Answer | None:
            if call.method != "POST" or not left[0]:
                return None
            left[0] -= 1
            if taken_in:
                on.platform._stand_in_answers(call)
            return Answer(0, fault="reset")

        return answer

    return script


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("taken_in", [True, False])
@moved_clock
async def test_a_lost_answer_never_makes_a_second_order(times: int, taken_in: bool) -> None:
    of = subject.load("shopify")
    async with stage(of, approved()) as on:
        on.platform.script = lost(times, taken_in=taken_in)(on)
        on.log.say(approved(), approved("7002"))
        on.start()
        await on.done("an order whose answer got lost")

        names = [row["name"] for row in on.platform.stand_in.orders]  # type: ignore[attr-defined]
        assert sorted(names) == ["JOOR-7001", "JOOR-7002"] and not on.log.parked


@pytest.mark.parametrize("after", [1, 2, 3])
@moved_clock
async def test_a_process_that_dies_anywhere_makes_no_second_order(after: int) -> None:
    of = subject.load("shopify")
    async with stage(of, approved()) as on:
        on.log.say(approved())
        first = on.start(commit_seconds=1e9)
        await on.reached(lambda: len(on.platform.sent) >= after and on.platform.busy == 0, "so many requests")
        await first.die()
        on.start()
        await on.done("the process after it")

        assert len(on.platform.stand_in.orders) == 1  # type: ignore[attr-defined]


@moved_clock
async def test_an_order_for_which_stock_is_not_sufficient_is_parked_and_the_next_one_is_entered() -> None:
    of = replace(subject.load("shopify"))
    async with stage(of, approved()) as on:
        on.platform.stand_in.stock = {1001: 3}  # type: ignore[attr-defined]
        on.log.say(approved("1"), approved("2"), approved("3", replace_line(quantity=Decimal(1))))
        on.start()
        await on.done("more than there is")

        assert [parked.reason.partition(":")[0] for parked in on.log.parked] == ["rejected"]
        assert b"Unable to reserve inventory" in on.log.parked[0].answer


def replace_line(**changes: Any) -> LineItem:
    fields = {name: getattr(MUGS, name) for name in MUGS.__struct_fields__}
    return LineItem(**{**fields, **changes})


# -- what is said


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (replace_line(variant_id=None), "variant_id"),
        (replace_line(variant_id="SKU-9"), "variant_id"),
        (replace_line(variant_id="0"), "variant_id"),
        (replace_line(quantity=Decimal("1.5")), "quantity"),
        (replace_line(quantity=Decimal(-1)), "quantity"),
        (replace_line(unit_price=None), "unit_price"),
        (replace_line(unit_price=Decimal(-1)), "below zero"),
    ],
)
def test_a_line_that_cannot_be_entered_parks_the_order(line: LineItem, field: str) -> None:
    with pytest.raises(CannotSay, match=field):
        SINK.calls[WholesaleOrderApproved](approved("1", line), config())


@pytest.mark.parametrize("email", ["", "nobody", "a b@c.example"])
def test_a_customer_without_code_and_address_parks_the_order(email: str) -> None:
    with pytest.raises(CannotSay, match="email"):
        SINK.calls[WholesaleOrderApproved](approved(code=None, properties={"email": email}), config())


def test_a_customer_without_a_code_is_entered_by_e_mail_and_the_order_is_tagged() -> None:
    stand_in = ShopifyStandIn()
    told(stand_in, approved(code=None, properties={"email": "ada@boutique.example", "buyer": "Ada Lovelace"}))

    (row,) = stand_in.orders
    assert row["tags"] == "JOOR, JOOR_NO_CUSTOMER_CODE"
    assert row["customer"] == {"email": "ada@boutique.example", "first_name": "Ada", "last_name": "Lovelace"}


def test_stock_is_taken_by_the_policy_or_left_alone() -> None:
    obeying, bypassing = ShopifyStandIn({1001: 5}), ShopifyStandIn({1001: 1})

    told(obeying, approved())
    assert obeying.stock == {1001: 3}
    assert told(bypassing, approved(), inventory_behaviour="bypass") is Verdict.DELIVERED
    assert bypassing.stock == {1001: 1}
    assert told(ShopifyStandIn({1001: 1}), approved()) is Verdict.REJECTED
