"""Envelopes as they come off the topics of a database: Avro behind a schema id, or JSON; Debezium writes either.

A schema not seen before is fetched once; a registry that is away is waited for, and nothing is lost, while lag and the
watchdog show it.
"""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import fastavro
import structlog

from schemas.registry import NotRegistered, Registry, RegistryUnavailable
from sources.debezium.envelope import Nothing, Read, read, read_json
from sources.debezium.row import Unread
from streams.worker.decoding import FIRST_WAIT, LONGEST_WAIT
from streams.worker.ports import Record

log = structlog.get_logger("shoprelay.worker")
HEAD = 5
KEPT = 1_000  # schemas: a table has two, and two more with each change of its columns
UNKNOWN = "let the connector write into the registry that Shoprelay reads ([registry] url), Confluent framing"
REGISTER = Unread(None, "has a schema that the registry does not know", UNKNOWN)
NOT_AVRO = Unread(None, "has a schema that is not Avro", "use the Avro converter, or JSON without a registry")
MISFIT = Unread(None, "does not fit the schema that its id names", UNKNOWN)


class Unfitting(Exception):
    """These bytes will never be read."""

    def __init__(self, why: Unread) -> None:
        super().__init__(str(why))
        self.why = why


@dataclass(slots=True)
class Schema:
    """As the registry has it, and as fastavro wants it."""

    written: Any
    parsed: Any


@dataclass(frozen=True, slots=True)
class Envelopes:
    """`await envelopes(record)` says what a record is. Raises RegistryDenied."""

    registry: Registry
    _schemas: dict[int, Schema] = field(default_factory=dict)

    async def __call__(self, record: Record) -> Read:
        value, headers = record.value, _names(record.headers)
        if not value:
            return Nothing("tombstone")
        if value[0] != 0:
            return read_json(record.key, value, headers)
        try:
            told, value_schema = await self._avro(value)
            key, key_schema = await self._avro(record.key or b"")
        except Unfitting as bad:
            return bad.why
        return read(key, told, headers, key_schema, value_schema)

    async def _avro(self, framed: bytes) -> tuple[object, object]:
        """The object in these bytes, and its writer's schema. A key may be JSON where the values are not."""
        if not framed or framed[0] != 0:
            return _plain(framed), None
        if len(framed) < HEAD:
            raise Unfitting(MISFIT)
        schema = await self._schema(int.from_bytes(framed[1:HEAD], "big"))
        try:
            return fastavro.schemaless_reader(io.BytesIO(framed[HEAD:]), schema.parsed, None), schema.written
        except Exception:  # whatever damaged bytes do to a reader, the next record is read
            raise Unfitting(MISFIT) from None

    async def _schema(self, schema_id: int) -> Schema:
        if schema_id not in self._schemas:
            if len(self._schemas) >= KEPT:
                del self._schemas[next(iter(self._schemas))]
            self._schemas[schema_id] = await self._fetched(schema_id)
        return self._schemas[schema_id]

    async def _fetched(self, schema_id: int) -> Schema:
        wait = FIRST_WAIT
        while True:
            try:
                writer = await self.registry.writer(schema_id)
                break
            except NotRegistered:
                raise Unfitting(REGISTER) from None
            except RegistryUnavailable as away:
                log.warning("the schema registry is away; waiting", schema_id=schema_id, error=str(away))
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT)
        if writer.kind != "AVRO":
            raise Unfitting(NOT_AVRO)
        try:
            written = json.loads(writer.schema)
            return Schema(written, fastavro.parse_schema(written))
        except (ValueError, RecursionError, fastavro.schema.SchemaParseException):
            raise Unfitting(NOT_AVRO) from None


def _plain(key: bytes) -> object:
    try:
        return json.loads(key) if key else None
    except (ValueError, RecursionError):
        return None


def _names(headers: Sequence[tuple[str, bytes]]) -> set[str]:
    return {name for name, _ in headers}
