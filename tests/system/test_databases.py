"""From rows of a shop's database to what the platform is told, through the worker's own process and its deaths."""

from __future__ import annotations

import asyncio
import io
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import fastavro
import pytest
import pytest_asyncio
from confluent_kafka import Producer

from schemas.events import CustomerErased
from schemas.signals import CartAbandoned, CartChanged, OrderPaid, OrderPlaced
from shoprelay.connections import registry_of
from tests.sources.debezium.samples import COMMITTED, envelope, source
from tests.sources.debezium.shop import ORDER, line
from tests.system.procs import until
from tests.system.running import SHOPS, Running, event

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]
TABLES = ("carts", "cart_lines", "orders", "order_lines")
NO_TABLES = ("customers", "refunds", "fulfilments", "products", "stock")
ORDERS = 60
LINE = {  # as the Avro converter of a connector registers it, without what nobody reads
    "type": "record", "name": "Envelope", "namespace": "cdc.mugs.shop.order_lines", "fields": [
        {"name": "before", "type": ["null", {"type": "record", "name": "Value", "fields": [
            {"name": "id", "type": "long"}, {"name": "order_id", "type": "long"},
            {"name": "product_id", "type": "long"}, {"name": "sku", "type": ["null", "string"]},
            {"name": "quantity", "type": {
                "type": "bytes", "scale": 2, "precision": 10, "connect.name": "org.apache.kafka.connect.data.Decimal",
                "connect.parameters": {"scale": "2"}, "logicalType": "decimal"}},
            {"name": "unit_price", "type": {
                "type": "bytes", "scale": 2, "precision": 12, "connect.name": "org.apache.kafka.connect.data.Decimal",
                "connect.parameters": {"scale": "2"}, "logicalType": "decimal"}},
        ]}]},
        {"name": "after", "type": ["null", "Value"]},
        {"name": "source", "type": {"type": "record", "name": "Source", "fields": [
            {"name": "ts_us", "type": "long"}, {"name": "snapshot", "type": ["null", "string"]},
            {"name": "sequence", "type": ["null", "string"]}, {"name": "schema", "type": "string"},
            {"name": "table", "type": "string"}, {"name": "lsn", "type": "long"}]}},
        {"name": "op", "type": "string"},
    ],
}  # fmt: skip
KEY = {"type": "record", "name": "Key", "namespace": "cdc.mugs.shop.order_lines",
       "fields": [{"name": "id", "type": "long"}]}  # fmt: skip


@dataclass
class Database:
    """Writes as a connector does, half of it through the registry; each table has its topic."""

    running: Running
    ids: tuple[int, int]
    producer: Producer
    place: int = 1000
    rng: random.Random = field(default_factory=lambda: random.Random(7))

    @property
    def prefix(self) -> str:
        return f"{self.running.lane.topics.prefix}cdc.mugs.shop"

    def writes(self, table: str, op: str, row: dict[str, Any], *, avro: bool = False) -> tuple[str, bytes, bytes]:
        """What the connector will tell of one committed row: topic, key and value."""
        self.place += 1
        at = source(f"shop.{table}", self.place, ts_us=COMMITTED + self.place * 1000)
        key, told = {"id": row["id"]}, envelope(op, row, at)
        if avro:
            exact = row | {name: Decimal(row[name]).quantize(Decimal("0.01")) for name in ("quantity", "unit_price")}
            return f"{self.prefix}.{table}", self._framed(0, KEY, key), self._framed(1, LINE, told | {"after": exact})
        return f"{self.prefix}.{table}", json.dumps(key).encode(), json.dumps(told).encode()

    def _framed(self, which: int, schema: Any, told: Any) -> bytes:
        out = io.BytesIO(b"\x00" + self.ids[which].to_bytes(4, "big"))
        out.seek(5)
        fastavro.schemaless_writer(out, fastavro.parse_schema(schema), told)
        return out.getvalue()

    async def tells(self, records: Iterable[tuple[str, bytes, bytes]]) -> None:
        for topic, key, value in records:
            self.producer.produce(topic, value, key)
            self.producer.poll(0)
        assert await asyncio.to_thread(self.producer.flush, 15) == 0

    def order(self, n: int, **more: Any) -> list[tuple[str, bytes, bytes]]:
        """One order and its two lines, in whatever order they come."""
        head = {**ORDER, "id": n, "number": f"M-{n}", "customer_id": n, "email": f"c{n}@mugs.example", "cart_id": None}
        lines = [line(2 * n + k, n, quantity=str(k + 1)) for k in (0, 1)]
        rows = [self.writes("orders", "c", head | more)]
        rows += [self.writes("order_lines", "c", each, avro=n % 2 == 0) for each in lines]
        self.rng.shuffle(rows)
        return rows


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def database(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Database]:
    topics = tuple(f"cdc.mugs.shop.{table}" for table in TABLES)
    running = await Running.start(tmp_path_factory.mktemp("databases"), wait=False, databases=topics)
    left_out = "\n".join(f"{table} = false" for table in NO_TABLES)
    prefix = f"{running.lane.topics.prefix}cdc.mugs"
    told = f'\n[shops.mugs]\nstages = ["1h"]\ngrace = "1s"\n[shops.mugs.cdc]\nprefix = "{prefix}"\nschema = "shop"\n'
    running.write_settings(f'{SHOPS}{told}[shops.mugs.cdc.tables]\npreset = "reference"\n{left_out}\n')
    registry = registry_of(running.configuration())
    try:
        name = f"{prefix}.shop.order_lines"
        ids = [await registry.register(f"{name}-{part}", json.dumps(s)) for part, s in (("key", KEY), ("value", LINE))]
        producer = Producer(
            {"bootstrap.servers": running.lane.bootstrap, "partitioner": "murmur2_random", "log_level": 0}
        )
        await running.started("worker", "sink")
        yield Database(running, (ids[0], ids[1]), producer)
    finally:
        await registry.close()
        await running.close()


