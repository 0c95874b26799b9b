"""The wishlist and the newsletter: the newest word counts, moves with the customer, and goes with an erasure."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from schemas import events
from schemas.values import CustomerRef
from streams.domain.customer import Customer
from streams.domain.evolve_wishes import wished
from streams.domain.known import known_customer
from streams.domain.policy import Policy
from streams.domain.state_codec import decode, encode
from tests.domain.story import (
    ADA,
    ADA_ON_COOKIE,
    COOKIE,
    DAY,
    FAR,
    NOON,
    ONE_STAGE,
    World,
    added,
    cancelled,
    clock,
    fulfilled,
    line,
    logged_in,
    ordered,
    paid,
    status_changed,
    told,
)


def wishes(product: str = "mug", at: datetime | str = NOON, **more: Any) -> events.ShopEvent:
    return told(events.WishlistAdded(item=line(product)), at, **more)


def drops(product: str = "mug", at: datetime | str = NOON, **more: Any) -> events.ShopEvent:
    return told(events.WishlistRemoved(item=line(product)), at, **more)


def agrees(at: datetime | str = NOON, channel: Any = "email", **more: Any) -> events.ShopEvent:
    return told(events.NewsletterSubscribed(channel=channel), at, **more)


def declines(at: datetime | str = NOON, channel: Any = "email", **more: Any) -> events.ShopEvent:
    return told(events.NewsletterUnsubscribed(channel=channel), at, **more)


def after(*shop_events: events.ShopEvent, who: str = "shop/c:ada", policy: Policy = ONE_STAGE) -> Customer:
    world = World(policy, through=lambda state: decode(encode(state)))
    world.tell(*shop_events)
    return world.states[who]


def test_a_wish_is_there_until_it_is_taken_off() -> None:
    state = after(wishes("mug", "12:00"), wishes("plate", "12:01"), drops("mug", "12:02"))

    assert list(wished(state)) == ["plate"]


def test_a_wish_heard_late_does_not_come_back() -> None:
    state = after(drops("mug", "12:02"), wishes("mug", "12:01"), wishes("plate", "12:05"), drops("plate", "12:04"))

    assert list(wished(state)) == ["plate"]


def test_a_long_list_forgets_what_was_taken_off_and_then_the_oldest() -> None:
    policy = Policy(max_wishes=3)
    state = after(
        *(wishes(f"p{n}", f"12:0{n}") for n in range(3)), drops("p2", "12:03"), wishes("p3", "12:04"), policy=policy
    )
    assert list(wished(state)) == ["p0", "p1", "p3"]

    state = after(*(wishes(f"p{n}", f"12:0{n}") for n in range(5)), policy=policy)
    assert list(wished(state)) == ["p2", "p3", "p4"]


def test_what_was_taken_off_is_not_remembered_for_long() -> None:
    assert set(after(drops("mug", "12:00"), wishes("plate", "12:30")).wishlist) == {"mug", "plate"}
    assert set(after(drops("mug", "12:00"), wishes("plate", "14:00")).wishlist) == {"plate"}


def test_the_newest_word_about_the_newsletter_counts_by_channel() -> None:
    known = known_customer(after(declines("12:05"), agrees("12:01"), agrees("12:02", "sms")))

    assert known is not None
    assert (known.subscribed, known.unsubscribed) == (("sms",), ("email",))


def test_a_guest_takes_wishes_and_consents_along() -> None:
    state = after(
        wishes("mug", "12:00", who=COOKIE),
        wishes("cup", "12:00", who=COOKIE),
        agrees("12:00", who=COOKIE),
        agrees("12:00", "sms", who=COOKIE),
        drops("mug", "12:01", who=ADA),
        declines("12:01", who=ADA),
        logged_in("12:02", who=ADA_ON_COOKIE),
    )

    assert list(wished(state)) == ["cup"], "what the customer said later stays"
    assert {channel: consent.given for channel, consent in state.consents.items()} == {"email": False, "sms": True}


def test_the_log_that_was_left_keeps_nothing() -> None:
    left = after(wishes(who=COOKIE), agrees(who=COOKIE), logged_in("12:02", who=ADA_ON_COOKIE), who="shop/a:cookie-1")

    assert (left.wishlist, left.consents) == ({}, {})
    assert known_customer(left) is None


def test_an_erased_customer_wishes_for_nothing() -> None:
    world = World()
    world.tell(wishes(), agrees(), told(events.CustomerErased(), "12:05"))

    assert world.states == {}


def test_who_rests_keeps_the_wishes() -> None:
    world = World()
    world.tell(wishes("mug", "12:00"), drops("plate", "12:00"))
    world.pass_time(NOON + 31 * DAY)

    assert set(world.states["shop/c:ada"].wishlist) == {"mug"}
    world.pass_time(NOON + FAR)


def test_what_is_known_is_told_from_state() -> None:
    known = known_customer(
        after(
            ordered("12:01", "b", status="new"),
            ordered("12:00", "a"),
            paid("12:02", "a"),
            status_changed("packed", "12:03", "b"),
            cancelled("12:04", "b"),
            fulfilled(at="12:05", order="a"),
            fulfilled(at="12:05", order="never-placed"),
            wishes("mug", "12:06"),
            added("plate", "12:07", quantity=2),
        )
    )

    assert known is not None
    assert [(o.order.order_id, o.status, o.paid, o.cancelled, o.fulfilled) for o in known.orders] == [
        ("a", None, True, False, True),
        ("b", "packed", False, True, False),
    ]
    assert [(cart.total, cart.changed_at) for cart in known.carts] == [(Decimal(16), clock("12:07"))]
    assert (known.customer.ref, known.wishlist) == (ADA, ("mug",))


def test_the_shops_own_log_is_nobody() -> None:
    assert known_customer(after(told(events.StoreConnected(), who=CustomerRef()), who="shop/site")) is None
