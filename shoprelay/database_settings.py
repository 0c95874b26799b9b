"""What an operator may set of a shop's database: which topics Debezium tells it on, and which table is what."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr, model_validator

from shoprelay.parts import Duration, Http, Part
from sources.debezium import tables
from sources.debezium.state import Rules
from sources.debezium.tables import TableMap

# what `shoprelay.cdc.connector` says itself
RESERVED = frozenset(
    {
        "name",
        "topic.prefix",
        "decimal.handling.mode",
        "tombstones.on.delete",
        "converter.schemas.enable",
        "offset.storage",
        "offset.flush.interval.ms",
        "offset.storage.file.filename",
    }
)
TOPIC = r"^[a-zA-Z0-9._-]{1,249}$"
Topic = Annotated[str, Field(pattern=TOPIC)]


def mapped(raw: object) -> TableMap:
    """ValueError with everything that is wrong with a table map."""
    if isinstance(raw, TableMap):
        return raw
    try:
        return tables.read(raw)
    except tables.BadMap as bad:
        raise ValueError("; ".join(bad.problems)) from None


class Database(Part):
    """`[shops.NAME.cdc]`. Without `topics` they are PREFIX.SCHEMA.TABLE of every table that is mapped, as Debezium
    names them."""

    prefix: Topic | None = Field(None, description="the connector's topic.prefix; cdc.NAME where none is set")
    space: str | None = Field(None, alias="schema", description="of tables that name none; of MySQL the database")
    topics: tuple[Topic, ...] = Field((), max_length=100, description="their whole names, where they are others")
    routed: tuple[Topic, ...] = Field((), max_length=100, description="of an outbox's EventRouter; they hold our JSON")
    tables: Annotated[TableMap, BeforeValidator(mapped)] = TableMap()
    settle: Duration = Field(timedelta(seconds=2), description="rows without a count are whole after such a silence")
    wait: Duration = Field(timedelta(seconds=60), description="for a missing part, until it is refused")
    connector: dict[str, str] = Field({}, description="for `shoprelay cdc` alone: Debezium's own properties")
    secrets: dict[str, SecretStr] = Field({}, description="those of its properties that nobody should read")
    http: Http = Http()

    @model_validator(mode="after")
    def _named(self) -> Database:
        if not self.routed and not any(self.tables.tables()):
            raise ValueError(
                'tables: required, and not set: choose a preset, or map one; or name the topics in "routed"'
            )
        if not self.topics and not self.space and any("." not in table.table for _, table in self.tables.tables()):
            raise ValueError('a table names no schema; write schema = "public", or of MySQL the database')
        if self.wait < self.settle:
            raise ValueError("wait: is shorter than settle; a part cannot be missed before the rows have settled")
        return self

    @model_validator(mode="after")
    def _well_told(self) -> Database:
        """What is a secret is none of the plain ones, and what is ours to say nobody else says."""
        for name in self.connector:
            if "password" in name or "secret" in name:
                raise ValueError(f'connector: {name} belongs into secrets, as "env:NAME"')
        if ours := sorted(RESERVED & {*self.connector, *self.secrets}):
            raise ValueError(f"connector: {', '.join(ours)}: is set by Shoprelay; leave it out")
        return self

    def prefix_of(self, shop: str) -> str:
        """The connector's `topic.prefix`: what the names of its topics begin with, before the dot."""
        return self.prefix or f"cdc.{shop}"

    def topics_of(self, shop: str) -> tuple[str, ...]:
        return tuple(sorted({*self._of_tables(shop), *self.routed}))

    def _of_tables(self, shop: str) -> tuple[str, ...]:
        if self.topics:
            return self.topics
        prefix = self.prefix_of(shop)
        names = [table.table for _, table in self.tables.tables()]
        return tuple(f"{prefix}.{name if '.' in name else f'{self.space}.{name}'}" for name in names)

    def rules(self, shop: str) -> Rules:
        return Rules(shop=shop, settle=self.settle, wait=self.wait)


def disjoint(databases: dict[str, Database]) -> None:
    """By shop. ValueError where two shops would read the same topic: whose rows are they?"""
    owners: dict[str, str] = {}
    for shop, database in databases.items():
        for topic in database.topics_of(shop):
            if (other := owners.setdefault(topic, shop)) != shop:
                raise ValueError(f"{topic} is read for {other} and for {shop}; give each its own prefix or topics")
