"""Orders and what becomes of them: each fact once, with its order, in an order that makes sense."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from schemas import events, signals
from schemas.events import ShopEvent
from schemas.values import LineItem, Order
from streams.domain.policy import Policy
from tests.domain.story import (
    ADA,
    ADA_BY_MAIL,
    BOB,
    DAY,
    FAR,
    HOUR,
    NOON,
    ONE_STAGE,
    World,
    abandoned,
    added,
    cancelled,
    clock,
    fulfilled,
    given,
    kinds,
    line,
    logged_in,
    only,
    ordered,
    paid,
    refunded,
    status_changed,
    told,
    viewed,
)

ONLY_PAID = Policy(stages=(HOUR,), purchase_statuses=frozenset({"processing", "completed"}))
TWO_MUGS_AND_A_PLATE = (line("mug", 2), line("plate"))


def test_a_cart_first_named_by_an_older_order_stays_bought_with_everything() -> None:
    world = World()
    world.tell(ordered(at="12:20", order="a"), ordered(at="12:00", order="b", cart="one"))

    world.tell(added(at="12:10", cart="one"))

    assert world.cart("one") == {}


def test_an_order_told_again_by_another_event_is_not_placed_again() -> None:
    when = given(ordered(at="12:00"))

    assert when(ordered(at="12:05", event_id="another")) == []


def test_a_later_picture_of_an_order_is_what_its_facts_are_told_with() -> None:
    when = given(ordered(at="12:00"), ordered(at="12:05", total="30.00"))

    assert only(when(paid(at="12:06")), signals.OrderPaid).order.total == Decimal("30.00")


def test_an_older_picture_of_an_order_changes_nothing() -> None:
    when = given(ordered(at="12:00", total="30.00"), ordered(at="11:05"))

    assert only(when(paid(at="12:06")), signals.OrderPaid).order.total == Decimal("30.00")


# -- what is a purchase


def test_only_the_statuses_of_the_policy_are_a_purchase() -> None:
    when = given(added(at="12:00"), policy=ONLY_PAID)

    said = when(ordered(at="12:10", status="pending"), until="13:00")

    assert only(said, signals.OrderPlaced).closed_carts == ()
    assert len(abandoned(said)) == 1


@pytest.mark.parametrize("fact", [paid(at="12:30"), status_changed("Processing", at="12:30")])
def test_an_order_becomes_a_purchase_when_it_is_paid_or_its_status_says_so(fact: events.ShopEvent) -> None:
    world = World(ONLY_PAID)
    world.tell(added(at="12:00"), ordered(at="12:10", status="pending"))

    said = world.tell(fact)

    assert kinds(said)[1:] == ["CartChanged"]
    assert only(said, signals.CartChanged).cart.lines == ()
    assert abandoned(world.pass_time(NOON + FAR)) == []


def test_a_purchase_recognised_later_ends_the_cart_as_it_was_when_the_order_was_placed() -> None:
    world = World(ONLY_PAID)
    world.tell(added("mug", at="12:00"), ordered(at="12:10", status="pending"), added("plate", at="12:20"))

    world.tell(paid(at="12:30"))

    assert world.cart() == {"plate": 1}


def test_a_picture_of_the_order_with_another_status_makes_it_a_purchase() -> None:
    world = World(ONLY_PAID)
    world.tell(added(at="12:00"), ordered(at="12:10", status="pending"))

    assert kinds(world.tell(ordered(at="12:11", status="processing"))) == ["CartChanged"]
    assert world.cart() == {}


def test_a_status_that_an_order_has_already_is_not_told_again() -> None:
    when = given(ordered(at="12:00", status="processing"))

    assert kinds(when(status_changed("processing", at="12:10"))) == []


def test_a_status_older_than_the_known_one_changes_and_says_nothing() -> None:
    world = World(Policy())
    world.tell(ordered(at="12:00", status="pending"))

    assert kinds(world.tell(status_changed("completed", at="12:20"))) == ["OrderStatusChanged"]
    assert kinds(world.tell(status_changed("processing", at="12:10"))) == []
    assert kinds(world.tell(status_changed("refunded", at="12:30"))) == ["OrderStatusChanged"]


def test_a_cancelled_order_does_not_bring_the_cart_back() -> None:
    when = given(added(at="12:00"), ordered(at="12:10"))

    said = when(cancelled(at="12:20"), until=NOON + FAR)

    assert kinds(said) == ["OrderCancelled"]


# -- fulfilments


def test_partial_fulfilments_are_counted_until_nothing_is_left() -> None:
    when = given(ordered(lines=TWO_MUGS_AND_A_PLATE))

    first = only(when(fulfilled(line("mug"), at="12:01", name="f-1")), signals.OrderFulfilled)
    second = only(when(fulfilled(line("mug"), line("plate"), at="12:02", name="f-2")), signals.OrderFulfilled)

    assert (first.ordinal, first.complete) == (1, False)
    assert (second.ordinal, second.complete) == (2, True)
    assert second.order.lines == TWO_MUGS_AND_A_PLATE


def test_a_fulfilment_without_lines_is_the_whole_order() -> None:
    when = given(ordered(lines=TWO_MUGS_AND_A_PLATE))

    assert only(when(fulfilled(at="12:01")), signals.OrderFulfilled).complete


def test_the_same_fulfilment_told_by_another_event_is_not_told_again() -> None:
    when = given(ordered(), fulfilled(at="12:01", name="f-1"))

    assert when(fulfilled(at="12:02", name="f-1")) == []


def test_a_fulfilled_line_is_found_by_its_line_id_or_without_its_options() -> None:
    engraved = LineItem(line_id="7", product_id="mug", options={"text": "Ada"})
    by_id = given(ordered(lines=(engraved,)))(fulfilled(LineItem(line_id="7", product_id="?"), at="12:01"))
    by_product = given(ordered(lines=(engraved,)))(fulfilled(LineItem(product_id="mug"), at="12:01"))

    assert only(by_id, signals.OrderFulfilled).complete
    assert only(by_product, signals.OrderFulfilled).complete


# -- refunds


def test_partial_refunds_are_counted_until_nothing_is_left() -> None:
    when = given(ordered(total="25.00"))

    first = only(when(refunded(at="12:01", amount="10.00", name="r-1")), signals.OrderRefunded)
    second = only(when(refunded(at="12:02", name="r-2")), signals.OrderRefunded)

    assert (first.ordinal, first.complete, first.amount, first.currency) == (1, False, Decimal(10), "EUR")
    assert (second.ordinal, second.complete, second.amount) == (2, True, Decimal(15))


def test_a_refund_of_lines_is_worth_what_they_cost() -> None:
    when = given(ordered(lines=TWO_MUGS_AND_A_PLATE, total="33.00"))

    said = only(when(refunded(LineItem(product_id="mug", quantity=Decimal(2)), at="12:01")), signals.OrderRefunded)

    assert (said.amount, said.complete) == (Decimal("25.00"), False)


def test_a_refund_above_the_total_leaves_nothing_and_never_less() -> None:
    when = given(ordered(total="25.00"), refunded(at="12:01", amount="40.00"))

    assert only(when(refunded(at="12:02")), signals.OrderRefunded).amount == 0


def test_the_same_refund_told_by_another_event_is_not_told_again() -> None:
    when = given(ordered(), refunded(at="12:01", name="r-1", amount="5.00"))

    assert when(refunded(at="12:02", name="r-1", amount="5.00")) == []


def test_a_cancellation_is_told_once() -> None:
    when = given(ordered(), cancelled(at="12:01"))

    assert when(cancelled(at="12:02")) == []


# -- facts that come before their order


def test_facts_that_come_before_their_order_are_told_right_after_it_in_order_of_time() -> None:
    world = World()

    assert world.tell(fulfilled(at="12:05", who=BOB), paid(at="12:03", who=BOB)) == []
    said = world.tell(ordered(at="12:00", who=BOB))

    assert kinds(said) == ["OrderPlaced", "OrderPaid", "OrderFulfilled"]
    assert [signal.occurred_at for signal in said] == [clock("12:00"), clock("12:03"), clock("12:05")]
    assert world.notes == ["early_fact", "early_fact"]
    assert only(said, signals.OrderFulfilled).order is not None


def test_a_fact_whose_order_never_comes_is_told_without_it() -> None:
    world = World()
    world.tell(fulfilled(at="12:00", who=BOB))

    assert world.pass_time("12:59:59") == []
    (said,) = world.pass_time("13:00")

    assert (said.payload.order, said.payload.ordinal, said.occurred_at) == (None, 1, NOON)


def test_after_that_nothing_waits_for_the_same_order_again() -> None:
    when = given(fulfilled(at="12:00", name="f-1", who=BOB))
    when(until="13:00")

    said = only(when(fulfilled(at="13:30", name="f-2", who=BOB)), signals.OrderFulfilled)

    assert (said.order, said.ordinal) == (None, 2)


def test_an_order_that_comes_after_all_is_placed_and_known_from_then_on() -> None:
    when = given(fulfilled(at="12:00", who=BOB))
    when(until="13:00")

    assert kinds(when(ordered(at="13:30", who=BOB))) == ["OrderPlaced"]
    assert only(when(refunded(at="13:40", who=BOB)), signals.OrderRefunded).order is not None


def test_a_payment_whose_order_never_comes_ends_the_cart_all_the_same() -> None:
    world = World(Policy(stages=(3 * HOUR,)))
    world.tell(added(at="12:00", who=BOB), paid(at="12:10", who=BOB))

    said = world.pass_time(NOON + FAR)

    assert kinds(said) == ["OrderPaid", "CartChanged"]


def test_more_early_facts_than_are_held_are_told_without_their_order() -> None:
    world = World(Policy(stages=(HOUR,), max_early=2))

    said = world.tell(*(cancelled(at="12:00", order=f"o-{n}", who=BOB) for n in range(3)))

    assert [signal.payload.order_id for signal in said] == ["o-0"]


def test_time_passing_for_a_held_fact_does_not_depend_on_what_made_it_pass() -> None:
    quiet, busy = World(), World()
    quiet.tell(fulfilled(at="12:00", who=BOB))
    busy.tell(fulfilled(at="12:00", who=BOB))

    assert quiet.pass_time("13:00") == busy.tell(viewed(at="13:01", who=BOB))[:1]


def picture(at: datetime, **more: Any) -> ShopEvent:
    """The order of noon as it looks later."""
    order = Order(order_id="order-1", placed_at=NOON, currency="EUR", total=Decimal(25), lines=(line(),), **more)
    event_id = "order-placed:order-1" if at == NOON else f"order:order-1:{at:%H%M}"
    return told(events.OrderPlaced(order=order), at, who=ADA_BY_MAIL, event_id=event_id)


def test_a_picture_of_what_a_guest_had_bought_is_no_other_purchase_of_the_account() -> None:
    world = World()
    first = world.tell(picture(NOON), cancelled(at="12:10", who=ADA_BY_MAIL), logged_in(at="12:20", who=ADA))
    again = world.tell(picture(NOON), picture(clock("12:30"), note="given back"))

    ids = {signal.signal_id for signal in (*first, *again) if isinstance(signal.payload, signals.OrderPlaced)}
    assert ids == {"shop:order-placed:order-1:OrderPlaced"}


def test_a_picture_of_an_order_that_was_forgotten_is_said_under_the_id_it_had() -> None:
    world = World()
    first = world.tell(picture(NOON), cancelled(at="12:10", who=ADA_BY_MAIL))
    world.pass_time(NOON + 60 * DAY)
    again = world.tell(picture(NOON + 60 * DAY, note="given back"))

    ids = [signal.signal_id for signal in (*first, *again) if isinstance(signal.payload, signals.OrderPlaced)]
    assert ids == ["shop:order-placed:order-1:OrderPlaced"] * 2


# -- bounds and wholesale


def test_finished_orders_make_room_before_open_ones() -> None:
    world = World(Policy(stages=(HOUR,), max_orders=2))
    world.tell(ordered(order="open"), ordered(order="done"), cancelled(order="done"), ordered(order="new"))

    assert set(world.states["shop/c:ada"].orders) == {"open", "new"}


def test_a_wholesale_order_is_told_and_its_fulfilment_is_told_with_it() -> None:
    order = Order(order_id="w-1", currency="EUR", total=Decimal(500), lines=(line("mug", 40),))
    when = given(added(at="12:00"))

    said = when(
        told(events.WholesaleOrderApproved(order=order, account_code="acme"), "12:10"),
        fulfilled(at="12:20", order="w-1"),
    )

    assert kinds(said) == ["WholesaleOrderApproved", "OrderFulfilled"]
    assert only(said, signals.OrderFulfilled).order == order


def test_a_wholesale_order_buys_no_cart() -> None:
    order = Order(order_id="w-1", currency="EUR", total=Decimal(500), lines=(line("mug", 40),))
    when = given(added(at="12:00"), policy=ONE_STAGE)

    said = when(told(events.WholesaleOrderApproved(order=order), "12:10"), paid(at="12:20", order="w-1"))

    assert abandoned(said + when(until="13:00"))
