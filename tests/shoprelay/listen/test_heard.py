"""What a listener shows of each record, to whom it belongs, and that nobody is recognised in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from schemas import events, signals
from schemas.events import CustomerEvent, DeadlineReached, IdentityLinked, ProductUpserted, SessionActive, ShopEvent
from schemas.records import Refused
from schemas.signals import Cart, CatalogSignal, Customer, Signal
from schemas.values import CustomerRef, LineItem, Order, Product
from shoprelay.listen import heard, render
from shoprelay.listen.heard import Heard, Wanted, short

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
ADA = CustomerRef(customer_id="ada", email="Ada@Example.com", anonymous_id="cookie-1")
KEY = "mugs/c:ada"
MUG = LineItem(product_id="MUG", quantity=Decimal("2.00"))
CART = Cart(cart_id="c1", version=1, currency="EUR", lines=(MUG,), total=Decimal("19.00"), changed_at=AT)


def event(payload: events.ShopPayload, late: float = 1.5, who: CustomerRef = ADA) -> Heard:
    told = ShopEvent(event_id="e", shop="mugs", occurred_at=AT - timedelta(seconds=late), customer=who, payload=payload)
    return heard.event(AT, told)


def signal(payload: signals.SignalPayload) -> Heard:
    said = Signal(signal_id="s", shop="mugs", occurred_at=AT - timedelta(hours=3), cause="e", priority="backfill",
                  customer=Customer(key=KEY, ref=ADA), payload=payload)  # fmt: skip
    return heard.signal(AT, said)


def shown(line: Heard, show_personal: bool = False) -> str:
    return render.line(line, timezone(timedelta(hours=1)), show_personal).plain


def test_an_event_shows_shop_kind_customer_ids_and_delay_on_the_clock_of_who_looks() -> None:
    line = event(events.CartItemAdded(cart_id="c1", item=MUG, currency="EUR"))

    assert shown(line).split() == [
        "13:00:00.000", "→", "events", "mugs", "CartItemAdded", short(KEY).partition("/")[2], "cart=c1",
        "product=MUG", "×2", "+1.5", "s",
    ]  # fmt: skip


def test_a_signal_shows_what_it_is_about_and_that_it_is_history() -> None:
    order = Order(order_id="o-17", currency="EUR", total=Decimal("19.00"), lines=(MUG,))

    assert "order=o-17 total=19.00 EUR  history  of 2026-11-21" in shown(signal(signals.OrderPlaced(order=order)))
    due = signals.CartAbandoned(cart=CART, stage=1, due_at=AT - timedelta(seconds=2), expires_at=AT)
    assert "cart=c1 total=19.00 EUR  stage 1  history  of 2026-11-21" in shown(signal(due))


def test_of_a_customers_log_only_what_we_wrote_is_new() -> None:
    def entry(fact: ShopEvent | DeadlineReached) -> Heard | None:
        return heard.entry(AT, CustomerEvent(key=KEY, at=AT, fact=fact))

    told = ShopEvent(event_id="e", shop="mugs", occurred_at=AT, customer=ADA, payload=SessionActive())
    link = ShopEvent(event_id="l", shop="mugs", occurred_at=AT, source="shoprelay", customer=ADA,
                     payload=IdentityLinked(other=CustomerRef(email="other@example.com")))  # fmt: skip
    assert entry(told) is None
    linked, due = entry(link), entry(DeadlineReached(event_id="d", shop="mugs", cart_id="c1", due_at=AT))
    assert linked is not None and due is not None
    assert linked.kind == "IdentityLinked" and "other@" not in shown(linked)
    assert (due.kind, due.ids, due.delay) == ("DeadlineReached", (("cart", "c1"),), timedelta(0))


def test_what_a_database_told_stands_in_the_customers_log_alone_and_is_shown_from_there() -> None:
    told = ShopEvent(event_id="e", shop="mugs", occurred_at=AT, source="debezium", customer=ADA,
                     payload=SessionActive())  # fmt: skip
    line = heard.entry(AT, CustomerEvent(key=KEY, at=AT, fact=told))

    assert line is not None
    assert (line.shop, line.kind, line.key, line.notes) == ("mugs", "SessionActive", KEY, ("by its database",))


def test_products_belong_to_nobody() -> None:
    product = Product(product_id="MUG", title="Mug")
    said = CatalogSignal(signal_id="s", shop="mugs", occurred_at=AT, cause="e",
                         payload=signals.ProductChanged(product=product))  # fmt: skip

    assert "–           product=MUG" in shown(event(ProductUpserted(product=product), who=CustomerRef()))
    assert heard.catalog(AT, said).ids == (("product", "MUG"),)


def test_what_was_refused_says_why_and_whose_it_is_where_that_is_known() -> None:
    why = Refused(source="shop-events", reason="invalid", field="payload.item", problem="is wrong", remedy="mend it",
                  topic="shop-events", partition=3, offset=9, refused_at=AT)  # fmt: skip
    told = ShopEvent(event_id="e", shop="mugs", occurred_at=AT, customer=ADA, payload=SessionActive())
    unknown, known = heard.refused(AT, why, None), heard.refused(AT, why, told)

    assert "payload.item is wrong; mend it  shop-events/3 at 9" in shown(unknown)
    assert (unknown.shop, known.shop, known.key) == ("", "mugs", KEY)


def test_nobody_is_shown_by_name_unless_asked_for() -> None:
    line = event(SessionActive(), who=CustomerRef(email="ada@example.com"))

    assert "ada" not in shown(line) and "e:#" in shown(line)
    assert "e:ada@example.com" in shown(line, show_personal=True)


def test_a_terminal_is_not_told_what_to_do() -> None:
    line = event(events.OrderCancelled(order_id="\x1b[2Jo-1"), who=CustomerRef(customer_id="\x1b]0;x\x07"))

    assert "\x1b" not in shown(line, show_personal=True) and "\x07" not in shown(line, show_personal=True)


@pytest.mark.parametrize("customer", ["ada", "ADA@example.com", " cookie-1 ", KEY, short(KEY), short(KEY)[5:]])
def test_a_customer_is_found_by_any_name_and_as_shown(customer: str) -> None:
    assert Wanted(customer=customer)(event(SessionActive()))
    assert not Wanted(customer=customer)(event(SessionActive(), who=CustomerRef(customer_id="bob")))


def test_a_listener_asks_for_shop_sort_and_time() -> None:
    line = event(SessionActive())

    assert Wanted(shop="mugs", only=frozenset({"events"}), since=AT)(line)
    assert not Wanted(shop="plates")(line)
    assert not Wanted(only=frozenset({"signals"}))(line)
    assert not Wanted(since=AT + timedelta(seconds=1))(line)
    assert Wanted(shop="plates")(heard.unreadable(AT, "events", "shop-events", "broken")), "it may be theirs"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "+0.0 s"), (-2, "-2.0 s"), (119, "+119.0 s"), (120, "+2 min"), (10**9, "+11,574 d")]
)
def test_delays_read_easily(seconds: float, text: str) -> None:
    assert render.delay(timedelta(seconds=seconds)) == text
