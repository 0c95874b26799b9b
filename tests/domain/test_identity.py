"""Who is who: keys, links, guests who turn out to be somebody, and people who want to be forgotten."""

import pytest

from schemas import events, signals
from schemas.events import CartTransferred, CustomerEvent, ShopEvent
from schemas.signals import Signal
from schemas.values import CustomerRef
from streams.domain.identity import is_stronger, key_of, links_of, masked
from streams.domain.policy import Policy
from tests.domain.story import (
    ADA,
    ADA_BY_MAIL,
    ADA_ON_COOKIE,
    BOB,
    COOKIE,
    FAR,
    HOUR,
    NOON,
    World,
    abandoned,
    added,
    fulfilled,
    kinds,
    line,
    linked,
    logged_in,
    only,
    ordered,
    paid,
    refunded,
    removed,
    told,
    viewed,
)


@pytest.mark.parametrize(
    ("ref", "key"),
    [
        (ADA_ON_COOKIE, "shop/c:ada"),
        (CustomerRef(email=" Ada@Example.com ", cart_token="t"), "shop/e:ada@example.com"),
        (CustomerRef(anonymous_id="k", cart_token="t"), "shop/a:k"),
        (CustomerRef(cart_token="t"), "shop/t:t"),
        (CustomerRef(), "shop/site"),
        (CustomerRef(phone="+431234567"), "shop/site"),
    ],
)
def test_a_customer_is_filed_under_the_best_identity_known(ref: CustomerRef, key: str) -> None:
    assert key_of("shop", ref) == key


def test_a_key_can_be_shown_without_showing_who_it_is() -> None:
    shown = masked("shop/e:ada@example.com")

    assert shown.startswith("shop/e:#")
    assert "ada" not in shown
    assert shown == masked("shop/e:ada@example.com")
    assert masked("shop/site") == "shop/site"


def test_an_event_with_one_identity_links_nothing() -> None:
    assert links_of(added(who=BOB), NOON) == ()


def test_an_event_with_several_identities_links_each_weaker_one_to_the_strongest() -> None:
    links = links_of(added(who=ADA_ON_COOKIE), NOON)

    assert [link.key for link in links] == ["shop/e:ada@example.com", "shop/a:cookie-1"]
    assert {link.fact.payload.other for link in links if isinstance(link.fact, ShopEvent)} == {ADA_ON_COOKIE}
    assert links == links_of(added(who=ADA_ON_COOKIE), NOON)


def test_a_link_told_from_the_weaker_side_needs_no_other_entry() -> None:
    assert links_of(linked(COOKIE, ADA), NOON)[0].key == "shop/e:ada@example.com"
    assert [link.key for link in links_of(linked(BOB, COOKIE), NOON)] == ["shop/a:cookie-1"]


def test_two_accounts_are_never_one_person() -> None:
    assert links_of(linked(BOB, CustomerRef(customer_id="ada", email="ada@example.com")), NOON) == ()
    assert not is_stronger("shop/c:ada", "shop/c:bob")
    assert not is_stronger("shop/c:bob", "shop/c:ada")


def test_of_two_equals_the_first_in_the_alphabet_is_kept() -> None:
    world = World()
    one, other = CustomerRef(email="a@example.com"), CustomerRef(email="b@example.com")
    world.tell(added("mug", who=one), added("plate", who=other), linked(one, other, at="12:10"))

    assert world.cart(who=one) == {"mug": 1, "plate": 1}
    assert world.states["shop/e:b@example.com"].link == "shop/e:a@example.com"


def test_later_events_of_the_cookie_go_to_the_customer() -> None:
    world = World()
    world.tell(logged_in(at="12:00"))

    world.tell(added(at="12:10", who=COOKIE))

    assert world.cart() == {"mug": 1}
    assert world.cart(who=COOKIE) == {}
    assert "forwarded" in world.notes


def test_an_event_told_before_and_again_after_the_link_counts_once() -> None:
    world = World()
    add = added(at="12:00", who=COOKIE)
    world.tell(add, logged_in(at="12:10"), add)

    assert world.cart() == {"mug": 1}


def test_a_product_in_both_carts_has_the_quantity_that_was_set_last() -> None:
    world = World()
    world.tell(added(at="12:00", quantity=5), added(at="12:05", quantity=2, who=COOKIE))

    world.tell(logged_in(at="12:10"))

    assert world.cart() == {"mug": 2}


def test_an_older_guest_cart_does_not_change_what_the_customer_set_later() -> None:
    world = World()
    world.tell(added(at="12:00", quantity=5, who=COOKIE), added("plate", at="12:01", who=COOKIE))
    world.tell(added(at="12:05", quantity=2))

    world.tell(logged_in(at="12:10"))

    assert world.cart() == {"mug": 2, "plate": 1}


