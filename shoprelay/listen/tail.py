"""The end of several topics, as it grows: records of all that are there, and of those that come later.

Outside of any group, nothing is committed. A broker that goes away is waited for; what was missed meanwhile is read
when it is back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, TypeVar

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, KafkaException, TopicPartition

from streams.topics import TopicsUnavailable

AT_ONCE = 500
LOOK_SECONDS = 0.2
TOPICS_EVERY = 5.0  # seconds between two looks for topics that were not there
ANSWER_SECONDS = 15.0
SHORT_ANSWER_SECONDS = 3.0  # of a broker that answered before
AWAY = (KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE)
PASSING = (KafkaError._TRANSPORT, KafkaError.UNKNOWN_TOPIC_OR_PART)
T = TypeVar("T")


class Tail:
    """`wanted(names)` picks the topics from all there are. `by_time` is false on a broker that cannot find an offset by
    its time: with `since`, everything is read then, and who asks passes over what is too old. `says` hears of trouble,
    and that it is over. Use it with `with`."""

    def __init__(
        self,
        options: Mapping[str, Any],
        wanted: Callable[[set[str]], set[str]],
        since: datetime | None,
        says: Callable[[str], None],
        by_time: bool = True,
    ) -> None:
        self._wanted, self._since, self._says, self._by_time = wanted, since, says, by_time
        self._thread = ThreadPoolExecutor(1, "listen")  # a consumer must not be closed while it is asked
        self._assigned: set[str] = set()
        self._unread: set[tuple[str, int]] = set()
        self._away = False
        self._consumer = Consumer(
            {
                "group.id": "shoprelay-listen",  # asked for by the library; nothing is ever committed under it
                "enable.auto.commit": False,
                "auto.offset.reset": "latest",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 100,
                "queued.max.messages.kbytes": 16_384,
                "log_level": 0,
                "error_cb": self._heard_of,
                **options,
            }
        )

    def __enter__(self) -> Tail:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.submit(self._consumer.close).result()
        self._thread.shutdown()

    @property
    def caught_up(self) -> bool:
        """Everything that was there at the beginning was given out."""
        return not self._unread

    async def begin(self) -> set[str]:
        """The topics that are there. From here on nothing is missed. Raises `TopicsUnavailable`."""
        try:
            await self._asked(self._look_for_topics)
        except KafkaException as silent:
            remedy = "check kafka.bootstrap, the security settings, and that this user may Read"
            raise TopicsUnavailable(f"Kafka does not answer: {silent.args[0].str()}; {remedy}") from None
        return set(self._assigned)

    async def records(self) -> AsyncIterator[Sequence[Any]]:
        """For ever; the records of one look, the oldest first. None may have come."""
        looked = time.monotonic()
        while True:
            records = await self._asked(self._consume)
            yield sorted(records, key=lambda record: record.timestamp()[1])
            if time.monotonic() - looked > TOPICS_EVERY:
                try:
                    await self._asked(self._look_for_topics)
                except KafkaException as silent:
                    self._trouble(silent.args[0].str())
                looked = time.monotonic()

    # -- the hands, all on one thread

    async def _asked(self, ask: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, ask)

    def _look_for_topics(self) -> None:
        patience = SHORT_ANSWER_SECONDS if self._assigned else ANSWER_SECONDS
        known = self._consumer.list_topics(timeout=patience).topics
        new = sorted(self._wanted({name for name, topic in known.items() if topic.partitions}) - self._assigned)
        places = [TopicPartition(name, number) for name in new for number in known[name].partitions]
        if places:
            later = bool(self._assigned)
            self._consumer.incremental_assign(self._starts(places, later))
            self._assigned |= set(new)
        self._over()

    def _starts(self, places: list[TopicPartition], later: bool) -> list[TopicPartition]:
        """A topic that comes later is read from its beginning. Ends are fixed now, so that nothing is missed."""
        if later:
            return [TopicPartition(at.topic, at.partition, OFFSET_BEGINNING) for at in places]
        if self._since is None:
            return [self._end(at) for at in places]
        self._unread |= {(at.topic, at.partition) for at in places}
        if not self._by_time:
            return [TopicPartition(at.topic, at.partition, OFFSET_BEGINNING) for at in places]
        stamp = int(self._since.timestamp() * 1000)
        asked = [TopicPartition(at.topic, at.partition, stamp) for at in places]
        found = self._consumer.offsets_for_times(asked, timeout=ANSWER_SECONDS)
        return [self._end(at) if at.offset in (OFFSET_END, -1) else at for at in found]

    def _end(self, at: TopicPartition) -> TopicPartition:
        _, end = self._consumer.get_watermark_offsets(TopicPartition(at.topic, at.partition), timeout=ANSWER_SECONDS)
        return TopicPartition(at.topic, at.partition, end)

    def _consume(self) -> list[Any]:
        kept = []
        for record in self._consumer.consume(AT_ONCE, LOOK_SECONDS):
            error = record.error()
            if error is None:
                kept.append(record)
                self._over()
            elif error.code() == KafkaError._PARTITION_EOF:
                self._unread.discard((record.topic(), record.partition()))
                self._over()
            elif error.code() not in PASSING:
                self._trouble(error.str())
        return kept

    def _heard_of(self, error: Any) -> None:
        """A single connection that is closed is no trouble: brokers close those that rest."""
        if error.code() in AWAY:
            self._trouble(error.str())

    def _trouble(self, why: str) -> None:
        if self._assigned and not self._away:
            self._away = True
            self._says(f"Kafka does not answer: {why}; waiting until it does")

    def _over(self) -> None:
        if self._away:
            self._away = False
            self._says("Kafka answers again")
