"""Brokers and workers for the engine's fault tests.

Every test runs on the embedded broker, or with SHOPRELAY_TEST_KAFKA=host:port on that Kafka. A test that takes the real
broker
away needs SHOPRELAY_TEST_KAFKA_CONTROL, a command that understands `stop` and `start`.
"""

from __future__ import annotations

import itertools
import json
import os
import shlex
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from streams.broker.handle import EmbeddedBroker
from streams.engine import CLAIM_KEY, Fold

KAFKA = os.environ.get("SHOPRELAY_TEST_KAFKA")
CONTROL = os.environ.get("SHOPRELAY_TEST_KAFKA_CONTROL")
WORKER = Path(__file__).with_name("counting_worker.py")
ROOT = Path(__file__).parents[2]
STATE = struct.Struct(">qq")
_numbers = itertools.count()


class Broker:
    """What a test does to Kafka, embedded or real."""

    def __init__(self, bootstrap: str, embedded: EmbeddedBroker | None) -> None:
        self.bootstrap, self.embedded = bootstrap, embedded
        self.config = {"bootstrap.servers": bootstrap, "log_level": 0}
        self.partitions: dict[str, int] = {}
        self._one_at_a_time = threading.Lock()

    def topic(self, name: str, partitions: int = 1, **config: str) -> str:
        self.partitions[name] = partitions
        if self.embedded:
            with self._one_at_a_time:  # its commands and answers are lines of one pipe
                self.embedded.topic(name, partitions)
        else:
            new = NewTopic(name, partitions, 1, config={k.replace("_", "."): v for k, v in config.items()})
            admin = AdminClient(self.config)  # named, because a collected client never answers
            for made in admin.create_topics([new]).values():
                made.result(10)
            until(lambda: name in admin.list_topics(timeout=10).topics, 10, f"topic {name} to be known")
        return name

    def group(self, partitions: int = 1, **changelog: str) -> tuple[str, str]:
        """A fresh group with its source topic and the changelog of the counting worker's table. Returns (group,
        source).
        """
        group = f"engine-{os.getpid()}-{int(time.time())}-{next(_numbers)}"
        self.topic(f"{group}-counts-changelog", partitions, cleanup_policy="compact", **changelog)
        return group, self.topic(f"{group}-source", partitions)

    def producer(self, **config: Any) -> Producer:
        return Producer({**self.config, "partitioner": "murmur2_random", "linger.ms": 2, **config})

    def send(self, topic: str, records: Iterable[tuple[bytes, bytes | None]], partition: int = -1) -> None:
        p = self.producer()
        for key, value in records:
            while True:
                try:
                    p.produce(topic, key=key, value=value, partition=partition)
                    break
                except BufferError:
                    p.poll(0.05)
        assert p.flush(20) == 0, "the broker did not take the test's records"

    def tps(self, topic: str, offset: int = 0) -> list[TopicPartition]:
        return [TopicPartition(topic, p, offset) for p in range(self.partitions[topic])]

    def ends(self, topic: str) -> int:
        c = Consumer({**self.config, "group.id": "ends"})
        try:
            return sum(c.get_watermark_offsets(tp, timeout=10, cached=False)[1] for tp in self.tps(topic))
        finally:
            c.close()

    def commit(self, group: str, topic: str, offset: int) -> None:
        done: list[Any] = []
        c = Consumer({**self.config, "group.id": group, "on_commit": lambda error, _: done.append(error)})
        end = time.monotonic() + 20
        c.commit(offsets=self.tps(topic, offset))  # the synchronous form waits for ever
        while not done and time.monotonic() < end:
            c.poll(0.1)
        c.close()
        assert done == [None], f"the broker did not take the test's commit: {done}"

    def committed(self, group: str, topic: str) -> int:
        """Summed over partitions; a partition never committed counts 0."""
        c = Consumer({**self.config, "group.id": group})
        try:
            return sum(max(0, tp.offset) for tp in c.committed(self.tps(topic), timeout=10))
        except KafkaException:  # an injected answer met us instead of the worker
            return 0
        finally:
            c.close()

    def read(self, topic: str) -> list[Any]:
        c = Consumer({**self.config, "group.id": "read", "enable.partition.eof": True, "enable.auto.commit": False})
        c.assign(self.tps(topic))
        out, ended, until = [], 0, time.monotonic() + 60
        while ended < self.partitions[topic] and time.monotonic() < until:
            for m in c.consume(2000, 0.2):
                ended += bool(m.error())
                if not m.error():
                    out.append(m)
        c.close()
        return out

    def counts(self, group: str) -> dict[bytes, int]:
        """What a worker that restores now would know: records counted per key."""
        by_partition: dict[int, list[Any]] = {}
        for m in self.read(f"{group}-counts-changelog"):
            by_partition.setdefault(m.partition(), []).append(_Record(m))
        state: dict[bytes, bytes | None] = {}
        for records in by_partition.values():
            state.update(Fold().accept(records))
        return {k: STATE.unpack(v)[0] for k, v in state.items() if v is not None}

    def stop(self) -> None:
        if self.embedded:
            self.embedded.down()
        else:
            self._control("stop")

    def start(self) -> None:
        if self.embedded:
            self.embedded.up()
        else:
            self._control("start")

    def _control(self, what: str) -> None:
        if not CONTROL:
            pytest.skip("SHOPRELAY_TEST_KAFKA_CONTROL is not set: the real broker cannot be taken away")
        subprocess.run([*shlex.split(CONTROL), what], check=True, timeout=60, stdout=subprocess.DEVNULL)


class _Record:
    """A confluent message as the engine's fold sees records."""

    def __init__(self, m: Any) -> None:
        self.key, self.value, self.offset, self.headers = m.key(), m.value(), m.offset(), m.headers() or ()
        assert self.key != CLAIM_KEY or self.value