def test_a_guest_cart_is_one_with_the_cart_the_customer_touches_next() -> None:
    world = World()
    world.tell(added(at="12:00", who=COOKIE, cart="quote-17"), logged_in(at="12:10"))

    world.tell(added("plate", at="12:20", cart="quote-12"))

    assert world.cart("quote-12") == {"mug": 1, "plate": 1}
    assert len(abandoned(world.pass_time(NOON + FAR))) == 1


def test_cookie_to_email_to_account_ends_in_one_log() -> None:
    world = World()
    world.tell(added("mug", at="12:00", who=COOKIE))
    world.tell(added("plate", at="12:10", who=CustomerRef(email="ada@example.com", anonymous_id="cookie-1")))
    world.tell(viewed(at="12:20", who=ADA))

    assert world.cart() == {"mug": 1, "plate": 1}
    assert set(world.states["shop/c:ada"].origins) == {"shop/a:cookie-1", "shop/e:ada@example.com"}


def test_on_a_shared_computer_the_cookie_follows_whoever_logged_in_last() -> None:
    world = World()
    world.tell(logged_in(at="12:00"))
    world.tell(logged_in(at="12:10", who=CustomerRef(customer_id="bob", anonymous_id="cookie-1")))

    world.tell(added(at="12:20", who=COOKIE))

    assert world.cart(who=BOB) == {"mug": 1}
    assert world.cart(who=ADA) == {}


def test_a_cookie_that_belongs_to_an_account_does_not_move_to_a_mere_address() -> None:
    world = World()
    world.tell(logged_in(at="12:00"))
    world.tell(viewed(at="12:10", who=CustomerRef(email="else@example.com", anonymous_id="cookie-1")))

    assert world.states["shop/a:cookie-1"].link == "shop/c:ada"


def test_a_forwarded_event_adds_names_but_replaces_none() -> None:
    world = World()
    renamed = CustomerRef(customer_id="ada", email="new@example.com")
    world.tell(viewed(at="12:00", who=ADA), viewed(at="12:10", who=renamed), viewed(at="12:20", who=ADA_BY_MAIL))

    assert world.states["shop/c:ada"].ref.email == "new@example.com"


def test_what_the_guest_had_ordered_is_known_to_the_customer_and_told_once() -> None:
    world = World()
    world.tell(
        ordered(at="12:00", who=ADA_BY_MAIL, lines=(line("mug", 2),)),
        fulfilled(line("mug"), at="12:05", who=ADA_BY_MAIL),
        refunded(at="12:06", amount="5.00", who=ADA_BY_MAIL),
    )
    moved = world.tell(logged_in(at="12:10", who=ADA))

    said = world.tell(fulfilled(line("mug"), at="12:20", who=CustomerRef(customer_id="ada")))

    assert "OrderPlaced" not in kinds(moved)
    assert only(said, signals.OrderFulfilled).complete
    assert only(said, signals.OrderFulfilled).order.order_id == "order-1"


def test_what_was_held_back_for_an_order_moves_too() -> None:
    world = World()
    world.tell(paid(at="12:00", who=ADA_BY_MAIL), logged_in(at="12:05", who=ADA))

    assert kinds(world.tell(ordered(at="12:06", who=ADA))) == ["OrderPlaced", "OrderPaid"]


def test_a_link_carries_views_and_profile() -> None:
    world = World()
    world.tell(viewed(at="12:00", who=COOKIE), logged_in(at="12:10"))

    assert [view.product_id for view in world.states["shop/c:ada"].views] == ["mug"]


def test_an_emptied_guest_cart_stays_behind() -> None:
    world = World()
    world.tell(added(at="12:00", who=COOKIE, cart="guest"), removed(at="12:05", who=COOKIE, cart="guest"))

    world.tell(logged_in(at="12:10"))

    assert world.states["shop/c:ada"].carts == {}


KEEPS_ONE = Policy(stages=(HOUR,), cart_merge="replace")


def test_where_the_shop_keeps_one_cart_the_guests_takes_the_place_of_the_older_one() -> None:
    world = World(KEEPS_ONE)
    world.tell(added("plate", at="11:00", who=ADA), added("mug", at="12:00", who=COOKIE, cart="guest"))

    world.tell(logged_in(at="12:10"))

    assert world.cart() == {"mug": 1}


def test_where_the_shop_keeps_one_cart_a_newer_one_of_the_account_stays() -> None:
    world = World(KEEPS_ONE)
    world.tell(added("mug", at="11:00", who=COOKIE, cart="guest"), added("plate", at="12:00", who=ADA))

    world.tell(logged_in(at="12:10"))

    assert world.cart() == {"plate": 1}


