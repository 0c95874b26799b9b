"""What is in a cart, in whatever order we hear of it."""

from decimal import Decimal

from schemas import events, signals
from schemas.values import CustomerRef, LineItem
from streams.domain.cart import line_key, total_of
from streams.domain.policy import Policy
from tests.domain.story import (
    BOB,
    HOUR,
    MINUTE,
    NOON,
    World,
    added,
    given,
    kinds,
    line,
    only,
    ordered,
    pictured,
    removed,
    told,
)


def test_two_lines_are_the_same_when_product_variant_and_options_are() -> None:
    plain = LineItem(product_id="mug", name="Mug")
    engraved = LineItem(product_id="mug", options={"text": "Ada", "font": "serif"})

    assert line_key(plain) == line_key(LineItem(product_id="mug", sku="M", quantity=Decimal(3)))
    assert line_key(engraved) == line_key(LineItem(product_id="mug", options={"font": "serif", "text": "Ada"}))
    assert len({line_key(i) for i in (plain, engraved, LineItem(product_id="mug", variant_id="blue"))}) == 3


def test_adding_the_same_line_again_adds_up() -> None:
    when = given(added(at="12:00", quantity=2))

    said = only(when(added(at="12:01", quantity=3)), signals.CartChanged)

    assert (said.cart.lines, said.cart.total, said.added) == ((line("mug", 5),), Decimal("62.50"), line("mug", 3))


def test_a_removal_heard_before_its_addition_still_takes_it_out() -> None:
    world = World()
    world.tell(removed(at="12:01"), added(at="12:00"))

    assert world.cart() == {}


def test_a_removal_does_not_take_out_what_is_added_after_it() -> None:
    world = World()
    world.tell(removed(at="12:00"), added(at="12:01"))

    assert world.cart() == {"mug": 1}


def test_taking_out_more_than_there_is_leaves_none() -> None:
    world = World()
    world.tell(added(at="12:00"), removed(at="12:01", quantity=5), added(at="12:02"))

    assert world.cart() == {"mug": 1}


def test_a_removal_without_a_quantity_takes_the_whole_line() -> None:
    world = World()
    world.tell(added(at="12:00", quantity=7), removed(at="12:01", quantity=None))

    assert world.cart() == {}


def test_an_addition_older_than_a_snapshot_is_contained_in_it() -> None:
    world = World()
    world.tell(pictured(line("mug", 2), at="12:10"))

    assert world.tell(added(at="12:05")) == []
    assert world.cart() == {"mug": 2}


def test_a_snapshot_heard_late_keeps_what_came_after_it() -> None:
    world = World()
    world.tell(added("plate", at="12:20"), pictured(line("mug", 2), at="12:10"))

    assert world.cart() == {"mug": 2, "plate": 1}


def test_a_snapshot_says_what_was_put_in() -> None:
    when = given(pictured(line("mug"), at="12:00"))

    said = only(when(pictured(line("mug"), line("plate", 2), at="12:05")), signals.CartChanged)

    assert said.added == line("plate", 2)


def test_a_snapshot_that_only_takes_out_adds_nothing() -> None:
    when = given(pictured(line("mug"), line("plate"), at="12:00"))

    said = only(when(pictured(line("mug"), at="12:05")), signals.CartChanged)

    assert said.added is None


def test_the_same_line_twice_in_a_snapshot_is_one_line() -> None:
    world = World()
    world.tell(pictured(line("mug", 1), line("mug", 2)))

    assert world.cart() == {"mug": 3}


def test_the_newest_addition_says_what_a_line_costs() -> None:
    world = World()
    cheap = LineItem(product_id="mug", unit_price=Decimal(5))
    world.tell(told(events.CartItemAdded(item=cheap, currency="EUR"), "12:10"))

    said = only(world.tell(added(at="12:00")), signals.CartChanged)

    assert said.cart.total == Decimal(10)


def test_a_checkout_with_lines_is_a_snapshot_as_well() -> None:
    when = given(added(at="12:00"))
    started = events.CheckoutStarted(checkout_id="c-1", lines=(line("plate"),), currency="EUR")

    said = when(told(started, "12:05"))

    assert kinds(said) == ["CartChanged", "CheckoutStarted"]
    assert only(said, signals.CheckoutStarted).cart.lines == (line("plate"),)


def test_a_checkout_of_a_cart_never_heard_of_is_told_with_an_empty_one() -> None:
    said = given()(told(events.CheckoutStarted(cart_id="c"), who=BOB))

    assert only(said, signals.CheckoutStarted).cart == signals.Cart(
        cart_id="c", version=0, currency="XXX", lines=(), total=Decimal(0), changed_at=NOON
    )


def test_an_unnamed_cart_is_that_of_the_cart_token() -> None:
    world = World()
    world.tell(added(who=CustomerRef(customer_id="bob", cart_token="t-1")))

    assert world.cart("t-1", BOB) == {"mug": 1}


def test_a_total_has_at_most_four_places() -> None:
    third = LineItem(product_id="cheese", quantity=Decimal("0.3333"), unit_price=Decimal("9.9999"))

    assert total_of([third]) == Decimal("3.3330")
    assert total_of([LineItem(product_id="gift")]) == 0


def test_a_purchase_keeps_what_was_put_in_after_it_even_when_heard_late() -> None:
    world = World()
    world.tell(added("mug", at="12:00"), added("plate", at="12:20"), added("mug", at="12:21"), ordered(at="12:10"))

    assert world.cart() == {"mug": 1, "plate": 1}


def test_an_order_that_names_an_unknown_cart_ends_the_unnamed_one_too() -> None:
    when = given(added(at="12:00"))

    assert only(when(ordered(at="12:10", cart="quote-9")), signals.OrderPlaced).closed_carts == ("default",)


def test_a_named_cart_bought_before_it_was_heard_of_stays_bought() -> None:
    world = World()
    world.tell(ordered(at="12:10", cart="quote-9"), added(at="12:00", cart="quote-9"))

    assert world.cart("quote-9") == {}


def test_more_changes_than_are_remembered_still_add_up() -> None:
    world = World(Policy(stages=(HOUR,), max_changes=3))
    world.tell(*(added(at=NOON + n * MINUTE, event_id=f"e{n}") for n in range(10)))
    world.tell(added(at=NOON - MINUTE))

    assert world.cart() == {"mug": 11}


def test_the_oldest_cart_makes_room() -> None:
    world = World(Policy(stages=(HOUR,), max_carts=2))
    world.tell(*(added(at=NOON + n * MINUTE, cart=f"cart-{n}", who=BOB) for n in range(3)))

    assert set(world.states["shop/c:bob"].carts) == {"cart-1", "cart-2"}
