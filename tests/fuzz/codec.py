"""Bytes in the log, framed: written by us, or with a schema that was published once, or by nobody."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

from schemas.codec import REASONS, Codec, SchemaMissing, Undecodable
from schemas.evolution import PUBLISHED
from schemas.language import FILES
from schemas.registry import NotRegistered, Registry, Writer
from tests.fuzz.target import Target


class Shelf(Registry):
    """The published versions of one schema, numbered from 1."""

    def __init__(self, stem: str) -> None:
        there = sorted((PUBLISHED / stem).glob("*.avsc"), key=lambda path: int(path.stem))
        self.schemas = [path.read_text() for path in there]

    async def register(self, subject: str, schema: str) -> int:
        return len(self.schemas)

    async def writer(self, schema_id: int) -> Writer:
        if not 0 < schema_id <= len(self.schemas):
            raise NotRegistered(f"schema {schema_id}")
        return Writer(self.schemas[schema_id - 1], "AVRO")


def codec_of(file: str) -> Codec[Any]:
    shelf = Shelf(file.removesuffix(".avsc"))
    made: Codec[Any] = Codec(shelf, "fuzz", file, FILES[file], now=lambda: 0.0)

    async def prepared() -> None:
        await made.prepare()
        for schema_id in range(1, len(shelf.schemas) + 1):
            await made.fetch(schema_id)

    asyncio.run(prepared())
    return made


def asks(codec: Codec[Any]) -> Callable[[bytes], None]:
    def one(data: bytes) -> None:
        try:
            found = codec.decode(data)
        except SchemaMissing:
            assert data[:1] == b"\x00"
            return
        except Undecodable as wrong:
            assert wrong.reason in REASONS and wrong.problem and wrong.remedy
            return
        again = codec.encode(found)
        assert codec.decode(again) == found, "what was read is not what is written"
        assert codec.encode(codec.decode(again)) == again

    return one


def compiled(codec: Codec[Any]) -> tuple[FunctionType, ...]:
    """The readers that were made of the schemas."""
    made = {id(each): each for read in codec._readers.values() for each in vars(_of(read)).values()}
    return tuple(each for each in made.values() if isinstance(each, FunctionType) and each.__name__.startswith("read"))


def _of(read: Any) -> Any:
    return type("Names", (), dict(read.__globals__))


def seeds(stem: str) -> Iterator[bytes]:
    """Every record that was kept of every version."""
    for version in sorted((PUBLISHED / stem).glob("*.jsonl")):
        for each in version.read_text().splitlines():
            yield b"\x00" + int(version.stem).to_bytes(4, "big") + base64.b64decode(json.loads(each)["body"])


def _target(file: str) -> Target:
    codec, stem = codec_of(file), file.removesuffix(".avsc")
    return Target(asks(codec), lambda: seeds(stem), is_lines=False, compiled=compiled(codec))


TARGETS = {f"codec-{file.removesuffix('.avsc')}": _target(file) for file in FILES}
