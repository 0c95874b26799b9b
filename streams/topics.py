"""The only place that knows the topics: names, partition counts, clean-up, retention; creates and checks them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from streams.security import Security, librdkafka_options

Cleanup = Literal["delete", "compact"]

PARTITIONS = 12
DAY_MS = 86_400_000
FRONT_DOOR_BYTES = 8 << 20
"""Largest batch the topics that others write to take."""
INSIDE_BYTES = 16 << 20
"""Of everything we write ourselves: it holds a record from the front door with more around it, so it must be wider."""
TOMBSTONE_MS = DAY_MS
"""How long a deletion stays readable in a compacted topic. The engine reuses state copies younger than half of this."""
SEGMENT_BYTES = 64 << 20
"""The active segment is never compacted; at Kafka's default of 1 GiB a restore would read nearly all of history."""
REPAIR_MS = 600_000
"""Compaction keeps the last record of a key, whoever wrote it; a new owner of a state partition needs this long at most
to notice what a former one wrote late, and to write its own again (`streams.engine.fence`)."""

DEADLINE_SECONDS = 30.0


class TopicsUnavailable(Exception):
    """Kafka did not answer, or would not create a topic. The message says which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic as the product relies on it. `retention_ms` is None where clean-up is by compaction."""

    name: str
    partitions: int = PARTITIONS
    cleanup: Cleanup = "delete"
    retention_ms: int | None = None
    max_message_bytes: int = INSIDE_BYTES
    foreign: bool = False
    """Somebody else's, who may have created it to his liking: that it is there is enough."""

    def config(self) -> dict[str, str]:
        """What is set when the topic is created."""
        config = {"cleanup.policy": self.cleanup, "max.message.bytes": str(self.max_message_bytes)}
        if self.cleanup == "compact":
            config |= {"delete.retention.ms": str(TOMBSTONE_MS), "segment.bytes": str(SEGMENT_BYTES)}
            config["min.compaction.lag.ms"] = str(REPAIR_MS)
        if self.retention_ms is not None:
            config["retention.ms"] = str(self.retention_ms)
        return config


@dataclass(frozen=True, slots=True)
class Problem:
    """A topic that is not as the product relies on it. `str()` is one sentence with its remedy."""

    topic: str
    wrong: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.wrong}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class Topics:
    """Every topic of one installation. All share one partition count: a key has one partition number everywhere."""

    prefix: str = ""
    partitions: int = PARTITIONS

    def _topic(self, name: str, **spec: Any) -> Topic:
        return Topic(self.prefix + name, self.partitions, **spec)

    @property
    def shop_events(self) -> Topic:
        return self._topic("shop-events", retention_ms=7 * DAY_MS, max_message_bytes=FRONT_DOOR_BYTES)

    @property
    def webhooks(self) -> Topic:
        return self._topic("webhooks", retention_ms=7 * DAY_MS, max_message_bytes=FRONT_DOOR_BYTES)

    @property
    def customer_events(self) -> Topic:
        return self._topic("customer-events", retention_ms=400 * DAY_MS)

    @property
    def customer_signals(self) -> Topic:
        return self._topic("customer-signals", retention_ms=30 * DAY_MS)

    @property
    def catalog_events(self) -> Topic:
        return self._topic("catalog-events", cleanup="compact")

    @property
    def catalog_signals(self) -> Topic:
        return self._topic("catalog-signals", retention_ms=30 * DAY_MS)

    @property
    def customers_changelog(self) -> Topic:
        return self._topic("customers-changelog", cleanup="compact")

    @property
    def catalog_changelog(self) -> Topic:
        return self._topic("catalog-changelog", cleanup="compact")

    @property
    def row_changes(self) -> Topic:
        """Rows of shops' databases on their way to what they are rows of."""
        return self._topic("row-changes", retention_ms=7 * DAY_MS)

    @property
    def rows_changelog(self) -> Topic:
        return self._topic("rows-changelog", cleanup="compact")

    def of_database(self, name: str) -> Topic:
        """One of Debezium's, by its whole name; what it has created itself is as good."""
        return Topic(name, self.partitions, retention_ms=7 * DAY_MS, max_message_bytes=FRONT_DOOR_BYTES, foreign=True)

    @property
    def positions(self) -> Topic:
        """How far each source that we ask has been read, by its account's name."""
        return self._topic("positions", cleanup="compact")

    @property
    def refused(self) -> Topic:
        return self._topic("refused", retention_ms=30 * DAY_MS)

    def parked(self, sink: str) -> Topic:
        return self._topic(f"parked-{sink}", cleanup="compact")

    def redrive(self, sink: str) -> Topic:
        return self._topic(f"redrive-{sink}", retention_ms=30 * DAY_MS)

    def kept(self, sink: str) -> Topic:
        """What this account of a platform was given, and how far it has heard history; encrypted."""
        return self._topic(f"kept-{sink}", cleanup="compact")

    def all(self, sinks: Iterable[str] = (), databases: Iterable[str] = ()) -> list[Topic]:
        """Everything, with the three topics of each named sink, and where there are topics of databases, with these and
        what they need."""
        shared = [
            self.shop_events,
            self.webhooks,
            self.customer_events,
            self.customer_signals,
            self.catalog_events,
            self.catalog_signals,
            self.customers_changelog,
            self.catalog_changelog,
            self.positions,
            self.refused,
        ]
        shared += [topic for sink in sinks for topic in (self.parked(sink), self.redrive(sink), self.kept(sink))]
        if tables := [self.of_database(name) for name in databases]:
            shared += [self.row_changes, self.rows_changelog, *tables]
        return shared


