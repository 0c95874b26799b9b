"""Real records of real databases are read as what was written by SQL: what happens to rows and to tables."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from sources.debezium.envelope import Change, Nothing
from sources.debezium.row import Unread
from tests.cdc.databases import Kind
from tests.cdc.lane import Shop, as_json

pytestmark = pytest.mark.cdc
Shops = Callable[[Kind], Awaitable[Shop]]
both = pytest.mark.parametrize("kind", ["postgres", "mariadb"])
FORMATS: dict[str, dict[str, str]] = {
    "avro": {},
    "json": as_json(schemas=True),
    "plain": as_json(schemas=False) | {"decimal.handling.mode": "string"},
}
IN_ORDER = {"topic.creation.default.partitions": "1"}
PLACED = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def words(shop: Shop) -> set[str]:
    return {each.read.word for each in shop.heard if isinstance(each.read, Nothing)}


def told(change: Change) -> tuple[str, str | None, Decimal | None, datetime | None]:
    assert change.after is not None
    row = change.after
    return change.op, row.text("status"), row.amount("total"), row.moment("placed_at")


@both
@pytest.mark.parametrize("form", FORMATS)
async def test_the_life_of_a_row(shops: Shops, kind: Kind, form: str) -> None:
    shop = await shops(kind)
    orders = f"{shop.database.schema}.orders"
    values = f"INSERT INTO {orders} (id, placed_at, total, currency) VALUES ({{}}, '{PLACED:%F %T.%f}', {{}}, 'EUR')"
    shop.sql(values.format(1, "19.90"))
    await shop.capture(FORMATS[form] | IN_ORDER | {"heartbeat.interval.ms": "200"})
    shop.sql(values.format(2, "-0.05"))
    shop.sql(f"UPDATE {orders} SET status = 'bezahlt, müßig', total = 1234567890.1234 WHERE id = 2")
    shop.sql(f"DELETE FROM {orders} WHERE id = 2")
    await shop.until(lambda: {"tombstone", "heartbeat", "transaction"} <= words(shop), "all is told")

    *alive, gone = shop.changes("orders")
    assert [told(change) for change in alive] == [
        ("read", None, Decimal("19.90"), PLACED),
        ("created", None, Decimal("-0.05"), PLACED),
        ("updated", "bezahlt, müßig", Decimal("1234567890.1234"), PLACED),
    ]
    assert gone.op == "deleted" and gone.key.entity("id") == "2" and gone.after is None and not gone.moved
    assert [change.snapshot for change in (*alive, gone)] == [True, False, False, False]
    assert {change.table for change in (*alive, gone)} == {f"{shop.database.schema}.orders"}
    places = [change.position for change in (*alive, gone)]
    assert places == sorted(set(places))
    assert not [each for each in shop.heard if isinstance(each.read, Unread)]
    assert ("schema-change" in words(shop)) == (kind == "mariadb")


@both
async def test_a_key_that_changes_is_a_row_that_moves(shops: Shops, kind: Kind) -> None:
    shop = await shops(kind)
    customers = f"{shop.database.schema}.customers"
    await shop.capture()
    shop.sql(f"INSERT INTO {customers} (id, email) VALUES (1, 'ann@example.test'), (2, 'bo@example.test')")
    shop.sql(f"UPDATE {customers} SET id = 3 WHERE id = 2; UPDATE {customers} SET id = 2 WHERE id = 1")
    await shop.until(lambda: len(shop.changes("customers")) == 6, "two births, two moves")
    of_key = {name: [c for c in shop.changes("customers") if c.key.entity("id") == name] for name in ("1", "2", "3")}
    assert {name: [(c.op, c.moved) for c in found] for name, found in of_key.items()} == {
        "1": [("created", False), ("deleted", True)],
        "2": [("created", False), ("deleted", True), ("created", False)],
        "3": [("created", False)],
    }
    emails = [c.after.text("email") for c in of_key["2"] if c.after]
    assert emails == ["bo@example.test", "ann@example.test"]
    places = [c.position for c in of_key["2"]]
    assert places == sorted(set(places))


@both
async def test_a_table_that_is_emptied_is_no_silence(shops: Shops, kind: Kind) -> None:
    shop = await shops(kind)
    shop.sql(f"INSERT INTO {shop.database.schema}.customers (id) VALUES (1)")
    await shop.capture({"skipped.operations": "none"})
    shop.sql(f"TRUNCATE TABLE {shop.database.schema}.customers")
    await shop.until(lambda: any(each.op == "t" for each in shop.heard), "the truncation is told")
    reasons = [each.read for each in shop.heard if isinstance(each.read, Unread)]
    assert [reason.field for reason in reasons] == ["op"] and "keep skipped.operations=t" in reasons[0].remedy


@both
async def test_many_rows_of_one_statement_have_places_of_their_own(shops: Shops, kind: Kind) -> None:
    shop = await shops(kind)
    stock = f"{shop.database.schema}.stock"
    await shop.capture(IN_ORDER)
    rows = ", ".join(f"({number}, 1)" for number in range(50))
    shop.sql(f"INSERT INTO {stock} (product_id, quantity) VALUES {rows}")
    shop.sql(f"BEGIN; UPDATE {stock} SET quantity = 2; UPDATE {stock} SET quantity = 3; COMMIT")
    await shop.until(lambda: len(shop.changes("stock")) == 150, "all is told")
    places = [change.position for change in shop.changes("stock")]
    assert places == sorted(set(places))
    assert {key for change in shop.changes("stock") for key in change.key.cells} == {
        "product_id", "variant_id", "location"
    }  # fmt: skip


async def test_transactions_that_overlap_are_placed_as_they_were_committed(shops: Shops) -> None:
    """A place in PostgreSQL's log goes back, where the transaction that wrote first commits last."""
    shop = await shops("postgres")
    shop.sql("INSERT INTO shop.stock (product_id, quantity) VALUES (1, 0), (2, 0)")
    await shop.capture(IN_ORDER)
    first, second = shop.session(), shop.session()
    for count in range(1, 4):
        first.sql(f"BEGIN; UPDATE shop.stock SET quantity = {count} WHERE product_id = 1")
        second.sql(f"BEGIN; UPDATE shop.stock SET quantity = {count} WHERE product_id = 2; COMMIT")
        first.sql("COMMIT")
    first.close()
    second.close()
    await shop.until(lambda: len(shop.changes("stock")) == 8, "all is told")
    changes = [change for change in shop.changes("stock") if not change.snapshot]
    assert [change.key.entity("product_id") for change in changes] == ["2", "1"] * 3
    assert changes[1].position < changes[0].position
    for product_id in ("1", "2"):
        places = [change.position for change in changes if change.key.entity("product_id") == product_id]
        assert places == sorted(set(places))


