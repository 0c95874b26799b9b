"""What a system test runs on: a broker, a registry, `shoprelay` processes, and a look at the topics.

    async def test_something(lane):
        worker = lane.shoprelay("worker", "worker", "--config", str(lane.settings(worker_port=0)))
        await until(lambda: "ready" in worker.output(), 20, "the worker is ready")

On a real Kafka every test has topics of its own, by a prefix drawn for it. Whatever happens to pytest, no process
stays: each child asks the kernel to be killed with the thread that started it, so start them from the test itself.
"""

from __future__ import annotations

import asyncio
import ctypes
import inspect
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Message, TopicPartition
from confluent_kafka.admin import AdminClient

from streams.broker import EmbeddedBroker
from streams.topics import Topic, Topics, create

PARTITIONS = 4
PORTS = range(20_000, 32_000)  # below the ephemeral range: a client there can connect to itself
PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


async def until(condition: Callable[[], bool | Awaitable[bool]], seconds: float, what: str = "it") -> None:
    """Waits for the condition, plain or async; fails with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if await answer if inspect.isawaitable(answer) else answer:
            return
        assert time.monotonic() < deadline, f"{what}: not so after {seconds:.0f} s"
        await asyncio.sleep(0.05)


def free_port() -> int:
    for _ in range(200):
        port = PORTS[secrets.randbelow(len(PORTS))]
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port between 20000 and 32000")


def _die_with_pytest() -> None:
    if _LIBC is not None:
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """A child process with its output, stdout and stderr together, in a file."""

    def __init__(self, name: str, command: list[str], log: Path, environment: dict[str, str]) -> None:
        self.name, self.log = name, log
        with log.open("ab") as out:
            self._popen = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment, preexec_fn=_die_with_pytest
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._popen.poll()

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        self._popen.send_signal(number)

    def kill(self) -> None:
        """SIGKILL; returns when the process is gone."""
        self._popen.kill()
        self._popen.wait()

    async def ended(self, seconds: float = 15.0) -> int:
        """Its exit code, once it ends by itself."""
        await until(lambda: self.exit_code is not None, seconds, f"{self.name} has ended")
        code = self.exit_code
        assert code is not None
        return code

    async def terminate(self, seconds: float = 15.0) -> int:
        """SIGTERM; its exit code."""
        self.signal(signal.SIGTERM)
        return await self.ended(seconds)


@dataclass(frozen=True, slots=True)
class Record:
    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]


@dataclass
class Lane:
    """Everything one test runs on. `broker` is None on a real Kafka, where faults cannot be injected."""

    folder: Path
    bootstrap: str
    topics: Topics
    broker: EmbeddedBroker | None = None
    registry: str = ""
    processes: dict[str, Process] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """What a process needs to find this lane; nothing of the developer's own settings gets through."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("SHOPRELAY_")}
        return own | {
            "SHOPRELAY_KAFKA": self.bootstrap,
            "SHOPRELAY_REGISTRY": self.registry,
            "SHOPRELAY_TOPIC_PREFIX": self.topics.prefix,
            "SHOPRELAY_STATE_DIR": str(self.folder / "state"),
            "PYTHONUNBUFFERED": "1",
        }

    def settings(self, text: str = "", name: str = "shoprelay.toml") -> Path:
        """A settings file with this lane's partition count; the rest is the test's."""
        path = self.folder / name
        path.write_text(f"[topics]\npartitions = {self.topics.partitions}\n{text}")
        return path

    def python(self, name: str, module: str, *arguments: str, **environment: str) -> Process:
        """Starts `python -m module`. A name used again continues the same log."""
        return self._run(name, [sys.executable, "-m", module, *arguments], environment)

    def python_lines(self, name: str, lines: str) -> Process:
        """Runs these lines of Python."""
        return self._run(name, [sys.executable, "-c", lines], {})

    def _run(self, name: str, command: list[str], environment: dict[str, str]) -> Process:
        process = Process(name, command, self.folder / f"{name}.log", self.environment() | environment)
        self.processes[f"{name}/{process.pid}"] = process
        return process

    def shoprelay(self, name: str, *arguments: str, **environment: str) -> Process:
        """Starts `shoprelay …`."""
        return self.python(name, "shoprelay.cli", *arguments, **environment)

    async def start_registry(self) -> None:
        self.registry = f"http://127.0.0.1:{free_port()}"
        (self.folder / "registry").mkdir()
        await self.begin_registry()

    async def begin_registry(self) -> None:
        """Again, with what it had, after `stop_registry`."""
        kept, port = self.folder / "registry", self.registry.rpartition(":")[2]
        process = self.python("registry", "schemas.embedded_registry", "--dir", str(kept), "--port", port)
        await self.answers(process, f"{self.registry}/subjects")

    def stop_registry(self) -> None:
        for name, process in self.processes.items():
            if name.startswith("registry/") and process.exit_code is None:
                process.kill()

    async def answers(self, process: Process, url: str, seconds: float = 30.0) -> None:
        """Waits until `url` answers 200; fails at once if its process ends before."""
        async with httpx.AsyncClient(timeout=5) as client:

            async def ok() -> bool:
                assert process.exit_code is None, f"{process.name} ended with {process.exit_code}:\n{process.output()}"
                with suppress(httpx.TransportError):
                    return (await client.get(url)).status_code == 200
                return False

            await until(ok, seconds, f"{process.name} answers at {url}")

    async def records(self, topic: Topic) -> list[Record]:
        """Everything in the topic now, by partition and offset."""
        return await asyncio.to_thread(self._records, topic)

    def _records(self, topic: Topic) -> list[Record]:
        consumer = Consumer(
            {"bootstrap.servers": self.bootstrap, "group.id": "test", "enable.auto.commit": False, "log_level": 0,
             "fetch.wait.max.ms": 10}
        )  # fmt: skip
        try:
            found = []
            for partition in range(topic.partitions):
                first, end = consumer.get_watermark_offsets(TopicPartition(topic.name, partition), timeout=15)
                found += _read(consumer, TopicPartition(topic.name, partition, first), end)
            return found
        finally:
            consumer.close()

    async def committed(self, group: str, topic: Topic) -> dict[int, int]:
        """partition -> next offset of the group; partitions without one are left out."""
        asked = [TopicPartition(topic.name, partition) for partition in range(topic.partitions)]
        admin: Any = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        answers = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group, asked)])
        answer = await asyncio.wrap_future(answers[group])
        return {at.partition: at.offset for at in answer.topic_partitions if at.offset >= 0}

    async def close(self) -> None:
        for process in reversed(self.processes.values()):
            if process.exit_code is None:
                process.kill()
        if self.broker is not None:
            await asyncio.to_thread(self.broker.stop)
        else:
            await asyncio.to_thread(_delete_topics, self.bootstrap, self.topics.prefix)


