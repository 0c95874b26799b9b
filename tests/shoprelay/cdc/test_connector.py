"""What Debezium is told of a shop's database, and what an operator may not say."""

from __future__ import annotations

from pathlib import Path

import pytest

from shoprelay.cdc.connector import properties
from shoprelay.database_settings import Database
from shoprelay.settings import Misconfigured, load

TEXT = """
[shops.mugs.cdc]
schema = "shop"
[shops.mugs.cdc.tables]
preset = "reference"
[shops.mugs.cdc.connector]
"connector.class" = "io.debezium.connector.postgresql.PostgresConnector"
"database.hostname" = "db.mugs.example"
[shops.mugs.cdc.secrets]
"database.password" = "env:DB"
"""
FOLDER = Path("/state")


def database(folder: Path, text: str = TEXT) -> Database:
    file = folder / "shoprelay.toml"
    file.write_text(text)
    return load(file, {"DB": "hunter2"}).settings.databases["mugs"]


def test_the_operators_own_properties_stand_beside_ours(tmp_path: Path) -> None:
    told = properties("mugs", database(tmp_path), FOLDER)

    assert told["database.hostname"] == "db.mugs.example"
    assert told["database.password"] == "hunter2"
    assert (told["topic.prefix"], told["plugin.name"], told["slot.name"]) == ("cdc.mugs", "pgoutput", "shoprelay_mugs")
    assert (told["decimal.handling.mode"], told["converter.schemas.enable"]) == ("precise", "true")
    assert told["offset.storage.file.filename"] == "/state/offsets.dat"
    assert set(told["table.include.list"].split(",")) >= {r"shop\.orders", r"shop\.order_lines"}
    assert "schema.history.internal" not in told


def test_a_binlog_needs_the_history_of_its_tables(tmp_path: Path) -> None:
    text = TEXT.replace("postgresql.PostgresConnector", "mysql.MySqlConnector")
    told = properties("mugs", database(tmp_path, text), FOLDER)

    assert told["schema.history.internal.file.filename"] == "/state/schemas.dat"
    assert "slot.name" not in told


def test_a_slot_of_ones_own_is_taken(tmp_path: Path) -> None:
    text = TEXT.replace('"database.hostname"', '"slot.name" = "mine"\n"database.hostname"')

    assert properties("mugs", database(tmp_path, text), FOLDER)["slot.name"] == "mine"


def test_a_password_does_not_print(tmp_path: Path) -> None:
    assert "hunter2" not in repr(database(tmp_path))


BAD = {
    "a password among what everybody reads": (
        '"database.password" = "env:DB"\n"database.hostname"', "database.password belongs into secrets"
    ),
    "what is ours to say": ('"topic.prefix" = "x"\n"database.hostname"', "topic.prefix: is set by Shoprelay"),
}  # fmt: skip


@pytest.mark.parametrize(("line", "said"), BAD.values(), ids=BAD)
def test_what_may_not_be_said_is_named(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(Misconfigured) as wrong:
        database(tmp_path, TEXT.replace('"database.hostname"', line))
    assert any(said in problem for problem in wrong.value.problems), wrong.value.problems


def test_a_password_in_plain_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as wrong:
        database(tmp_path, TEXT.replace("env:DB", "hunter2"))
    assert wrong.value.problems == [
        "shops.mugs.cdc.secrets.database.password: a secret in plain text; write env:NAME or file:PATH instead"
    ]
