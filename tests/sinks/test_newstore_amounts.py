"""No cent is lost: whatever is divided sums to what it was, and whatever an order says adds up or is refused."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.signals import OrderPlaced
from schemas.values import LineItem, Order
from sinks.contract import CannotSay, Verdict
from sinks.newstore.amounts import WHOLE, hundredths, money, split, spread
from sinks.newstore.fakechecks import total
from sinks.newstore.fakeshapes import Order as Told
from tests.sinks.newstore import MUG, ORDER, Tenant, injection, paid
from tests.sinks.signals import signals
from tests.thorough import examples

pytestmark = pytest.mark.thorough

amounts = st.integers(0, 10**12)


@given(amounts, st.integers(1, 100), st.sampled_from([1, 100]))
def test_what_is_split_sums_to_the_whole_and_differs_by_one_step(whole: int, parts: int, step: int) -> None:
    shares = split(whole * step, parts, step)

    assert sum(shares) == whole * step
    assert max(shares) - min(shares) <= step
    assert shares == sorted(shares, reverse=True)
    assert all(share % step == 0 for share in shares)


@given(st.lists(amounts, min_size=1, max_size=100), st.fractions(0, 1))
def test_what_is_spread_sums_to_the_whole_and_takes_nobody_more_than_there_is(weights: list[int], part: object) -> None:
    assume(sum(weights) > 0)
    whole = int(sum(weights) * part)  # type: ignore[operator]
    shares = spread(whole, weights, 1)

    assert sum(shares) == whole
    assert all(0 <= share <= weight for share, weight in zip(shares, weights, strict=True))


def test_the_largest_remainders_get_what_is_left_and_the_first_of_equals() -> None:
    assert spread(100, [1, 1, 1], 1) == [34, 33, 33]
    assert spread(10, [1, 6, 2], 1) == [1, 7, 2]
    assert spread(500, [100, 100, 100], 100) == [200, 200, 100]
    assert spread(5, [0, 0], 1) == [0, 0]


@given(amounts)
def test_money_leaves_as_it_came(amount: int) -> None:
    assert hundredths(money(amount), "EUR", "it") == amount


def lines(smallest: int) -> st.SearchStrategy[LineItem]:
    price = st.integers(0, 20_000).map(lambda n: Decimal(n * smallest).scaleb(-2))
    return st.builds(
        lambda quantity, price, tax, off: replace(
            MUG, quantity=Decimal(quantity), unit_price=price, tax=tax, tax_rate=Decimal("0.19"), discount=off
        ),
        st.integers(1, 20),
        price,
        price,
        st.one_of(st.none(), price),
    )


@st.composite
def orders(draw: st.DrawFn) -> Order:
    """Those of a shop that adds up right, in either way of counting discounts."""
    currency = draw(st.sampled_from(["EUR", "JPY"]))
    smallest = 100 if currency in WHOLE else 1
    said = draw(st.lists(lines(smallest), min_size=1, max_size=5))
    said = [replace(line, line_id=f"l{at}") for at, line in enumerate(said)]
    off = [min(line.discount or Decimal(0), line.quantity * (line.unit_price or 0)) for line in said]
    said = [replace(line, discount=d or None) for line, d in zip(said, off, strict=True)]
    left = sum((line.quantity * (line.unit_price or 0) for line in said), Decimal(0)) - sum(off)
    step = Decimal(smallest).scaleb(-2)
    discount = draw(st.integers(0, int(left / step))) * step
    shipping, tax = (Decimal(draw(st.integers(0, 1000)) * smallest).scaleb(-2) for _ in range(2))
    included = draw(st.booleans())
    due = left - discount + shipping
    due += 0 if included else tax + sum((line.tax or Decimal(0) for line in said), Decimal(0))
    counted = discount + sum(off) if draw(st.booleans()) else discount
    parts = draw(st.integers(0, int(due / step))) * step
    payments = [paid(str(part), payment_id=f"p{at}") for at, part in enumerate((parts, due - parts))]
    return replace(
        ORDER, currency=currency, lines=tuple(said), discount=counted, shipping=shipping, shipping_tax=tax,
        prices_include_tax=included, payments=tuple(payments), total=due,
    )  # fmt: skip


thorough = settings(max_examples=examples(200), deadline=None, suppress_health_check=[HealthCheck.too_slow])


@thorough
@given(orders())
def test_an_order_that_adds_up_is_taken_to_the_cent(placed: Order) -> None:
    tenant = Tenant()
    call = injection(placed)
    told = Told.model_validate(json.loads(call.body, parse_float=Decimal))

    assert sum(payment.amount for payment in told.payments) == total(told) == placed.total
    assert tenant.takes(call) is Verdict.DELIVERED
    taxes = sum(line.amount for item in told.shipments[0].items for line in item.price.item_tax_lines)
    assert taxes == sum(line.tax or 0 for line in placed.lines)


@thorough
@given(orders(), st.integers(1, 10_000))
def test_an_order_that_does_not_add_up_is_refused(placed: Order, cents: int) -> None:
    more = placed.payments[0].amount + cents
    wrong = replace(placed, payments=(replace(placed.payments[0], amount=more), *placed.payments[1:]))
    counts_otherwise = placed.discount and any(line.discount for line in placed.lines)
    assume(not counts_otherwise)

    with pytest.raises(CannotSay, match=r"^order\.payments must come to"):
        injection(wrong)


@thorough
@given(signals(OrderPlaced))
def test_whatever_an_order_says_is_taken_or_refused(signal: object) -> None:
    placed = signal.payload.order  # type: ignore[attr-defined]
    try:
        call = injection(placed, payment_method="credit_card", payment_processor="stripe")
    except CannotSay as reason:
        event(str(reason).partition(" ")[0])
        return
    told = Told.model_validate(json.loads(call.body, parse_float=Decimal))

    assert sum(payment.amount for payment in told.payments) == total(told)
    assert Tenant().takes(call) is Verdict.DELIVERED
