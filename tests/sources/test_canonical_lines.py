"""Our own words, one event a line: read exactly, or refused with field and remedy, and without a value of anybody's."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from schemas.events import CartItemAdded, OrderCancelled, ShopEvent
from schemas.values import CustomerRef, LineItem
from sources.backfill import canonical
from sources.backfill.format import Fact, Row, Telling, Unreadable

TELLING = Telling("mugs", "", UTC, datetime(2026, 1, 1, tzinfo=UTC))
AT = datetime(2024, 5, 1, 10, tzinfo=UTC)


def line(**changed: Any) -> bytes:
    said = {
        "event_id": "cart-1", "type": "CartItemAdded", "occurred_at": "2024-05-01T12:00:00+02:00",
        "customer": {"customer_id": "ada"},
        "payload": {"currency": "EUR", "item": {"product_id": "P1", "unit_price": 0.1, "quantity": "2"}},
    }  # fmt: skip
    return json.dumps({name: value for name, value in (said | changed).items() if value is not None}).encode()


def told(said: bytes) -> ShopEvent:
    (found,) = canonical.tell([Row(7, said)], TELLING)
    assert isinstance(found, Fact), found
    return found.event


def refused(said: bytes) -> Unreadable:
    (found,) = canonical.tell([Row(7, said)], TELLING)
    assert isinstance(found, Unreadable)
    return found


def test_a_line_is_an_event_of_history() -> None:
    assert told(line(priority="live")) == ShopEvent(
        event_id="cart-1", shop="mugs", occurred_at=AT, priority="backfill", customer=CustomerRef(customer_id="ada"),
        payload=CartItemAdded(
            currency="EUR", item=LineItem(product_id="P1", unit_price=Decimal("0.1"), quantity=Decimal(2))
        ),
    )  # fmt: skip


def test_the_kind_may_stand_in_the_payload_in_short_or_in_full() -> None:
    event = ShopEvent(event_id="c", shop="mugs", occurred_at=AT, customer=CustomerRef(customer_id="ada"),
                      payload=OrderCancelled(order_id="17"), priority="backfill")  # fmt: skip

    assert told(msgspec.json.encode(event)) == event
    for kind in ("OrderCancelled", "shoprelay.events.OrderCancelled"):
        assert told(line(type=None, payload={"-type": kind, "order_id": "17"})).payload == event.payload


def test_what_is_no_event_says_why_and_names_nobody() -> None:
    found = {
        "not json": refused(b'{"customer": {"email": "ada@example.com"'),
        "not utf-8": refused(b'{"event_id": "\xff"}'),
        "cut inside": refused(line(type="OrderCancelled", payload={"order_id": "ü"}).replace(b"\\u00fc", b"\xfc")),
        "no id": refused(line(event_id=None)),
        "no kind": refused(line(type=None)),
        "unknown kind": refused(line(type="ada@example.com")),
        "another shop": refused(line(shop="plates")),
        "no offset": refused(line(occurred_at="2024-05-01T12:00:00")),
        "misspelt": refused(line(curency="EUR")),
        "no text": refused(line(customer={"email": 17})),
        "no number": refused(line(payload={"currency": "EUR", "item": {"product_id": "P", "quantity": "a@b.example"}})),
        "two kinds": refused(line(payload={"-type": "OrderCancelled", "order_id": "1"})),
    }  # fmt: skip

    assert {name: each.field for name, each in found.items()} == {
        "not json": "", "not utf-8": "", "cut inside": "payload",
        "no id": "", "no kind": "type", "unknown kind": "type", "another shop": "shop",
        "no offset": "occurred_at", "misspelt": "", "no text": "customer.email", "no number": "payload.item.quantity",
        "two kinds": "payload.-type",
    }  # fmt: skip
    assert all(each.line == 7 and each.problem and each.remedy for each in found.values())
    assert "example" not in str(found)
