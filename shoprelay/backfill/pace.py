"""History waits for what is live: no more of it stands at the front door than the workers take in within moments.

The front door is one line. A worker takes what stands in front first, so a million events of history at once would make
the next live one wait for them all. `Ahead` looks how many nobody has taken in, and waits when there are too many.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

LOOK_SECONDS = 0.5
ANSWER_SECONDS = 10.0


class Behind(Protocol):
    def __call__(self) -> int | None:
        """How many events the workers have not taken in; `None` where there never was one, or nobody says."""


class Line:
    """How many records of these topics a group has not committed. Partitions it never committed in are not counted."""

    def __init__(self, options: Mapping[str, Any], topics: Collection[str], group: str) -> None:
        self._admin: Any = AdminClient({"log_level": 0, **options})
        self._topics, self._group = topics, group
        self._places: list[TopicPartition] = []

    def __call__(self) -> int | None:
        try:
            places = self._places or self._look()
            asked = self._admin.list_consumer_group_offsets(
                [ConsumerGroupTopicPartitions(self._group, places)], request_timeout=ANSWER_SECONDS
            )
            answer = asked[self._group].result()
            done = [at for at in answer.topic_partitions if at.offset >= 0]
            if not done:
                return None
            latest = {TopicPartition(at.topic, at.partition): OffsetSpec.latest() for at in done}
            ends = self._admin.list_offsets(latest, request_timeout=ANSWER_SECONDS)
            end = {(tp.topic, tp.partition): future.result().offset for tp, future in ends.items()}
            return int(sum(max(0, end[at.topic, at.partition] - at.offset) for at in done))
        except KafkaException:
            return None  # history must not stop because this user may not look at groups

    def _look(self) -> list[TopicPartition]:
        known = self._admin.list_topics(timeout=ANSWER_SECONDS).topics
        there = [known[name] for name in self._topics if name in known]
        self._places = [TopicPartition(topic.topic, number) for topic in there for number in topic.partitions]
        return self._places


class Ahead:
    """Called before every step. `most` events may wait at the front door (0: any number), and at most `rate` are told
    in a second. `waits(n)` hears that n are waiting, and 0 when it goes on."""

    def __init__(
        self,
        behind: Behind,
        most: int,
        rate: float | None,
        stopping: Callable[[], bool],
        waits: Callable[[int], None] = lambda behind: None,
    ) -> None:
        self._behind, self._most, self._rate = behind, most, rate
        self._stopping, self._waits = stopping, waits
        self._start, self._first, self._looked = time.monotonic(), -1, 0.0

    def __call__(self, told: int) -> bool:
        if self._first < 0:
            self._first = told
        if self._rate is not None:
            while not self._stopping() and (early := self._early(told)) > 0:
                time.sleep(min(early, 0.2))
        if self._most and time.monotonic() - self._looked > LOOK_SECONDS:
            self._wait()
        return not self._stopping()

    def _early(self, told: int) -> float:
        assert self._rate is not None
        return self._start + (told - self._first) / self._rate - time.monotonic()

    def _wait(self) -> None:
        waited = False
        while not self._stopping() and (behind := self._behind()) is not None and behind > self._most:
            self._waits(behind)
            waited = True
            time.sleep(LOOK_SECONDS / 2)
        if waited:
            self._waits(0)
        self._looked = time.monotonic()
