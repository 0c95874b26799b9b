"""Webhooks in the worker: a source's events are filed as Ingest files them; what is not understood is put aside."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from schemas.events import CustomerEvent, IdentityLinked, OrderPlaced, ProductUpserted, ShopEvent, StockChanged
from schemas.records import Refused
from schemas.values import Product
from sources.webhooks import contract
from sources.webhooks.contract import Headers, ShopSettings, Told
from streams.worker.app import Codecs
from streams.worker.metrics import WorkerMetrics
from streams.worker.refusal import Refusal
from streams.worker.webhooks import REASONS, Hook, Webhooks
from tests.worker.test_ingest import Door
from tests.worker.world import CATALOG_EVENTS, CUSTOMER_EVENTS, PARTITIONS, REFUSED, Written, samples

RECEIVED = datetime(2026, 11, 25, 12, tzinfo=UTC)
ORDER = {
    "id": 1001, "created_at": "2026-11-25T10:00:00Z", "currency": "EUR", "total_price": "12.50",
    "email": "ada@mugs.example", "customer": {"id": 7}, "line_items": [{"id": 1, "product_id": 1, "quantity": 1}],
}  # fmt: skip


@dataclass(slots=True)
class House:
    """The worker's webhooks with the logs behind them. `normalize` stands in for the source's."""

    codecs: Codecs
    metrics: WorkerMetrics
    door: Door
    webhooks: Webhooks = field(init=False)
    normalize: Any = None

    def __post_init__(self) -> None:
        self.door.at = RECEIVED
        refuse = Refusal(self.codecs.refused, self.door.logs, REFUSED, PARTITIONS, lambda: 0, self.metrics)
        self.webhooks = Webhooks(self.door.ingest, refuse, self.hook)

    def hook(self, shop: str, system: str) -> Hook | None:
        if (shop, system) != ("mugs", "shopify"):
            return None
        source = contract.load(system)
        return Hook(replace(source, normalize=self.normalize or source.normalize), ShopSettings(shop=shop))

    def delivery(self, body: bytes, topic: str = "orders/create", **named: str) -> Written:
        headers: Mapping[str, str] = {
            "x-shopify-topic": topic, "x-shoprelay-shop": "mugs", "x-shoprelay-system": "shopify",
            **{name.replace("_", "-"): value for name, value in named.items()},
        }  # fmt: skip
        pairs = tuple((name, value.encode()) for name, value in headers.items())
        record = self.door.logs.put("webhooks", 1, b"key", body, pairs)
        record.timestamp = int(RECEIVED.timestamp() * 1000)
        return record

    async def take(self, *documents: Any) -> None:
        await self.webhooks.chunk(
            [self.delivery(each if isinstance(each, bytes) else json.dumps(each).encode()) for each in documents]
        )

    def customers(self) -> list[CustomerEvent]:
        return [self.codecs.customer_events.decode(value) for value in self.door.logs.values(CUSTOMER_EVENTS)]

    def refused(self) -> list[Refused]:
        return [self.codecs.refused.decode(value) for value in self.door.logs.values(REFUSED)]


@pytest.fixture
def house(codecs: Codecs, metrics: WorkerMetrics) -> House:
    return House(codecs, metrics, Door(codecs, metrics))


async def test_a_delivery_becomes_entries_of_the_customers_log_and_of_weaker_names(house: House) -> None:
    await house.take(ORDER)

    entries = {
        (entry.key, type(entry.fact.payload)) for entry in house.customers() if isinstance(entry.fact, ShopEvent)
    }
    assert entries == {
        ("mugs/c:7", OrderPlaced), ("mugs/e:ada@mugs.example", IdentityLinked), ("mugs/t:order:1001", IdentityLinked),
    }  # fmt: skip
    assert house.refused() == []


async def test_products_go_to_their_log_and_carts_borrow_from_the_shelf(house: House) -> None:
    product = {"id": 1, "title": "Mug", "updated_at": "2026-11-25T10:00:00Z",
               "variants": [{"id": 2, "price": "9.50", "inventory_quantity": 4}]}  # fmt: skip
    await house.webhooks.chunk([house.delivery(json.dumps(product).encode(), "products/update")])

    facts = [house.codecs.catalog_events.decode(value).fact for value in house.door.logs.values(CATALOG_EVENTS)]
    assert [type(fact.payload) for fact in facts] == [ProductUpserted, StockChanged]


BAD: dict[str, tuple[bytes, str]] = {
    "no JSON": (b"id=1", "not-json"),
    "no value": (b"", "not-json"),
    "nested beyond reason": (b"[" * 50_000, "not-json"),
    "no order": (b"[]", "not-understood"),
    "without a total": (json.dumps({**ORDER, "total_price": None}).encode(), "not-understood"),
    "an amount below zero": (json.dumps({**ORDER, "total_price": "-1"}).encode(), "invalid"),
    "an address that is none": (json.dumps({**ORDER, "email": "ada"}).encode(), "invalid"),
}


@pytest.mark.parametrize(("body", "reason"), BAD.values(), ids=BAD)
async def test_what_is_not_understood_is_refused_as_it_came_and_its_neighbours_go_on(
    house: House, body: bytes, reason: str
) -> None:
    await house.take(ORDER, body, {**ORDER, "id": 1002})

    (refused,) = house.refused()
    assert (refused.reason, refused.value, refused.topic, refused.offset) == (reason, body, "webhooks", 1)
    assert {"x-shopify-topic", "x-shoprelay-shop"} <= {header.name for header in refused.headers}
    assert "ada" not in f"{refused.field} {refused.problem} {refused.remedy}"
    orders = [
        e.fact.payload.order.order_id
        for e in house.customers()
        if isinstance(getattr(e.fact, "payload", 0), OrderPlaced)
    ]  # type: ignore[union-attr]
    assert "1002" in orders


@pytest.mark.parametrize(("named", "value"), [("x_shoprelay_shop", "plates"), ("x_shoprelay_system", "lightspeed")])
async def test_a_delivery_no_settings_know_is_kept_for_when_they_do(house: House, named: str, value: str) -> None:
    await house.webhooks.chunk([house.delivery(b"{}", **{named: value})])

    (refused,) = house.refused()
    assert (refused.reason, refused.value) == ("unknown-hook", b"{}")


async def test_a_source_that_fails_on_a_delivery_fails_on_that_one_only(house: House) -> None:
    def normalize(headers: Headers, body: object, shop: ShopSettings, received: datetime) -> Told:
        raise KeyError("ada@mugs.example")

    house.normalize = normalize
    await house.take(ORDER)
    house.normalize = None
    await house.take(ORDER)

    (refused,) = house.refused()
    assert (refused.reason, refused.problem) == ("defect", "the source of shopify failed on it (KeyError)")
    assert len(house.customers()) == 3


async def test_a_value_no_log_can_hold_is_refused_and_the_good_events_of_the_delivery_are_filed(house: House) -> None:
    def normalize(headers: Headers, body: object, shop: ShopSettings, received: datetime) -> Told:
        huge = Product(product_id="1", title="Mug", compare_at_price=Decimal(10) ** 30)
        payloads = ProductUpserted(product=huge), StockChanged(product_id="1", quantity=Decimal(1))
        return tuple(
            ShopEvent(event_id=str(n), shop="mugs", occurred_at=received, payload=payload)
            for n, payload in enumerate(payloads)
        )

    house.normalize = normalize
    await house.take({})

    assert [refused.reason for refused in house.refused()] == ["unwritable"]
    assert len(house.door.logs.values(CATALOG_EVENTS)) == 1


async def test_reasons_are_bounded_and_counted(house: House, registry: CollectorRegistry) -> None:
    await house.take(b"id=1", [])

    assert samples(registry, "shoprelay_events_refused_total") == {
        ("webhooks", "not-json"): 1, ("webhooks", "not-understood"): 1,
    }  # fmt: skip
    assert {refused.reason for refused in house.refused()} <= set(REASONS)


async def test_a_delivery_told_again_is_the_same_entries_again(house: House) -> None:
    await house.take(ORDER)
    first = house.door.logs.values(CUSTOMER_EVENTS)
    await house.take(ORDER)

    assert set(house.door.logs.values(CUSTOMER_EVENTS)) == set(first)