async def placed(database: Database) -> dict[str, list[OrderPlaced]]:
    found: dict[str, list[OrderPlaced]] = {}
    for _, signal in await database.running.signals():
        if isinstance(signal.payload, OrderPlaced):
            found.setdefault(signal.payload.order.order_id, []).append(signal.payload)
    return found


async def test_rows_in_any_order_told_twice_through_three_kills_are_each_order_once(database: Database) -> None:
    running, numbers = database.running, [str(n) for n in range(1, ORDERS + 1)]
    records = [record for n in range(1, ORDERS + 1) for record in database.order(n)]
    third = len(records) // 3
    for part in (records[:third], records[third : 2 * third], records[2 * third :]):
        await database.tells(part)
        await database.tells(part[-20:])  # a connector that began anew tells its last records again
        running.processes["worker"].kill()
        running.begin("worker")
        await running.ready("worker")

    async def all_there() -> bool:
        return set(await placed(database)) >= set(numbers)

    await until(all_there, 60, "every order is said")
    found = await placed(database)
    for number in numbers:
        assert {tuple(each.quantity for each in one.order.lines) for one in found[number]} == {(1, 2)}, number
        assert {tuple(each.unit_price for each in one.order.lines) for one in found[number]} == {(15, 15)}, number
    await running.stored_for(set(numbers), "Placed Order")
    stored = Counter(call.customer for call in await running.stored(says="Placed Order"))
    assert {customer: stored[customer] for customer in numbers} == dict.fromkeys(numbers, 1)
    assert await running.refused() == []
    assert await running.metric("shoprelay_changes_read_total", "worker", change="created") > 0


async def test_what_is_bought_while_the_worker_is_away_is_not_reminded_of(database: Database) -> None:
    """The cart's rows are read first, and it is long past its hour; what says that it was bought comes in pieces."""
    running = database.running
    assert await running.processes["worker"].terminate() == 0
    cart = {"id": "c-900", "customer_id": 900, "email": "c900@mugs.example", "currency": "EUR", "active": True,
            "updated_at": "2026-11-21T07:00:00Z"}  # fmt: skip
    item = {"id": 1, "cart_id": "c-900", "product_id": 41, "quantity": "1", "unit_price": "15.00"}
    await database.tells([database.writes("carts", "c", cart), database.writes("cart_lines", "c", item)])
    await database.tells(database.order(900, cart_id="c-900", status="paid", paid_at="2026-11-21T07:21:00Z"))
    running.begin("worker")

    async def told() -> bool:
        said = [signal.payload for _, signal in await running.signals() if signal.customer.ref.customer_id == "900"]
        return any(isinstance(each, OrderPaid) for each in said)

    await until(told, 60, "the purchase is said")
    said = [signal.payload for _, signal in await running.signals() if signal.customer.ref.customer_id == "900"]
    assert not [each for each in said if isinstance(each, CartAbandoned)]
    assert [type(each) for each in said if isinstance(each, CartChanged | OrderPlaced)][-1] is OrderPlaced


async def test_a_record_that_is_no_envelope_is_put_aside_and_the_next_order_is_told(database: Database) -> None:
    topic = f"{database.prefix}.orders"
    unknown = b"\x00\x00\x0f\x42\x3f" + b"\x02"
    await database.tells([(topic, b"{}", b'{"id": 1}'), (topic, b"{}", unknown), *database.order(901)])

    async def told() -> bool:
        return "901" in await placed(database)

    await until(told, 30, "the order is said")
    refused = {each.value: each for each in await database.running.refused() if each.topic == topic}
    assert set(refused) == {b'{"id": 1}', unknown}
    assert "registry" in refused[unknown].remedy


async def test_with_a_customer_what_is_kept_of_their_orders_is_forgotten(database: Database) -> None:
    running = database.running
    await database.tells(database.order(902))

    async def kept() -> bytes | None:
        records = await running.lane.records(running.lane.topics.rows_changelog)
        return {record.key: record.value for record in records}.get(b"mugs/order:902")

    async def is_kept() -> bool:
        return b"c902@mugs.example" in (await kept() or b"")

    await until(is_kept, 30, "the order is remembered")
    await running.tell(event("902", CustomerErased()))

    async def is_gone() -> bool:
        return await kept() is None

    await until(is_gone, 30, "it is forgotten")


async def test_the_listener_shows_what_the_database_told_and_whose_the_refusals_are(database: Database) -> None:
    """What a shop's developer looks at first."""
    running = database.running
    given = ("--config", str(running.settings()), "--shop", "mugs", "--since", "1h", "--no-follow")
    listening = running.lane.shoprelay("listen", "listen", *given, **running.environment)
    assert await listening.ended(60) == 0, listening.output()

    lines = listening.output().splitlines()
    assert [line for line in lines if "OrderPlaced" in line and "by its database" in line and "order=901" in line]
    assert [line for line in lines if "not-understood" in line and "cdc.mugs.shop.orders" in line]
    assert not [line for line in lines if "mugs.example" in line]
