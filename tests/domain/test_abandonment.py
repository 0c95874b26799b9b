"""When is a cart abandoned? Each worked example of the design, and the edges next to it."""

from decimal import Decimal

from schemas import events, signals
from schemas.values import CustomerRef
from streams.domain.fold import deadline_event
from streams.domain.policy import Policy
from tests.domain.story import (
    ADA,
    BOB,
    COOKIE,
    DAY,
    FAR,
    HOUR,
    MINUTE,
    NOON,
    SECOND,
    THREE_STAGES,
    World,
    abandoned,
    added,
    clock,
    given,
    kinds,
    line,
    linked,
    logged_in,
    only,
    ordered,
    pictured,
    removed,
    told,
    updated,
    viewed,
)

# -- the worked examples


def test_a_cart_nobody_touches_is_abandoned_after_an_hour() -> None:
    when = given(added(at="12:00"))

    fact = only(when(until="13:00"), signals.CartAbandoned)

    assert (fact.stage, fact.due_at, fact.expires_at) == (1, clock("13:00"), clock("16:00"))
    assert fact.cart.lines == (line("mug"),)


def test_removing_one_of_two_starts_the_hour_again() -> None:
    when = given(added(at="12:00", quantity=2), removed(at="12:40"))

    assert abandoned(when(until="13:39:59")) == []
    assert [fact.due_at for fact in abandoned(when(until=NOON + FAR))] == [clock("13:40")]


def test_an_emptied_cart_is_never_abandoned() -> None:
    when = given(added(at="12:00"), removed(at="12:30"))

    assert abandoned(when(until=NOON + FAR)) == []


def test_an_order_one_second_before_the_deadline_prevents_it() -> None:
    when = given(added(at="12:00"))

    assert abandoned(when(ordered(at="12:59:59"), until=NOON + FAR)) == []


def test_an_order_at_the_very_instant_of_the_deadline_prevents_it() -> None:
    when = given(added(at="12:00"))

    assert abandoned(when(ordered(at="13:00"), until=NOON + FAR)) == []


def test_add_and_order_read_together_after_an_outage_are_abandoned_then_bought() -> None:
    when = given(added(at="12:00"))

    said = when(ordered(at="14:00"))

    assert kinds(said) == ["CartAbandoned", "OrderPlaced"]
    assert only(said, signals.CartAbandoned).due_at == clock("13:00")
    assert only(said, signals.OrderPlaced).closed_carts == ("default",)
    assert only(said, signals.OrderPlaced).proved_wrong == ()


def test_a_late_purchase_proves_the_reminder_wrong_and_stops_the_later_stages() -> None:
    world = World(THREE_STAGES)
    world.tell(added(at="12:00"))
    (reminder,) = world.pass_time("13:00")

    said = world.tell(ordered(at="12:50"))

    assert only(said, signals.OrderPlaced).proved_wrong == (reminder.signal_id,)
    assert "late_purchase" in world.notes
    assert abandoned(world.pass_time(NOON + FAR)) == []


def test_a_late_purchase_does_not_disprove_what_was_put_in_after_it() -> None:
    world = World()
    world.tell(added("mug", at="12:00"), added("plate", at="12:20"))
    world.pass_time("13:20")

    said = world.tell(ordered(at="12:10"))

    assert only(said, signals.OrderPlaced).proved_wrong == ()
    assert world.cart() == {"plate": 1}


def test_a_reminder_that_cannot_leave_in_time_does_not_touch_stage_two() -> None:
    when = given(added(at="12:00"), policy=THREE_STAGES)

    assert [(fact.stage, fact.due_at, fact.expires_at) for fact in abandoned(when(until=NOON + 2 * DAY))] == [
        (1, clock("13:00"), clock("16:00")),
        (2, NOON + DAY, NOON + DAY + 3 * HOUR),
    ]


def test_an_order_without_a_cart_reference_closes_every_open_cart() -> None:
    when = given(added(at="12:00", cart="one"), added("plate", at="12:01", cart="two"))

    said = when(ordered(at="12:30"), until=NOON + FAR)

    assert set(only(said, signals.OrderPlaced).closed_carts) == {"one", "two"}
    assert abandoned(said) == []


def test_an_order_with_a_cart_reference_closes_only_that_cart() -> None:
    when = given(added(at="12:00", cart="one"), added("plate", at="12:01", cart="two"))

    said = when(ordered(at="12:30", cart="one"), until=NOON + FAR)

    assert only(said, signals.OrderPlaced).closed_carts == ("one",)
    assert [fact.cart.cart_id for fact in abandoned(said)] == ["two"]