def all_topics(partitions: int = PARTITIONS, sinks: Iterable[str] = (), prefix: str = "") -> list[Topic]:
    return Topics(prefix, partitions).all(sinks)


async def create(
    bootstrap: str, topics: Iterable[Topic], replication: int | None = None, security: Security | None = None
) -> list[str]:
    """Creates what is missing and waits until every broker-side leader is known; changes nothing that exists.

    `replication` defaults to three, or to the number of brokers where there are fewer. Returns the names created.
    Raises `TopicsUnavailable`.
    """
    admin = _admin(bootstrap, security)
    wanted = {topic.name: topic for topic in topics}
    metadata = await _metadata(admin)
    copies = replication or min(3, len(metadata.brokers))
    extra = {"min.insync.replicas": str(_in_sync(copies))}
    missing = [topic for name, topic in wanted.items() if name not in metadata.topics]
    if not missing:
        return []
    new = [NewTopic(t.name, t.partitions, copies, config=t.config() | extra) for t in missing]
    created = []
    for name, future in admin.create_topics(new, operation_timeout=DEADLINE_SECONDS).items():
        try:
            await asyncio.wrap_future(future)
            created.append(name)
        except KafkaException as refused:
            if refused.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise TopicsUnavailable(f"{name}: not created: {_why(refused)}; {_remedy(refused)}") from None
    await _until_known(admin, wanted)
    return created


async def check(
    bootstrap: str, topics: Iterable[Topic], replication: int | None = None, security: Security | None = None
) -> list[Problem]:
    """What of a running cluster is not as the product relies on it, in the order of `topics`.

    Raises `TopicsUnavailable`. Longer retention, larger messages and more replicas than asked for are no problem.
    """
    admin = _admin(bootstrap, security)
    wanted = list(topics)
    metadata = await _metadata(admin)
    copies = replication or min(3, len(metadata.brokers))
    present = [topic for topic in wanted if topic.name in metadata.topics]
    configs = await _configs(admin, [topic.name for topic in present])
    problems: list[Problem] = []
    for topic in wanted:
        if topic.name not in metadata.topics:
            problems.append(Problem(topic.name, "there is no such topic", "run `shoprelay topics create`"))
            continue
        if topic.foreign:
            continue
        partitions = metadata.topics[topic.name].partitions
        problems += _layout(topic, [len(p.replicas) for p in partitions.values()], copies)
        problems += _settings(topic, configs[topic.name], copies)
    return problems


def _layout(topic: Topic, replicas: list[int], copies: int) -> Iterable[Problem]:
    if len(replicas) != topic.partitions:
        yield Problem(
            topic.name,
            f"has {len(replicas)} partitions, {topic.partitions} are expected",
            "a count cannot be changed in place, keys would move: set topics.partitions to what all topics have, "
            "or delete this topic while it is empty and run `shoprelay topics create`",
        )
    if replicas and min(replicas) < copies:
        yield Problem(
            topic.name,
            f"has {min(replicas)} replicas, {copies} are expected",
            "add replicas with kafka-reassign-partitions.sh",
        )


