"""What a connector wrote: every record of a shop's topics, decoded by its own writer's schema and read as a change."""

from __future__ import annotations

import asyncio
import io
import json
import struct
import time
from dataclasses import dataclass
from typing import Any

import fastavro
from confluent_kafka import Consumer, KafkaError, TopicPartition

from schemas.registry import Registry
from sources.debezium.envelope import Change, Read, read, read_json
from tests.system.procs import Record, record_of

MAGIC = 0


@dataclass(frozen=True, slots=True)
class Heard:
    """`read` is what `sources.debezium.envelope` makes of it; key and value are as decoded."""

    record: Record
    key: Any
    value: Any
    read: Read

    @property
    def op(self) -> str:
        """Debezium's letter; empty where the record is no envelope of a row."""
        return str(self.value.get("op", "")) if isinstance(self.value, dict) else ""


def changes(heard: list[Heard], table: str = "") -> list[Change]:
    """Those of the table; `shop.orders` and `orders` name the same."""
    found = [each.read for each in heard if isinstance(each.read, Change)]
    return [change for change in found if not table or change.table.rpartition(".")[2] == table.rpartition(".")[2]]


class Feed:
    """Everything under a prefix, in a topic's order. Connect writes exactly once for whoever reads `read_committed`;
    others see again what a connector wrote that died before it could commit."""

    def __init__(self, kafka: str, registry: str, prefix: str, isolation: str = "read_committed") -> None:
        self._consumer = Consumer(
            {"bootstrap.servers": kafka, "group.id": "test", "enable.auto.commit": False, "log_level": 0,
             "fetch.wait.max.ms": 10, "isolation.level": isolation, "enable.partition.eof": True}
        )  # fmt: skip
        self.kafka, self.url = kafka, registry
        self.registry = Registry(registry)
        self._schemas: dict[int, Any] = {}
        self._prefix = prefix
        self._next: dict[tuple[str, int], int] = {}
        self.heard: list[Heard] = []

    async def catch_up(self) -> list[Heard]:
        """All there was until now."""
        for record in await asyncio.to_thread(self._new):
            self.heard.append(await self._decoded(record))
        return self.heard

    async def close(self) -> None:
        await self.registry.close()
        await asyncio.to_thread(self._consumer.close)

    def topics(self) -> dict[str, list[int]]:
        """Of the prefix, with their partitions; those beside it, as the heartbeats' and the history's, included."""
        beside = (self._prefix, f"__debezium-heartbeat.{self._prefix}", self._prefix.replace("cdc.", "cdc-history."))
        listed = self._consumer.list_topics(timeout=15).topics
        return {
            name: sorted(listed[name].partitions)
            for name in sorted(listed)
            if name in beside or name.startswith(f"{self._prefix}.")
        }

    def _new(self) -> list[Record]:
        ahead = {(name, number) for name, numbers in self.topics().items() for number in numbers}
        ahead = {(name, number) for name, number in ahead if not name.startswith("cdc-history.")}
        self._consumer.assign([TopicPartition(*each, self._next.get(each, 0)) for each in sorted(ahead)])
        found, deadline = [], time.monotonic() + 30
        while ahead:
            assert time.monotonic() < deadline, f"could not be read to their ends: {ahead}"
            message = self._consumer.poll(0.1)
            if message is None:
                continue
            place = str(message.topic()), int(message.partition() or 0)
            if (error := message.error()) is None:
                found.append(record_of(message))
            elif error.code() == KafkaError._PARTITION_EOF:
                self._next[place] = int(message.offset() or 0)
                ahead.discard(place)
        return found

    async def _decoded(self, record: Record) -> Heard:
        if record.key is not None and record.key[:1] == b"{":
            read_as = read_json(record.key, record.value, record.headers)
            return Heard(record, json.loads(record.key), json.loads(record.value) if record.value else None, read_as)
        key, key_schema = await self._avro(record.key)
        value, value_schema = await self._avro(record.value)
        return Heard(record, key, value, read(key, value, record.headers, key_schema, value_schema))

    async def _avro(self, told: bytes | None) -> tuple[Any, Any]:
        """The value, and the writer's schema as the registry has it."""
        if told is None:
            return None, None
        magic, number = struct.unpack(">bI", told[:5])
        assert magic == MAGIC, "not in the Confluent format: look at the converter's headers.enabled"
        if number not in self._schemas:
            self._schemas[number] = json.loads((await self.registry.writer(number)).schema)
        rest = io.BytesIO(told[5:])
        value = fastavro.schemaless_reader(rest, self._schemas[number], None)
        assert not rest.read(), "bytes are left over"
        return value, self._schemas[number]
