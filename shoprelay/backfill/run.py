"""A file's history told to the front door: the loop from rows to acked events, and the places where it may go on.

Whatever ends it, a place is saved only when the broker has everything before it. What was published after the saved
place is published again under the same ids.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from schemas.codec import Unwritable
from schemas.events import ShopEvent
from shoprelay.backfill.grouping import Group, groups
from shoprelay.backfill.progress import ProgressFile, Saved
from shoprelay.backfill.reading import START, Source, Spot
from shoprelay.backfill.report import Report
from shoprelay.backfill.tally import Tally
from sources.backfill.format import Counted, Fact, Format, Found, Telling, Unreadable
from streams.domain.policy import Policy
from streams.domain.validate import problem_of

SAVE_EVERY = 2.0  # seconds
LATER = "facts from --until on, left to whoever tells them live"
LOOK_EVERY = 64  # groups between two looks at the clock


class Publisher(Protocol):
    def publish(self, event: ShopEvent) -> None:
        """Raises `Unwritable` and `NotPublished`."""

    def flush(self) -> None:
        """Returns when all is acked. Raises `NotPublished`."""


class Pace(Protocol):
    def __call__(self, told: int) -> bool:
        """Waits until more may be told; false when it must not."""


def found_in(
    group: Group, format: Format, telling: Telling, policy: Policy, until: datetime | None = None
) -> Iterator[Found]:
    """What a group tells, as the front door will judge it: what it would refuse is refused here, with its line."""
    yield from group.refused
    for found in format.tell(group.rows, telling) if group.rows else ():
        if isinstance(found, Fact) and until is not None and found.event.occurred_at >= until:
            yield Counted(found.line, LATER)
        elif isinstance(found, Fact) and (problem := problem_of(found.event, policy)):
            yield Unreadable(found.line, problem.field, problem.problem, problem.remedy)
        else:
            yield found


@dataclass(slots=True)
class Run:
    """One file on its way. `stopping` is asked between two groups; `shown` hears how far it is."""

    source: Source
    format: Format
    telling: Telling
    policy: Policy
    publisher: Publisher
    progress: ProgressFile
    until: datetime | None = None
    pace: Pace = lambda told: True
    stopping: Callable[[], bool] = lambda: False
    shown: Callable[[int, Tally], None] = lambda place, tally: None
    tally: Tally = field(default_factory=Tally)
    spot: Spot = START
    _report: Report = field(init=False)

    def begin(self, saved: Saved | None) -> None:
        """From where it was saved, or from the beginning."""
        self._report = self.progress.report()
        if saved is not None:
            self.tally, self.spot = saved.tally, saved.spot
        self._report.begin(saved.reported if saved else 0)

    def tell(self) -> bool:
        """True when the whole file is told, false when it was stopped before. Raises `NotPublished` and `Unusable`."""
        try:
            finished = self._through()
            self._save(finished)
        finally:
            self._report.close()
        return finished

    def _through(self) -> bool:
        saved_at = time.monotonic()
        for n, group in enumerate(groups(self.source.rows(self.format, self.spot), self.format)):
            if self.stopping() or not self.pace(self.tally.told):
                return False
            self._take(found_in(group, self.format, self.telling, self.policy, self.until))
            self.spot = group.after
            if n % LOOK_EVERY == 0:
                self.shown(self.source.place, self.tally)
                if time.monotonic() - saved_at > SAVE_EVERY:
                    self._save(finished=False)
                    saved_at = time.monotonic()
        self.shown(self.source.place, self.tally)
        return True

    def _take(self, found: Iterable[Found]) -> None:
        for each in found:
            if isinstance(each, Fact):
                self._publish(each)
            elif isinstance(each, Counted):
                self.tally.count(each)
            else:
                self._refuse(each)

    def _publish(self, fact: Fact) -> None:
        try:
            self.publisher.publish(fact.event)
        except Unwritable:
            self._refuse(Unreadable(fact.line, "", "does not fit the schema of an event", "see shop_event.avsc"))
        else:
            self.tally.fact(fact.event)

    def _refuse(self, line: Unreadable) -> None:
        self.tally.refuse(line)
        self._report.write([line])

    def _save(self, finished: bool) -> None:
        self.publisher.flush()
        self.progress.save(
            Saved(
                file=self.source.path.name,
                shop=self.telling.shop,
                format=self.format.name,
                spot=self.spot,
                tally=self.tally,
                reported=self._report.size(),
                finished=finished,
                saved_at=datetime.now(UTC),
            )
        )