def test_an_order_closes_the_carts_transferred_into_the_one_it_names() -> None:
    world = World()
    world.tell(added(at="12:00", who=COOKIE, cart="guest"), added("plate", at="12:10", cart="own"))
    world.tell(logged_in(at="12:20"))

    said = world.tell(ordered(at="12:30", cart="guest"))

    assert only(said, signals.OrderPlaced).closed_carts == ("own",)
    assert abandoned(world.pass_time(NOON + FAR)) == []


def test_a_guest_who_logs_in_takes_the_cart_along_and_the_login_counts_as_activity() -> None:
    world = World()
    world.tell(added(at="12:00", who=COOKIE))
    world.tell(logged_in(at="12:50"))

    said = world.pass_time(NOON + FAR)

    assert [(signal.customer.key, signal.payload.due_at) for signal in said if abandoned([signal])] == [
        ("shop/c:ada", clock("13:50"))
    ]


def test_a_guest_without_an_address_is_abandoned_and_counted_as_unaddressed() -> None:
    world = World()
    world.tell(added(at="12:00", who=COOKIE))

    (said,) = world.pass_time("13:00")

    assert said.customer.ref == COOKIE
    assert abandoned([said])
    assert world.notes == ["unaddressed"]


def test_an_address_learned_before_the_reminder_expires_tells_it_again_under_the_same_id() -> None:
    world = World()
    nameless = CustomerRef(customer_id="ada")
    world.tell(added(at="12:00", who=nameless))
    (first,) = world.pass_time("13:00")

    (again,) = [s for s in world.tell(updated(at="15:59", first_name="Ada")) if abandoned([s])]

    assert again.signal_id == first.signal_id
    assert again.customer.ref.email == "Ada@example.com"
    assert abandoned(world.tell(updated(at="15:59:30", last_name="L"))) == []


def test_an_address_learned_after_the_cart_changed_waits_for_the_new_deadline() -> None:
    world = World()
    nameless = CustomerRef(customer_id="ada")
    world.tell(added(at="12:00", who=nameless))
    world.pass_time("13:00")
    world.tell(added("plate", at="13:10", who=nameless))

    assert abandoned(world.tell(updated(at="13:20", first_name="Ada"))) == []
    assert len(abandoned(world.pass_time(NOON + FAR))) == 1


def test_an_address_learned_too_late_tells_nothing_again() -> None:
    world = World()
    world.tell(added(at="12:00", who=CustomerRef(customer_id="ada")))
    world.pass_time("13:00")

    assert abandoned(world.tell(updated(at="16:00", first_name="Ada"))) == []


def test_a_guest_whose_cart_moves_after_its_deadline_is_reminded_as_the_customer() -> None:
    world = World()
    world.tell(added(at="12:00", who=COOKIE))
    world.pass_time("13:00")
    world.tell(logged_in(at="13:30"))

    assert [(s.customer.key, s.payload.due_at) for s in world.pass_time(NOON + FAR) if abandoned([s])] == [
        ("shop/c:ada", clock("14:30"))
    ]


def test_an_older_item_event_is_applied_and_arms_nothing_into_the_past() -> None:
    world = World()
    world.tell(added("mug", at="12:00"), added("plate", at="11:00"))

    assert world.cart() == {"mug": 1, "plate": 1}
    assert [fact.due_at for fact in abandoned(world.pass_time(NOON + FAR))] == [clock("13:00")]
    assert "late_item" in world.notes


def test_an_older_item_event_that_refills_an_emptied_cart_arms_only_what_lies_ahead() -> None:
    world = World(THREE_STAGES)
    world.tell(added(at="12:00"), removed(at="12:30"), viewed(at="15:00"))

    world.tell(added("plate", at="12:10"))

    assert [(fact.stage, fact.due_at) for fact in abandoned(world.pass_time(NOON + FAR))] == [
        (2, clock("12:30") + DAY),
        (3, clock("12:30") + 3 * DAY),
    ]


def test_a_change_older_than_a_deadline_already_told_arms_only_what_lies_ahead() -> None:
    world = World(THREE_STAGES)
    world.tell(added(at="12:00"), viewed(at="14:00"))

    world.tell(added("plate", at="12:30"))

    assert [(fact.stage, fact.due_at) for fact in abandoned(world.said)] == [(1, clock("13:00"))]
    assert [(fact.stage, fact.due_at) for fact in abandoned(world.pass_time(NOON + 2 * DAY))] == [
        (2, clock("12:30") + DAY)
    ]


