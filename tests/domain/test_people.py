"""What is told about people, and what is passed on as it was said."""

from typing import Any

import pytest

from schemas import events, signals
from schemas.events import ShopEvent, ShopPayload
from schemas.values import CustomerRef, Profile
from tests.domain.story import ADA, BOB, NOON, World, given, kinds, line, linked, only, ordered, told, updated, viewed

BLUE = line("mug")


@pytest.mark.parametrize(
    ("event", "signal"),
    [
        (events.NewsletterSubscribed(list_id="n"), signals.NewsletterSubscribed(list_id="n")),
        (events.NewsletterUnsubscribed(channel="sms"), signals.NewsletterUnsubscribed(channel="sms")),
        (events.SessionActive(url="/"), signals.SessionActive(url="/")),
        (events.ProductViewed(item=BLUE, currency="EUR"), signals.ProductViewed(item=BLUE, currency="EUR")),
        (events.Searched(query="mug", results=2), signals.Searched(query="mug", results=2)),
        (events.WishlistAdded(item=BLUE), signals.WishlistAdded(item=BLUE)),
        (events.WishlistRemoved(item=BLUE), signals.WishlistRemoved(item=BLUE)),
        (events.BackInStockRequested(product_id="mug"), signals.BackInStockRequested(product_id="mug")),
        (events.StoreConnected(system="joor"), signals.StoreConnected(system="joor")),
        (events.StoreDisconnected(reason="left"), signals.StoreDisconnected(reason="left")),
    ],
)
def test_what_needs_no_thought_is_told_as_it_was_said(event: ShopPayload, signal: signals.SignalPayload) -> None:
    assert given()(told(event, who=BOB)) == [signal]


def test_a_registration_is_a_new_customer() -> None:
    said = given()(told(events.CustomerRegistered(profile=Profile(first_name="Ada")), who=ADA))

    assert said == [signals.CustomerChanged(new=True)]


def test_an_update_keeps_what_it_does_not_mention() -> None:
    world = World()
    world.tell(updated(at="12:00", first_name="Ada", locale="de-AT"))

    (said,) = world.tell(updated(at="12:10", locale="en-GB"))

    assert said.payload == signals.CustomerChanged()
    assert said.customer.profile == Profile(first_name="Ada", locale="en-GB")


def test_an_update_heard_late_fills_gaps_only() -> None:
    world = World()
    world.tell(updated(at="12:10", first_name="Ada"), updated(at="12:00", first_name="Adda", last_name="Lovelace"))

    assert world.states["shop/c:ada"].profile == Profile(first_name="Ada", last_name="Lovelace")
    assert "late_profile" in world.notes


def test_a_new_address_is_told_before_what_it_came_with() -> None:
    when = given(viewed(who=BOB))

    said = when(viewed(at="12:01", who=CustomerRef(customer_id="bob", email="bob@example.com")))

    assert kinds(said) == ["CustomerChanged", "ProductViewed"]


def test_a_name_without_an_address_is_nothing_to_tell() -> None:
    assert kinds(given()(viewed(who=BOB))) == ["ProductViewed"]


def test_a_changed_address_is_told_and_an_older_one_is_not() -> None:
    when = given(viewed(at="12:10", who=ADA))
    other = CustomerRef(customer_id="ada", email="lovelace@example.com")

    assert kinds(when(viewed(at="12:05", who=other))) == ["ProductViewed"]
    assert kinds(when(viewed(at="12:20", who=other))) == ["CustomerChanged", "ProductViewed"]


def test_a_link_told_by_the_shop_adds_the_other_name() -> None:
    when = given(viewed(who=BOB))

    said = when(linked(BOB, CustomerRef(email="bob@example.com"), at="12:01"))

    assert kinds(said) == ["CustomerChanged"]


def test_a_signal_knows_its_cause_time_and_customer() -> None:
    (said,) = World().tell(viewed(who=BOB, event_id="e-1"))

    expected: dict[str, Any] = {
        "signal_id": "shop:e-1:ProductViewed",
        "cause": "e-1",
        "occurred_at": NOON,
        "customer": signals.Customer(key="shop/c:bob", ref=BOB),
    }
    assert {name: getattr(said, name) for name in expected} == expected


def test_only_is_strict() -> None:
    with pytest.raises(ValueError, match="not enough values"):
        only([], signals.CustomerChanged)


def changes(*told: ShopEvent) -> list[bool]:
    """Of each time the platforms are told of her: whether it was the first."""
    world = World()
    world.tell(*told)
    return [each.payload.new for each in world.said if isinstance(each.payload, signals.CustomerChanged)]


def test_who_is_first_known_by_an_order_is_new_and_only_then() -> None:
    assert changes(ordered(at="12:00", order="order-1"), updated(at="12:05", first_name="Ada")) == [True, False]
