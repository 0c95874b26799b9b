"""The sample records of Debezium's own documentation and tests, which nobody here wrote."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sources.debezium.envelope import Change, Nothing, Read, read_json
from sources.debezium.row import Unread

pytestmark = pytest.mark.real
KEY = b'{"id": 1004}'
TELLS = {  # file -> operation, and one thing it shows
    "docs/mysql-mariadb/create-events.json": ("created", "Anne"),
    "docs/mysql-mariadb/delete-events.json": ("deleted", None),
    "docs/mysql-mariadb/update-events.json": ("updated", "Anne Marie"),
    "docs/tutorial-create/review-the-details-of-the-same-event-s-value-..json": ("read", "Anne"),
    "docs/tutorial-delete/review-the-key-and-value-for-the-first-new-event._2.json": ("deleted", None),
    "docs/tutorial-update/switch-to-the-terminal-running-kafka-console-consumer-to-see_2.json": (
        "updated",
        "Anne Marie",
    ),
    "serde/serde-unknown-property.json": ("updated", "Anne"),
    "serde/serde-update.json": ("updated", "Anne"),
    "serde/serde-with-schema.json": ("created", "Anne"),
    "serde/serde-without-schema.json": ("created", "Anne"),
}
NOTHING = {
    "docs/mysql-mariadb/example.json": "transaction",
    "docs/mysql-mariadb/example_2.json": "transaction",
    "docs/tutorial-delete/review-the-key-and-value-for-the-second-new-event..json": "tombstone",
}
REASON = {
    "docs/mysql-mariadb/truncate-events.json": "op",
    "docs/mysql-mariadb/change-data-event-enrichment.json": "source.table",  # elided there
    "serde/serde-unwrapped.json": None,
}


def samples(data: Path) -> dict[str, bytes]:
    here = data / "debezium-samples"
    return {path.relative_to(here).as_posix(): path.read_bytes() for path in sorted(here.glob("*/**/*.json"))}


def keys(data: Path) -> dict[str, bytes]:
    """The sample keys: two columns at most, and no envelope."""
    return {name: told for name, told in samples(data).items() if name not in TELLS | NOTHING | REASON}


def heard(data: Path, name: str) -> Read:
    return read_json(KEY, samples(data)[name])


def test_every_sample_is_accounted_for(real_data: Path) -> None:
    assert len(samples(real_data)) >= 20
    assert set(TELLS | NOTHING | REASON) <= set(samples(real_data))
    assert {list(json.loads(key)["payload"]) == ["id"] for key in keys(real_data).values()} == {True}


@pytest.mark.parametrize("name", TELLS)
def test_a_change(real_data: Path, name: str) -> None:
    found = heard(real_data, name)
    assert isinstance(found, Change) and found.table == "inventory.customers"
    op, first_name = TELLS[name]
    assert found.op == op and (found.after.text("first_name") if found.after else None) == first_name
    assert 2016 <= found.at.year <= 2025 and found.position[0] in (3, 0)


@pytest.mark.parametrize("name", NOTHING)
def test_nothing(real_data: Path, name: str) -> None:
    assert heard(real_data, name) == Nothing(NOTHING[name])  # type: ignore[arg-type]


@pytest.mark.parametrize("name", REASON)
def test_a_reason(real_data: Path, name: str) -> None:
    found = heard(real_data, name)
    assert isinstance(found, Unread) and found.field == REASON[name]


def test_every_key_names_its_row(real_data: Path) -> None:
    told = samples(real_data)["docs/mysql-mariadb/update-events.json"]
    for key in keys(real_data).values():
        found = read_json(key, told)
        assert isinstance(found, Change) and found.key.entity("id") in ("1001", "1004")
