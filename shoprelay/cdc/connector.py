"""What Debezium is told: the operator's own properties, and those without which our worker could not read it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from shoprelay.database_settings import Database

POSTGRES = "PostgresConnector"
FILES = "io.debezium.storage.file.history.FileSchemaHistory"
OFFSETS = "org.apache.kafka.connect.storage.FileOffsetBackingStore"
OURS = {
    "decimal.handling.mode": "precise",  # an amount that went through a double is not exact
    "tombstones.on.delete": "true",
    "converter.schemas.enable": "true",  # without schemas times and amounts would be guessed
    "offset.storage": OFFSETS,
    "offset.flush.interval.ms": "1000",  # what is told again is known by its place
}
DEFAULTS = {
    "heartbeat.interval.ms": "5000",  # while other tables are written, the database may forget its log
    "snapshot.mode": "initial",
    "publication.autocreate.mode": "disabled",
}


def properties(shop: str, database: Database, folder: Path) -> dict[str, str]:
    """`folder` is where its place in the database's log is kept. Secrets are among the values: never log them."""
    given = {**database.connector, **{name: value.get_secret_value() for name, value in database.secrets.items()}}
    told = {**DEFAULTS, **given, **OURS}
    told |= {
        "name": f"shoprelay-{shop}",
        "topic.prefix": database.prefix_of(shop),
        "offset.storage.file.filename": str(folder / "offsets.dat"),
        "table.include.list": given.get("table.include.list") or ",".join(_tables(shop, database)),
    }
    if _class(given).endswith(POSTGRES):
        told.setdefault("plugin.name", "pgoutput")
        told.setdefault("slot.name", "shoprelay_" + re.sub(r"[^a-z0-9_]", "_", shop.lower()))
    else:  # it has to remember how tables looked when the log was written
        told.setdefault("schema.history.internal", FILES)
        told.setdefault("schema.history.internal.file.filename", str(folder / "schemas.dat"))
    return told


def _class(given: Mapping[str, str]) -> str:
    return given.get("connector.class", "")


def _tables(shop: str, database: Database) -> list[str]:
    """`schema.table`, as the topics end."""
    prefix = f"{database.prefix_of(shop)}."
    return [re.escape(topic.removeprefix(prefix)) for topic in database.topics_of(shop) if topic.startswith(prefix)]
