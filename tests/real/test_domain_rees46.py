"""Recorded and simulated shops, in simulated time, against an oracle that is not ours."""

import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from schemas.events import CartItemAdded, OrderPlaced, ProductViewed, ShopEvent, ShopPayload
from schemas.signals import CartAbandoned
from schemas.values import CustomerRef, LineItem, Order
from sources.backfill.rees46 import events_of
from streams.domain.policy import Policy
from tests.domain.story import World

FOR_EVER = timedelta(days=50)

pytestmark = pytest.mark.real


def rees46(data: Path, month: str) -> list[ShopEvent]:
    with (data / "rees46-cosmetics-hours" / f"data_{month}.csv").open() as file:
        events = list(events_of(csv.DictReader(file), shop="cosmetics", priority="live"))
    assert all(isinstance(event, ShopEvent) for event in events)
    return [event for event in events if isinstance(event, ShopEvent)]


def retentioneering(data: Path) -> list[ShopEvent]:
    with (data / "retentioneering-ecom" / "ecom.csv").open() as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["timestamp"])
    return list(_simulated(rows))


def _simulated(rows: Iterable[dict[str, str]]) -> Iterator[ShopEvent]:
    item = LineItem(product_id="thing", unit_price=Decimal(1))
    for n, row in enumerate(rows):
        order = Order(order_id=f"order-{n}", currency="USD", total=Decimal(1), lines=(item,))
        payloads: dict[str, ShopPayload] = {
            "add_to_cart": CartItemAdded(item=item, currency="USD"),
            "purchase": OrderPlaced(order=order),
            "product_view": ProductViewed(item=item),
        }
        if row["event"] in payloads:
            yield ShopEvent(
                event_id=f"row-{n}",
                shop="simulated",
                occurred_at=datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC),
                customer=CustomerRef(customer_id=row["user_id"]),
                payload=payloads[row["event"]],
            )


def expected(data: Path, dataset: str, minutes: int, flush: bool) -> dict[str, Any]:
    runs = json.loads((data / "expected" / f"{dataset}.json").read_text())["runs"]
    (run,) = [r for r in runs if (r["T_minutes"], r["flush"], r["key"]) == (minutes, flush, "user")]
    return dict(run)


def reminded(events: list[ShopEvent], minutes: int, flush: bool) -> Counter[str]:
    """How often each user's cart was abandoned. Without `flush` time ends with the last event of the file."""
    world = World(Policy(stages=(timedelta(minutes=minutes),)))
    for event in events:
        world.pass_time(event.occurred_at - timedelta(milliseconds=1))
        world.tell(event)
    last = max(event.occurred_at for event in events)
    world.pass_time(last + FOR_EVER if flush else last)
    return Counter(
        str(signal.customer.ref.customer_id) for signal in world.said if isinstance(signal.payload, CartAbandoned)
    )


def agrees(found: Counter[str], oracle: dict[str, Any]) -> None:
    assert set(oracle["must_keys"]) <= set(found)
    assert not set(oracle["must_not_cart_keys"]) & set(found)
    assert {key: found[key] for key in oracle["must_exact_count"]} == oracle["must_exact_count"]
    assert set(found) <= set(oracle["must_keys"]) | set(oracle["undecided_keys"])


@pytest.mark.parametrize("flush", [False, True], ids=["to the end of the file", "for ever"])
@pytest.mark.parametrize("minutes", [5, 10, 15, 30])
@pytest.mark.parametrize("month", ["2022_oct", "2022_nov"])
def test_a_recorded_half_hour_reminds_whom_it_must_and_nobody_else(
    real_data: Path, month: str, minutes: int, flush: bool
) -> None:
    agrees(
        reminded(rees46(real_data, month), minutes, flush),
        expected(real_data, f"rees46-cosmetics-{month}", minutes, flush),
    )


@pytest.mark.parametrize("flush", [False, True], ids=["to the end of the file", "for ever"])
def test_half_a_year_of_a_simulated_shop_reminds_whom_it_must_and_nobody_else(real_data: Path, flush: bool) -> None:
    agrees(reminded(retentioneering(real_data), 60, flush), expected(real_data, "retentioneering-ecom", 60, flush))