def _settings(topic: Topic, actual: Mapping[str, str], copies: int) -> Iterable[Problem]:
    def wrong(name: str, expected: str, to: object) -> Problem:
        alter = f"kafka-configs.sh --alter --topic {topic.name} --add-config {name}={to}"
        return Problem(topic.name, f"{name} is {actual.get(name)}, expected {expected}", f"set it with {alter}")

    if actual.get("cleanup.policy") != topic.cleanup:
        yield wrong("cleanup.policy", topic.cleanup, topic.cleanup)
    at_least = {"max.message.bytes": topic.max_message_bytes, "min.insync.replicas": _in_sync(copies)}
    if topic.retention_ms is not None:
        at_least["retention.ms"] = topic.retention_ms
    if topic.cleanup == "compact":
        at_least["delete.retention.ms"] = TOMBSTONE_MS
    for name, least in at_least.items():
        value = int(actual.get(name, "0"))
        unlimited = name == "retention.ms" and value == -1
        if value < least and not unlimited:
            yield wrong(name, f"at least {least}", least)
    if topic.cleanup == "delete" and int(actual.get("retention.bytes", "-1")) != -1:
        yield wrong("retention.bytes", "no limit: a full topic forgets events that are still young", -1)


def _in_sync(copies: int) -> int:
    """One replica may be away without stopping writes, where there are enough for that."""
    return max(1, copies - 1)


def _admin(bootstrap: str, security: Security | None) -> Any:
    return AdminClient({"bootstrap.servers": bootstrap, "log_level": 0, **librdkafka_options(security)})


async def _metadata(admin: Any) -> Any:
    try:
        return await asyncio.to_thread(admin.list_topics, timeout=DEADLINE_SECONDS)
    except KafkaException as silent:
        raise TopicsUnavailable(
            f"Kafka does not answer: {_why(silent)}; check kafka.bootstrap and the security settings"
        ) from None


async def _configs(admin: Any, names: list[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    found: dict[str, dict[str, str]] = {}
    for resource, future in admin.describe_configs(resources, request_timeout=DEADLINE_SECONDS).items():
        try:
            entries = await asyncio.wrap_future(future)
        except KafkaException as refused:
            raise TopicsUnavailable(f"{resource.name}: not described: {_why(refused)}; {_remedy(refused)}") from None
        found[resource.name] = {name: entry.value for name, entry in entries.items()}
    return found


async def _until_known(admin: Any, wanted: Mapping[str, Topic]) -> None:
    """A created topic has no leaders yet for a moment; a worker that starts then would see half of it."""

    async def known() -> bool:
        described = admin.describe_topics(TopicCollection(list(wanted)), request_timeout=DEADLINE_SECONDS)
        for future in described.values():
            try:
                topic = await asyncio.wrap_future(future)
            except KafkaException:
                return False
            if any(partition.leader is None for partition in topic.partitions):
                return False
        return True

    await _wait(known, f"the new topics have no leaders after {DEADLINE_SECONDS:.0f} s; look at the brokers' logs")


async def _wait(condition: Callable[[], Awaitable[bool]], otherwise: str) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + DEADLINE_SECONDS
    while not await condition():
        if loop.time() > until:
            raise TopicsUnavailable(otherwise)
        await asyncio.sleep(0.1)


def _why(error: KafkaException) -> str:
    return str(error.args[0].str())


def _remedy(error: KafkaException) -> str:
    code = error.args[0].code()
    if code in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED):
        return "allow this user Create, Describe and DescribeConfigs on it"
    if code == KafkaError.INVALID_REPLICATION_FACTOR:
        return "start more brokers or ask for fewer replicas"
    if code in (KafkaError._UNSUPPORTED_FEATURE, KafkaError.UNSUPPORTED_VERSION):
        return "the embedded broker is given its topics when it starts; a real Kafka must be 2.4 or later"
    return "look at the brokers' logs"
