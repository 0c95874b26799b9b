"""What an operator may set of a shop's database, and what is said of a map that cannot be."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from shoprelay.connections import database_topics
from shoprelay.policies import policy_of
from shoprelay.settings import Configuration, Misconfigured, load

WHOLE = """
[shops.mugs.cdc]
schema = "shop"
[shops.mugs.cdc.tables]
preset = "reference"
products = false
stock = false
"""


def loaded(folder: Path, text: str) -> Configuration:
    file = folder / "shoprelay.toml"
    file.write_text(text)
    return load(file, {})


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(Misconfigured) as wrong:
        loaded(folder, text)
    return wrong.value.problems


def test_topics_are_named_as_debezium_names_them(tmp_path: Path) -> None:
    tables = ("cart_lines", "carts", "customers", "fulfilments", "order_lines", "orders", "refunds")

    assert database_topics(loaded(tmp_path, WHOLE)) == [f"cdc.mugs.shop.{table}" for table in tables]


def test_a_table_that_names_its_schema_and_another_prefix_are_taken_as_they_stand(tmp_path: Path) -> None:
    text = WHOLE.replace("[shops.mugs.cdc.tables]", 'prefix = "db1"\n[shops.mugs.cdc.tables]')
    found = database_topics(loaded(tmp_path, f'{text}[shops.mugs.cdc.tables.orders]\ntable = "sales.orders"\n'))

    assert "db1.sales.orders" in found and "db1.shop.orders" not in found


def test_topics_may_be_named_whole(tmp_path: Path) -> None:
    text = WHOLE.replace('schema = "shop"', 'topics = ["X.SHOP.ORDERS", "X.SHOP.ORDER_LINES"]')

    assert database_topics(loaded(tmp_path, text)) == ["X.SHOP.ORDERS", "X.SHOP.ORDER_LINES"]


def test_of_a_router_its_topics_are_enough(tmp_path: Path) -> None:
    assert database_topics(loaded(tmp_path, '[shops.mugs.cdc]\nrouted = ["outbox.event.order"]\n')) == [
        "outbox.event.order"
    ]


def test_a_deadline_gives_an_orders_rows_the_time_to_settle(tmp_path: Path) -> None:
    shop = loaded(tmp_path, WHOLE + '[shops.mugs]\ngrace = "4s"\n[shops.plates]\ngrace = "4s"\n').settings.shops

    assert policy_of(shop["mugs"]).grace == timedelta(seconds=6)
    assert policy_of(shop["plates"]).grace == timedelta(seconds=4)


BAD = {
    "no preset of this name": (
        WHOLE.replace('"reference"', '"shopware"'), "shops.mugs.cdc.tables: preset: there is none of this name"
    ),
    "orders without lines": (
        WHOLE + "order_lines = false\n", "shops.mugs.cdc.tables: orders: is mapped without order_lines"
    ),
    "no schema": (WHOLE.replace('schema = "shop"', ""), "a table names no schema"),
    "no map": ('[shops.mugs.cdc]\nschema = "shop"\n', "tables: required, and not set"),
    "a column there is none of": (
        WHOLE + "[shops.mugs.cdc.tables.orders.columns]\ncolour = 'c'\n", "orders.columns.colour: no such setting"
    ),
    "waits shorter than it settles": (
        WHOLE.replace('schema = "shop"', 'schema = "shop"\nsettle = "5s"\nwait = "1s"'), "wait: is shorter than settle"
    ),
    "for every shop": (WHOLE.replace("mugs", "default"), "[shops.default] has a database"),
    "two shops of one topic": (
        WHOLE.replace('schema = "shop"', 'schema = "shop"\nprefix = "x"')
        + WHOLE.replace('schema = "shop"', 'schema = "shop"\nprefix = "x"').replace("mugs", "plates"),
        "is read for mugs and for plates",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "said"), BAD.values(), ids=BAD)
def test_what_cannot_be_is_said_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    assert any(said in problem for problem in problems(tmp_path, text)), problems(tmp_path, text)


def test_the_example_of_the_page_that_says_how_to_connect_is_valid(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "connect-your-shop.md").read_text()
    blocks = [each for each in re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL) if ".cdc" in each]
    file = tmp_path / "shoprelay.toml"
    file.write_text("\n".join(blocks))
    database = load(file, {"CDC_PASSWORD": "hunter2"}).settings.databases["mugs"]

    assert database.tables.orders is not None
    assert (database.tables.orders.table, database.tables.orders.columns.total) == ("sales.bestellung", "summe")
    assert database.tables.orders.statuses == {"bezahlt": "paid"}
    assert "connector.class" in database.connector