class Worker:
    """A counting worker as a process; `now` is its last report."""

    def __init__(self, broker: Broker, group: str, source: str, folder: Path, **env: object) -> None:
        settings = {
            "BOOTSTRAP": broker.bootstrap, "GROUP": group, "SOURCE": source, "STATE_DIR": folder,
            "PARTITIONS": broker.partitions[source], "PYTHONPATH": ROOT,
            "EMBEDDED": "1" if broker.embedded else "", **env,
        }  # fmt: skip
        if not broker.embedded:  # a real broker allows no shorter one
            settings["SESSION"] = max(6.0, float(str(settings.get("SESSION", 0))))
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / f"log-{next(_numbers)}"
        self.now: dict[str, Any] = {
            "handled": 0,
            "repeats": 0,
            "ready": False,
            "state": "",
            "owned": [],
            "opened": [],
            "seen": None,
        }
        self.reports: list[dict[str, Any]] = []
        self._news = threading.Condition()
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(WORKER)],
                env={**os.environ, **{k: str(v) for k, v in settings.items()}},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        with self.process.stdout as lines:
            for line in lines:
                if line.startswith("@"):
                    with self._news:
                        report = json.loads(line[1:])
                        if report != self.now:
                            self.reports.append(report)
                        self.now = report
                        self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def wait(self, condition: Callable[[dict[str, Any]], Any], seconds: float = 20) -> dict[str, Any]:
        """Until a report fulfils the condition."""
        with self._news:
            met = self._news.wait_for(lambda: condition(self.now) or self.process.poll() is not None, seconds)
            assert met and condition(self.now), f"exit {self.process.poll()}, {self.now}\n{self.tail()}"
            return self.now

    def wait_ready(self, seconds: float = 20, owned: int | None = None) -> dict[str, Any]:
        return self.wait(lambda now: now["ready"] and (owned is None or len(now["owned"]) == owned), seconds)

    def exit(self, seconds: float = 20) -> int:
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running: {self.now}\n{self.tail()}") from None
        finally:
            self._reader.join(2)

    def send_signal(self, number: int) -> None:
        self.process.send_signal(number)

    def stop(self, seconds: float = 10) -> int:
        """SIGTERM; the exit code."""
        self.process.terminate()
        return self.exit(seconds)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait(10)
        self._reader.join(5)

    def tail(self) -> str:
        return self.log.read_text()[-3000:]


def until(condition: Callable[[], Any], seconds: float = 20, what: str = "") -> None:
    """For what only the broker knows: asks again until it is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what or condition}"
        threading.Event().wait(0.1)


@pytest.fixture(scope="session")
def _shared() -> Iterator[Broker]:
    if KAFKA:
        yield Broker(KAFKA, None)
        return
    with EmbeddedBroker(topics=[]) as embedded:
        yield Broker(embedded.bootstrap, embedded)


@pytest.fixture
def broker(_shared: Broker) -> Broker:
    """Shared by the tests of a run; each makes topics of its own."""
    return _shared


@pytest.fixture
def own_broker() -> Iterator[Broker]:
    """For tests that harm it: an embedded broker of their own, or the real Kafka, given back running."""
    if KAFKA:
        yield Broker(KAFKA, None)
        return
    with EmbeddedBroker(topics=[]) as embedded:
        yield Broker(embedded.bootstrap, embedded)


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """start_worker(broker, (group, source), name="a", **environment) -> Worker; killed at the end of the test."""
    workers: list[Worker] = []

    def start(broker: Broker, names: tuple[str, str], name: str = "a", **env: object) -> Worker:
        workers.append(Worker(broker, *names, tmp_path / name, **env))
        return workers[-1]

    yield start
    for worker in workers:
        worker.kill()


class Feed:
    """Sends to a topic from a thread, `rate` records per second over 500 keys, until stopped."""

    def __init__(self, broker: Broker, topic: str, rate: float) -> None:
        self.sent, self._topic, self._rate = 0, topic, rate
        self._producer = broker.producer(
            **{"linger.ms": 20, "message.timeout.ms": 300_000, "enable.idempotence": broker.embedded is None}
        )
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        began = time.monotonic()
        while not self._end.wait(0.1):  # in batches: the embedded broker answers one batch per fetch
            while self.sent < (time.monotonic() - began) * self._rate:
                try:
                    self._producer.produce(self._topic, key=b"c%d" % (self.sent % 500), value=b"v%d" % self.sent)
                except BufferError:
                    break
                self.sent += 1
            self._producer.poll(0)

    def wait_sent(self, more: int) -> None:
        """Until `more` records have been sent from now."""
        goal = self.sent + more
        until(lambda: self.sent >= goal, 60, "the feed")

    def stop(self) -> int:
        if not self._end.is_set():
            self._end.set()
            self._thread.join(10)
            assert self._producer.flush(60) == 0
        return self.sent

    def wanted(self) -> dict[bytes, int]:
        return {b"c%d" % i: n for i in range(500) if (n := self.sent // 500 + (i < self.sent % 500))}


@pytest.fixture
def feed() -> Iterator[Callable[..., Feed]]:
    """feed(broker, topic, rate) -> Feed, stopped at the end of the test."""
    feeds: list[Feed] = []

    def start(broker: Broker, topic: str, rate: float) -> Feed:
        feeds.append(Feed(broker, topic, rate))
        return feeds[-1]

    yield start
    for f in feeds:
        f.stop()


@pytest.fixture
def wrap_broker() -> Callable[[EmbeddedBroker], Broker]:
    """A Broker around an embedded one that the test runs itself."""
    return lambda embedded: Broker(embedded.bootstrap, embedded)


@pytest.fixture(name="until")
def _until() -> Callable[..., None]:
    return until
