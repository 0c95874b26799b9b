"""Kafka's side of delivery: the consumer of one sink's group."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Collection, Mapping

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import (
    CommitFailedError,
    GroupAuthorizationFailedError,
    IllegalStateError,
    InvalidGroupIdError,
    KafkaConnectionError,
    KafkaError,
    OffsetMetadataTooLargeError,
    TopicAuthorizationFailedError,
    UnsupportedVersionError,
)
from aiokafka.structs import OffsetAndMetadata

from streams.delivery.entries import End
from streams.delivery.feed import FeedLost, Fetched, Owner, Progress
from streams.delivery.settings import DeliverySettings

log = structlog.get_logger("shoprelay.delivery")
NOBODY = TopicPartition("", 0)  # asking for it surfaces the group's errors, and nothing else
FATAL = (GroupAuthorizationFailedError, TopicAuthorizationFailedError, InvalidGroupIdError, UnsupportedVersionError)
PATIENCE = 5  # errors of the group in a row before this process is of no more use
RECALL_SECONDS = 5.0


class KafkaFeed(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, settings: DeliverySettings) -> None:
        self._settings = settings
        self._owner: Owner | None = None
        self._generation = 0
        self._errors = 0
        self._mistake: Exception | None = None  # of the owner
        session_ms = int(settings.session_seconds * 1000)
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=settings.bootstrap,
            group_id=settings.group,
            client_id=f"shoprelay-{settings.group}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            partition_assignment_strategy=(RangePartitionAssignor,),
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=session_ms // 5,
            # A member that finishes its calls in flight must not be thrown out for it.
            rebalance_timeout_ms=session_ms + int(settings.drain_seconds * 1000),
            # One request at a time goes to a broker: a longer wait there would delay a partition that has room again.
            fetch_max_wait_ms=100,
            max_poll_interval_ms=24 * 3600 * 1000,  # the fetch loop always polls; its death ends the process
            metadata_max_age_ms=60_000,
            **settings.security,
        )

    async def open(self, owner: Owner) -> None:
        """Joins as soon as a broker answers."""
        self._owner = owner
        wait = 0.2
        while True:
            try:
                await self._consumer.start()
                break
            except KafkaConnectionError as away:
                log.warning("no broker answers; trying again", error=type(away).__name__, seconds=wait)
                await asyncio.sleep(wait)
                wait = min(2 * wait, 10.0)
        # All have as many partitions, and the range assignor deals out equal numbers together.
        self._consumer.subscribe([*self._settings.topics, self._settings.redrive_topic], listener=self)

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self._generation += 1
        self._errors = 0
        if self._owner:
            await self._tell(self._owner.assigned(frozenset(assigned)))

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        self._generation += 1
        if self._owner and revoked:
            await self._tell(self._owner.revoked(frozenset(revoked)))

    async def _tell(self, owner: Awaitable[None]) -> None:
        """aiokafka only logs what a listener raises, and would go on with an owner who knows half of it."""
        try:
            await owner
        except Exception as error:
            self._mistake = error
            raise

    async def recall(self, places: Collection[TopicPartition]) -> Mapping[TopicPartition, Progress]:
        admin = AIOKafkaAdminClient(
            bootstrap_servers=self._settings.bootstrap, client_id=f"shoprelay-{self._settings.group}",
            **self._settings.security,
        )  # fmt: skip
        try:
            async with asyncio.timeout(RECALL_SECONDS):
                await admin.start()
                told = await admin.list_consumer_group_offsets(self._settings.group, partitions=list(places))
        except (KafkaError, TimeoutError) as error:
            log.warning("what was finished before is not known; some of it is sent again", error=type(error).__name__)
            return {}
        finally:
            await admin.close()
        return {tp: Progress(at.offset, at.metadata) for tp, at in told.items() if at.offset >= 0}

    async def fetch(self, places: Collection[TopicPartition], seconds: float, most: int) -> Fetched:
        wanted = list(places) or [NOBODY]
        if self._mistake is not None:
            raise self._mistake
        try:
            batches = await self._consumer.getmany(*wanted, timeout_ms=int(seconds * 1000), max_records=most)
            # The assignment these were taken under, not the one the call began with: a group may gather anew while we
            # wait, and its records, once taken, are handed out by nobody else and would be committed past.
            generation = self._generation
            ends = await self._ends()
        except (KafkaError, IllegalStateError) as error:
            await self._failed(error)
            return Fetched({}, {})
        # What was taken under an older assignment comes again under the new one, from the committed offset.
        if generation != self._generation:
            return Fetched({}, {})
        return Fetched(batches, ends)

    async def _failed(self, error: Exception) -> None:
        self._errors += 1
        log.warning("the group's coordinator reports an error", error=type(error).__name__, in_a_row=self._errors)
        if isinstance(error, FATAL) or self._errors >= PATIENCE:
            raise FeedLost(type(error).__name__) from error
        await asyncio.sleep(min(0.1 * 2**self._errors, 5.0))

    async def _ends(self) -> dict[TopicPartition, End]:
        """`position` passes control records too, which are never handed out: the last record does not tell it."""
        ends: dict[TopicPartition, End] = {}
        now, wall = time.monotonic(), time.time() * 1000
        for tp in self._consumer.assignment():
            highwater = self._consumer.highwater(tp)
            if highwater is None:
                continue
            heard = (wall - (self._consumer.last_poll_timestamp(tp) or 0)) / 1000
            ends[tp] = End(await self._consumer.position(tp), highwater, now - max(0.0, heard))
        return ends

    async def commit(self, progress: Mapping[TopicPartition, Progress]) -> bool:
        try:
            await self._consumer.commit({tp: OffsetAndMetadata(*told) for tp, told in progress.items()})
        except OffsetMetadataTooLargeError:
            if not any(told.memory for told in progress.values()):
                return False
            # This broker keeps less beside an offset than is usual: the offsets at least.
            return await self.commit({tp: Progress(told.offset) for tp, told in progress.items()})
        except (CommitFailedError, IllegalStateError):
            return False
        except KafkaError as error:
            log.warning("could not commit; trying again", error=type(error).__name__)
            return False
        return True

    async def close(self) -> None:
        await self._consumer.stop()
