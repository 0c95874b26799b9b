"""REES46 rows become events: the same rows give the same events, and what is no event says why."""

from datetime import UTC, datetime
from decimal import Decimal

from schemas.events import CartItemAdded, CartItemRemoved, OrderPlaced, ProductViewed, ShopEvent
from schemas.values import CustomerRef, LineItem
from sources.backfill.rees46 import Unreadable, events_of

MIDNIGHT = datetime(2022, 10, 1, tzinfo=UTC)


def row(kind: str, product: str = "577", second: int = 0, user: str = "ada", **more: str) -> dict[str, str]:
    return {
        "event_time": f"2022-10-01 00:00:{second:02} UTC",
        "event_type": kind,
        "product_id": product,
        "price": "2.62",
        "user_id": user,
        "user_session": "s-1",
    } | more


def told(*rows: dict[str, str]) -> list[ShopEvent]:
    events = list(events_of(rows, shop="cosmetics"))
    assert all(isinstance(event, ShopEvent) for event in events)
    return [event for event in events if isinstance(event, ShopEvent)]


def refused(**changed: str) -> Unreadable:
    (problem,) = events_of([row("cart") | changed], shop="cosmetics")
    assert isinstance(problem, Unreadable)
    return problem


def test_each_kind_of_row_becomes_its_event() -> None:
    item = LineItem(product_id="577", unit_price=Decimal("2.62"))

    view, cart, removal, purchase = told(
        row("view"), row("cart", second=1), row("remove_from_cart", second=2), row("purchase", second=3)
    )

    assert view.payload == ProductViewed(item=item, currency="USD")
    assert cart.payload == CartItemAdded(item=item, currency="USD")
    assert removal.payload == CartItemRemoved(item=item, quantity=Decimal(1))
    assert isinstance(purchase.payload, OrderPlaced)
    assert (purchase.payload.order.lines, purchase.payload.cart_id) == ((item,), None)


def test_history_is_told_as_history_by_the_user_it_names() -> None:
    (event,) = told(row("view"))

    assert (event.priority, event.source, event.customer) == ("backfill", "rees46", CustomerRef(customer_id="ada"))
    assert event.occurred_at == MIDNIGHT


def test_the_purchases_of_one_second_are_one_order_at_the_place_of_the_first() -> None:
    events = told(row("purchase", "1"), row("cart", "9", user="bob"), row("purchase", "2"), row("purchase", "3", 1))

    assert [type(event.payload).__name__ for event in events] == ["OrderPlaced", "CartItemAdded", "OrderPlaced"]
    order = events[0].payload
    assert isinstance(order, OrderPlaced)
    assert [line.product_id for line in order.order.lines] == ["1", "2"]
    assert order.order.total == Decimal("5.24")


def test_identical_rows_are_different_facts() -> None:
    one, other = told(row("cart"), row("cart"))

    assert one.payload == other.payload
    assert one.event_id != other.event_id


def test_the_same_history_gives_the_same_ids_from_any_part_of_the_file() -> None:
    rows = [row("cart"), row("cart"), row("view", second=1), row("purchase", second=2)]

    assert told(*rows)[2:] == told(*rows[2:])
    assert told(*rows) == told(*rows)


def test_brand_and_category_are_taken_where_the_export_has_them() -> None:
    (event,) = told(row("view", brand="runail", category_code="furniture.bathroom"))

    assert isinstance(event.payload, ProductViewed)
    assert (event.payload.item.brand, event.payload.item.categories) == ("runail", ("furniture.bathroom",))


def test_a_price_below_zero_is_not_known() -> None:
    (event,) = told(row("cart", price="-79.37"))

    assert isinstance(event.payload, CartItemAdded)
    assert event.payload.item.unit_price is None


def test_a_row_that_is_no_event_names_row_field_and_remedy() -> None:
    assert refused(event_time="yesterday").field == "event_time"
    assert refused(event_type="wish") == Unreadable(
        1, "event_type", "is 'wish'", "use one of: cart, purchase, remove_from_cart, view"
    )
    assert refused(price="cheap").field == "price"
    assert refused(price="NaN").field == "price"
    assert refused(price="9" * 40).field == "price"
    assert refused(user_id=" ").field == "user_id"
    assert refused(product_id="").field == "product_id"
