"""The runner: one process, one sink, one consumer group. Fetches, commits, gives partitions back, stops in order."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry

from schemas.registry import RegistryError
from sinks.contract import Sink
from streams.delivery.clock import Clock, SystemClock
from streams.delivery.compacted import CompactedTopic
from streams.delivery.courier import Courier
from streams.delivery.entries import Shard
from streams.delivery.feed import Feed, FeedLost
from streams.delivery.health import Health, State
from streams.delivery.history import EventCodec, History, KafkaHistory
from streams.delivery.http import HttpTransport, Transport
from streams.delivery.kafka import KafkaFeed
from streams.delivery.kept import Kept, Unreadable
from streams.delivery.lanes import Lanes
from streams.delivery.metrics import DeliveryMetrics
from streams.delivery.mistakes import where
from streams.delivery.pace import Random
from streams.delivery.park import ParkedCodec, Parking
from streams.delivery.registration import Registration
from streams.delivery.remembered import Remembered
from streams.delivery.say import Codec, Speaker
from streams.delivery.settings import DeliverySettings
from streams.delivery.shelf import KafkaShelf
from streams.delivery.token import borrowing, registered

log = structlog.get_logger("shoprelay.delivery")
FETCH_SECONDS = 0.1
FETCH_RECORDS = 500
COMMIT_TIMEOUT_SECONDS = 5.0
RECALL_SECONDS = 1.0
LEAVE_SECONDS = 5.0
STOPPED, LOST = 0, 70  # exit codes


class Delivery:
    """To be made inside the running event loop. `run` once."""

    def __init__(
        self,
        sink: Sink,
        settings: DeliverySettings,
        *,
        feed: Feed,
        speaker: Speaker,
        transport: Transport,
        parking: Parking,
        metrics: DeliveryMetrics,
        clock: Clock,
        random: Random,
        kept: Kept | None = None,
        registration: Registration | None = None,
        history: History | None = None,
    ) -> None:
        """`kept` for a sink that `remembers`, `history` for one with a `mass`; `registration` is the one its transport
        has."""
        self._sink = sink
        self._settings = settings
        self._feed = feed
        self._clock = clock
        self._metrics = metrics
        self._freed = asyncio.Event()
        self._enough = asyncio.Event()
        self._parking = parking
        self._lanes = Lanes(
            settings.topics, settings.window_records, settings.window_bytes, settings.ahead_records,
            settings.look_seconds, self._freed.set, settings.commit_records, self._enough.set,
        )  # fmt: skip
        self._remembered = Remembered(sink, settings, self._lanes, kept, registration)
        self._courier = Courier(
            sink, settings, self._lanes, speaker, transport, parking, metrics, clock, random, self._remembered
        )
        if history is not None:
            self._remembered.tell_history(history, speaker.config, self._courier, parking, metrics, clock, random)
        self._unreadable = False
        self._commit_lock = asyncio.Lock()
        metrics.watch(lambda: self._courier.turns.in_flight)

    async def run(self, stop: asyncio.Event) -> int:
        """Until `stop`: 0. Or until the group is lost or a mistake of ours shows: 70, to be started anew."""
        tasks: list[asyncio.Task[Any]] = [
            asyncio.create_task(work)
            for work in (stop.wait(), self._fetching(), self._committing(), self._remembered.keep_up())
        ]
        try:
            await asyncio.wait([*tasks, self._courier.crew.failure], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            await self._leave()
        return self._exit_code([*ended, self._courier.crew.ended()])

    def health(self) -> Health:
        courier, partitions = self._courier, self._lanes.partitions.values()
        state: State = "running"
        if not partitions:
            state = "joining"
        elif courier.hold.reason is not None or self._unreadable:
            state = "held"
        elif courier.turns.state != "open":
            state = "throttled" if courier.turns.state == "throttled" else "unavailable"
        return Health(
            state=state,
            reason=courier.hold.reason or ("kept_key" if self._unreadable else None),
            quiet_seconds=self._clock.monotonic() - courier.progressed_at,
            lag=sum(p.lag for p in partitions),
            partitions=len(self._lanes.shards),
            in_flight=courier.turns.in_flight,
            history=self._remembered.state,
        )

    # -- the feed's owner

    async def assigned(self, places: frozenset[TopicPartition]) -> None:
        self._lanes.open(places)
        self._remembered.assigned({place.partition for place in places})
        self._courier.turns.share(len(self._lanes.shards) / max(self._settings.partitions, 1))

    async def revoked(self, places: frozenset[TopicPartition]) -> None:
        await self._give_back(places)
        self._courier.turns.share(len(self._lanes.shards) / max(self._settings.partitions, 1))

    async def _give_back(self, places: frozenset[TopicPartition]) -> None:
        numbers, seconds = {place.partition for place in places}, self._settings.drain_seconds
        self._lanes.halt(places)
        await asyncio.gather(
            self._courier.crew.finish(self._lanes, places, seconds), self._remembered.finish(numbers, seconds)
        )
        await self._commit()
        self._lanes.close(places)
        self._remembered.close(numbers - self._lanes.shards.keys())
        for number in numbers - self._lanes.shards.keys():
            self._metrics.lost(number)

    # -- what goes on all the time

    async def _fetching(self) -> None:
        await self._feed.open(self)
        while True:
            if unknown := self._lanes.unknown():
                await self._recall(unknown)
            wanted = self._lanes.roomy()
            if not wanted:
                await self._until_freed()
            fetched = await self._feed.fetch(wanted, FETCH_SECONDS if wanted else 0, FETCH_RECORDS)
            woken = [lane for place, records in fetched.records.items() for lane in self._lanes.add(place, records)]
            self._lanes.heard(fetched.ends)
            self._courier.crew.wake(woken + self._lanes.may_look_again(self._clock.monotonic()))
            await asyncio.sleep(0)  # a feed with records at hand does not let anybody else work

    async def _recall(self, shards: Sequence[Shard]) -> None:
        """What their last owner had finished, what is parked and what is kept. Nothing of them is fetched before: a
        call must not pass another that it has to wait for, nor leave with other bytes than before."""
        places = [place for place, p in self._lanes.partitions.items() if p.shard in shards]
        progress = await self._feed.recall(places)
        try:
            await self._parking.read(shards)
            await self._remembered.read(shards, progress)
            self._unreadable = False
        except (RegistryError, KafkaError) as away:
            log.warning("cannot read what is parked or kept; trying again", error=type(away).__name__)
            await asyncio.sleep(RECALL_SECONDS)
            return
        except Unreadable:
            self._unreadable = True
            log.error("what is kept was written with another key: give it as kept_key_old", sink=self._sink.name)
            await asyncio.sleep(RECALL_SECONDS)
            return
        for shard in shards:
            self._lanes.recall(
                shard, {place: told for place, told in progress.items() if place.partition == shard.number}
            )
        self._remembered.known(shards)

    async def _until_freed(self) -> None:
        self._freed.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._freed.wait(), FETCH_SECONDS)

    async def _committing(self) -> None:
        """On time, and as soon as so much is finished that a crash would repeat too much of it."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settings.commit_seconds):
                    await self._enough.wait()
            self._enough.clear()
            await self._commit()
            await self._remembered.tidy()
            for number, lag in self._lanes.lags().items():
                self._metrics.lag(number, lag)
            for endpoint, gate in self._courier.turns.gates():
                self._metrics.gate(endpoint, gate.state)
            self._metrics.parked_now(sum(len(shard.sequence) for shard in self._lanes.shards.values()))

    async def _commit(self) -> None:
        async with self._commit_lock:
            progress = self._lanes.committable()
            if not progress:
                return
            taken = False
            try:
                async with asyncio.timeout(COMMIT_TIMEOUT_SECONDS):
                    taken = await self._feed.commit(progress)
            except TimeoutError:
                pass
            finally:  # cut short by the end, it is told once more before we leave
                (self._lanes.committed if taken else self._lanes.not_committed)(progress)
        self._courier.crew.wake()  # who waited because too much would have been repeated

    # -- the end

    async def _leave(self) -> None:
        await self._give_back(frozenset(self._lanes.partitions))
        await self._courier.crew.close()
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                await self._feed.close()
        except TimeoutError:
            log.warning("left without saying goodbye: the broker does not answer")

    def _exit_code(self, ended: list[Any]) -> int:
        for error in ended:
            if isinstance(error, FeedLost):
                log.error("lost the consumer group", sink=self._sink.name, error=str(error))
                return LOST
            if isinstance(error, Exception):
                log.error("a mistake of ours", sink=self._sink.name, error=where(error))
                return LOST
        return STOPPED


