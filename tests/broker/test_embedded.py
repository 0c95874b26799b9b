"""The embedded broker: right partitions, faults on order, no process left behind, and limits that are as stated."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import aiokafka
import pytest
from aiokafka.errors import TopicAuthorizationFailedError
from aiokafka.partitioner import murmur2 as aiokafka_murmur2
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from streams.broker import EmbeddedBroker, NoBroker
from streams.engine.partitions import partition_of
from streams.topics import Topic, all_topics

PRODUCE = 0
MIB = 1 << 20


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker([Topic("one", 1), Topic("twelve", 12)]) as running:
        yield running


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not so after {seconds} s"
        time.sleep(0.01)


def gone(pid: int) -> bool:
    """Ended; one that nobody has waited for yet counts too."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True


def send(broker: EmbeddedBroker, topic: str, *values: bytes) -> list[int]:
    """Each value as a batch of its own; returns the offsets they were acked with."""
    producer = Producer({"bootstrap.servers": broker.bootstrap, "message.max.bytes": 64 * MIB})
    acked: list[int] = []

    def note(error: KafkaError | None, message: object) -> None:
        assert error is None
        acked.append(message.offset())  # type: ignore[attr-defined]

    for value in values:
        producer.produce(topic, value, callback=note)
        assert producer.flush(20) == 0
    return acked


def readable(broker: EmbeddedBroker, topic: str) -> tuple[int, int]:
    """First offset still there, and the next one to be written."""
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "looking"})
    try:
        first, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)
        return first, end
    finally:
        consumer.close()


def test_topics_have_the_partitions_asked_for() -> None:
    with EmbeddedBroker(all_topics(7, sinks=["june"])) as broker:
        found = AdminClient({"bootstrap.servers": broker.bootstrap}).list_topics(timeout=10).topics
        assert {name: len(topic.partitions) for name, topic in found.items()} == {
            topic.name: 7 for topic in all_topics(7, sinks=["june"])
        }
        broker.topic("later", 3)
        found = AdminClient({"bootstrap.servers": broker.bootstrap}).list_topics("later", timeout=10).topics
        assert len(found["later"].partitions) == 3


def test_every_partitioner_agrees(broker: EmbeddedBroker) -> None:
    """A publisher with librdkafka, one with Java's hash (aiokafka's copy) and our fold meet in one partition."""
    draw = random.Random(11)
    keys = [b"", b"a", "shop:ürsula@example.test".encode()] + [
        draw.randbytes(draw.randrange(1, 40)) for _ in range(200)
    ]
    landed: dict[bytes, int] = {}
    producer = Producer({"bootstrap.servers": broker.bootstrap, "partitioner": "murmur2"})
    for key in keys:
        producer.produce(
            "twelve", b"", key=key, callback=lambda error, message: landed.update({message.key(): message.partition()})
        )
    assert producer.flush(20) == 0
    landed.pop(None, None)  # type: ignore[call-overload]  # librdkafka reports an empty key as none
    for key, partition in landed.items():
        assert partition_of(key, 12) == partition == (aiokafka_murmur2(key) & 0x7FFFFFFF) % 12
    assert len(landed) > 200


async def test_an_injected_error_reaches_the_client_once(broker: EmbeddedBroker) -> None:
    async with aiokafka.AIOKafkaProducer(bootstrap_servers=broker.bootstrap) as producer:
        broker.inject(PRODUCE, KafkaError.TOPIC_AUTHORIZATION_FAILED)
        with pytest.raises(TopicAuthorizationFailedError):
            await producer.send_and_wait("one", b"x")
        assert (await producer.send_and_wait("one", b"y")).offset == 0
        broker.inject(PRODUCE, KafkaError.TOPIC_AUTHORIZATION_FAILED)
        broker.clear(PRODUCE)
        assert (await producer.send_and_wait("one", b"z")).offset == 1


