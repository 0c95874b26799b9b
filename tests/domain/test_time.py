"""Time is an entry of the log: what is due when, and how a quiet customer is forgotten."""

import pytest

from schemas.events import CustomerEvent, DeadlineReached
from streams.domain.customer import Customer
from streams.domain.fold import Folded, deadline_event, fold, let_time_pass, next_deadline
from streams.domain.policy import Policy
from tests.domain.story import (
    BOB,
    COOKIE,
    DAY,
    FAR,
    HOUR,
    NOON,
    ONE_STAGE,
    THREE_STAGES,
    World,
    added,
    cancelled,
    clock,
    fulfilled,
    linked,
    ordered,
    viewed,
)

KEY = "shop/c:bob"


def test_what_is_due_first_is_the_next_deadline() -> None:
    world = World(THREE_STAGES)
    world.tell(added(at="12:00", who=BOB))

    assert next_deadline(world.states[KEY]) == clock("13:00")
    world.pass_time("13:00")
    assert next_deadline(world.states[KEY]) == NOON + DAY


def test_a_deadline_is_the_same_entry_whoever_makes_it() -> None:
    world = World()
    world.tell(added(at="12:00", who=BOB, cart="one"))

    entry = deadline_event(world.states[KEY])

    assert (entry.key, entry.at) == (KEY, clock("13:00"))
    assert isinstance(entry.fact, DeadlineReached)
    assert (entry.fact.cart_id, entry.fact.due_at) == ("one", clock("13:00"))
    assert entry == deadline_event(world.states[KEY])


def test_two_versions_of_a_cart_have_different_deadlines() -> None:
    world = World()
    world.tell(added(at="12:00", who=BOB))
    first = deadline_event(world.states[KEY])
    world.tell(added(at="12:01", who=BOB))

    assert deadline_event(world.states[KEY]).fact.event_id != first.fact.event_id


def test_a_held_fact_is_due_when_its_order_has_been_waited_for_long_enough() -> None:
    world = World()
    world.tell(fulfilled(at="12:00", who=BOB))

    entry = deadline_event(world.states[KEY])

    assert (entry.at, entry.fact.cart_id) == (clock("13:00"), "")  # type: ignore[union-attr]


def test_nothing_is_due_for_nobody() -> None:
    nobody = Customer(key=KEY, shop="shop")

    assert next_deadline(nobody) is None
    with pytest.raises(LookupError):
        deadline_event(nobody)


def test_a_record_of_the_log_is_folded_once() -> None:
    """Even one that no memory of event ids could know again: its place in the log is enough."""
    policy = Policy(remembered_events=1)
    first, second = (CustomerEvent(key=KEY, at=NOON, fact=added(product, who=BOB)) for product in ("mug", "plate"))
    state = fold(fold(None, first, policy, 7).state, second, policy, 8).state

    for place in (7, 8):
        assert fold(state, first, policy, place) == Folded(state, notes=("repeated",))
    assert fold(state, first, policy, 9).signals


def test_when_nothing_is_due_the_state_is_the_same_object() -> None:
    world = World()
    world.tell(added(at="12:00", who=BOB))
    state = world.states[KEY]

    assert let_time_pass(state, clock("13:00"), ONE_STAGE).state is state
    assert let_time_pass(state, clock("13:00"), ONE_STAGE, inclusive=True).state is not state


def test_a_quiet_customer_shrinks_and_is_forgotten_in_the_end() -> None:
    world = World(Policy(stages=(HOUR,), rest_after=10 * DAY, ttl=20 * DAY))
    world.tell(viewed(who=BOB), ordered(order="done", who=BOB), cancelled(order="done", who=BOB))

    world.pass_time(NOON + 10 * DAY)
    state = world.states[KEY]
    assert (state.views, state.recent, state.orders, state.carts) == ((), b"", {}, {})
    world.pass_time(NOON + 20 * DAY)

    assert world.states == {}
    assert "expired_state" in world.notes


def test_whoever_comes_back_in_time_stays() -> None:
    world = World(Policy(stages=(HOUR,), rest_after=10 * DAY, ttl=20 * DAY))
    world.tell(added(who=BOB))
    world.pass_time(NOON + 19 * DAY)

    world.tell(viewed(at=NOON + 19 * DAY, who=BOB))
    world.pass_time(NOON + 38 * DAY)

    assert world.cart(who=BOB) == {"mug": 1}


def test_an_event_after_the_end_finds_nobody_and_starts_anew() -> None:
    """The log alone decides: without any deadline in it the answer is the same."""
    world = World(Policy(stages=(HOUR,), rest_after=10 * DAY, ttl=20 * DAY))
    world.tell(added("mug", who=BOB), added("plate", at=NOON + FAR, who=BOB))

    assert world.cart(who=BOB) == {"plate": 1}


def test_a_guest_is_forgotten_sooner_but_not_the_way_to_the_customer() -> None:
    policy = Policy(stages=(HOUR,), rest_after=DAY, guest_ttl=2 * DAY, ttl=20 * DAY)
    stranger, known = World(policy), World(policy)
    stranger.tell(viewed(who=COOKIE))
    known.tell(linked(COOKIE, BOB))
    stranger.pass_time(NOON + 3 * DAY)
    known.pass_time(NOON + 3 * DAY)

    assert stranger.states == {}
    assert known.states["shop/a:cookie-1"].link == KEY
