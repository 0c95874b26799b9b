"""The plain model against hours written by hand: each worked example, and what every step must be told as."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from schemas import events as e
from schemas.values import CustomerRef, LineItem, Order, Payment, Product
from shoprelay.demo.reference import Told, difference, expected
from shoprelay.demo.simulate import OUTAGE, STAGES, Hour, Step

T, T2 = STAGES
MUG = Product(product_id="mug", title="Mug", price=Decimal("12.50"))
PLATE = Product(product_id="plate", title="Plate", price=Decimal("8.00"))
ADA = CustomerRef(customer_id="ada", email="ada@example.com")
COOKIE = CustomerRef(anonymous_id="cookie")
BOTH = CustomerRef(customer_id="ada", email="ada@example.com", anonymous_id="cookie")
MUGS = (("mug", Decimal(1), Decimal("12.50")),)
MINUTE = 60.0


def add(at: float, product: str = "mug", who: CustomerRef = ADA) -> Step:
    return Step(at, at, who, e.CartItemAdded(item=LineItem(product_id=product), currency="EUR"))


def remove(at: float, product: str) -> Step:
    return Step(at, at, ADA, e.CartItemRemoved(item=LineItem(product_id=product)))


def does(at: float, payload: e.ShopPayload, who: CustomerRef = ADA) -> Step:
    return Step(at, at, who, payload)


def order(at: float, told: float | None = None, *lines: LineItem) -> Step:
    lines = lines or (LineItem(product_id="mug", unit_price=Decimal("12.50")),)
    placed = Order(order_id="O1", currency="EUR", total=Decimal("17.40"), lines=lines)
    return Step(at, at if told is None else told, ADA, e.OrderPlaced(order=placed))


def played(*steps: Step) -> tuple[Counter[Told], Counter[str]]:
    result = expected(Hour((MUG, PLATE), steps, frozenset(), broken=2))
    assert result.refused == 2
    return result.calls, result.reminders


def reminders(*steps: Step) -> list[Told]:
    calls, _ = played(*steps)
    return sorted(told for told in calls.elements() if told[1] == "Abandoned Cart")


def outcomes(*steps: Step) -> dict[str, int]:
    return {name: count for name, count in played(*steps)[1].items() if count}


# -- when a cart is abandoned


def test_a_cart_nobody_touches_is_reminded_of_at_every_stage() -> None:
    assert reminders(add(0)) == [
        ("klaviyo", "Abandoned Cart", "ada", 1, MUGS),
        ("klaviyo", "Abandoned Cart", "ada", 2, MUGS),
    ]


def test_removing_one_of_two_starts_the_time_again() -> None:
    """Within the outage by the second clock, outside it by the first: only what is left is reminded of."""
    steps = (add(0, "plate"), add(1), remove(T - 60, "plate"))

    assert {told[4] for told in reminders(*steps)} == {MUGS}
    assert outcomes(*steps) == {"sent": 2}


def test_an_emptied_cart_is_not_reminded_of() -> None:
    assert outcomes(add(0), does(T / 2, e.CartReplaced(lines=(), currency="EUR"))) == {}


def test_a_purchase_in_time_prevents_the_reminder() -> None:
    assert outcomes(add(0), order(T - 1)) == {}


def test_a_purchase_after_the_first_reminder_prevents_the_second() -> None:
    assert outcomes(add(0), order(T + MINUTE)) == {"sent": 1}


def test_a_purchase_told_too_late_proves_the_reminder_wrong() -> None:
    assert outcomes(add(0), order(T - MINUTE, T + 4 * MINUTE)) == {"sent": 1, "proved wrong": 1}


def test_abandoned_and_bought_while_the_platform_is_down_is_withheld() -> None:
    due = OUTAGE[0] + MINUTE
    assert outcomes(add(due - T), order(due + MINUTE)) == {"withheld": 1}


def test_abandoned_while_the_platform_is_down_and_nothing_more_is_sent_afterwards() -> None:
    assert outcomes(add(OUTAGE[0] + MINUTE - T)) == {"sent": 2}


def test_bought_only_after_the_platform_is_back_was_rightly_reminded() -> None:
    due = OUTAGE[0] + MINUTE
    assert outcomes(add(due - T), order(OUTAGE[1] + MINUTE)) == {"sent": 1}


def test_a_guest_who_logs_in_is_reminded_once_and_as_the_customer() -> None:
    told = reminders(add(0, who=COOKIE), does(T - MINUTE, e.SessionActive(), BOTH))

    assert [(who, stage) for _, _, who, stage, _ in told] == [("ada", 1), ("ada", 2)]


def test_the_login_counts_as_a_sign_of_life() -> None:
    login = T - MINUTE
    assert outcomes(add(0, who=COOKIE), does(login, e.SessionActive(), BOTH), order(login + T - 1)) == {}


def test_a_guest_without_any_address_is_unaddressable() -> None:
    assert outcomes(add(0, who=COOKIE)) == {"unaddressable": 2}


def test_looking_is_no_change_of_the_cart() -> None:
    viewed = does(T - 1, e.ProductViewed(item=LineItem(product_id="mug")))
    assert outcomes(add(0), viewed, order(T + MINUTE)) == {"sent": 1}


# -- what is told


def test_putting_something_in_is_told_with_the_whole_cart() -> None:
    calls, _ = played(add(0), add(1, "plate"), order(2))
    both = (*MUGS, ("plate", Decimal(1), Decimal("8.00")))

    assert calls["klaviyo", "Added to Cart", "ada", "plate", both] == 1
    assert calls["june", "cart", "ada", both] == 1
    assert calls["klaviyo", "profile", "ada"] == calls["june", "customer", "ada"] == 1


def test_a_guest_has_no_account_for_june_and_the_number_0_for_waymore() -> None:
    calls, _ = played(add(0, who=COOKIE))

    by_person = {told for told in calls if told[-1] == MUGS or told[-1] == (("mug", Decimal(1)),)}
    assert {told[0] for told in by_person} == {"klaviyo", "waymore"}


def test_an_order_is_told_whole_and_by_line() -> None:
    calls, _ = played(order(0))

    assert calls["klaviyo", "Placed Order", "ada", "O1", Decimal("17.40"), MUGS] == 1
    assert calls["klaviyo", "Ordered Product", "ada", "O1", "mug", Decimal("12.50")] == 1
    assert calls["june", "order", "ada", "O1", Decimal("17.40")] == 1


def test_a_payment_enters_the_order_at_june_once_more() -> None:
    paid = e.OrderPaid(order_id="O1", currency="EUR", payment=Payment(amount=Decimal(1)))
    calls, _ = played(order(0), does(1, paid))

    assert calls["june", "order", "ada", "O1", Decimal("17.40")] == 2


def test_june_keeps_one_fulfilment_of_an_order_and_klaviyo_each() -> None:
    mug, plate = (
        LineItem(product_id="mug", unit_price=Decimal("12.50")),
        LineItem(product_id="plate", unit_price=Decimal(8)),
    )
    plates = (("plate", Decimal(1), Decimal(8)),)
    calls, _ = played(
        order(0, None, mug, plate),
        does(1, e.OrderFulfilled(order_id="O1", fulfillment_id="F1", lines=(mug,))),
        does(2, e.OrderFulfilled(order_id="O1", fulfillment_id="F2", lines=(plate,))),
    )

    assert calls["klaviyo", "Fulfilled Order", "ada", "O1", MUGS] == 1
    assert calls["klaviyo", "Fulfilled Order", "ada", "O1", plates] == 1
    assert calls["june", "fulfillment", "ada", "O1", MUGS] == 1
    assert calls["june", "fulfillment", "ada", "O1", (*MUGS, *plates)] == 1


def test_what_is_taken_back_is_told_to_klaviyo() -> None:
    calls, _ = played(
        order(0),
        does(1, e.OrderRefunded(order_id="O1", amount=Decimal(5), reason="chipped")),
        does(2, e.OrderCancelled(order_id="O1", reason="changed my mind")),
    )

    assert calls["klaviyo", "Refunded Order", "ada", "O1", Decimal(5), "chipped"] == 1
    assert calls["klaviyo", "Cancelled Order", "ada", "O1", "changed my mind"] == 1


def test_a_call_is_remembered_with_the_time_it_was_told_but_a_reminder_is_not() -> None:
    result = expected(Hour((MUG,), (add(5.0),), frozenset(), broken=0))

    assert result.told_at["klaviyo", "Added to Cart", "ada", "mug", MUGS] == 5.0
    assert not any(told[1] == "Abandoned Cart" for told in result.told_at)


# -- the difference


def test_the_difference_names_what_is_missing_and_what_is_too_many() -> None:
    should, did = Counter({("a",): 2, ("b",): 1, ("c",): 1}), Counter({("b",): 3, ("c",): 1, ("d",): 1})

    assert list(difference(should, did)) == [
        ("missing", ("a",), 2), ("too many", ("b",), 2), ("too many", ("d",), 1),
    ]  # fmt: skip