def test_where_the_account_has_no_cart_the_guests_comes_over_either_way() -> None:
    for world in (World(), World(KEEPS_ONE)):
        world.tell(added("mug", at="12:00", who=COOKIE, cart="guest"), logged_in(at="12:10"))

        assert world.cart("guest") == {"mug": 1}
        said = world.tell(ordered(at="12:20", who=ADA), viewed(at="14:00", who=ADA))
        assert "CartAbandoned" not in kinds(said)


# -- erasure


def test_an_erased_customer_is_said_with_all_known_names_and_forgotten() -> None:
    world = World()
    world.tell(logged_in(at="12:00"))

    said = world.tell(told(events.CustomerErased(reason="asked"), "12:10", who=CustomerRef(customer_id="ada")))

    assert only(said, signals.CustomerErased).reason == "asked"
    assert said[0].customer.ref == ADA_ON_COOKIE
    assert world.states == {}


def test_an_erasure_told_to_a_weaker_log_reaches_the_one_that_knows_the_person() -> None:
    world = World()
    world.tell(logged_in(at="12:00"))

    said = world.tell(told(events.CustomerErased(), "12:10", who=COOKIE))

    assert [(s.customer.key, kinds([s])) for s in said] == [("shop/c:ada", ["CustomerErased"])]
    assert world.states == {}


def test_an_erasure_reaches_the_logs_of_cookies_that_gave_way_to_newer_ones() -> None:
    world = World()
    for n, at in enumerate(("12:00", "12:20", "12:10")):
        world.tell(logged_in(at=at, who=CustomerRef(customer_id="ada", anonymous_id=f"cookie-{n}")))
    assert world.states["shop/c:ada"].ref.anonymous_id == "cookie-1"

    world.tell(told(events.CustomerErased(), "12:30", who=CustomerRef(customer_id="ada")))

    assert world.states == {}


def test_nothing_comes_back_to_an_erased_customer_from_a_name_first_heard_with_the_erasure() -> None:
    world = World()
    world.tell(told(events.CustomerErased(), "12:10", who=ADA))

    assert world.states == {}


def test_after_an_erasure_everything_starts_anew() -> None:
    world = World()
    world.tell(added(at="12:00", who=BOB), told(events.CustomerErased(), "12:10", who=BOB))

    world.tell(added("plate", at="12:20", who=BOB))

    assert world.cart(who=BOB) == {"plate": 1}


# -- how logs speak to each other


def test_a_transfer_is_the_same_however_often_the_link_is_told() -> None:
    world = World()
    world.tell(added(at="12:00", who=COOKIE), logged_in(at="12:10"), logged_in(at="12:11"), logged_in(at="12:12"))

    transfers = [e.fact for e in world.logs["shop/c:ada"] if isinstance(e.fact, CartTransferred)]
    assert [transfer.from_key for transfer in transfers] == ["shop/a:cookie-1"]


def test_a_link_into_a_log_that_nobody_wrote_to_is_not_answered() -> None:
    world = World()
    world.tell(added(at="12:00"))

    assert len(world.logs["shop/c:ada"]) == 1
    assert world.states["shop/c:ada"].ref == ADA
    world.tell(added("plate", at="12:10", who=ADA_BY_MAIL))
    assert world.cart() == {"mug": 1, "plate": 1}


def test_a_link_that_the_shop_tells_is_answered_even_so_because_the_stronger_log_has_not_heard_the_names() -> None:
    world = World()
    world.tell(added(at="12:00", who=CustomerRef(customer_id="ada")))

    said = world.tell(linked(COOKIE, ADA, at="12:10"))

    assert world.states["shop/c:ada"].ref == ADA_ON_COOKIE
    assert "CustomerChanged" in kinds(said)


@pytest.mark.parametrize("swapped", [False, True])
def test_partitions_may_deliver_a_cart_and_an_event_in_any_order(swapped: bool) -> None:
    guest, customer = World(), World(Policy(stages=(HOUR,)))
    guest.fold(_entry(added(at="12:00", who=COOKIE)))
    (_, link) = links_of(logged_in(at="12:10"), NOON)
    (transfer,) = guest.fold(link).appends
    entries = [transfer, _entry(added("plate", at="12:20"))]

    for entry in reversed(entries) if swapped else entries:
        customer.fold(entry)

    assert customer.cart() == {"mug": 1, "plate": 1}
    assert [s.payload.due_at.minute for s in customer.pass_time(NOON + FAR) if _is_reminder(s)] == [20]


def _entry(event: ShopEvent) -> CustomerEvent:
    return CustomerEvent(key=key_of(event.shop, event.customer), at=event.occurred_at, fact=event)


def _is_reminder(signal: Signal) -> bool:
    return bool(abandoned([signal]))
