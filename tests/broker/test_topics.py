"""Topics: the table everybody relies on, made and checked on a real cluster."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiokafka
import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType

from streams.broker import EmbeddedBroker
from streams.security import Security, librdkafka_options
from streams.topics import DAY_MS, Topic, Topics, TopicsUnavailable, all_topics, check, create

MIB = 1 << 20


def test_the_table() -> None:
    table = {t.name: (t.cleanup, t.retention_ms and t.retention_ms // DAY_MS) for t in all_topics(sinks=["june"])}
    assert table == {
        "shop-events": ("delete", 7),
        "webhooks": ("delete", 7),
        "customer-events": ("delete", 400),
        "customer-signals": ("delete", 30),
        "catalog-events": ("compact", None),
        "catalog-signals": ("delete", 30),
        "customers-changelog": ("compact", None),
        "catalog-changelog": ("compact", None),
        "positions": ("compact", None),
        "refused": ("delete", 30),
        "parked-june": ("compact", None),
        "redrive-june": ("delete", 30),
        "kept-june": ("compact", None),
    }


def test_one_count_and_one_prefix_for_all() -> None:
    topics = all_topics(7, sinks=["june", "klaviyo"], prefix="staging.")
    assert {topic.partitions for topic in topics} == {7}
    assert all(topic.name.startswith("staging.") for topic in topics)
    assert Topics("staging.", 7).parked("klaviyo") in topics


def test_what_holds_a_front_door_record_is_wider_than_the_front_door() -> None:
    topics = Topics()
    for front in (topics.shop_events, topics.webhooks):
        assert front.max_message_bytes == 8 * MIB
        for inside in (topics.customer_events, topics.customer_signals, topics.refused, topics.parked("june")):
            assert inside.max_message_bytes > front.max_message_bytes


def test_the_same_security_in_librdkafkas_words() -> None:
    security = Security(
        protocol="SASL_SSL", mechanism="SCRAM-SHA-512", username="u", password="p", ca_file=Path("/ca.pem")
    )
    assert librdkafka_options(security) == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "u",
        "sasl.password": "p",
        "ssl.ca.location": "/ca.pem",
    }


async def test_the_embedded_broker_takes_no_topics_later() -> None:
    async with EmbeddedBroker([]) as broker:
        with pytest.raises(TopicsUnavailable, match="given its topics when it starts"):
            await create(broker.bootstrap, [Topic("late", 1)])


async def test_a_silent_kafka_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.topics.DEADLINE_SECONDS", 0.3)
    with pytest.raises(TopicsUnavailable, match=r"Kafka does not answer.*check kafka\.bootstrap"):
        await check("127.0.0.1:1", all_topics())


class Cluster:
    """A real Kafka, seen through topics of a prefix of its own; what was made is deleted."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.admin: Any = AdminClient({"bootstrap.servers": bootstrap})
        self.topics = Topics(f"topics-{secrets.token_hex(4)}-", 3)

    def make(self, topic: Topic, **config: str) -> None:
        new = NewTopic(topic.name, topic.partitions, 1, config=topic.config() | config)
        self.admin.create_topics([new])[topic.name].result()

    def alter(self, topic: Topic, **config: str) -> None:
        entries = [
            ConfigEntry(name.replace("_", "."), value, incremental_operation=AlterConfigOpType.SET)
            for name, value in config.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, topic.name, incremental_configs=entries)
        self.admin.incremental_alter_configs([resource])[resource].result()

    def clear(self) -> None:
        mine = [name for name in self.admin.list_topics(timeout=10).topics if name.startswith(self.topics.prefix)]
        for future in self.admin.delete_topics(mine).values() if mine else ():
            future.result()


@pytest.fixture
def cluster(test_kafka: str) -> Iterator[Cluster]:
    cluster = Cluster(test_kafka)
    yield cluster
    cluster.clear()


@pytest.mark.kafka
async def test_created_once_then_nothing_is_missing_or_wrong(cluster: Cluster) -> None:
    wanted = cluster.topics.all(["june"])
    assert sorted(await create(cluster.bootstrap, wanted)) == sorted(topic.name for topic in wanted)
    assert await check(cluster.bootstrap, wanted) == []
    assert await create(cluster.bootstrap, wanted) == []


