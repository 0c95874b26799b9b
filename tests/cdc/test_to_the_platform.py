"""From SQL to what the platform is told: real databases, real Debezium, our own processes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import pytest

from schemas.signals import (
    CartChanged,
    CustomerChanged,
    OrderFulfilled,
    OrderPaid,
    OrderPlaced,
    OrderRefunded,
    Signal,
)
from tests.cdc.databases import Kind
from tests.cdc.lane import Shop, control
from tests.cdc.running import Relay
from tests.system.procs import until

pytestmark = pytest.mark.cdc
Shops = Callable[[Kind], Awaitable[Shop]]
Relays = Callable[[Shop], Awaitable[Relay]]
both = pytest.mark.parametrize("kind", ["postgres", "mariadb"])


@pytest.fixture
async def relays(tmp_path: Path) -> AsyncIterator[Relays]:
    opened: list[Relay] = []

    async def relay(shop: Shop) -> Relay:
        opened.append(await Relay.start(tmp_path, shop))
        return opened[-1]

    yield relay
    for each in opened:
        await each.close()


def order(shop: Shop, number: int, *, count: bool = True) -> str:
    """One transaction: the order and its two lines, 12.50 and twice 5.25."""
    of = shop.database.schema
    lines = f"(10{number}, {number}, 41, 1, 12.50), (20{number}, {number}, 42, 2, 5.25)"
    return f"""BEGIN;
      INSERT INTO {of}.orders (id, placed_at, total, currency, customer_id, email, status, line_count, updated_at)
        VALUES ({number}, '2026-11-20 10:00:00', 23.00, 'EUR', {number}, 'c{number}@example.test', 'placed',
                {2 if count else "NULL"}, '2026-11-20 10:00:00');
      INSERT INTO {of}.order_lines (id, order_id, product_id, quantity, unit_price) VALUES {lines};
      COMMIT;"""


@both
async def test_a_shop_that_writes_sql_is_told_of_in_full(shops: Shops, relays: Relays, kind: Kind) -> None:
    shop = await shops(kind)
    of = shop.database.schema
    shop.sql(f"INSERT INTO {of}.customers (id, email, first_name) VALUES (1, 'c1@example.test', 'Ann')")
    shop.sql(order(shop, 1))  # before anybody looks: history
    relay = await relays(shop)
    await shop.capture()
    shop.sql(f"INSERT INTO {of}.customers (id, email, first_name) VALUES (2, 'c2@example.test', 'Bo')")
    shop.sql(f"""BEGIN;
      INSERT INTO {of}.carts (id, customer_id, email, currency, active, updated_at)
        VALUES (9, 2, 'c2@example.test', 'EUR', true, '2026-11-20 09:50:00');
      INSERT INTO {of}.cart_lines (id, cart_id, product_id, quantity, unit_price) VALUES (1, 9, 41, 1, 12.50);
      COMMIT;""")
    await relay.says(CartChanged)
    shop.sql(order(shop, 2, count=False))
    await relay.all_placed({"1", "2"})
    shop.sql(f"""UPDATE {of}.orders SET status = 'paid', paid_at = '2026-11-20 10:05:00', cart_id = 9,
      updated_at = '2026-11-20 10:05:00' WHERE id = 2""")
    shop.sql(f"INSERT INTO {of}.fulfilments (id, order_id, tracking_code, created_at) "
             "VALUES (5, 2, 'T-1', '2026-11-21 08:00:00')")  # fmt: skip
    shop.sql(f"INSERT INTO {of}.refunds (id, order_id, amount, currency, created_at) "
             "VALUES (6, 2, 5.25, 'EUR', '2026-11-22 08:00:00')")  # fmt: skip

    await relay.says(OrderPaid, OrderFulfilled, OrderRefunded, CustomerChanged)
    found = [signal for _, signal in await relay.running.signals() if signal.shop == shop.name]
    first = {_number(s): s for s in reversed(found) if isinstance(s.payload, OrderPlaced)}
    assert {n: (s.priority, s.payload.order.total) for n, s in first.items() if isinstance(s.payload, OrderPlaced)} == {
        "1": ("backfill", Decimal(23)), "2": ("live", Decimal(23))
    }  # fmt: skip
    lines = [line for s in first.values() if isinstance(s.payload, OrderPlaced) for line in s.payload.order.lines]
    assert Counter((line.product_id, line.quantity, line.unit_price) for line in lines) == {
        ("41", Decimal(1), Decimal("12.50")): 2, ("42", Decimal(2), Decimal("5.25")): 2
    }  # fmt: skip
    (paid,), (back,) = await relay.said(OrderPaid), await relay.said(OrderRefunded)
    assert (paid.payment.amount, back.amount) == (Decimal(23), Decimal("5.25"))
    await relay.running.stored_for({"2"}, "Placed Order")
    assert [each for each in await relay.running.refused() if shop.name in each.topic] == []


def _number(signal: Signal) -> str:
    return signal.payload.order.order_id if isinstance(signal.payload, OrderPlaced) else ""


async def each_once(relay: Relay, numbers: set[str]) -> None:
    """Said with one content, and stored by the platform once, however often it came."""
    await relay.all_placed(numbers, 120)
    await relay.running.stored_for(numbers, "Placed Order", 60)
    stored = Counter(call.customer for call in await relay.running.stored(says="Placed Order"))
    assert {number: stored[number] for number in numbers} == dict.fromkeys(numbers, 1)
    contents = {
        (each.order.order_id, each.order.total, len(each.order.lines)) for each in await relay.said(OrderPlaced)
    }
    assert contents == {(number, Decimal(23), 2) for number in numbers}


async def test_connector_database_and_worker_may_die_and_the_snapshot_may_be_taken_again(
    shops: Shops, relays: Relays
) -> None:
    shop = await shops("postgres")
    relay = await relays(shop)
    await shop.capture()
    numbers = {str(number) for number in range(1, 61)}

    async def writes(some: range) -> None:
        for number in some:
            await asyncio.to_thread(shop.sql, order(shop, number))

    await writes(range(1, 11))
    writing = asyncio.create_task(writes(range(11, 31)))
    await control("kill", "connect")
    relay.running.processes["worker"].kill()
    await writing
    await control("start", "connect")
    relay.running.begin("worker")
    await shop.connector.runs()
    await control("restart", "postgres")
    await writes(range(31, 46))
    await until(lambda: _revived(shop), 90, "the connector reads on")
    await relay.all_placed({str(number) for number in range(1, 46)}, 120)

    await shop.connector.stop()
    await shop.connector.forget()
    await writes(range(46, 61))
    await shop.connector.resume()  # its first snapshot once more, and what is new in it
    await each_once(relay, numbers)


async def _revived(shop: Shop) -> bool:
    await shop.connector.revive()
    return shop.database.streams


async def test_without_kafka_connect_our_own_process_reads_the_database_through_two_kills(
    shops: Shops, relays: Relays
) -> None:
    shop = await shops("postgres")
    shop.sql(order(shop, 1))
    relay = await relays(shop)
    engine = relay.begin_engine()
    await relay.engine_ready(engine)
    numbers = {str(number) for number in range(1, 31)}
    for number in range(2, 31):
        await asyncio.to_thread(shop.sql, order(shop, number))
        if number in (10, 20):
            engine.kill()
            engine = relay.begin_engine()
    await relay.engine_ready(engine)
    await each_once(relay, numbers)

    assert await engine.terminate(30) == 0, engine.output()
    output = engine.output()
    assert not [word for word in ("example.test", "of-the-lane") if word in output]
