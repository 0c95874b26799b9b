"""Decoding with patience: a schema not seen before is fetched once; a registry that is away is waited for."""

from __future__ import annotations

import asyncio
from typing import TypeVar

import msgspec
import structlog

from schemas.codec import Codec, SchemaMissing
from schemas.registry import RegistryUnavailable

log = structlog.get_logger("shoprelay.worker")
T = TypeVar("T", bound=msgspec.Struct)
FIRST_WAIT, LONGEST_WAIT = 0.2, 5.0


async def decoded(codec: Codec[T], value: bytes | None) -> T:
    """The record's event. Raises `Undecodable`; never because the registry is away: then it waits, and nothing is
    lost, while lag and the watchdog show it."""
    wait = FIRST_WAIT
    while True:
        try:
            return codec.decode(value or b"")
        except SchemaMissing as missing:
            try:
                await codec.fetch(missing.schema_id)
            except RegistryUnavailable as away:
                log.warning("the schema registry is away; waiting", schema_id=missing.schema_id, error=str(away))
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT)
