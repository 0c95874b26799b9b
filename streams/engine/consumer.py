"""The group member: Faust's ConsumerT on one aiokafka consumer. Joins, gives back, commits, and notices when something
is wrong.

What holds: nobody ever seeks, so aiokafka starts at the committed offset; commits go up to the last acked chunk and
only after
the producer has flushed; an error that lasts as long as a session ends the process.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import aiokafka
from aiokafka import TopicPartition
from aiokafka import errors as E
from faust.types import TP
from faust.types.transports import ConsumerT
from mode import Service

from streams.engine import clients
from streams.engine.exits import MISCONFIGURED, end, fatal
from streams.engine.lanes import Lanes
from streams.engine.ledger import Ledger
from streams.engine.trouble import Trouble

if TYPE_CHECKING:
    from streams.engine.app import Engine

log = logging.getLogger("streams.engine")

NOWHERE = TopicPartition("", 0)  # polling it raises parked errors and returns no record
TICK_SECONDS = 0.5


class Consumer(Service, ConsumerT, aiokafka.ConsumerRebalanceListener):
    """Reached as `app.consumer`."""

    logger = log

    def __init__(
        self,
        transport: Any,
        callback: Callable[[Any], Any],
        on_partitions_revoked: Callable[..., Any],
        on_partitions_assigned: Callable[..., Any],
        *,
        commit_interval: float | None = None,
        loop: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(loop=loop, **kwargs)
        self.transport, self.app, self.callback = transport, transport.app, callback
        self.engine: Engine = self.app.engine
        self.app_revoked, self.app_assigned = on_partitions_revoked, on_partitions_assigned
        self.randomly_assigned_topics: set[str] = set()
        self.in_transaction = False
        self.commit_interval = self.engine.settings.commit_seconds
        self.kafka: Any = None
        self.ledger = Ledger()
        self.lanes: Lanes | None = None
        self.joined = False
        self._assigned: set[Any] = set()
        self._commit_lock = asyncio.Lock()
        self.trouble = Trouble(self.engine.settings.session_seconds, self.engine.hooks.on_kafka_error)

    async def on_start(self) -> None:
        self.kafka = clients.member(self.engine.settings)
        await self.engine.connect("consumer", self.kafka.start)
        self.engine.consumer = self
        self.lanes = Lanes(self.engine, self.kafka, self.ledger, self.callback, self.trouble.met)

    async def on_stop(self) -> None:
        self.stop_flow()
        if self.kafka:
            await self.wait_empty()
            await self.app.tables.close()
            try:
                await asyncio.wait_for(self.kafka.stop(), self.engine.stop_left() + 0.2)
            except TimeoutError:
                log.warning("the broker did not answer our leaving; the group will notice after a session")

    async def subscribe(self, topics: Iterable[str]) -> None:
        names = sorted(topics)
        await self._check_topics(names)
        self.kafka.subscribe(topics=names, listener=self)

    async def _check_topics(self, names: list[str]) -> None:
        """A worker whose topics are missing would idle without a word: ends the process instead, naming them."""
        tables = self.app.tables.data.values()
        read = [t.changelog for t in tables] + [mirror.topic for mirror in self.engine.mirrors]
        counts = await self.engine.positions.partition_counts(*names, *read)
        if missing := sorted(topic for topic, n in counts.items() if not n):
            end(f"topics do not exist: {', '.join(missing)}; `shoprelay topics create` makes them", code=MISCONFIGURED)
        for t in tables:
            if counts[t.changelog] != t.partitions:
                end(
                    f"{t.changelog} has {counts[t.changelog]} partitions, its table is declared with {t.partitions}",
                    code=MISCONFIGURED,
                )
        self.engine.partition_counts = counts

    # -- watching: aiokafka parks coordination errors until somebody polls, so somebody always polls

    @Service.task
    async def _watch(self) -> None:
        while not self.should_stop:
            try:
                await self.kafka.getmany(NOWHERE, timeout_ms=0)
            except E.ConsumerStoppedError:
                return
            except Exception as exc:
                self.trouble.met(exc)
            stuck = self.engine.progress
            if stuck.idle_seconds > self.engine.settings.stall_seconds:
                fatal(f"no progress for {stuck.idle_seconds:.0f} s while {stuck.doing}")
            await self.sleep(TICK_SECONDS)

    async def on_task_error(self, exc: BaseException) -> None:
        """Faust calls this when an agent raises. While stopping, a handler may fail because its partition is gone
        already.
        """
        if not self.app.should_stop:
            fatal("an agent raised", exc)

    # -- rebalance, called by aiokafka; it sends no heartbeat until on_partitions_assigned returns: restore is a task

    async def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
        try:
            self.joined = False
            self.app.on_rebalance_start()
            self.stop_flow()
            await self.app_revoked({TP(*tp) for tp in revoked})  # suspends the flow, empties the stream queues, flushes
            if not await self.wait_empty(self.engine.settings.drain_seconds):
                fatal(
                    f"a handler was still busy {self.engine.settings.drain_seconds} s after its partition was revoked"
                )
            await self.app.tables.close()
            self.ledger.clear()
            self._assigned = set()
        except Exception as exc:
            fatal("giving partitions back failed", exc)

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        try:
            self.app.consumer_generation_id = generation = self.app.consumer_generation_id + 1
            self._assigned = {TP(*tp) for tp in assigned}
            await self.app_assigned(self._assigned, generation)  # conductor's index, signals
            self.app.on_rebalance_return()
            self.app.flow_control.resume()
            self.ledger.moved = time.monotonic()
            self.joined = True
            self.engine.hooks.on_rebalance(self._assigned)
            if self.lanes and not self.app.should_stop:
                self.lanes.start(self._assigned, generation)
        except Exception as exc:
            fatal("taking partitions failed", exc)

    def stop_flow(self) -> None:
        if self.lanes:
            self.lanes.stop()

    # -- acks and commits

    def ack(self, message: Any) -> bool:
        return self.ledger.ack(message)

    def acked(self, tp: Any) -> int | None:
        """The offset after the last handled record of an assigned (topic, partition), or where it starts; None if not
        open.
        """
        return self.ledger.acked.get(TP(*tp))

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        async with self._commit_lock:
            todo = self.ledger.to_commit()
            if not todo or self.kafka is None:
                return False
            await self.app.producer.flush()  # ends the process if anything sent before these acks is lost
            self.engine.watchdog.check()
            state = self.app.sensors.on_commit_initiated(self)
            try:
                await self.kafka.commit({TopicPartition(*tp): offset for tp, offset in todo.items()})
            except E.KafkaError as exc:  # kept and tried again, or dropped by the rebalance that follows
                log.warning("commit failed: %r", exc)
                self.engine.hooks.on_kafka_error(type(exc).__name__)
                return False
            self.ledger.committed.update(todo)
            self.app.sensors.on_commit_completed(self, state)
            self.app.monitor.on_tp_commit(todo)
            self.engine.hooks.on_commit({(tp.topic, tp.partition): offset for tp, offset in todo.items()})
            return True

    @Service.task
    async def _commit_handler(self) -> None:
        while not self.should_stop:
            await self.sleep(self.commit_interval)
            await self.commit()

    async def wait_empty(self, timeout: float | None = None) -> bool:
        """Wait for chunks in handlers' hands, then commit. True if none is left."""
        left = self.engine.stop_left()
        await self.ledger.wait_empty(left if self.app.should_stop or timeout is None else timeout)
        try:
            await asyncio.wait_for(self.commit(), max(0.1, self.engine.stop_left()))
        except TimeoutError:
            log.warning("the last commit was not answered; its events will be handled again")
        return not self.ledger.unacked

    # -- the rest of ConsumerT

    @property
    def unacked(self) -> set[Any]:
        return self.ledger.unacked

    def assignment(self) -> set[Any]:
        """(topic, partition) tuples this worker reads now."""
        return set(self._assigned)

    def track_message(self, message: Any) -> None:
        self.ledger.unacked.add(message)

    def topic_partitions(self, topic: str) -> int | None:
        return len(self.kafka.partitions_for_topic(topic) or ()) or None

    def highwater(self, tp: Any) -> int:
        return int(self.kafka.highwater(TopicPartition(*tp)) or 0)

    async def highwaters(self, *tps: Any) -> dict[Any, int]:
        ends = await self.kafka.end_offsets([TopicPartition(*tp) for tp in tps])
        return {TP(*tp): offset for tp, offset in ends.items()}

    async def earliest_offsets(self, *tps: Any) -> dict[Any, int]:
        firsts = await self.kafka.beginning_offsets([TopicPartition(*tp) for tp in tps])
        return {TP(*tp): offset for tp, offset in firsts.items()}

    async def position(self, tp: Any) -> int | None:
        return self.acked(tp)

    def _nothing(self, *args: Any, **kwargs: Any) -> None:
        """Pausing and back pressure are what a lane is."""

    resume_flow = pause_partitions = resume_partitions = on_buffer_full = on_buffer_drop = _nothing
    verify_recovery_event_path = close = _nothing

    def _unsupported(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("not part of this engine")

    create_topic = getmany = perform_seek = seek = seek_wait = key_partition = _unsupported
