"""Servers that die and come back while a shop is captured: nothing is lost, and what is told again says it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest

from sources.debezium.envelope import Change
from tests.cdc.databases import Kind
from tests.cdc.heard import changes
from tests.cdc.lane import SECONDS, Shop, control
from tests.system.procs import until

pytestmark = pytest.mark.cdc
Shops = Callable[[Kind], Awaitable[Shop]]
both = pytest.mark.parametrize("kind", ["postgres", "mariadb"])
IN_ORDER = {"topic.creation.default.partitions": "1"}
SOON = {"connect.keep.alive.interval.ms": "500", "retriable.restart.connector.wait.ms": "500"}
ROWS = 4000


def stock(shop: Shop, first: int, rows: int) -> str:
    """One transaction."""
    table = f"{shop.database.schema}.stock"
    inserts = (f"INSERT INTO {table} (product_id, quantity) VALUES ({n}, 1)" for n in range(first, first + rows))
    return f"BEGIN; {'; '.join(inserts)}; UPDATE {table} SET quantity = 2 WHERE product_id >= {first}; COMMIT"


async def all_told(shop: Shop, rows: int) -> None:
    await shop.until(lambda: len(shop.changes("stock")) >= 2 * rows, f"{rows} rows are told", reviving=True)


def of_rows(found: list[Change]) -> dict[tuple[str | None, str], list[Change]]:
    """The changes that each row saw, by its id and what happened to it."""
    sorted_out: dict[tuple[str | None, str], list[Change]] = defaultdict(list)
    for change in found:
        sorted_out[change.key.entity("product_id"), change.op].append(change)
    return sorted_out


def ordered(found: list[Change]) -> bool:
    places = [change.position for change in found]
    return places == sorted(set(places))


@both
async def test_connect_is_killed_in_a_transaction(shops: Shops, kind: Kind) -> None:
    """Who reads what is committed hears everything once; who does not, hears things again with the place they had."""
    shop = await shops(kind)
    careless = shop.another_feed("read_uncommitted")
    await shop.capture(IN_ORDER)
    shop.sql(stock(shop, 0, ROWS + 1))  # the slot's first: what is told again knows of a commit before it

    async def more_by(count: int) -> bool:
        return len(await careless.catch_up()) >= heard + count

    for _ in range(2):
        heard = len(careless.heard)
        await until(lambda: more_by(100), SECONDS, "a part is told")
        await control("kill", "connect")
        await control("start", "connect")
    shop.sql(stock(shop, ROWS + 1, 10))
    await shop.until(lambda: len(shop.changes("stock")) >= 2 * (ROWS + 11), "all is told")
    assert ordered(shop.changes("stock"))
    assert all(len(same) == 1 for same in of_rows(shop.changes("stock")).values())
    again = of_rows(changes(await careless.catch_up(), "stock"))
    assert len(again) == 2 * (ROWS + 11)
    places = {row: {(each.position, each.at) for each in same} for row, same in again.items()}
    assert {row: found for row, found in places.items() if len(found) > 1} == {}


@both
async def test_servers_go_and_come_back(shops: Shops, kind: Kind) -> None:
    """The database by order and by death, then what the connector writes to. MariaDB begins another file of its log."""
    shop = await shops(kind)
    await shop.capture(IN_ORDER | SOON)
    shop.sql(stock(shop, 1, 3))
    await shop.until(lambda: len(shop.changes("stock")) == 6, "what was before is told")
    rows = 3
    for command, server in (("stop", kind), ("kill", kind), ("stop", "registry"), ("stop", "kafka")):
        await control(command, server)
        if server == kind:
            await control("start", server)
        shop.sql(stock(shop, rows + 1, 3))
        await control("start", server)
        rows += 3
        await all_told(shop, rows)
    assert ordered(shop.changes("stock")) and len(shop.changes("stock")) == 2 * rows


@both
async def test_a_snapshot_taken_again_shows_the_rows_as_they_are(shops: Shops, kind: Kind) -> None:
    shop = await shops(kind)
    await shop.capture(IN_ORDER)
    shop.sql(stock(shop, 1, 3))
    await shop.until(lambda: len(shop.changes("stock")) == 6, "they are told")
    await shop.connector.stop()
    await shop.connector.forget()
    await shop.connector.resume()
    await shop.until(lambda: len(shop.changes("stock")) == 9, "they are told again")
    shop.sql(f"UPDATE {shop.database.schema}.stock SET quantity = 3 WHERE product_id = 2")
    await shop.until(lambda: len(shop.changes("stock")) == 10, "the change is told")
    *_, first, second, third, changed = shop.changes("stock")
    assert [(each.op, each.snapshot) for each in (first, second, third)] == [("read", True)] * 3
    assert (changed.op, changed.snapshot) == ("updated", False)
    for of_key in ("1", "2", "3"):
        told = [each for each in shop.changes("stock") if each.key.entity("product_id") == of_key]
        assert all(new.position > old.position or new.at > old.at for old, new in pairwise(told))
