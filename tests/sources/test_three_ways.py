"""One day of a shop, told by its webhooks, by its tables' changes, by a dump, and by all of them: one set of facts.

What one way cannot know is said where it is compared. The tables that the preset reads hold no payment; a dump shows
the last status alone, and rows are put together some time later, so only where an order ended is known to all three.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import signals
from schemas.events import ShopEvent
from schemas.signals import Signal
from schemas.values import Order
from streams.domain.policy import Policy
from tests.domain.story import World
from tests.sources.shopday import CANCELLED, COMPLETED, Bought, Facts, drawn, facts, lines, reached
from tests.sources.shopday_magento import by_events, by_tables
from tests.sources.shopday_told import by_dump, by_rows, by_webhook
from tests.thorough import examples

pytestmark = pytest.mark.thorough
Way = Callable[[list[Bought]], list[ShopEvent]]
WAYS: dict[str, Way] = {"webhooks": by_webhook, "rows": lambda day: by_rows(day, seed=1), "dump": by_dump}
ONCE = (signals.OrderPlaced, signals.OrderPaid, signals.OrderFulfilled, signals.OrderCancelled, signals.OrderRefunded)


def lived(events: list[ShopEvent]) -> World:
    world = World(Policy())
    world.tell(*events)
    return world


def said_once(world: World) -> list[Signal]:
    """What was said, each fact under one id. One that is said again, since two names turned out to be one person, has
    the id and the words it had."""
    known: dict[str, Signal] = {}
    names: dict[tuple[Any, ...], str] = {}
    for signal in world.said:
        payload = signal.payload
        if not isinstance(payload, ONCE):
            continue
        first = known.setdefault(signal.signal_id, signal)
        assert _words(first) == _words(signal)
        assert names.setdefault(_fact(payload), signal.signal_id) == signal.signal_id, "one fact under two ids"
    return list(known.values())


def _fact(payload: Any) -> tuple[Any, ...]:
    order_id = payload.order.order_id if isinstance(payload, signals.OrderPlaced) else payload.order_id
    return type(payload), order_id, getattr(payload, "refund_id", None)


def _words(signal: Signal) -> tuple[Any, ...]:
    payload: Any = signal.payload
    money = payload.payment.amount if isinstance(payload, signals.OrderPaid) else getattr(payload, "amount", None)
    order = _order(payload.order) if isinstance(payload, signals.OrderPlaced) else None
    return _fact(payload), money, order


def _order(order: Order) -> tuple[Any, ...]:
    of_it = sorted(order.lines, key=lambda each: each.line_id or "")
    return order.currency, order.total, order.placed_at, tuple(
        (each.product_id, each.variant_id, each.quantity, each.unit_price) for each in of_it
    )  # fmt: skip


def heard(world: World) -> Facts:
    found = Facts({}, {}, {}, {})
    for signal in said_once(world):
        match signal.payload:
            case signals.OrderPlaced(order=order):
                found.placed[order.order_id] = _order(order)  # type: ignore[assignment]
            case signals.OrderPaid(order_id=order_id, payment=payment):
                found.paid[order_id] = payment.amount
            case signals.OrderRefunded(order_id=order_id, refund_id=str(refund_id), amount=amount):
                assert amount is not None
                found.refunded.setdefault(order_id, {})[refund_id] = amount
    for customer in world.states.values():
        found.ended.update({order_id: str(order.status) for order_id, order in customer.orders.items() if order.body})
    return found


def of(world: World, kind: type[Any]) -> set[str]:
    return {signal.payload.order_id for signal in said_once(world) if isinstance(signal.payload, kind)}  # type: ignore[union-attr]


def agrees(world: World, day: list[Bought], *, knows_payments: bool = True) -> None:
    """`knows_payments`: a way that tells none must tell none."""
    expected, told = facts(day), heard(world)
    assert told.placed == expected.placed
    assert told.paid == (expected.paid if knows_payments else {})
    assert told.refunded == expected.refunded
    over = _moved_and_over(day)
    assert _without(told.ended, over) == _without(expected.ended, over)
    for kind, status in ((signals.OrderFulfilled, COMPLETED), (signals.OrderCancelled, CANCELLED)):
        ended = {order_id for order_id, last in expected.ended.items() if last == status}
        assert ended <= of(world, kind) <= reached(day, status)


def _without(ended: dict[str, str], orders: set[str]) -> dict[str, str]:
    return {order_id: status for order_id, status in ended.items() if order_id not in orders}


def _moved_and_over(day: list[Bought]) -> set[str]:
    """What a guest bought who turned out to have an account goes over to it, unless nothing more will become of it: how
    that ended nobody has to remember any more. What was said of it counts as everywhere."""
    accounts = {each.buyer.email for each in day if each.buyer.account}
    as_guests = {str(each.number) for each in day if not each.buyer.account and each.buyer.email in accounts}
    return as_guests & (reached(day, COMPLETED) | reached(day, CANCELLED))


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=examples(25), deadline=None)
@given(seed=st.integers(0, 10**6))
def test_each_way_alone_tells_the_whole_day(way: str, seed: int) -> None:
    day = drawn(seed)
    agrees(lived(WAYS[way](day)), day, knows_payments=way != "rows")


@settings(max_examples=examples(25), deadline=None)
@given(seed=st.integers(0, 10**6))
def test_rows_tell_the_same_however_tables_come_to_each_other_and_what_is_read_again(seed: int) -> None:
    day = drawn(seed)
    once, again = by_rows(day, seed), by_rows(day, seed + 1, again=True)

    agrees(lived(again), day, knows_payments=False)
    placed = {event.event_id for event in once if event.event_id.startswith("order-placed")}
    assert {event.event_id for event in again} >= placed


@settings(max_examples=examples(50), deadline=None)
@given(seed=st.integers(0, 10**6))
def test_all_three_at_once_shuffled_and_doubled_are_one_day(seed: int) -> None:
    day, draw = drawn(seed), Random(seed)
    told = [*by_webhook(day), *by_rows(day, seed), *by_dump(day)]
    told += draw.sample(told, len(told) // 2)
    draw.shuffle(told)

    agrees(lived(told), day)


@pytest.mark.parametrize("ways", ["events", "tables", "both"])
@settings(max_examples=examples(25), deadline=None)
@given(seed=st.integers(0, 10**6))
def test_a_day_of_magento_by_its_events_by_its_tables_and_by_both(ways: str, seed: int) -> None:
    """Its tables know payments, too. Its variations are products of their own."""
    day, draw = [_without_variations(each) for each in drawn(seed)], Random(seed)
    told = [*(by_events(day) if ways != "tables" else ()), *(by_tables(day, seed) if ways != "events" else ())]
    if ways == "both":
        told += draw.sample(told, len(told) // 2)
        draw.shuffle(told)

    agrees(lived(told), day)


def _without_variations(bought: Bought) -> Bought:
    return replace(bought, items=tuple(replace(each, variation=0) for each in bought.items))


def test_the_day_has_everything_in_it() -> None:
    """What is compared is there: guests, drafts, payments, several refunds of one order, a status that comes back."""
    day = drawn(7)
    found = facts(day)

    assert len(day) == 40 and len(found.placed) > 30 and len(found.paid) > 20
    assert any(len(refunds) > 1 for refunds in found.refunded.values())
    assert {each.buyer.account == 0 for each in day} == {True, False} and len({each.buyer for each in day}) == 25
    assert reached(day, COMPLETED) and reached(day, CANCELLED) and len(lines(day[0])) == len(day[0].items)