def test_a_cart_heard_of_late_for_the_first_time_was_abandoned_all_the_same() -> None:
    when = given(viewed(at="14:00"), added(at="12:00"))

    assert [fact.due_at for fact in abandoned(when(until="14:01"))] == [clock("13:00")]


def test_a_full_snapshot_older_than_the_last_one_is_ignored_and_counted() -> None:
    world = World()
    world.tell(pictured(line("mug"), at="12:10", who=BOB))

    assert world.tell(pictured(line("plate"), at="12:05", who=BOB)) == []
    assert world.cart(who=BOB) == {"mug": 1}
    assert world.notes == ["late_snapshot"]


def test_the_same_event_again_from_whatever_source_does_nothing() -> None:
    world = World()
    world.tell(added(at="12:00", event_id="one", who=BOB))
    known = world.states["shop/c:bob"]

    assert world.tell(added(at="12:00", event_id="one", source="shopify", who=BOB)) == []
    assert world.states["shop/c:bob"] is known
    assert world.notes == ["repeated"]


def test_history_fills_the_state_and_never_reminds() -> None:
    world = World()

    said = world.tell(added(at="12:00", priority="backfill"))

    assert [signal.priority for signal in said] == ["backfill", "backfill"]
    assert world.cart() == {"mug": 1}
    assert abandoned(world.pass_time(NOON + FAR)) == []


# -- next to them


def test_a_change_after_history_arms_the_whole_cart() -> None:
    when = given(added(at="12:00", priority="backfill"), added("plate", at="12:30"))

    (fact,) = abandoned(when(until=NOON + FAR))

    assert {item.product_id for item in fact.cart.lines} == {"mug", "plate"}


def test_history_older_than_an_armed_cart_leaves_its_deadline() -> None:
    when = given(added(at="12:00"), added("plate", at="11:00", priority="backfill"))

    assert [fact.due_at for fact in abandoned(when(until=NOON + FAR))] == [clock("13:00")]


def test_a_guest_cart_from_history_arrives_unarmed() -> None:
    world = World()
    world.tell(added(at="12:00", who=COOKIE, priority="backfill"), logged_in(at="12:10", priority="backfill"))

    assert world.cart() == {"mug": 1}
    assert abandoned(world.pass_time(NOON + FAR)) == []


def test_a_touched_cart_outlives_its_first_deadline() -> None:
    when = given(added(at=NOON), added(at=NOON + 30 * MINUTE))

    assert abandoned(when(until=NOON + HOUR)) == []


def test_views_never_matter() -> None:
    when = given(added(at="12:00"), viewed(at="12:59"))

    assert [fact.due_at for fact in abandoned(when(until=NOON + FAR))] == [clock("13:00")]


def test_the_next_change_after_an_abandonment_arms_again_from_stage_one() -> None:
    when = given(added(at="12:00"), policy=THREE_STAGES)
    when(until="13:30")

    said = when(added("plate", at="14:00"), until="15:00")

    (fact,) = abandoned(said)
    assert (fact.stage, fact.cart.version) == (1, 2)


def test_a_snapshot_that_shows_no_change_is_no_change() -> None:
    when = given(pictured(line("mug"), at="12:00"))

    said = when(pictured(line("mug"), at="12:30"), until=NOON + FAR)

    assert [fact.due_at for fact in abandoned(said)] == [clock("13:00")]
    assert "CartChanged" not in kinds(said)


def test_an_empty_snapshot_empties_the_cart() -> None:
    when = given(added(at="12:00"))

    said = when(pictured(at="12:30"), until=NOON + FAR)

    assert only(said, signals.CartChanged).cart.lines == ()
    assert abandoned(said) == []


def test_a_snapshot_queued_before_the_purchase_does_not_bring_the_cart_back() -> None:
    when = given(added(at="12:00"), ordered(at="12:30"))

    assert when(pictured(line("mug"), at="12:29"), until=NOON + FAR) == []


def test_an_item_heard_of_after_the_purchase_it_was_part_of_reminds_nobody() -> None:
    world = World()
    world.tell(added(at="12:00"), ordered(at="12:30"))

    said = world.tell(added("plate", at="12:20"))

    assert only(said, signals.CartChanged).added == line("plate")
    assert only(said, signals.CartChanged).cart.lines == ()
    assert abandoned(world.pass_time(NOON + FAR)) == []


