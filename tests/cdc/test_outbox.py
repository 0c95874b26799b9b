"""A shop that writes our events into an outbox, in its own transactions: read from the table, and routed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from schemas.signals import Searched
from tests.cdc.databases import Kind
from tests.cdc.lane import Connector, Shop, as_json
from tests.cdc.running import Relay
from tests.system.procs import until

pytestmark = pytest.mark.cdc
TABLE = """CREATE TABLE shop.outbox (
  id uuid PRIMARY KEY, aggregatetype text NOT NULL, aggregateid text NOT NULL, type text, payload jsonb NOT NULL);
  GRANT SELECT ON shop.outbox TO shoprelay_cdc"""
MAP = 'outbox = { table = "outbox", columns = { id = "id", payload = "payload" } }\n'


def written(query: str, number: int) -> str:
    event = {"type": "Searched", "occurred_at": "2026-11-25T10:00:00Z", "customer": {"customer_id": "7"},
             "payload": {"query": query}}  # fmt: skip
    row_id = f"00000000-0000-0000-0000-{number:012}"
    return f"INSERT INTO shop.outbox VALUES ('{row_id}', 'search', '7', 'Searched', '{json.dumps(event)}')"


@pytest.fixture
async def relay(shops: Callable[[Kind], Awaitable[Shop]], tmp_path: Path) -> AsyncIterator[Relay]:
    shop = await shops("postgres")
    shop.sql(TABLE)
    made = await Relay.start(tmp_path, shop, MAP, routed=(f"{shop.prefix}.routed.search",))
    yield made
    await made.close()


async def test_what_stands_in_it_is_told_once_from_the_table_and_by_the_router(relay: Relay) -> None:
    shop = relay.shop
    await shop.capture()
    router = Connector(f"{shop.name}-router")
    config = shop.config() | as_json(schemas=False) | {
        "topic.prefix": f"{shop.prefix}.router", "slot.name": f"router_{shop.name}", "heartbeat.interval.ms": "0",
        "table.include.list": "shop.outbox", "provide.transaction.metadata": "false",
        "transforms": "outbox", "transforms.outbox.type": "io.debezium.transforms.outbox.EventRouter",
        "transforms.outbox.route.topic.replacement": f"{shop.prefix}.routed.${{routedByValue}}",
    }  # fmt: skip
    try:
        await router.put(config)
        shop.sql(f"BEGIN; {written('blue mug', 1)}; DELETE FROM shop.outbox; COMMIT")
        shop.sql(written("red mug", 2))

        async def both() -> bool:
            heard = await relay.running.metric("shoprelay_changes_read_total", "worker", change="routed")
            return heard >= 2 and {each.query for each in await relay.said(Searched)} == {"blue mug", "red mug"}

        await until(both, 60, "both searches are said, and the router's were heard")
    finally:
        await router.delete()
    assert sorted(each.query for each in await relay.said(Searched)) == ["blue mug", "red mug"]
    assert await relay.running.refused() == []
