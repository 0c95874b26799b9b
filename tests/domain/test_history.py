"""Every order of the log, once, as it stands: whatever state has let go of, and whichever log it is in by now."""

from __future__ import annotations

import random
from collections import deque
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace

from schemas import events
from schemas.events import CustomerErased, CustomerEvent, IdentityLinked, ShopEvent, ShopPayload
from schemas.known import KnownCustomer, KnownOrder
from schemas.values import CustomerRef, LineItem, Order, Payment
from streams.domain.customer import Customer
from streams.domain.fold import fold
from streams.domain.history import Orders, known_customer, log_of
from streams.domain.identity import key_of, links_of
from streams.domain.policy import Policy

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
POLICY = Policy()
MUG, BOWL = LineItem(product_id="mug", quantity=Decimal(2)), LineItem(product_id="bowl")
ADA = CustomerRef(customer_id="ada", email="ada@example.com")
MAIL, COOKIE = CustomerRef(email="ada@example.com"), CustomerRef(anonymous_id="cookie")


def order(order_id: str = "1", **more: object) -> Order:
    return replace(
        Order(order_id=order_id, currency="EUR", total=Decimal(15), lines=(MUG, BOWL)),
        **more,
    )


class Shop:
    """Logs as ingest and fold write them."""

    def __init__(self) -> None:
        self.logs: dict[str, list[CustomerEvent]] = {}
        self.states: dict[str, Customer | None] = {}
        self.now = NOON
        self.told = 0

    def says(self, ref: CustomerRef, payload: ShopPayload, event_id: str = "", days: float = 0.0) -> ShopEvent:
        self.now += timedelta(days=days, seconds=1)
        self.told += 1
        event = ShopEvent(
            event_id=event_id or f"e{self.told}", shop="mugs", occurred_at=self.now, customer=ref, payload=payload
        )
        self.files(event)
        return event

    def files(self, event: ShopEvent) -> None:
        home = CustomerEvent(key=key_of("mugs", event.customer), at=event.occurred_at, fact=event)
        waiting = deque([home, *links_of(event, event.occurred_at)])
        while waiting:
            entry = waiting.popleft()
            self.logs.setdefault(entry.key, []).append(entry)
            folded = fold(self.states.get(entry.key), entry, POLICY)
            self.states[entry.key] = folded.state
            waiting.extend(folded.appends)

    def history(self) -> list[tuple[str, KnownCustomer]]:
        """By the log it is told in; of each log what was learned piece by piece."""
        values: dict[bytes, bytes | None] = {}
        for log in self.logs.values():
            orders = Orders()
            for event in log:
                orders.learn(event)
                values |= orders.news()
        kept = sorted((key, value) for key, value in values.items() if value is not None)
        return [(log_of(key).decode(), known_customer(value)) for key, value in kept]

    def orders(self) -> dict[str, KnownOrder]:
        told = [(each.order.order_id, each) for _, known in self.history() for each in known.orders]
        assert len(dict(told)) == len(told), "once each"
        return dict(told)


def test_more_orders_than_state_keeps_and_older_ones_than_it_remembers() -> None:
    shop = Shop()
    for n in range(25):
        shop.says(ADA, events.OrderPlaced(order=order(f"{n:02}")))
        shop.says(ADA, events.OrderFulfilled(order_id=f"{n:02}"))
    shop.says(ADA, events.SessionActive(), days=40)
    state = shop.states["mugs/c:ada"]
    assert state is not None
    assert state.orders == {}

    assert list(shop.orders()) == [f"{n:02}" for n in range(25)], "the oldest first"
    assert all(each.fulfilled for each in shop.orders().values())


def test_what_has_become_of_it_is_told_whatever_the_order_it_was_heard_in() -> None:
    shop = Shop()
    early = shop.says(ADA, events.OrderFulfilled(order_id="1", lines=(MUG,)))
    shop.says(ADA, events.OrderPlaced(order=order(status="new")))
    paid = events.OrderPaid(order_id="1", currency="EUR", payment=Payment(amount=Decimal(9)))
    half = shop.says(ADA, paid)
    shop.files(half)
    shop.files(early)
    assert not shop.orders()["1"].fulfilled
    assert not shop.orders()["1"].paid, "the same payment told twice is one"

    shop.says(ADA, replace(paid, payment=Payment(amount=Decimal(6))))
    shop.says(ADA, events.OrderFulfilled(order_id="1", lines=(BOWL,)))
    shop.says(ADA, events.OrderStatusChanged(order_id="1", status="sent"))
    (known,) = [known for _, known in shop.history()]
    assert known.customer.ref == ADA
    assert known.orders == (
        KnownOrder(order=order(status="new"), status="sent", paid=True, cancelled=False, fulfilled=True),
    )


def test_told_twice_it_is_one_and_the_later_picture_counts() -> None:
    shop = Shop()
    first = shop.says(ADA, events.OrderPlaced(order=order(status="new")))
    shop.says(ADA, events.OrderPlaced(order=order(status="packed", total=Decimal(20))))
    shop.files(first)
    shop.says(ADA, events.OrderCancelled(order_id="1"))

    told = shop.orders()["1"]
    assert (told.status, told.order.total, told.cancelled) == ("packed", Decimal(20), True)


