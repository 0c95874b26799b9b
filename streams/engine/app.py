"""Putting it together: a Faust app whose consumer, producer and tables are ours, through the seams Faust documents."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import aiokafka
import faust
from aiokafka.errors import KafkaError
from faust import streams
from faust.serializers import codecs
from faust.transport import conductor
from faust.transport.base import Transport as FaustTransport
from faust.transport.conductor import Conductor
from mode import Service

from streams.engine.consumer import Consumer
from streams.engine.exits import STOPPED, Watchdog, end, fatal
from streams.engine.manager import TableManager
from streams.engine.mirror import Mirror
from streams.engine.positions import Places, Positions
from streams.engine.producer import Producer
from streams.engine.progress import Progress, eta_seconds
from streams.engine.settings import EngineSettings
from streams.engine.tables import Table

log = logging.getLogger("streams.engine")


STOP_GRACE_SECONDS = 4.0  # for what Faust does after we have left the group, one second of it a fixed wait


class _Untouched(codecs.Codec):
    """Hands a chunk, a list of consumer records, through Faust's decoding as it is."""

    def _loads(self, s: Any) -> Any:
        return s

    def _dumps(self, obj: Any) -> Any:
        return obj


codecs.register("chunk", _Untouched())


class Fetcher(Service):
    """App stops and resets one; the lanes do its work."""

    def __init__(self, app: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)


class Transport(FaustTransport):
    """How Faust takes in a driver."""

    Consumer, Producer, Fetcher, Conductor = Consumer, Producer, Fetcher, Conductor
    default_port = 9092
    driver_version = f"streams.engine on aiokafka {aiokafka.__version__}"


class Engine:
    """What consumer, producer and tables of one app share. Reached as `app.engine`."""

    def __init__(self, app: Any, settings: EngineSettings) -> None:
        self.app, self.settings, self.hooks = app, settings, settings.hooks
        self.worker_id = f"{socket.gethostname()}:{os.getpid()}"
        self.watchdog = Watchdog(settings.session_seconds)
        self.positions = Positions(settings)
        self.chunked: set[str] = set()
        self.mirrors: list[Mirror] = []
        self.consumer: Consumer | None = None
        """Set when it has connected."""
        self.partition_counts: dict[str, int] = {}
        self._began = time.monotonic()
        self._stop_by: float | None = None

    def follow(self, mirror: Mirror) -> Mirror:
        """Start the mirror with the app; nothing is delivered before it is ready."""
        self.mirrors.append(mirror)
        return mirror

    async def end_offsets(self, *topics: str) -> Places:
        """See `Positions.end_offsets`."""
        return await self.positions.end_offsets(*topics)

    async def first_offsets(self, *topics: str) -> Places:
        """See `Positions.first_offsets`."""
        return await self.positions.first_offsets(*topics)

    async def committed(self, *topics: str) -> Mapping[str, dict[int, int | None]]:
        """See `Positions.committed`: of the whole group, this worker's own partitions included."""
        return await self.positions.committed(*topics)

    async def connect(self, what: str, start: Callable[[], Awaitable[None]]) -> None:
        """Start a client, waiting for a broker that is not there yet as long as a stall may last."""
        began = time.monotonic()
        while True:
            try:
                await start()
                return
            except KafkaError as exc:
                waited = time.monotonic() - began
                if self.app.should_stop:
                    end(f"stopped before the {what} reached {self.settings.bootstrap}", code=STOPPED)
                if waited > self.settings.stall_seconds:
                    fatal(f"the {what} did not reach {self.settings.bootstrap} for {waited:.0f} s", exc)
                log.warning("the %s does not reach %s yet: %r", what, self.settings.bootstrap, exc)
                await asyncio.sleep(1.0)

    async def beat(self) -> None:
        """Runs as long as the event loop does, through stopping as well."""
        while True:
            self.watchdog.beat()
            await asyncio.sleep(0.25)

    def stop_left(self) -> float:
        """Seconds left of stopping; all its steps share `stop_seconds`. The whole of it while not stopping."""
        if not self.app.should_stop:
            return self.settings.stop_seconds
        if self._stop_by is None:
            self._stop_by = time.monotonic() + self.settings.stop_seconds
            self.watchdog.stop_within(self.settings.stop_seconds + STOP_GRACE_SECONDS)
        return max(0.1, self._stop_by - time.monotonic())

    @property
    def progress(self) -> Progress:
        """A snapshot for readiness checks and for the watchdog."""
        consumer, now = self.consumer, time.monotonic()
        if consumer is None:
            return Progress("joining", "connecting", now - self._began, 0, 0, 0, None)
        restore = self.app.tables.restoring
        done, total = (restore.done, restore.total) if restore else (0, 0)
        eta = None
        state, doing, idle = "running", "running", 0.0
        if self.app.should_stop:
            state, doing = "stopping", "stopping"
        elif not consumer.joined:
            state, doing, idle = "joining", "joining the group", now - max(consumer.ledger.moved, self._began)
        elif not self.app.tables.actives_ready:
            state, doing = "restoring", f"restoring ({done} of {total} records)"
            idle = now - max(consumer.ledger.moved, restore.moved if restore else 0.0)
            eta = eta_seconds(done, total, restore.seconds) if restore else None
        elif unread := [mirror.topic for mirror in self.mirrors if not mirror.ready.is_set()]:
            state, doing, idle = "restoring", f"reading {', '.join(unread)}", now - consumer.ledger.moved
        held = consumer.ledger.oldest_in_hand()
        if held > idle:
            doing, idle = "waiting for a handler to ack its chunk", held
        if state != "stopping" and idle > self.settings.stall_seconds / 2:
            state = "stalled"
        return Progress(state, doing, idle, len(consumer.assignment()), done, total, eta)  # type: ignore[arg-type]