async def run(
    sink: Sink,
    config: Any,
    settings: DeliverySettings,
    *,
    codec: Codec,
    parked: ParkedCodec,
    catalog: Codec | None = None,
    events: EventCodec | None = None,
    registry: CollectorRegistry,
    stop: asyncio.Event,
    clock: Clock | None = None,
    watch: Callable[[Callable[[], Health]], None] = lambda health: None,
) -> int:
    """One sink over Kafka, until `stop` is set; the exit code. `watch` is given a function that tells the health.

    `config` is an instance of `sink.config`; `codec` reads the signals, `catalog` those about products, `events` the
    customers' log for a sink that tells orders, `parked` reads and writes the parked records, all in the registry's
    framing.
    """
    most = settings.max_in_flight or sink.max_in_flight
    clock = clock or SystemClock()
    http = HttpTransport(sink.base_url(config), lambda: sink.headers(config), sink.answer_limit, most)
    shelf = KafkaShelf(settings)
    notes = CompactedTopic(settings, settings.kept_topic)
    kept = Kept(notes, settings.kept_keys) if sink.remembers else None
    registration = registered(http, sink, config, kept, settings.backoff, clock)
    transport = borrowing(http, sink.token, config, clock, registration)
    delivery = Delivery(
        sink,
        settings,
        feed=KafkaFeed(settings),
        speaker=Speaker(sink, config, codec, catalog, settings.catalog_topic, settings.shops),
        transport=transport,
        parking=Parking(shelf, parked, sink.name, settings.account),
        metrics=DeliveryMetrics(registry, settings.account or sink.name),
        clock=clock,
        random=random.random,
        kept=kept,
        registration=registration,
        history=KafkaHistory(settings, events) if sink.mass is not None else None,
    )
    watch(delivery.health)
    try:
        return await delivery.run(stop)
    finally:
        await transport.close()
        await shelf.close()
        await notes.close()
