"""Laws: what holds for every log, whatever is in it."""

from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from unittest import mock

from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st
from msgspec import structs

from schemas import signals
from schemas.events import CustomerErased, CustomerEvent, ShopEvent
from schemas.signals import Signal
from schemas.values import CustomerRef
from streams.domain.cart import lines_of
from streams.domain.customer import Customer
from streams.domain.fold import deadline_event, fold, next_deadline
from streams.domain.identity import is_stronger, key_of, links_of
from streams.domain.policy import Policy
from streams.domain.state_codec import decode, encode
from tests.domain.reference import Fact, Happened, Reference
from tests.domain.story import (
    BOB,
    DAY,
    FAR,
    HOUR,
    MINUTE,
    NOON,
    THREE_STAGES,
    World,
    abandoned,
    added,
    cancelled,
    fulfilled,
    line,
    linked,
    ordered,
    paid,
    pictured,
    refunded,
    removed,
    status_changed,
    told,
    updated,
    viewed,
)
from tests.thorough import examples

STAGES = Policy(stages=(HOUR, 3 * HOUR), expires_after=HOUR, order_wait=90 * MINUTE)
PRODUCTS = ("mug", "plate", "cup")
CARTS = ("one", "two")

moments = st.integers(0, 12 * 60).map(lambda minutes: NOON + minutes * MINUTE)
counts = st.integers(1, 3)


