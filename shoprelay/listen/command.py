"""`shoprelay listen`: the topics, their codecs, and a terminal. Returns its exit code."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from schemas.codec import Undecodable
from schemas.records import Parked, Refused
from schemas.registry import Registry, RegistryError
from shoprelay.connections import SUBJECTS, codec_of, librdkafka_of, registry_of
from shoprelay.hooks import doors_of
from shoprelay.listen import heard, render
from shoprelay.listen.heard import Heard, Sort, Wanted
from shoprelay.listen.tail import Tail
from shoprelay.listen.webhooks import WHOSE, delivered, headers_of
from shoprelay.parked.reading import Decoding
from shoprelay.parked.speech import odd, say
from shoprelay.settings import Configuration
from sources.webhooks.contract import ShopSettings, Source
from streams.worker.rowlog import shop_of

TOLD_APART = "invalid"  # the reason of an event that could be read, and was refused for what it says


class Ear:
    """Records of our topics as lines. A topic is known by its name without the prefix."""

    def __init__(self, configuration: Configuration, registry: Registry) -> None:
        self._configuration, self._registry = configuration, registry
        self._prefix = configuration.settings.topics.prefix
        self._doors = doors_of(configuration)
        databases = configuration.settings.databases.items()
        self._databases = {topic: shop for shop, each in databases for topic in each.topics_of(shop)}
        self._codecs: dict[str, Decoding[Any]] = {
            topic: Decoding(codec_of(registry, configuration, topic, schema, kind)) for topic, schema, kind in SUBJECTS
        }
        self.topics: dict[str, Sort] = {
            "shop-events": "events", "webhooks": "events", "customer-events": "events", "customer-signals": "signals",
            "catalog-signals": "signals", "refused": "refused",
        }  # fmt: skip
        for name in configuration.accounts:
            self.topics[f"parked-{name}"] = "parked"

    def wanted(self, only: frozenset[str]) -> Callable[[set[str]], set[str]]:
        """Of the topics that there are."""
        names = {self._prefix + topic for topic, sort in self.topics.items() if sort in only}
        return names.intersection

    def missing(self, there: set[str], only: frozenset[str]) -> list[str]:
        names = (self._prefix + topic for topic, sort in self.topics.items() if sort in only)
        return [name for name in names if name not in there]

    async def hears(self, record: Any) -> tuple[Heard, ...]:
        """Never fails: what cannot be read is a line, too."""
        topic = record.topic().removeprefix(self._prefix)
        at = datetime.fromtimestamp(record.timestamp()[1] / 1000, UTC)
        try:
            if topic == "webhooks":
                return delivered(at, headers_of(record.headers() or ()), record.value() or b"", self._hooks)
            line = await self._heard(topic, at, record)
        except Undecodable as broken:
            line = heard.unreadable(at, self.topics[topic], topic, f"{broken.reason}: {broken.problem}")
        except RegistryError as away:
            line = heard.unreadable(at, self.topics[topic], topic, str(away))
        return () if line is None else (line,)

    async def _heard(self, topic: str, at: datetime, record: Any) -> Heard | None:
        value = record.value()
        if self.topics[topic] == "parked":
            name, parked_id = topic.removeprefix("parked-"), (record.key() or b"").decode(errors="replace")
            call = None if value is None else await self._parked(topic)(value)
            return heard.parked(at, name, call, parked_id)
        read = await self._codecs[topic](value or b"")
        match topic:
            case "shop-events":
                return heard.event(at, read)
            case "customer-events":
                return heard.entry(at, read)
            case "customer-signals":
                return heard.signal(at, read)
            case "catalog-signals":
                return heard.catalog(at, read)
        return await self._refused(at, read)

    async def _refused(self, at: datetime, why: Refused) -> Heard:
        original = None
        if why.reason == TOLD_APART and why.topic == f"{self._prefix}shop-events" and why.value:
            original = await self._codecs["shop-events"](why.value)
        said = headers_of((header.name, header.value) for header in why.headers)
        return heard.refused(at, why, original, said.get(WHOSE) or self._of_database(why))

    def _of_database(self, why: Refused) -> str:
        """The shop; of rows that did not find one another it stands in their key."""
        if why.topic == f"{self._prefix}row-changes":
            return shop_of(why.key or b"")
        return self._databases.get(why.topic, "")

    def _hooks(self, shop: str, system: str) -> tuple[Source, ShopSettings] | None:
        door = self._doors.get((shop, system))
        return None if door is None else (door.source, door.shop)

    def _parked(self, topic: str) -> Decoding[Parked]:
        if topic not in self._codecs:
            self._codecs[topic] = Decoding(codec_of(self._registry, self._configuration, topic, "parked.avsc", Parked))
        return self._codecs[topic]


async def listen(
    out: Console, err: Console, configuration: Configuration, wanted: Wanted, *, follow: bool, show_personal: bool
) -> int:
    """Until it is interrupted; without `follow` until all that is there was shown. Raises `TopicsUnavailable`."""
    registry = registry_of(configuration)
    kafka = configuration.settings.kafka
    ear = Ear(configuration, registry)
    try:
        with Tail(
            librdkafka_of(kafka), ear.wanted(wanted.only), wanted.since, lambda text: odd(err, text), not kafka.embedded
        ) as tail:
            there = await tail.begin()
            for name in ear.missing(there, wanted.only):
                odd(err, f"{name}: there is no such topic yet; `shoprelay topics create` makes it")
            if follow:
                say(err, f"listening to {len(there)} topics; Ctrl-C ends it")
            async for records in tail.records():
                for record in records:
                    for line in filter(wanted, await ear.hears(record)):
                        out.print(render.line(line, None, show_personal), soft_wrap=True, highlight=False)
                if not follow and tail.caught_up:
                    break
    finally:
        await registry.close()
    return 0
