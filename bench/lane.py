"""What a measurement runs on: a broker, a registry, topics of its own, and child processes, all gone afterwards.

On a real Kafka (`BENCH_KAFKA` names one that runs; otherwise deploy/kafka/kafka.sh starts an empty one), or on the
embedded broker.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from shoprelay.connections import SUBJECTS, codec_of, names_of, prepared, registry_of
from shoprelay.demo.children import Children, free_port
from shoprelay.settings import Configuration, load
from streams.broker.handle import EmbeddedBroker
from streams.topics import Topics, create
from streams.worker.app import Codecs

KAFKA = Path(__file__).parents[1] / "deploy/kafka/kafka.sh"
OWN_KAFKA = {"KAFKA_NAME": "kafka-bench", "KAFKA_PORT": os.environ.get("BENCH_KAFKA_PORT", "19592")}
LANE = Path(__file__).parents[1] / ".lane"


@dataclass(slots=True)
class Lane:
    """`broker_pid` is 0 where the broker is not ours to look at."""

    folder: Path
    bootstrap: str
    topics: Topics
    children: Children
    taken: set[int]
    registry: str
    broker_pid: int
    embedded: bool = False

    def port(self) -> int:
        return free_port(self.taken)

    def configuration(self, text: str, name: str = "shoprelay.toml") -> Configuration:
        """`text` with what every process here needs in front of it, written to a file and read back."""
        path = self.folder / name
        path.write_text(
            f'[kafka]\nbootstrap = "{self.bootstrap}"\nembedded = {str(self.embedded).lower()}\n'
            f'[registry]\nurl = "{self.registry}"\n'
            f'[topics]\nprefix = "{self.topics.prefix}"\npartitions = {self.topics.partitions}\n{text}'
        )
        return load(path, {**os.environ, **self.children.environment})

    def pid(self, name: str) -> int:
        return self.children.running[name].pid

    def ours(self) -> set[int]:
        return {process.pid for process in self.children.running.values()} | ({self.broker_pid} - {0})

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")[-30000:]


async def codecs_of(configuration: Configuration) -> Codecs:
    registry = registry_of(configuration)
    try:
        codecs = [codec_of(registry, configuration, *subject) for subject in SUBJECTS]
        await prepared(codecs)
    finally:
        await registry.close()
    return Codecs(*codecs)


@asynccontextmanager
async def lane(partitions: int, sinks: tuple[str, ...] = (), embedded: bool = False) -> AsyncIterator[Lane]:
    """Topics are created under a prefix drawn for this run, and deleted at the end."""
    topics = Topics("" if embedded else f"bench-{secrets.token_hex(3)}-", partitions)
    with tempfile.TemporaryDirectory(prefix="shoprelay-bench-") as folder:
        taken: set[int] = set()
        children, port = Children(Path(folder)), free_port(taken)
        broker = EmbeddedBroker(topics.all(sinks)) if embedded else None
        try:
            bootstrap, pid = await asyncio.to_thread(_embedded, broker) if broker else await _kafka()
            made = Lane(
                Path(folder), bootstrap, topics, children, taken, f"http://127.0.0.1:{port}", pid, broker is not None
            )
            if broker is None:
                await create(bootstrap, topics.all(sinks))
            (made.folder / "registry").mkdir()
            await children.start(
                "registry", "schemas.embedded_registry", "--dir", str(made.folder / "registry"), "--port", str(port)
            )
            async with httpx.AsyncClient(timeout=5) as client:
                await children.answers(client, f"{made.registry}/subjects")
            yield made
        finally:
            await children.stop()
            if broker is not None:
                await asyncio.to_thread(broker.stop)
            elif topics.prefix:
                await asyncio.to_thread(_delete, bootstrap, topics.prefix)


def _embedded(broker: EmbeddedBroker) -> tuple[str, int]:
    return broker.start(), broker.pid


async def _kafka() -> tuple[str, int]:
    if given := os.environ.get("BENCH_KAFKA"):
        return given, 0
    up = await asyncio.create_subprocess_exec(
        str(KAFKA), "up", env={**os.environ, **OWN_KAFKA}, stdout=asyncio.subprocess.DEVNULL
    )
    if await up.wait():
        raise SystemExit("no Kafka: deploy/kafka/kafka.sh says why; BENCH_KAFKA=host:port names one that runs")
    pid = int((LANE / OWN_KAFKA["KAFKA_NAME"] / "pid").read_text())
    return f"127.0.0.1:{OWN_KAFKA['KAFKA_PORT']}", pid


def _delete(bootstrap: str, prefix: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    mine = [name for name in admin.list_topics(timeout=15).topics if name.startswith(prefix)]
    for future in admin.delete_topics(mine).values() if mine else ():
        future.exception()


class Ends:
    """How many records each topic has taken, by one question to the broker."""

    def __init__(self, bootstrap: str, partitions: int) -> None:
        self._admin, self._partitions = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0}), partitions

    def count(self, *topics: str) -> dict[str, int]:
        asked = {TopicPartition(t, p): OffsetSpec.latest() for t in topics for p in range(self._partitions)}
        counts = dict.fromkeys(topics, 0)
        for tp, future in self._admin.list_offsets(asked).items():
            counts[tp.topic] += future.result().offset
        return counts


__all__ = ["Ends", "Lane", "codecs_of", "lane", "names_of"]
