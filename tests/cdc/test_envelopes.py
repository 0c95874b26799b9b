"""Real records of real databases are read as what was written by SQL."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest

from tests.cdc.databases import Kind
from tests.cdc.lane import Shop

pytestmark = pytest.mark.cdc
Shops = Callable[[Kind], Awaitable[Shop]]


@pytest.mark.parametrize("kind", ["postgres", "mariadb"])
async def test_the_life_of_a_row(shops: Shops, kind: Kind) -> None:
    shop = await shops(kind)
    orders = f"{shop.database.schema}.orders"
    shop.sql(
        f"INSERT INTO {orders} (id, placed_at, total, currency) VALUES (1, '2026-01-02 03:04:05.678901', 19.9, 'EUR')"
    )
    await shop.capture()
    await shop.until(lambda: shop.changes("orders"), "the snapshot is told")
    shop.sql(f"INSERT INTO {orders} (id, placed_at, total, currency) VALUES (2, '2026-01-02 03:04:05', -0.05, 'EUR')")
    shop.sql(f"UPDATE {orders} SET status = 'paid', total = 1234567890.1234 WHERE id = 2")
    shop.sql(f"DELETE FROM {orders} WHERE id = 2")
    await shop.until(lambda: len(shop.changes("orders")) == 4, "all is told")
    assert [change.op for change in shop.changes("orders")] == ["read", "created", "updated", "deleted"]
    first = shop.changes("orders")[0]
    assert first.after is not None and first.after.amount("total") == Decimal("19.9")