async def test_a_column_too_large_to_be_logged_again_is_unchanged(shops: Shops) -> None:
    shop = await shops("postgres")
    shop.sql("ALTER TABLE shop.products ALTER description SET STORAGE EXTERNAL, ALTER url SET STORAGE EXTERNAL")
    shop.sql("CREATE TABLE shop.pages (LIKE shop.products INCLUDING ALL); ALTER TABLE shop.pages REPLICA IDENTITY FULL")
    shop.sql("GRANT SELECT ON shop.pages TO shoprelay_cdc")
    await shop.capture()
    for table in ("products", "pages"):
        shop.sql(f"INSERT INTO shop.{table} (id, title, description) VALUES (1, 'a', repeat('long', 5000))")
        shop.sql(f"UPDATE shop.{table} SET title = 'b' WHERE id = 1")
        await shop.until(lambda table=table: len(shop.changes(table)) == 2, "both are told")  # type: ignore[misc]
    short, whole = shop.changes("products")[1].after, shop.changes("pages")[1].after
    assert short is not None and whole is not None
    assert short.text("title") == whole.text("title") == "b"
    assert short.unchanged == {"description"} and not short.has("description")
    assert not whole.unchanged and whole.text("description") == "long" * 5000


@both
async def test_names_in_capitals(shops: Shops, kind: Kind) -> None:
    shop = await shops(kind)
    quote = '"' if kind == "postgres" else "`"
    table, key, column = (f"{quote}{name}{quote}" for name in ("OrderLines", "LineID", "SKU"))
    shop.sql(f"CREATE TABLE {shop.database.schema}.{table} ({key} integer PRIMARY KEY, {column} varchar(20))")
    if kind == "postgres":
        shop.sql(f"GRANT SELECT ON shop.{table} TO shoprelay_cdc")
    shop.sql(f"INSERT INTO {shop.database.schema}.{table} VALUES (1, 'A-1')")
    await shop.capture()
    shop.sql(f"UPDATE {shop.database.schema}.{table} SET {column} = 'A-2'")
    await shop.until(lambda: len(shop.changes("orderlines")) == 2, "both are told")
    assert {each.record.topic for each in shop.heard if each.op} == {shop.topic("OrderLines")}
    found = shop.changes("orderlines")
    assert [(each.key.entity("lineid"), each.after and each.after.text("sku")) for each in found] == [
        ("1", "A-1"),
        ("1", "A-2"),
    ]


@both
async def test_a_column_that_is_added(shops: Shops, kind: Kind) -> None:
    shop = await shops(kind)
    customers = f"{shop.database.schema}.customers"
    await shop.capture(IN_ORDER)
    shop.sql(f"INSERT INTO {customers} (id, email) VALUES (1, 'ann@example.test')")
    shop.sql(f"ALTER TABLE {customers} ADD COLUMN points numeric(8,2)")
    shop.sql(f"INSERT INTO {customers} (id, email, points) VALUES (2, 'bo@example.test', 12.5)")
    await shop.until(lambda: len(shop.changes("customers")) == 2, "both are told")
    old, new = (change.after for change in shop.changes("customers"))
    assert old is not None and new is not None
    assert not old.has("points") and new.amount("points") == Decimal("12.5")
    assert await shop.feed.registry.versions(f"{shop.topic('customers')}-value") == [1, 2]


async def test_a_message_in_the_log_is_none_of_a_row(shops: Shops) -> None:
    shop = await shops("postgres")
    await shop.capture()
    shop.sql("SELECT pg_logical_emit_message(true, 'greeting', 'hello')")
    await shop.until(lambda: "message" in words(shop), "the message is told")
    assert not shop.changes()
