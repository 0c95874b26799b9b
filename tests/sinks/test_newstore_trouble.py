"""The real runner in virtual time: tokens that end, an address that is shut out, orders that show up late."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace as with_

from msgspec.structs import replace

from schemas import signals
from schemas.signals import Signal
from shoprelay.certificate.rehearsal import Stage, stage
from shoprelay.certificate.subject import load
from shoprelay.certificate.virtual import in_virtual_time
from sinks.fake import application
from sinks.newstore.fake import NewStoreStandIn
from sinks.newstore.fakeorders import Orders
from tests.sinks.newstore import ORDER, signal

Story = Callable[[Stage, NewStoreStandIn], Awaitable[None]]


def played(story: Story, stand_in: NewStoreStandIn | None = None, **settings: bool) -> None:
    served = stand_in or NewStoreStandIn()
    subject = with_(load("newstore"), app=lambda: application(served))

    async def told() -> None:
        async with stage(subject, placed(0), **settings) as on:
            await story(on, served)

    in_virtual_time(told())


def placed(nth: int) -> Signal:
    made = signal(signals.OrderPlaced(order=replace(ORDER, order_id=f"o{nth}")), f"placed-{nth}")
    return replace(made, customer=replace(made.customer, key=f"mugs:{nth}"))


def of_order(nth: int, payload: signals.SignalPayload, name: str) -> Signal:
    return replace(placed(nth), signal_id=f"{name}-{nth}", payload=payload)


def cancelled(nth: int) -> Signal:
    order = replace(ORDER, order_id=f"o{nth}")
    return of_order(nth, signals.OrderCancelled(order_id=f"o{nth}", order=order), "cancelled")


def test_a_token_that_ended_early_is_renewed_once_for_all() -> None:
    async def story(on: Stage, stand_in: NewStoreStandIn) -> None:
        on.log.say(placed(0))
        on.start()
        await on.done("an order")
        stand_in.expire()
        on.log.say(*(placed(nth) for nth in range(1, 9)))
        await on.done("orders after the token ended")

        assert len(on.platform.lent) == 2
        assert not on.log.parked and len(stand_in.stored()["orders"]) == 9

    played(story)


def test_a_token_is_renewed_before_it_ends() -> None:
    async def story(on: Stage, stand_in: NewStoreStandIn) -> None:
        on.start()
        for nth in range(4):
            on.log.say(placed(nth))
            await on.passes(50)
        await on.done("an order every fifty seconds")

        refused = [each for each in on.platform.sent if each.answer and each.answer.status == 403]
        assert not refused and len(on.platform.lent) > 1

    played(story, NewStoreStandIn(token_seconds=60))


def test_shut_out_nothing_leaves_anywhere_until_five_minutes_are_over() -> None:
    async def story(on: Stage, stand_in: NewStoreStandIn) -> None:
        on.start()
        on.log.say(placed(0))
        await on.done("an order")
        stand_in.block(on.clock.wall().timestamp() + 290)
        begun = on.now
        on.log.say(cancelled(0))
        await on.passes(20)
        on.log.say(*(placed(nth) for nth in range(1, 5)), signal(signals.CustomerChanged(), "profile"))
        await on.done("what an address that was shut out had to wait for")

        during = [each.at for each in on.platform.sent if begun < each.at < begun + 300]
        assert len(during) <= 1
        assert not on.log.parked and len(stand_in.stored()["orders"]) == 5
        assert stand_in.stored()["orders"]["o0"]["cancelled"]

    played(story)


def test_what_comes_before_its_order_shows_up_is_told_again() -> None:
    async def story(on: Stage, stand_in: NewStoreStandIn) -> None:
        shipped = signals.OrderFulfilled(order_id="o0", ordinal=1, complete=True, order=replace(ORDER, order_id="o0"))
        on.log.say(placed(0), of_order(0, shipped, "shipped"))
        on.start()
        await on.done("a shipment right behind its order")

        assert not on.log.parked
        assert {item["status"] for item in stand_in.stored()["orders"]["o0"]["items"]} == {"shipped"}

    played(story, NewStoreStandIn(orders=Orders(appears_seconds=2, routed_seconds=30)), reports_fulfilment=True)


def test_another_order_under_a_number_that_is_taken_is_parked_with_what_depends_on_it() -> None:
    async def story(on: Stage, stand_in: NewStoreStandIn) -> None:
        changed = replace(ORDER, order_id="o0", billing_address=ORDER.shipping_address)
        other = of_order(0, signals.OrderPlaced(order=changed), "other")
        on.log.say(placed(0))
        on.start()
        await on.done("an order")
        on.log.say(other, cancelled(0))
        await on.done("another one with its number, and a cancellation")

        assert [parked.signal_id for parked in on.log.parked] == ["other-0", "cancelled-0"]
        assert not stand_in.stored()["orders"]["o0"]["cancelled"]

    played(story)