def test_who_was_erased_has_none_in_any_log() -> None:
    shop = Shop()
    shop.says(MAIL, events.OrderPlaced(order=order("guest")))
    shop.says(MAIL, events.OrderFulfilled(order_id="guest"))
    shop.says(ADA, events.OrderPlaced(order=order("ada")))
    assert set(shop.orders()) == {"guest", "ada"}
    shop.says(ADA, CustomerErased())
    assert shop.orders() == {}

    shop.says(ADA, events.OrderPlaced(order=order("anew")))
    assert set(shop.orders()) == {"anew"}


def test_what_a_guest_had_finished_is_told_under_the_account_and_the_rest_where_it_moved() -> None:
    shop = Shop()
    for order_id in ("done", "open"):
        shop.says(MAIL, events.OrderPlaced(order=order(order_id)))
    shop.says(MAIL, events.OrderFulfilled(order_id="done"))
    shop.says(COOKIE, events.OrderPlaced(order=order("stranger's")))
    shop.says(MAIL, IdentityLinked(other=ADA))
    shop.says(MAIL, events.OrderPlaced(order=order("later")))
    shop.says(ADA, events.OrderFulfilled(order_id="open"))

    told = {known.orders[0].order.order_id: (log, known) for log, known in shop.history()}
    assert {order_id: log for order_id, (log, _) in told.items()} == {
        "done": "mugs/e:ada@example.com",
        "open": "mugs/c:ada",
        "later": "mugs/c:ada",
        "stranger's": "mugs/a:cookie",
    }
    by_whom = {order_id: known.customer.ref.customer_id for order_id, (_, known) in told.items()}
    assert by_whom == {"done": "ada", "open": "ada", "later": "ada", "stranger's": None}
    assert {known.customer.ref.email for _, known in told.values()} == {"ada@example.com", None}
    assert told["done"][1].customer.key == "mugs/c:ada"
    assert shop.orders()["open"].fulfilled


def test_of_more_open_orders_than_move_none_is_left_out() -> None:
    shop = Shop()
    for n in range(30):
        shop.says(MAIL, events.OrderPlaced(order=order(f"{n}")))
    shop.says(ADA, events.SessionActive())

    assert set(shop.orders()) == {f"{n}" for n in range(30)}


def test_of_those_who_only_look_nothing_is_remembered() -> None:
    orders = Orders()
    for n in range(5):
        ref = CustomerRef(anonymous_id=f"{n}")
        fact = ShopEvent(
            event_id=f"{n}", shop="mugs", occurred_at=NOON, customer=ref, payload=events.ProductViewed(item=MUG)
        )
        orders.learn(CustomerEvent(key=key_of("mugs", ref), at=NOON, fact=fact))

    assert orders._people == {}


def test_news_are_told_once() -> None:
    shop, orders = Shop(), Orders()
    shop.says(ADA, events.OrderPlaced(order=order()))
    orders.learn(shop.logs["mugs/c:ada"][0])

    assert len(orders.news()) == 1
    assert orders.news() == {}


@pytest.mark.parametrize("seed", range(60))
def test_whatever_happens_every_order_is_told_once(seed: int) -> None:
    """Months of it: guests, accounts, cookies that are recognised, long silences, things told twice now and then."""
    dice, shop = random.Random(seed), Shop()
    emails = [CustomerRef(email=f"{n}@example.com") for n in range(3)]
    people = [
        *emails,
        *(CustomerRef(anonymous_id=f"{n}") for n in range(3)),
        *(CustomerRef(customer_id=f"{n}") for n in range(2)),
        *(CustomerRef(customer_id=f"{n % 2}", email=ref.email) for n, ref in enumerate(emails)),
        *(CustomerRef(email=ref.email, anonymous_id=f"{n}") for n, ref in enumerate(emails)),
    ]
    placed_by: dict[str, CustomerRef] = {}
    cancelled = set[str]()
    said: list[ShopEvent] = []
    for n in range(150):
        days = dice.choice([0] * 20 + [1, 35, 70]) * dice.random()
        who = dice.choice(people)
        if dice.random() < 0.6 or not placed_by:
            placed_by[f"o{n}"] = who
            said.append(shop.says(who, events.OrderPlaced(order=order(f"o{n}")), days=days))
        else:
            order_id, whose = dice.choice(list(placed_by.items()))
            if dice.random() < 0.5:
                said.append(shop.says(whose, events.OrderFulfilled(order_id=order_id), days=days))
            else:
                cancelled.add(order_id)
                said.append(shop.says(whose, events.OrderCancelled(order_id=order_id), days=days))
        if dice.random() < 0.1:
            shop.files(said[-1])

    told = shop.orders()
    assert set(told) == set(placed_by)
    assert {order_id for order_id, each in told.items() if each.cancelled} == cancelled
