"""How far everything that came in has been followed: the clock that deadlines go by.

A deadline may fire when nothing that could still prevent it is under way. Everything that was in the front doors at
wall time t must have been taken in, and what came of it taken further, stage by stage: by the whole group, whoever owns
the partition. Then what was handed on must have been folded here: now the partition's clock is t. So a backlog never
fires anything however late it is, a stamp from the future moves nobody's clock, and with nothing under way the clock is
the wall clock.

    t  ends of the first stage noted ─► group committed past them ─► ends of the next stage noted ─► … ─► end of our own
       log noted ─► folded past it ─► clock[p] = t
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

Offsets = Mapping[int, int]
Places = Mapping[str, Offsets]  # by topic


class Asked(Protocol):
    """Asks the broker about these topics at once."""

    def __call__(self, *topics: str) -> Awaitable[Places]: ...


MEMORY = 64  # samples of a stage that are kept while the group lags


@dataclass(slots=True)
class Passage:
    """Where the topics of a stage ended, and when. `passed(committed)` is the latest of these times whose ends the
    whole group has passed, and `None` when there is none; it forgets that one and what was before."""

    topics: Sequence[str]
    _samples: deque[tuple[int, Places]] = field(default_factory=deque)

    def sampled(self, at: int, ends: Places) -> None:
        if len(self._samples) == MEMORY:  # keep the oldest, which lag will pass first, and the newest
            del self._samples[MEMORY // 2]
        self._samples.append((at, {topic: ends[topic] for topic in self.topics}))

    def passed(self, committed: Places) -> int | None:
        latest = None
        while self._samples and _behind(self._samples[0][1], committed):
            latest = self._samples.popleft()[0]
        return latest

    def __len__(self) -> int:
        return len(self._samples)


def _behind(ends: Places, committed: Places) -> bool:
    return all(
        committed.get(topic, {}).get(partition, 0) >= end
        for topic, partitions in ends.items()
        for partition, end in partitions.items()
    )


class Frontier:
    """Up to which wall time everything has been followed, per partition of our own `log`.

    `stages` are topics: what comes of one stage stands in the next. `ends` asks the broker where topics end,
    `committed` how far the whole group is; `position(p)` is how far partition p of the log is folded here.
    """

    def __init__(
        self,
        stages: Sequence[Sequence[str]],
        log: str,
        ends: Asked,
        committed: Asked,
        position: Callable[[int], int],
    ) -> None:
        self.stages = [Passage(topics) for topics in stages]
        self._log, self._ends, self._committed, self._position = log, ends, committed, position
        self._waiting: dict[int, deque[tuple[int, int]]] = {}
        self._clock: dict[int, int] = {}

    async def look(self, at: int) -> None:
        """Notes how far everybody is at this wall time, in milliseconds. Raises KafkaError."""
        first, *later = self.stages
        first.sampled(at, await self._ends(*first.topics))
        committed = await self._committed(*(topic for stage in self.stages for topic in stage.topics))
        # asked after the commits: what is committed in one stage is in the next by then
        ends = await self._ends(*dict.fromkeys((*(topic for stage in later for topic in stage.topics), self._log)))
        own = ends[self._log]
        for stage, following in zip(self.stages, [*later, None], strict=True):
            if (passed := stage.passed(committed)) is None:
                continue
            if following is None:
                self.to_fold(passed, own)
            else:
                following.sampled(passed, ends)

    def to_fold(self, at: int, ends: Offsets) -> None:
        """How far a partition must be folded to have the clock `at`."""
        for partition, end in ends.items():
            waiting = self._waiting.setdefault(partition, deque())
            if len(waiting) == MEMORY:
                del waiting[MEMORY // 2]
            waiting.append((at, end))

    def clock(self, partition: int) -> int:
        """Milliseconds; 0 when nothing is known yet."""
        return self.folded(partition, self._position(partition))

    def folded(self, partition: int, position: int) -> int:
        waiting = self._waiting.get(partition)
        while waiting and waiting[0][1] <= position:
            self._clock[partition] = waiting.popleft()[0]
        return self._clock.get(partition, 0)

    def lost(self, partition: int) -> None:
        self._waiting.pop(partition, None)
        self._clock.pop(partition, None)