def test_what_is_put_in_after_a_purchase_is_a_new_reason_to_remind() -> None:
    when = given(added(at="12:00"), ordered(at="12:30"), added("plate", at="12:40"))

    (fact,) = abandoned(when(until=NOON + FAR))

    assert (fact.due_at, fact.cart.lines) == (clock("13:40"), (line("plate"),))


def test_a_guest_who_buys_with_an_email_is_reminded_under_neither_name() -> None:
    world = World()
    world.tell(added(at="12:00", who=COOKIE))
    world.tell(ordered(at="12:30", who=CustomerRef(email="ada@example.com", anonymous_id="cookie-1")))

    assert abandoned(world.pass_time(NOON + FAR)) == []


def test_a_cart_that_arrives_after_the_purchase_was_bought_with_it() -> None:
    """The link may reach the stronger log after the order did, in any order the partitions like."""
    world = World()
    world.tell(added(at="12:00", who=COOKIE), ordered(at="12:30"))

    world.tell(linked(ADA, COOKIE, at="12:31"))

    assert world.cart() == {}
    assert abandoned(world.pass_time(NOON + FAR)) == []


def test_facts_carry_the_deadline_as_their_cause_whatever_made_it_fire() -> None:
    quiet, busy = World(), World()
    quiet.tell(added(at="12:00"))
    busy.tell(added(at="12:00"))

    assert quiet.pass_time("13:00") == [s for s in busy.tell(viewed(at="13:00:01")) if abandoned([s])]


def test_a_deadline_that_was_put_off_does_not_fire() -> None:
    world = World()
    world.tell(added(at="12:00"))
    stale = deadline_event(world.states["shop/c:ada"])
    world.tell(added("plate", at="12:30"))

    assert world.append(stale) == []


def test_an_order_that_is_not_a_purchase_yet_leaves_the_cart_armed() -> None:
    when = given(added(at="12:00"), ordered(at="12:10", status="failed"))

    assert [fact.due_at for fact in abandoned(when(until=NOON + FAR))] == [clock("13:00")]


def test_a_checkout_without_lines_is_no_cart_change() -> None:
    when = given(added(at="12:00"))

    said = when(told(events.CheckoutStarted(checkout_url="https://shop.example/c/1"), "12:30"), until=NOON + FAR)

    assert only(said, signals.CheckoutStarted).cart.total == Decimal("12.50")
    (fact,) = abandoned(said)
    assert (fact.due_at, fact.cart.checkout_url) == (clock("13:00"), "https://shop.example/c/1")


def test_one_second_more_than_the_stage_is_enough_and_one_less_is_not() -> None:
    assert abandoned(given(added(at="12:00"))(viewed(at=NOON + HOUR))) == []
    assert len(abandoned(given(added(at="12:00"))(viewed(at=NOON + HOUR + SECOND)))) == 1


def test_no_stages_means_no_reminders() -> None:
    assert abandoned(given(added(at="12:00"), policy=Policy(stages=()))(until=NOON + FAR)) == []


def test_a_policy_may_change_between_two_events() -> None:
    world = World(THREE_STAGES)
    world.tell(added(at="12:00"))
    world.policy = Policy(stages=(HOUR, 2 * HOUR))

    assert [fact.due_at for fact in abandoned(world.pass_time(NOON + FAR))] == [clock("13:00"), clock("14:00")]


def test_two_carts_of_one_customer_have_their_own_deadlines() -> None:
    when = given(added(at="12:00", cart="one"), added("plate", at="12:10", cart="two"))

    assert [(f.cart.cart_id, f.due_at) for f in abandoned(when(until=NOON + FAR))] == [
        ("one", clock("13:00")),
        ("two", clock("13:10")),
    ]


def test_an_order_at_one_deadline_lets_only_the_earlier_one_fire() -> None:
    when = given(added(at="12:00", cart="one"), added("plate", at="12:10", cart="two"))

    said = when(ordered(at="13:10", cart="two"), until=NOON + FAR)

    assert [fact.cart.cart_id for fact in abandoned(said)] == ["one"]


def test_ada_is_told_with_her_cart() -> None:
    world = World()
    world.tell(added(at="12:00", quantity=2))

    (said,) = world.pass_time("13:00")

    assert (said.customer.ref, said.occurred_at) == (ADA, clock("13:00"))
    assert only([said], signals.CartAbandoned).cart.total == Decimal("25.00")
