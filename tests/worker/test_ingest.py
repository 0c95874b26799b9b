"""What shops tell becomes entries of logs, byte for byte where nothing is added to it, or is refused with a reason."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from schemas import events
from schemas.events import CatalogEvent, CustomerEvent, IdentityLinked, ProductUpserted, ShopEvent, StockChanged
from schemas.layout import load as schema_text
from schemas.records import Refused
from schemas.values import CustomerRef, LineItem, Product
from streams.domain.catalog import ProductState
from streams.domain.identity import OURS
from streams.domain.policy import Policy
from streams.worker.app import Codecs
from streams.worker.ingest import LINK_FRESH_MS, LINKS_KEPT, Ingest, Links
from streams.worker.metrics import WorkerMetrics
from streams.worker.refusal import Refusal
from streams.worker.stored import milliseconds
from tests.domain.story import ADA_BY_MAIL, ADA_ON_COOKIE, BOB, COOKIE, HOUR, MINUTE, NOON, SECOND, added, told, viewed
from tests.worker.world import (
    CATALOG_EVENTS,
    CUSTOMER_EVENTS,
    PARTITIONS,
    REFUSED,
    SHOP_EVENTS,
    Desk,
    Logs,
    Written,
    home,
    samples,
)

MUG = Product(
    product_id="mug", title="Blue mug", currency="EUR", price=Decimal("12.50"), url="https://shop.example/mug"
)
COMPLETE = LineItem(
    product_id="mug", name="Mug", unit_price=Decimal(1), url="https://x.example/", image_url="https://x.example/m.png",
    brand="Potter", categories=("Home",),
)  # fmt: skip


@dataclass(slots=True)
class Door:
    """The front door and the logs behind it, at a time that a test may move."""

    codecs: Codecs
    metrics: WorkerMetrics
    at: datetime = NOON + MINUTE
    logs: Logs = field(default_factory=Logs)
    shelf: dict[tuple[str, str], ProductState] = field(default_factory=dict)
    ingest: Ingest = field(init=False)

    def __post_init__(self) -> None:
        def now() -> int:
            return milliseconds(self.at)

        refuse = Refusal(self.codecs.refused, self.logs, REFUSED, PARTITIONS, now, self.metrics)
        self.ingest = Ingest(
            self.codecs.shop_events, self.codecs.customer_events, self.codecs.catalog_events, self.logs, refuse,
            lambda shop: Policy(), now, lambda shop, product_id: self.shelf.get((shop, product_id)), home,
            CUSTOMER_EVENTS, CATALOG_EVENTS, self.metrics,
        )  # fmt: skip

    def record(self, value: bytes | None, **rest: Any) -> Written:
        return self.logs.put(SHOP_EVENTS, 2, b"key", value, **rest)

    async def take(self, *told_now: ShopEvent | bytes) -> None:
        """One chunk of these events, or of these very bytes."""
        await self.ingest.chunk(
            [self.record(e if isinstance(e, bytes) else self.codecs.shop_events.encode(e)) for e in told_now]
        )

    def entries(self, key: str | None = None) -> list[CustomerEvent]:
        found = [self.codecs.customer_events.decode(value) for value in self.logs.values(CUSTOMER_EVENTS)]
        return [entry for entry in found if key in (None, entry.key)]

    def products(self) -> list[CatalogEvent]:
        return [self.codecs.catalog_events.decode(value) for value in self.logs.values(CATALOG_EVENTS)]

    def refused(self) -> list[Refused]:
        return [self.codecs.refused.decode(value) for value in self.logs.values(REFUSED)]


@pytest.fixture
def door(codecs: Codecs, metrics: WorkerMetrics) -> Door:
    return Door(codecs, metrics)


# -- bytes


async def test_an_event_that_needs_nothing_is_spliced_and_equals_what_encoding_would_give(door: Door) -> None:
    event = added(who=BOB)
    await door.take(event)

    (record,) = door.logs.read(CUSTOMER_EVENTS)
    assert record.value == door.codecs.customer_events.encode(CustomerEvent(key="shop/c:bob", at=NOON, fact=event))
    assert (record.key, record.partition) == (b"shop/c:bob", home(b"shop/c:bob"))


async def test_nothing_is_encoded_where_bytes_can_be_spliced(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    value = door.codecs.shop_events.encode(added(who=BOB))
    monkeypatch.setattr(type(door.codecs.customer_events), "encode", None)
    await door.take(value)

    assert len(door.logs.read(CUSTOMER_EVENTS)) == 1


async def test_a_bare_line_is_filled_from_the_product_table_of_its_shop(door: Door) -> None:
    door.shelf["shop", "mug"] = ProductState(product=MUG)
    bare = told(events.CartItemAdded(item=LineItem(product_id="mug"), currency="EUR"), who=BOB)
    await door.take(bare, replace(bare, shop="other"))

    filled, other = (door.entries(key)[0].fact.payload.item for key in ("shop/c:bob", "other/c:bob"))  # type: ignore[union-attr]
    assert (filled.name, filled.unit_price, filled.url) == ("Blue mug", Decimal("12.50"), "https://shop.example/mug")
    assert other.name is None


async def test_a_line_that_is_complete_keeps_its_own_words(door: Door) -> None:
    door.shelf["shop", "mug"] = ProductState(product=MUG)
    event = told(events.CartItemAdded(item=COMPLETE, currency="EUR"), who=BOB)
    await door.take(event)

    assert [entry.fact for entry in door.entries()] == [event]


def newer_schema() -> str:
    """ShopEvent with one field more at its end."""
    schema = json.loads(schema_text("shop_event.avsc"))
    schema["fields"].append({"name": "mood", "type": "string", "default": ""})
    return json.dumps(schema)


def rewritten(codecs: Codecs, schema_id: int, event: ShopEvent) -> bytes:
    return b"\x00" + schema_id.to_bytes(4, "big") + codecs.shop_events.encode(event)[5:] + b"\x08glad"


async def test_a_foreign_writers_event_is_told_in_our_own_schema(
    own_codecs: Codecs, desk: Desk, metrics: WorkerMetrics
) -> None:
    door, event = Door(own_codecs, metrics), added(who=BOB)
    stock = told(StockChanged(product_id="mug", quantity=Decimal(3)), who=CustomerRef())
    number = desk.file(newer_schema())
    await door.take(rewritten(own_codecs, number, event), rewritten(own_codecs, number, stock))

    expected = CustomerEvent(key="shop/c:bob", at=NOON, fact=event)
    assert door.logs.values(CUSTOMER_EVENTS) == [own_codecs.customer_events.encode(expected)]
    assert [product.fact for product in door.products()] == [stock]


# -- where it goes


@pytest.mark.parametrize(
    "payload",
    [
        ProductUpserted(product=MUG),
        StockChanged(product_id="mug", quantity=Decimal(3)),
        events.ProductDeleted(product_id="mug"),
    ],
    ids=lambda payload: type(payload).__name__,
)
async def test_what_is_told_of_products_goes_into_their_own_log(door: Door, payload: Any) -> None:
    event = told(payload, who=CustomerRef())
    await door.take(event)

    (record,) = door.logs.read(CATALOG_EVENTS)
    assert (record.key, record.partition) == (b"shop/p:mug", home(b"shop/p:mug"))
    assert record.value == door.codecs.catalog_events.encode(CatalogEvent(product_id="mug", at=NOON, fact=event))
    assert door.entries() == []


async def test_what_concerns_no_customer_goes_into_the_shops_log(door: Door) -> None:
    await door.take(told(events.StoreConnected(system="shopify"), who=CustomerRef()))

    assert [entry.key for entry in door.entries()] == ["shop/site"]


async def test_one_customers_events_keep_their_order(door: Door) -> None:
    tellings = [added(at=NOON + n * SECOND, who=who) for n in range(20) for who in (BOB, COOKIE)]
    await door.take(*tellings)

    for who, key in ((BOB, "shop/c:bob"), (COOKIE, "shop/a:cookie-1")):
        assert [entry.fact for entry in door.entries(key)] == [e for e in tellings if e.customer == who]


async def test_a_chunk_leaves_in_one_piece_for_each_kind_of_log(door: Door) -> None:
    await door.take(
        *[added(who=CustomerRef(customer_id=f"c{n}")) for n in range(300)], told(ProductUpserted(product=MUG))
    )

    assert sorted(door.logs.sends) == [(CATALOG_EVENTS, 1), (CUSTOMER_EVENTS, 300)]


async def test_a_broker_that_refuses_keeps_the_chunk_from_being_acked(door: Door) -> None:
    door.logs.refuses = [OSError("the broker is away")]
    with pytest.raises(OSError, match="away"):
        await door.take(added(who=BOB))


# -- who is who


async def test_an_event_with_several_names_tells_the_weaker_logs(door: Door) -> None:
    await door.take(viewed(who=ADA_ON_COOKIE))

    links = [(entry.key, entry.fact.payload.other) for entry in door.entries() if is_link(entry)]  # type: ignore[union-attr]
    strong = ADA_ON_COOKIE
    assert sorted(links) == [("shop/a:cookie-1", strong), ("shop/e:ada@example.com", strong)]
    assert len(door.entries("shop/c:ada")) == 1


def is_link(entry: CustomerEvent) -> bool:
    return isinstance(entry.fact, ShopEvent) and isinstance(entry.fact.payload, IdentityLinked)


async def test_a_link_is_told_once_an_hour_and_not_with_every_event(door: Door) -> None:
    def links() -> int:
        return len([entry for entry in door.entries("shop/a:cookie-1") if is_link(entry)])

    for minute in range(3):
        await door.take(viewed(at=NOON + minute * SECOND, who=ADA_ON_COOKIE))
    assert links() == 1

    door.at += HOUR
    await door.take(viewed(at=NOON + HOUR, who=ADA_ON_COOKIE))
    assert links() == 2


async def test_a_cookie_that_changes_hands_is_told_each_time(door: Door) -> None:
    """A shared computer: who was recognised last is who it is."""
    bob = replace(ADA_ON_COOKIE, customer_id="bob", email=None)
    for n, who in enumerate((ADA_ON_COOKIE, bob, ADA_ON_COOKIE, ADA_ON_COOKIE)):
        await door.take(viewed(at=NOON + n * SECOND, who=who))

    links = [entry.fact.payload.other for entry in door.entries("shop/a:cookie-1")]  # type: ignore[union-attr]
    assert [other.customer_id for other in links] == ["ada", "bob", "ada"]


def test_the_oldest_of_too_many_links_is_forgotten() -> None:
    links = Links()
    for n in range(LINKS_KEPT + 1):
        links.is_news(f"a:{n}", "c:ada", 0)

    assert links.is_news("a:0", "c:ada", 1)
    assert not links.is_news(f"a:{LINKS_KEPT}", "c:ada", LINK_FRESH_MS - 1)
    assert len(links._told) == LINKS_KEPT


# -- time


async def test_a_stamp_from_the_future_counts_as_now_and_is_counted(door: Door, registry: CollectorRegistry) -> None:
    ahead, little = added(at=door.at + HOUR, who=BOB), added(at=door.at + 5 * SECOND, who=BOB)
    await door.take(ahead, little)

    assert [(entry.at, entry.fact) for entry in door.entries()] == [(door.at, ahead), (little.occurred_at, little)]
    assert samples(registry, "shoprelay_events_clamped_total") == {(): 1}
    assert samples(registry, "shoprelay_events_heard_total") == {("CartItemAdded",): 2}


# -- what cannot be understood


GOOD = added(who=BOB)
WRONG = {
    "event_id": replace(GOOD, event_id=" "),
    "shop": replace(GOOD, shop="a/b"),
    "source": replace(GOOD, source=OURS),
    "occurred_at": replace(GOOD, occurred_at=NOON.replace(year=1999)),
    "customer": replace(GOOD, customer=CustomerRef()),
    "customer.email": replace(GOOD, customer=CustomerRef(email="nobody")),
    "payload.item.quantity": told(
        events.CartItemAdded(item=LineItem(product_id="mug", quantity=Decimal(-1)), currency="EUR"), who=BOB
    ),
    "payload.currency": told(events.CartItemAdded(item=LineItem(product_id="mug"), currency="euro"), who=BOB),
    "payload.other": told(IdentityLinked(other=CustomerRef()), who=BOB),
}


@pytest.mark.parametrize("where", WRONG)
async def test_an_event_nobody_can_stand_by_is_refused_with_field_and_remedy(
    door: Door, where: str, registry: CollectorRegistry
) -> None:
    await door.take(WRONG[where])

    (refused,) = door.refused()
    assert (refused.reason, refused.field) == ("invalid", where) and refused.problem and refused.remedy
    assert door.entries() == []
    assert samples(registry, "shoprelay_events_refused_total") == {(SHOP_EVENTS, "invalid"): 1}


@pytest.mark.parametrize(
    ("value", "reason"),
    [(None, "empty"), (b"", "empty"), (b"{}", "not-framed"), (b"\x00\x00\x00\x00\x01\x02", "truncated")],
)
async def test_bytes_nobody_can_read_are_refused_as_they_came(door: Door, value: bytes | None, reason: str) -> None:
    record = door.record(value, headers=(("trace", b"1"), ("trace", b"2")))
    await door.ingest.chunk([record])

    (refused,) = door.refused()
    assert (refused.reason, refused.value, refused.key) == (reason, value, b"key")
    assert [(header.name, header.value) for header in refused.headers] == [("trace", b"1"), ("trace", b"2")]
    assert (refused.topic, refused.partition, refused.offset, refused.refused_at) == (SHOP_EVENTS, 2, 0, door.at)


async def test_bytes_of_a_schema_no_registry_knows_are_refused(own_codecs: Codecs, metrics: WorkerMetrics) -> None:
    door = Door(own_codecs, metrics)
    await door.take(rewritten(own_codecs, 999, GOOD))

    assert [refused.reason for refused in door.refused()] == ["unknown-schema"]


async def test_a_bad_record_stops_none_of_its_neighbours(door: Door) -> None:
    await door.take(added(at=NOON, who=BOB), b"nonsense", WRONG["customer"], added(at=NOON + SECOND, who=BOB))

    assert len(door.entries("shop/c:bob")) == 2
    assert [refused.offset for refused in door.refused()] == [1, 2]


async def test_a_chunk_of_nothing_but_bad_records_is_refused_and_over(door: Door) -> None:
    await door.take(*[b"nonsense"] * 3)

    assert len(door.refused()) == 3
    assert {topic for topic, _ in door.logs.sends} == {REFUSED}


# -- a registry that is away


async def test_a_registry_that_is_away_is_waited_for_and_nothing_is_lost(
    own_codecs: Codecs, desk: Desk, metrics: WorkerMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("streams.worker.decoding.asyncio.sleep", sleep)
    door = Door(own_codecs, metrics)
    value = rewritten(own_codecs, desk.file(newer_schema()), GOOD)
    desk.away = 8
    await door.take(ADA_FIRST, value, ADA_LAST)

    assert [entry.fact for entry in door.entries("shop/e:ada@example.com")] == [ADA_FIRST, ADA_LAST]
    assert [entry.fact for entry in door.entries("shop/c:bob")] == [GOOD]
    assert door.refused() == []
    assert waits == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]


ADA_FIRST, ADA_LAST = viewed(who=ADA_BY_MAIL), viewed("plate", at=NOON + SECOND, who=ADA_BY_MAIL)


async def test_a_schema_is_asked_for_once_however_many_records_have_it(
    own_codecs: Codecs, desk: Desk, metrics: WorkerMetrics
) -> None:
    door = Door(own_codecs, metrics)
    number = desk.file(newer_schema())
    desk.asked.clear()
    await door.take(*[rewritten(own_codecs, number, added(at=NOON + n * SECOND, who=BOB)) for n in range(5)])

    assert desk.asked == [f"GET /schemas/ids/{number}"]
    assert len(door.entries()) == 5


async def test_a_long_chunk_lets_others_have_a_turn(door: Door) -> None:
    value = door.codecs.shop_events.encode(GOOD)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    await door.ingest.chunk([door.record(value)] * 1_000)
    task.cancel()

    assert turns >= 4
