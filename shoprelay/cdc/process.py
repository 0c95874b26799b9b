"""The process around the engine: settings, the broker, metrics, readiness, and a stop that loses nothing.

Hear, append, ack: the engine moves on in the database's log only after the broker has what it told. Killed anywhere,
it tells again from its last place, under the same places, and the worker knows them.
"""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections import Counter as Counted
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from prometheus_client import Counter, Gauge

from shoprelay.cdc.connector import properties
from shoprelay.cdc.engine import Engine, Seen
from shoprelay.connections import librdkafka_of
from shoprelay.database_settings import Database
from shoprelay.http import Readiness, new_registry, serve
from shoprelay.publish import Appender, NotPublished
from shoprelay.settings import Configuration

log = structlog.get_logger("shoprelay.cdc")
LEAVE_SECONDS = 20.0


class NotThere(Exception):
    """Topics that have to be there first."""


@dataclass
class Feeding:
    """One database being read. `hear` is called by the engine's thread."""

    appender: Appender
    topics: frozenset[str]
    told: Counter
    heard: Gauge
    last: float = 0.0
    error: str = ""
    ended: threading.Event = field(default_factory=threading.Event)

    def hear(self, batch: Sequence[Seen]) -> None:
        """When it returns, all of it is acked. Heartbeats and transactions are nobody's to read. Raises
        NotPublished."""
        mine = [seen for seen in batch if seen.topic in self.topics]
        for seen in mine:
            self.appender.append(seen.topic, seen.key, seen.value)
        if mine:
            self.appender.flush()
        for topic, count in Counted(seen.topic for seen in mine).items():
            self.told.labels(topic).inc(count)
        self.last = time.time()
        self.heard.set(self.last)

    def run(self, engine: Engine) -> None:
        try:
            engine.run()
        except NotPublished as lost:
            self.error = f"the broker did not take a record: {lost}"
        except Exception as failed:  # of Java: its name says what, its message may hold an address or a row
            self.error = f"the engine ended: {type(failed).__name__}"
        finally:
            self.ended.set()

    def readiness(self) -> Readiness:
        if self.ended.is_set():
            return Readiness(False, self.error or "the engine has ended")
        if not self.last:
            return Readiness(False, "the database has not been heard yet")
        return Readiness(True, "", {"heard_seconds_ago": round(time.time() - self.last, 1)})


def run_cdc(configuration: Configuration, shop: str) -> int:
    """Runs until SIGTERM or SIGINT, or until the engine ends; then it is 1, and whoever watches starts it again.

    Raises NotThere.
    """
    return asyncio.run(_run(configuration, shop, configuration.settings.databases[shop]))


async def _run(configuration: Configuration, shop: str, database: Database) -> int:
    options, topics = librdkafka_of(configuration.settings.kafka), database.topics_of(shop)
    await asyncio.to_thread(_look, options, topics)
    folder = _folder(configuration, shop)
    registry, stop = new_registry(), asyncio.Event()
    told = Counter("shoprelay_cdc_records_total", "Records of tables appended", ["topic"], registry=registry)
    heard = Gauge("shoprelay_cdc_heard_timestamp_seconds", "When the engine spoke last", registry=registry)
    feeding = Feeding(Appender(options), frozenset(topics), told, heard)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    http = database.http
    async with serve(http.host, http.port, registry, feeding.readiness) as address:
        engine = await asyncio.to_thread(Engine, properties(shop, database, folder), feeding.hear)
        log.info("reading a database", shop=shop, http=address, tables=len(topics))
        running = threading.Thread(target=feeding.run, args=(engine,), daemon=True)
        running.start()
        while running.is_alive() and not stop.is_set():
            await _either(stop, 0.5)
        if stop.is_set():
            await asyncio.to_thread(engine.stop)
            await asyncio.to_thread(running.join, LEAVE_SECONDS)
            log.info("stopped reading a database", shop=shop)
            return 0
    log.error("reading a database ended", shop=shop, error=feeding.error or "the engine ended by itself")
    return 1


async def _either(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return


def _look(options: dict[str, Any], topics: Sequence[str]) -> None:
    try:
        there = AdminClient({"log_level": 0, **options}).list_topics(timeout=30).topics
    except KafkaException as away:
        raise NotThere(f"Kafka does not answer: {away.args[0].str()}; check kafka.bootstrap") from None
    if missing := [topic for topic in topics if topic not in there]:
        raise NotThere(f"topics do not exist: {', '.join(missing)}; `shoprelay topics create` makes them")


def _folder(configuration: Configuration, shop: str) -> Path:
    folder = configuration.settings.worker.state_dir.absolute() / "cdc" / shop
    folder.mkdir(parents=True, exist_ok=True)
    return folder