def test_down_refuses_and_up_has_everything_still(broker: EmbeddedBroker) -> None:
    assert send(broker, "one", b"before") == [0]
    broker.down()
    host, port = broker.bootstrap.split(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=5)
    broker.up()
    assert send(broker, "one", b"after") == [1]


def test_rtt_delays_every_answer(broker: EmbeddedBroker) -> None:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    admin.list_topics(timeout=10)
    broker.rtt(300)
    started = time.monotonic()
    admin.list_topics(timeout=10)
    assert time.monotonic() - started >= 0.3


def test_what_it_refuses_is_said(broker: EmbeddedBroker) -> None:
    with pytest.raises(ValueError, match="already exists"):
        broker.topic("one", 1)
    with pytest.raises(ValueError, match="0 partitions"):
        broker.topic("none", 0)
    with pytest.raises(ValueError, match="broker 9"):
        broker.down(9)
    assert send(broker, "one", b"still here") == [0]


def test_a_bad_start_says_why() -> None:
    with pytest.raises(NoBroker, match="bad: 0 partitions"), EmbeddedBroker([Topic("bad", 0)]):
        pass


def test_a_broker_that_died_is_told_as_such(broker: EmbeddedBroker) -> None:
    os.kill(broker.pid, signal.SIGKILL)
    until(lambda: gone(broker.pid))
    with pytest.raises(NoBroker, match="ended with -9"):
        broker.rtt(1)


def test_a_message_of_five_megabytes_passes(broker: EmbeddedBroker) -> None:
    body = random.Random(5).randbytes(5_000_000)
    assert send(broker, "one", body) == [0]
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "reading", "auto.offset.reset": "earliest"})
    consumer.subscribe(["one"])
    try:
        message = consumer.poll(20)
        assert message is not None and message.error() is None and message.value() == body
    finally:
        consumer.close()


def test_a_full_partition_forgets_the_oldest_and_we_can_tell(broker: EmbeddedBroker) -> None:
    assert send(broker, "one", *[bytes(2 * MIB)] * 2) == [0, 1]
    assert broker.forgotten() == {}
    assert send(broker, "one", *[bytes(2 * MIB)] * 3) == [2, 3, 4]
    assert broker.forgotten() == {("one", 0): 3}
    assert readable(broker, "one") == (3, 5)


def test_two_batches_over_half_the_limit_are_acked_and_unreadable(broker: EmbeddedBroker) -> None:
    """As the docstring of the module states; should a newer librdkafka do better, that page is to be corrected."""
    assert send(broker, "one", bytes(3 * MIB), bytes(3 * MIB)) == [0, 1]
    assert readable(broker, "one") == (2, 2)


def start_by_hand(*arguments: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "streams.broker.embedded", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None and process.stdout.readline().startswith(b"127.0.0.1:")
    return process


@pytest.mark.parametrize("how", ["stdin closes", "SIGTERM", "SIGINT"])
def test_it_ends_by_itself_with_exit_code_0(how: str) -> None:
    with start_by_hand("--topics", "a:1") as process:
        assert process.stdin is not None
        if how == "stdin closes":
            process.stdin.close()
        else:
            process.send_signal(getattr(signal, how))
        assert process.wait(10) == 0


@pytest.mark.parametrize("stdin", ["pipe", "null"])
def test_it_dies_with_its_parent(stdin: str) -> None:
    """Killed, a parent cannot clean up: its broker must notice."""
    if stdin == "pipe":
        inner = (
            "from streams.broker import EmbeddedBroker\nbroker = EmbeddedBroker([])\nbroker.start(); pid = broker.pid\n"
        )
    else:
        inner = (
            "import os, subprocess, sys\n"
            "command = [sys.executable, '-m', 'streams.broker.embedded', '--parent-pid', str(os.getpid())]\n"
            "pid = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).pid\n"
        )
    inner += "print(pid, flush=True)\nimport time\ntime.sleep(60)\n"
    with subprocess.Popen([sys.executable, "-c", inner], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert not gone(pid)
        parent.kill()
    until(lambda: gone(pid))
