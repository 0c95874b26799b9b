"""Kafka and registry in the words of each library, and the codecs that every process shares."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import structlog

from schemas.codec import Codec
from schemas.events import CatalogEvent, CustomerEvent, ShopEvent
from schemas.records import Parked, Refused
from schemas.registry import Registry, RegistryUnavailable
from schemas.signals import CatalogSignal, Signal
from shoprelay.publish import Publisher
from shoprelay.sections import Kafka
from shoprelay.settings import Configuration
from streams import topics
from streams.security import librdkafka_options

log = structlog.get_logger("shoprelay")
REGISTRY_WAIT = 1.0  # seconds


def librdkafka_of(kafka: Kafka) -> dict[str, Any]:
    return {"bootstrap.servers": kafka.bootstrap, **librdkafka_options(kafka.security())}


def registry_of(configuration: Configuration) -> Registry:
    wanted = configuration.settings.registry
    password = wanted.password.get_secret_value() if wanted.password else ""
    return Registry(wanted.url, auth=(wanted.username, password) if wanted.username else None)


SUBJECTS: tuple[tuple[str, str, type], ...] = (
    ("shop-events", "shop_event.avsc", ShopEvent),
    ("customer-events", "customer_event.avsc", CustomerEvent),
    ("catalog-events", "catalog_event.avsc", CatalogEvent),
    ("customer-signals", "signal.avsc", Signal),
    ("catalog-signals", "catalog_signal.avsc", CatalogSignal),
    ("refused", "refused.avsc", Refused),
)


def codec_of(registry: Registry, configuration: Configuration, topic: str, schema: str, kind: type) -> Codec[Any]:
    return Codec(registry, f"{configuration.settings.topics.prefix}{topic}-value", schema, kind)


async def prepared(codecs: Iterable[Codec[Any]]) -> None:
    """Every codec knows its schema id. Waits for a registry that is away, as long as it takes."""
    for codec in codecs:
        while True:
            try:
                await codec.prepare()
                break
            except RegistryUnavailable as away:
                log.warning("the schema registry is away; waiting", error=str(away))
                await asyncio.sleep(REGISTRY_WAIT)


async def register_schemas(configuration: Configuration) -> list[tuple[str, int]]:
    """Registers every subject, parked topics included; returns subject and id."""
    registry = registry_of(configuration)
    try:
        wanted = [*SUBJECTS, *((f"parked-{name}", "parked.avsc", Parked) for name in configuration.accounts)]
        codecs = [codec_of(registry, configuration, *subject) for subject in wanted]
        return [(codec.subject, await codec.prepare()) for codec in codecs]
    finally:
        await registry.close()


async def publisher_of(configuration: Configuration, options: Mapping[str, Any] | None = None) -> Publisher:
    """`options` are librdkafka's, over our own."""
    registry = registry_of(configuration)
    try:
        codec = codec_of(registry, configuration, *SUBJECTS[0])
        await prepared([codec])
    finally:
        await registry.close()
    prefix = configuration.settings.topics.prefix
    return Publisher({**librdkafka_of(configuration.settings.kafka), **(options or {})}, codec, f"{prefix}shop-events")


def names_of(configuration: Configuration) -> topics.Topics:
    wanted = configuration.settings.topics
    return topics.Topics(wanted.prefix, wanted.partitions)


def database_topics(configuration: Configuration) -> list[str]:
    databases = configuration.settings.databases
    return sorted({topic for shop, database in databases.items() for topic in database.topics_of(shop)})