class EngineApp(faust.App):
    """faust.App plus `engine`; `producer` and `consumer` are ours."""

    engine: Engine

    async def on_first_start(self) -> None:
        await super().on_first_start()
        self.engine.watchdog.begin()
        self._beating = asyncio.create_task(self.engine.beat())
        for mirror in self.engine.mirrors:
            await self.add_runtime_dependency(mirror)

    async def on_shutdown(self) -> None:
        await super().on_shutdown()
        await self.engine.positions.close()


def create_app(settings: EngineSettings) -> Any:
    """An EngineApp (a faust.App): declare agents and tables on it, then run it with `faust.Worker`.

    Raises RuntimeError if Faust was imported before the engine with its Cython parts on, which read private fields of
    stock consumers.
    """
    if not (streams.NO_CYTHON and conductor.NO_CYTHON):
        raise RuntimeError("NO_CYTHON=1 must be set before faust is imported; import streams.engine first")
    app = EngineApp(
        settings.group,
        broker=[f"kafka://{host.strip()}" for host in settings.bootstrap.split(",")],
        datadir=settings.state_dir,
        TableManager=TableManager,
        Table=Table,
        topic_disable_leader=True,
        topic_allow_declare=False,
        table_standby_replicas=0,
        broker_session_timeout=settings.session_seconds,
        broker_heartbeat_interval=settings.heartbeat_seconds,
        producer_max_request_size=settings.max_request_bytes,
        web_enabled=False,
    )
    app.engine = Engine(app, settings)
    app.transport = Transport(app.conf.broker, app)
    return app


def chunks(app: Any, *topics: str) -> Any:
    """A topic whose agent gets one event per fetched run of records of one partition.

    `event.value` is a list of aiokafka ConsumerRecords, `event.message.partition` their partition. Iterate
    `stream.noack().events()` and call
    `await stream.ack(event)` when everything is written; the next chunk of the partition comes after that.
    """
    app.engine.chunked.update(topics)
    return app.topic(*topics, key_serializer="raw", value_serializer="chunk")