def _read(consumer: Consumer, start: TopicPartition, end: int) -> list[Record]:
    """Until offset `end`; positions count, not records, since a compacted or transactional log has gaps."""
    found: list[Record] = []
    if start.offset >= end:
        return found
    consumer.assign([start])
    deadline = time.monotonic() + 15
    while consumer.position([start])[0].offset < end:
        assert time.monotonic() < deadline, f"{start.topic}/{start.partition} could not be read up to {end}"
        message = consumer.poll(0.1)
        if message is not None and message.error() is None:
            found.append(record_of(message))
    return found


def record_of(message: Message) -> Record:
    headers = {name: value or b"" for name, value in message.headers() or []}
    place = str(message.topic()), int(message.partition() or 0), int(message.offset() or 0)
    return Record(*place, message.timestamp()[1], message.key(), message.value(), headers)


def _delete_topics(bootstrap: str, prefix: str) -> None:
    admin: Any = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    mine = [name for name in admin.list_topics(timeout=15).topics if name.startswith(prefix)]
    for future in admin.delete_topics(mine).values() if prefix and mine else ():
        future.result()


async def open_lane(
    folder: Path, kafka: str | None, sinks: tuple[str, ...] = ("klaviyo", "june"), databases: tuple[str, ...] = (),
    registry: str = "",
) -> Lane:  # fmt: skip
    """A lane on a real Kafka at `kafka`, or on a fresh embedded broker; topics made, registry up, unless there is one.
    The topics of `databases` have the lane's prefix, too."""
    if kafka:
        topics = Topics(f"test-{secrets.token_hex(4)}-", PARTITIONS)
        await create(kafka, topics.all(sinks, [topics.prefix + name for name in databases]))
        lane = Lane(folder, kafka, topics)
    else:
        topics = Topics("", PARTITIONS)
        broker = EmbeddedBroker(topics.all(sinks, databases))
        lane = Lane(folder, await asyncio.to_thread(broker.start), topics, broker)
    if registry:
        lane.registry = registry
    else:
        await lane.start_registry()
    return lane