@pytest.mark.kafka
async def test_created_topics_take_records_at_once(cluster: Cluster) -> None:
    topic = cluster.topics.shop_events
    await create(cluster.bootstrap, [topic])
    async with aiokafka.AIOKafkaProducer(
        bootstrap_servers=cluster.bootstrap, max_request_size=topic.max_message_bytes
    ) as producer:
        for partition in range(topic.partitions):
            assert (await producer.send_and_wait(topic.name, bytes(5_000_000), partition=partition)).offset == 0


@pytest.mark.kafka
async def test_missing_topics_are_named_with_the_remedy(cluster: Cluster) -> None:
    [problem] = await check(cluster.bootstrap, [cluster.topics.refused])
    assert str(problem) == f"{cluster.topics.refused.name}: there is no such topic; run `shoprelay topics create`"


@pytest.mark.kafka
async def test_a_wrong_partition_count_is_found(cluster: Cluster) -> None:
    topic = cluster.topics.customer_events
    await create(cluster.bootstrap, [topic])
    [problem] = await check(cluster.bootstrap, [dataclasses.replace(topic, partitions=12)])
    assert problem.wrong == "has 3 partitions, 12 are expected"
    assert "cannot be changed in place" in problem.remedy


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("cleanup_policy", "compact", "delete"),
        ("cleanup_policy", "compact,delete", "delete"),
        ("retention_ms", "86400000", "at least 34560000000"),
        ("max_message_bytes", "1000000", "at least 16777216"),
        ("retention_bytes", "1000000", "no limit: a full topic forgets events that are still young"),
    ],
)
async def test_a_wrong_setting_is_found(cluster: Cluster, setting: str, value: str, expected: str) -> None:
    topic = cluster.topics.customer_events
    await create(cluster.bootstrap, [topic])
    cluster.alter(topic, **{setting: value})
    [problem] = await check(cluster.bootstrap, [topic])
    name = setting.replace("_", ".")
    assert problem.wrong == f"{name} is {value}, expected {expected}"
    assert f"--alter --topic {topic.name} --add-config {name}=" in problem.remedy


@pytest.mark.kafka
async def test_a_changelog_that_is_not_compacted_is_found(cluster: Cluster) -> None:
    """The costliest mistake: state would end after the broker's retention."""
    topic = cluster.topics.customers_changelog
    cluster.make(topic, **{"cleanup.policy": "delete"})
    assert [problem.wrong for problem in await check(cluster.bootstrap, [topic])] == [
        "cleanup.policy is delete, expected compact"
    ]


@pytest.mark.kafka
async def test_deletions_must_stay_readable_for_a_day(cluster: Cluster) -> None:
    topic = cluster.topics.customers_changelog
    cluster.make(topic, **{"delete.retention.ms": "1000"})
    [problem] = await check(cluster.bootstrap, [topic])
    assert problem.wrong == "delete.retention.ms is 1000, expected at least 86400000"


@pytest.mark.kafka
async def test_longer_and_larger_is_no_problem(cluster: Cluster) -> None:
    topic = cluster.topics.customer_events
    await create(cluster.bootstrap, [topic])
    cluster.alter(topic, retention_ms="-1", max_message_bytes=str(64 * MIB))
    assert await check(cluster.bootstrap, [topic]) == []


@pytest.mark.kafka
async def test_too_few_replicas_are_found_and_too_many_refused(cluster: Cluster) -> None:
    topic = cluster.topics.customer_events
    await create(cluster.bootstrap, [topic])
    wrong = [problem.wrong for problem in await check(cluster.bootstrap, [topic], replication=3)]
    assert wrong == ["has 1 replicas, 3 are expected", "min.insync.replicas is 1, expected at least 2"]
    with pytest.raises(TopicsUnavailable, match="start more brokers or ask for fewer replicas"):
        await create(cluster.bootstrap, [cluster.topics.refused], replication=3)
