"""What is refused at the front door, and what the refusal says."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace

from schemas import events
from schemas.events import ShopEvent, ShopPayload
from schemas.values import CustomerRef, LineItem, Order, Payment, Product
from streams.domain.policy import Policy
from streams.domain.validate import Problem, counted_at, problem_of
from tests.domain.story import ADA, NOON, SECOND, added, line, linked, ordered, pictured, told, viewed

POLICY = Policy()


def refused(event: ShopEvent) -> Problem:
    problem = problem_of(event, POLICY)
    assert problem is not None
    return problem


def item(**fields: object) -> ShopEvent:
    payload = events.CartItemAdded(item=replace(line(), **fields), currency="EUR")
    return told(payload, who=ADA)


def order(**fields: object) -> ShopEvent:
    placed = Order(order_id="o-1", currency="EUR", total=Decimal(1), lines=(line(),))
    return told(events.OrderPlaced(order=replace(placed, **fields)), who=ADA)


@pytest.mark.parametrize(
    "event",
    [
        added(),
        viewed(),
        ordered(),
        pictured(),
        linked(ADA, CustomerRef(anonymous_id="k")),
        told(events.ProductDeleted(product_id="mug"), who=CustomerRef()),
        told(events.StoreConnected(), who=CustomerRef()),
        order(lines=(replace(line(), quantity=Decimal(0)),)),
    ],
)
def test_ordinary_events_are_taken(event: ShopEvent) -> None:
    assert problem_of(event, POLICY) is None


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (replace(added(), event_id=" "), "event_id"),
        (replace(added(), event_id="e" * 513), "event_id"),
        (replace(added(), shop=""), "shop"),
        (replace(added(), shop="a/b"), "shop"),
        (replace(added(), source="shoprelay"), "source"),
        (replace(added(), occurred_at=datetime(1970, 1, 21, tzinfo=UTC)), "occurred_at"),
        (added(who=CustomerRef()), "customer"),
        (added(who=CustomerRef(phone="+431234567")), "customer"),
        (added(who=CustomerRef(customer_id="")), "customer.customer_id"),
        (added(who=CustomerRef(customer_id="1", email="ada at example")), "customer.email"),
        (added(who=CustomerRef(customer_id="1", email="a da@example.com")), "customer.email"),
        (linked(ADA, CustomerRef()), "payload.other"),
        (added(cart=" "), "payload.cart_id"),
        (item(product_id=""), "payload.item.product_id"),
        (item(quantity=Decimal(0)), "payload.item.quantity"),
        (item(quantity=Decimal(-1)), "payload.item.quantity"),
        (item(quantity=Decimal("NaN")), "payload.item.quantity"),
        (item(quantity=Decimal("1.00001")), "payload.item.quantity"),
        (item(unit_price=Decimal("-0.01")), "payload.item.unit_price"),
        (item(unit_price=Decimal(10) ** 12), "payload.item.unit_price"),
        (item(name="n" * 8193), "payload.item.name"),
        (pictured(*[line()] * 1001), "payload.lines"),
        (pictured(line(), line(quantity=-1)), "payload.lines[1].quantity"),
        (order(currency="EURO"), "payload.order.currency"),
        (order(currency="eur"), "payload.order.currency"),
        (order(total=Decimal(-1)), "payload.order.total"),
        (order(order_id=""), "payload.order.order_id"),
        (order(payments=(Payment(amount=Decimal(-1)),)), "payload.order.payments[0].amount"),
    ],
)
def test_what_we_could_not_stand_by_is_refused_by_field(event: ShopEvent, field: str) -> None:
    problem = refused(event)

    assert problem.field == field
    assert problem.problem
    assert problem.remedy


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        (events.CartItemRemoved(item=line(), quantity=Decimal(0)), "payload.quantity"),
        (events.CheckoutStarted(lines=(line(),)), "payload.currency"),
        (events.OrderStatusChanged(order_id="o", status=""), "payload.status"),
        (events.OrderRefunded(order_id="o", amount=Decimal(-5)), "payload.amount"),
        (events.OrderFulfilled(order_id="o", lines=(line(quantity=0),)), "payload.lines[0].quantity"),
        (events.OrderPaid(order_id="o", currency="EUR", payment=Payment(amount=Decimal(-5))), "payload.payment.amount"),
        (events.Searched(query="q" * 9000), "payload.query"),
        (events.ProductUpserted(product=Product(product_id=" ", title="t")), "payload.product.product_id"),
        (events.ProductViewed(item=LineItem(product_id="")), "payload.item.product_id"),
    ],
)
def test_every_kind_of_event_has_its_own_checks(payload: ShopPayload, field: str) -> None:
    assert refused(told(payload)).field == field


def test_a_refusal_never_repeats_what_a_customer_is_called() -> None:
    problem = refused(added(who=CustomerRef(customer_id="1", email="ada.lovelace")))

    assert "lovelace" not in f"{problem.field} {problem.problem} {problem.remedy}"


def test_seconds_sent_for_milliseconds_are_explained() -> None:
    problem = refused(replace(added(), occurred_at=datetime(1970, 1, 21, tzinfo=UTC)))

    assert problem == Problem(
        "occurred_at", "lies in 1970, before 2000", "send milliseconds since 1970, UTC; not seconds"
    )


def test_a_stamp_from_the_future_counts_as_received_now() -> None:
    assert counted_at(datetime(2099, 1, 1, tzinfo=UTC), NOON, POLICY) == NOON
    assert counted_at(NOON + timedelta(seconds=6), NOON, POLICY) == NOON


def test_a_clock_that_is_a_little_ahead_is_believed() -> None:
    assert counted_at(NOON + 2 * SECOND, NOON, POLICY) == NOON + 2 * SECOND
    assert counted_at(NOON - SECOND, NOON, POLICY) == NOON - SECOND


@pytest.mark.parametrize("number", [f"{'9' * 29}.12345", "1e400", "1e-400", "NaN", "sNaN", "-Infinity"])
def test_it_is_total_for_numbers_that_are_none_and_for_more_digits_than_python_counts_with(number: str) -> None:
    value = Decimal(number)
    stock = told(events.StockChanged(product_id="mug", quantity=value), who=ADA)
    for event in (stock, order(discount=value), order(lines=(replace(line(), quantity=value),)), order(total=value)):
        problem = problem_of(event, POLICY)
        assert problem is None or (problem.problem and problem.remedy)
    assert problem_of(order(discount=Decimal("12.340000")), POLICY) is None
    assert refused(order(discount=Decimal("9" * 29 + ".12345"))).field == "payload.order.discount"