def _lines(picture: dict[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(picture.items()))


happenings = st.one_of(
    st.builds(
        lambda at, kind, cart, product, count: Happened("", at, kind, cart, ((product, count),)),
        moments,
        st.sampled_from(("add", "add", "add", "remove", "remove_all")),
        st.sampled_from(CARTS),
        st.sampled_from(PRODUCTS),
        counts,
    ),
    st.builds(
        lambda at, cart, picture: Happened("", at, "picture", cart, _lines(picture)),
        moments,
        st.sampled_from(CARTS),
        st.dictionaries(st.sampled_from(PRODUCTS), counts, max_size=2),
    ),
    st.builds(lambda at, cart: Happened("", at, "order", cart), moments, st.sampled_from((*CARTS, None, None))),
    st.builds(lambda at: Happened("", at, "view"), moments),
)
histories = st.lists(happenings, max_size=14).map(
    lambda events: [Happened(f"event-{n}", e.at, e.kind, e.cart, e.lines) for n, e in enumerate(events)]
)
in_order = histories.map(lambda events: sorted(events, key=lambda event: event.at))


def as_event(happened: Happened, who: CustomerRef = BOB) -> ShopEvent:
    at, name, cart = happened.at, happened.name, happened.cart
    match happened.kind:
        case "add":
            product, count = happened.lines[0]
            return added(product, at=at, quantity=count, cart=cart, who=who, event_id=name)
        case "remove" | "remove_all":
            product, count = happened.lines[0]
            taken = count if happened.kind == "remove" else None
            return removed(product, at=at, quantity=taken, cart=cart, who=who, event_id=name)
        case "picture":
            return pictured(*(line(p, c) for p, c in happened.lines), at=at, cart=cart, who=who, event_id=name)
        case "order":
            return ordered(at=at, order=f"order-{name}", cart=cart, who=who, event_id=name)
        case "view":
            return viewed(at=at, who=who, event_id=name)


def through_bytes(state: Customer) -> Customer:
    return decode(encode(state))


def told_facts(said: list[Signal]) -> list[Fact]:
    return [
        Fact(
            fact.cart.cart_id,
            fact.stage,
            fact.due_at,
            tuple(sorted((item.product_id, int(item.quantity)) for item in fact.cart.lines)),
        )
        for fact in abandoned(said)
    ]


def run(events: list[ShopEvent], policy: Policy = STAGES, **world: object) -> World:
    finished = World(policy, **world)  # type: ignore[arg-type]
    finished.tell(*events)
    finished.pass_time(NOON + DAY)
    return finished


# -- against the reference


@for_all(in_order)
def test_the_facts_are_those_of_the_plain_reference(history: list[Happened]) -> None:
    reference = Reference(STAGES.stages)
    for event in history:
        reference.hear(event)

    said = told_facts(run([as_event(event) for event in history]).said)

    assert sorted(said, key=repr) == sorted(reference.facts(), key=repr)


@for_all(in_order.flatmap(lambda history: st.tuples(st.just(history), st.permutations(history))))
def test_a_cart_holds_the_same_in_whatever_order_its_events_are_heard(
    histories: tuple[list[Happened], list[Happened]],
) -> None:
    history, shuffled = histories
    times = {event.at for event in history}
    if len(times) < len(history):
        return  # at equal times the order heard decides
    reference = Reference(STAGES.stages, history)
    world = World(Policy(stages=(1000 * DAY,), late_window=DAY))

    world.tell(*(as_event(event) for event in shuffled))

    for cart in CARTS:
        assert world.cart(cart, BOB) == reference.contents(cart)


@for_all(in_order)
def test_a_bought_or_emptied_cart_is_never_reminded(history: list[Happened]) -> None:
    reference = Reference(STAGES.stages, history)

    for fact in abandoned(run([as_event(event) for event in history]).said):
        assert reference.contents(fact.cart.cart_id, until=fact.due_at)


# -- repetition, splits, interleavings

order_facts = st.builds(
    lambda at, tell: tell(at),
    moments,
    st.sampled_from(
        (
            lambda at: fulfilled(line("mug"), at=at, order="a", who=BOB),
            lambda at: fulfilled(at=at, order="b", name="f1", who=BOB),
            lambda at: refunded(at=at, amount="5.00", order="a", name="r1", who=BOB),
            lambda at: refunded(at=at, order="b", who=BOB),
            lambda at: paid(at=at, order="a", payment="p1", who=BOB),
            lambda at: status_changed("processing", at=at, order="b", who=BOB),
            lambda at: cancelled(at=at, order="a", who=BOB),
            lambda at: ordered(at=at, order="a", who=BOB, status="pending"),
            lambda at: ordered(at=at, order="b", who=BOB, status="failed", cart="one"),
            lambda at: updated(at=at, first_name=at.isoformat()[-3:], who=BOB),
        )
    ),
)
anything = st.lists(st.one_of(happenings, order_facts), max_size=16).map(
    lambda events: [
        as_event(Happened(f"event-{n}", e.at, e.kind, e.cart, e.lines)) if isinstance(e, Happened) else e
        for n, e in enumerate(events)
    ]
)


@for_all(anything, st.data())
def test_told_twice_equals_told_once(events: list[ShopEvent], data: st.DataObject) -> None:
    once, twice = World(STAGES), World(STAGES)
    for event in events:
        once.tell(event)
        twice.tell(event)
        again = data.draw(st.integers(0, len(events) - 1))
        twice.tell(*events[: min(again, events.index(event) + 1)])

    assert twice.said == once.said
    assert _without_offsets(twice) == _without_offsets(once)


def _without_offsets(world: World) -> dict[str, bytes]:
    states = {}
    for key, state in world.states.items():
        state = decode(encode(state))
        state.offset = None
        states[key] = encode(state)
    return states


@for_all(anything)
def test_any_split_of_the_log_folds_to_the_same_bytes(events: list[ShopEvent]) -> None:
    whole, split = run(events), run(events, through=through_bytes)

    assert split.said == whole.said
    assert {key: encode(state) for key, state in split.states.items()} == {
        key: encode(state) for key, state in whole.states.items()
    }


@for_all(anything, st.data())
def test_a_crash_that_repeats_part_of_the_log_says_nothing_new(events: list[ShopEvent], data: st.DataObject) -> None:
    log = [CustomerEvent(key="shop/c:bob", at=event.occurred_at, fact=event) for event in events]
    state, said = None, []
    for offset, entry in enumerate(log):
        folded = fold(state, entry, STAGES, offset)
        state, said = folded.state, [*said, *folded.signals]
    start = data.draw(st.integers(0, len(log)))

    for offset, entry in enumerate(log[start:], start):
        folded = fold(state, entry, STAGES, offset)

        assert folded.state is state
        assert not folded.signals
        assert not folded.appends


@for_all(anything, st.data())
def test_deadlines_fired_early_or_late_say_the_same(events: list[ShopEvent], data: st.DataObject) -> None:
    """A deadline may be filed at any place in the log at which what comes next would let it fire anyway."""
    lazy, eager = World(STAGES), World(STAGES)
    for n, event in enumerate(events):
        while event not in events[:n] and _is_due(eager, event.occurred_at) and data.draw(st.booleans()):
            eager.append(deadline_event(eager.states["shop/c:bob"]))
        eager.tell(event)
        lazy.tell(event)
    lazy.pass_time(NOON + DAY)
    eager.pass_time(NOON + DAY)

    assert eager.said == lazy.said


def _is_due(world: World, before: datetime) -> bool:
    state = world.states.get("shop/c:bob")
    due = next_deadline(state) if state else None
    return due is not None and due < before


@for_all(anything)
def test_folding_changes_nothing_it_was_given(events: list[ShopEvent]) -> None:
    state = None
    for event in events:
        before = encode(state) if state else b""
        folded = fold(state, CustomerEvent(key="shop/c:bob", at=event.occurred_at, fact=event), STAGES)

        assert (encode(state) if state else b"") == before
        state = folded.state


@for_all(st.lists(anything, max_size=3), st.data())
def test_who_folds_which_customer_when_makes_no_difference(logs: list[list[ShopEvent]], data: st.DataObject) -> None:
    keyed = {
        f"shop/c:{n}": [CustomerEvent(key=f"shop/c:{n}", at=e.occurred_at, fact=e) for e in events]
        for n, events in enumerate(logs)
    }
    alone = {key: _said_by(log) for key, log in keyed.items()}
    states: dict[str, Customer | None] = dict.fromkeys(keyed)
    mixed: dict[str, list[Signal]] = {key: [] for key in keyed}
    rest = {key: list(log) for key, log in keyed.items() if log}
    while rest:
        key = data.draw(st.sampled_from(sorted(rest)))
        folded = fold(states[key], rest[key].pop(0), STAGES)
        states[key] = folded.state
        mixed[key].extend(folded.signals)
        rest = {key: log for key, log in rest.items() if log}

    assert mixed == alone


def _said_by(log: list[CustomerEvent]) -> list[Signal]:
    state, said = None, []
    for entry in log:
        folded = fold(state, entry, STAGES)
        state, said = folded.state, [*said, *folded.signals]
    return said


# -- what is said


@for_all(anything)
def test_at_most_one_reminder_per_cart_version_and_stage(events: list[ShopEvent]) -> None:
    told = [(s.customer.key, s.payload.cart.cart_id, s.payload.cart.version, s.payload.stage)
            for s in run(events).said if isinstance(s.payload, signals.CartAbandoned)]  # fmt: skip

    assert len(told) == len(set(told))


@for_all(anything)
def test_every_signal_has_an_id_of_its_own(events: list[ShopEvent]) -> None:
    ids = [signal.signal_id for signal in run(events).said]

    assert len(ids) == len(set(ids))


@for_all(in_order)
def test_deadlines_come_in_order(history: list[Happened]) -> None:
    times = [fact.due_at for fact in abandoned(run([as_event(event) for event in history]).said)]

    assert times == sorted(times)


@for_all(anything)
def test_no_line_is_below_one_unit_and_no_total_below_zero(events: list[ShopEvent]) -> None:
    for signal in run(events).said:
        cart = getattr(signal.payload, "cart", None)
        if cart is not None:
            assert cart.total >= 0
            assert all(item.quantity > 0 for item in cart.lines)
            assert cart.total == sum((i.quantity * (i.unit_price or 0) for i in cart.lines), Decimal(0))


@for_all(anything)
def test_a_cart_only_ever_gets_a_higher_version(events: list[ShopEvent]) -> None:
    versions: dict[str, list[int]] = defaultdict(list)
    for signal in run(events).said:
        if isinstance(signal.payload, signals.CartChanged):
            versions[signal.payload.cart.cart_id].append(signal.payload.cart.version)

    for seen in versions.values():
        assert all(one < other for one, other in pairwise(seen))


@for_all(anything)
def test_history_never_reminds(events: list[ShopEvent]) -> None:
    from msgspec.structs import replace

    assert abandoned(run([replace(event, priority="backfill") for event in events]).said) == []


# -- one person under several names

NAMES = (
    CustomerRef(anonymous_id="cookie"),
    CustomerRef(email="ada@example.com"),
    CustomerRef(customer_id="ada"),
    CustomerRef(email="ada@example.com", anonymous_id="cookie"),
    CustomerRef(customer_id="ada", email="Ada@example.com"),
    CustomerRef(customer_id="ada", anonymous_id="cookie"),
)
visits = st.lists(st.tuples(st.integers(1, 50), st.sampled_from(NAMES), st.sampled_from(PRODUCTS)), max_size=8)


@for_all(visits)
def test_whoever_comes_as_guest_and_as_known_has_one_cart_and_one_reminder(
    visits: list[tuple[int, CustomerRef, str]],
) -> None:
    world, at = World(Policy(stages=(HOUR,))), NOON
    for n, (minutes, who, product) in enumerate(visits):
        at += minutes * MINUTE
        world.tell(added(product, at=at, who=who, event_id=f"visit-{n}"))
    known = CustomerRef(customer_id="ada", email="ada@example.com", anonymous_id="cookie")
    world.tell(added("cup", at=at + MINUTE, who=known, event_id="last"))
    said = world.pass_time(NOON + FAR)

    ((key, due, products),) = [
        (s.customer.key, s.payload.due_at, {i.product_id for i in s.payload.cart.lines})
        for s in said
        if isinstance(s.payload, signals.CartAbandoned)
    ]
    assert (key, due) == ("shop/c:ada", at + MINUTE + HOUR)
    assert products == {"cup", *(product for _, _, product in visits)}


@for_all(visits, st.data())
def test_partitions_may_answer_each_other_at_any_pace(
    visits: list[tuple[int, CustomerRef, str]], data: st.DataObject
) -> None:
    """Each log keeps its order; which log is folded next, and what it hears of the others by then, is chance."""
    world, at = World(Policy(stages=(HOUR,))), NOON
    logs: dict[str, list[CustomerEvent]] = defaultdict(list)
    known = CustomerRef(customer_id="ada", email="ada@example.com", anonymous_id="cookie")
    for n, (minutes, who, product) in enumerate([*visits, (1, known, "cup")]):
        at += minutes * MINUTE
        event = added(product, at=at, who=who, event_id=f"visit-{n}")
        for entry in (CustomerEvent(key=key_of("shop", who), at=at, fact=event), *links_of(event, at)):
            logs[entry.key].append(entry)
    while waiting := sorted(key for key, log in logs.items() if log):
        for entry in world.fold(logs[data.draw(st.sampled_from(waiting))].pop(0)).appends:
            logs[entry.key].append(entry)

    (cart,) = world.states["shop/c:ada"].carts.values()
    assert {item.product_id for item in lines_of(cart)} == {"cup", *(product for _, _, product in visits)}
    assert cart.due is None or cart.due > at
    assert all(not state.carts for key, state in world.states.items() if key != "shop/c:ada")


@for_all(visits, st.integers(0, 8), st.integers(0, 400))
def test_whoever_buys_is_reminded_under_none_of_their_names(
    visits: list[tuple[int, CustomerRef, str]], place: int, delay: int
) -> None:
    """Whatever was put in before the purchase, under any name, and whenever the link between the names is heard of."""
    world, at = World(Policy(stages=(timedelta(days=2),))), NOON
    everybody = CustomerRef(customer_id="ada", email="ada@example.com", anonymous_id="cookie")
    events = []
    for n, (minutes, who, product) in enumerate(visits):
        at += minutes * MINUTE
        events.append(added(product, at=at, who=who, event_id=f"visit-{n}"))
    events.insert(place, ordered(at=at + MINUTE, who=CustomerRef(customer_id="ada")))
    link = linked(CustomerRef(customer_id="ada"), CustomerRef(email="ada@example.com"), at=at + 2 * MINUTE)

    world.tell(*events, link, viewed(at=at + (2 + delay) * MINUTE, who=everybody))

    assert abandoned(world.pass_time(NOON + FAR)) == []


refs = st.builds(
    CustomerRef,
    customer_id=st.sampled_from((None, None, "1", "2")),
    email=st.sampled_from((None, "a@x", "b@x")),
    anonymous_id=st.sampled_from((None, "k", "l")),
    cart_token=st.sampled_from((None, "t")),
).filter(lambda ref: ref != CustomerRef())


@for_all(st.lists(st.tuples(refs, refs, st.integers(0, 300)), max_size=12))
def test_no_chain_of_links_loops(meetings: list[tuple[CustomerRef, CustomerRef, int]]) -> None:
    world = World(STAGES)
    for n, (one, other, minutes) in enumerate(meetings):
        at = NOON + minutes * MINUTE
        world.tell(added(at=at, who=one, event_id=f"add-{n}"), linked(one, other, at=at, event_id=f"link-{n}"))

    for key, state in world.states.items():
        seen = [key]
        while state.link is not None:
            assert is_stronger(state.link, seen[-1])
            assert state.link not in seen
            seen.append(state.link)
            state = world.states.get(state.link, Customer(key="", shop=""))


@for_all(st.lists(st.tuples(refs, refs, st.integers(0, 300), st.booleans()), max_size=12))
def test_a_link_that_is_not_answered_would_have_been_answered_with_nothing(
    meetings: list[tuple[CustomerRef, CustomerRef, int, bool]],
) -> None:
    sparing, talkative = World(STAGES), World(STAGES)
    for n, (one, other, minutes, by_the_shop) in enumerate(meetings):
        at = NOON + minutes * MINUTE
        event = linked(one, other, at=at, event_id=f"{n}") if by_the_shop else added(at=at, who=one, event_id=f"{n}")
        sparing.tell(event)
        with mock.patch("streams.domain.links.is_nothing_new", return_value=False):
            talkative.tell(event)

    assert sparing.said == talkative.said
    assert _without_memory(sparing) == _without_memory(talkative)


def _without_memory(world: World) -> dict[str, Customer]:
    """The states but for what an empty transfer leaves: its own id, a place in the log and where it came from."""
    return {key: structs.replace(s, recent=b"", offset=None, origins=()) for key, s in world.states.items()}


@for_all(st.lists(st.tuples(refs, st.integers(0, 300)), max_size=12))
def test_an_erasure_leaves_no_log_that_forwards_to_the_erased(met: list[tuple[CustomerRef, int]]) -> None:
    world = World(STAGES)
    for n, (who, minutes) in enumerate(met):
        world.tell(added(at=NOON + minutes * MINUTE, who=who, event_id=f"add-{n}"))

    world.tell(told(CustomerErased(), NOON + DAY, who=CustomerRef(customer_id="1"), event_id="erased"))

    assert [key for key, state in world.states.items() if state.link == "shop/c:1"] == []


@for_all(refs, refs, refs)
def test_stronger_is_a_strict_order(one: CustomerRef, two: CustomerRef, three: CustomerRef) -> None:
    a, b, c = (key_of("shop", ref) for ref in (one, two, three))

    assert not is_stronger(a, a)
    assert not (is_stronger(a, b) and is_stronger(b, a))
    if is_stronger(a, b) and is_stronger(b, c):
        assert is_stronger(a, c)


@for_all(histories)
def test_the_next_deadline_is_that_of_the_next_deadline_event(history: list[Happened]) -> None:
    world = World(STAGES)
    for event in history:
        world.tell(as_event(event))
        (state,) = world.states.values()

        assert next_deadline(state) == deadline_event(state).at


# -- bounds


@settings(max_examples=examples(25))
@for_all(st.lists(anything, min_size=10, max_size=20), st.randoms(use_true_random=False))
def test_a_state_stays_within_its_bounds(parts: list[list[ShopEvent]], random: object) -> None:
    policy = Policy(stages=(HOUR,), max_carts=3, max_lines=5, max_changes=4, max_orders=3, max_early=3,
                    max_views=2, remembered_events=8, order_wait=FAR)  # fmt: skip
    world, start = World(policy), timedelta(0)
    for n, part in enumerate(parts):
        for m, event in enumerate(part):
            unique = _renamed(event, f"{n}-{m}", start)
            world.tell(unique)
        start += DAY

    for state in world.states.values():
        assert len(encode(state)) < 16_000
        assert len(state.carts) <= 3
        assert len(state.orders) <= 3
        assert len(state.early) <= 3
        assert len(state.recent) <= 64


def _renamed(event: ShopEvent, name: str, later: timedelta) -> ShopEvent:
    from msgspec.structs import replace

    payload = event.payload
    if hasattr(payload, "cart_id"):
        payload = replace(payload, cart_id=f"cart-{name}")
    if hasattr(payload, "order_id"):
        payload = replace(payload, order_id=f"order-{name}")
    return replace(event, event_id=name, occurred_at=event.occurred_at + later, payload=payload)


def test_the_reference_has_teeth() -> None:
    """A reference that agrees with everything would prove nothing: three stages of a known story, by hand."""
    noon: datetime = NOON
    reference = Reference(THREE_STAGES.stages)
    for event in (
        Happened("1", noon, "add", "one", (("mug", 2),)),
        Happened("2", noon + 40 * MINUTE, "remove", "one", (("mug", 1),)),
        Happened("3", noon + 30 * HOUR, "order"),
    ):
        reference.hear(event)

    assert reference.facts() == {
        Fact("one", 1, noon + 100 * MINUTE, (("mug", 1),)),
        Fact("one", 2, noon + 40 * MINUTE + DAY, (("mug", 1),)),
    }
