"""What of a sink outlives every process: its registration, the exact bytes of some calls, how far history is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aiokafka import TopicPartition

from schemas.signals import AnySignal, StoreConnected
from sinks.contract import Answer, Call, Sink, Verdict
from streams.delivery.aside import Aside, record
from streams.delivery.clock import Clock
from streams.delivery.entries import Entry, Shard
from streams.delivery.exact import Exact
from streams.delivery.feed import Progress
from streams.delivery.history import History
from streams.delivery.kept import Kept
from streams.delivery.lanes import Lanes
from streams.delivery.mass import MASS, MassLoad
from streams.delivery.metrics import DeliveryMetrics
from streams.delivery.pace import Random
from streams.delivery.park import Parking
from streams.delivery.registration import OWNED, Place, Registration
from streams.delivery.say import NOT_TOLD, Finished
from streams.delivery.settings import DeliverySettings
from streams.delivery.unlent import verdict_on

if TYPE_CHECKING:
    from streams.delivery.courier import Courier


class Remembered:
    """Nothing to do for a sink without any of it: then there is no `kept`."""

    def __init__(
        self,
        sink: Sink,
        settings: DeliverySettings,
        lanes: Lanes,
        kept: Kept | None,
        registration: Registration | None,
    ) -> None:
        self._sink = sink
        self._settings = settings
        self._lanes = lanes
        self._kept = kept
        self.registration = registration
        self.exact = Exact(sink.kept, kept) if kept is not None and sink.kept else None
        self._mass: MassLoad | None = None
        self._told: bytes | None = None  # how far history is, as it was read
        self._owner = False

    def tell_history(
        self,
        history: History,
        config: Any,
        courier: Courier,
        parking: Parking,
        metrics: DeliveryMetrics,
        clock: Clock,
        random: Random,
    ) -> None:
        """Makes ready what begins with partition 0."""
        if self._kept is None or self._sink.mass is None:
            return

        async def park(aside: Aside) -> None:
            parked = record(parking, aside, self._settings.history_topic(aside.kind.of), clock.wall())
            await parking.put_apart(self._lanes.shards[OWNED], parked)
            metrics.parked(aside.code)

        self._mass = MassLoad(
            self._sink, config, self._settings, kept=self._kept, history=history, asking=courier.asking,
            turns=courier.turns, hold=courier.hold, park=park, connection=self._connection(),
            successes=lambda: courier.successes, metrics=metrics, clock=clock, random=random,
            failed=courier.crew.fail,
        )  # fmt: skip

    def _connection(self) -> Callable[[], str | None]:
        registration = self.registration
        return (lambda: "") if registration is None else (lambda: registration.began)

    @property
    def state(self) -> str:
        return self._mass.state if self._mass is not None else ""

    # -- partitions come and go

    def assigned(self, numbers: Collection[int]) -> None:
        if OWNED in numbers and not self._owner:
            self._owner = True
            if self.registration is not None:
                self.registration.own(True)
        self._count()

    async def read(self, shards: Sequence[Shard], progress: Mapping[TopicPartition, Progress]) -> None:
        """Before anything of these leaves. Raises what `Kept.read` raises."""
        if self._kept is None:
            return
        values = await self._kept.read([shard.number for shard in shards], renew=True)
        if self.exact is not None:
            for number, kept in values.items():
                self.exact.read(number, kept, progress)
        if self.registration is not None:
            await self.registration.read()
        if OWNED in values:
            self._told = values[OWNED].get(MASS)

    def known(self, shards: Sequence[Shard]) -> None:
        """What these are about is read. One that went and came back meanwhile is read again first."""
        if self._mass is not None and self._owner and self._lanes.shards.get(OWNED) in shards:
            self._mass.begin(self._told)

    async def finish(self, numbers: Collection[int], seconds: float) -> None:
        """Nothing that these partitions entitle to goes on when it returns; what is under way has `seconds`."""
        if OWNED in numbers and self._owner:
            self._owner = False
            await asyncio.gather(
                *([self._mass.end(seconds)] if self._mass else []),
                *([self.registration.finish(seconds)] if self.registration else []),
            )

    def close(self, numbers: Collection[int]) -> None:
        if self.exact is not None:
            self.exact.close(numbers)
        self._count()

    def _count(self) -> None:
        if self.registration is not None:
            self.registration.alone = len(self._lanes.shards) >= self._settings.partitions

    # -- one entry's way

    @property
    def silent(self) -> bool:
        """Whether the shop has left: then nothing is told."""
        return self.registration is not None and not self.registration.connected

    def comes_back(self, entry: Entry, signal: AnySignal) -> bool:
        """Whether this signal says that the shop is connected anew, and not one told again from before it left."""
        if self.registration is None or not isinstance(signal.payload, StoreConnected):
            return False
        return self.registration.comes_back(_place(entry, signal))

    async def connect(self, entry: Entry, signal: AnySignal) -> None:
        assert self.registration is not None
        await self.registration.connect(_place(entry, signal))

    def prepared(self, entry: Entry) -> Finished | None:
        """Puts in the calls that are kept. A leave-taking from before the shop came back is told no more."""
        if self.exact is not None:
            self.exact.instead(entry)
        if self.registration is not None and self.registration.gives_back(entry.calls):
            assert entry.signal is not None
            entry.alone = True  # in company it could not be followed at once by forgetting
            if self.registration.is_past(_place(entry, entry.signal)):
                return Finished(NOT_TOLD)
        return None

    def gives_back(self, call: Call) -> bool:
        return self.registration is not None and self.registration.gives_back((call,))

    def verdict_on(self, call: Call, answer: Answer) -> Verdict:
        """By the rules; but who takes leave twice has left."""
        if self.registration is not None and self.registration.is_given_back(call, answer):
            return Verdict.DELIVERED
        return verdict_on(self._sink, call, answer)

    async def give_back(self, entry: Entry) -> None:
        assert self.registration is not None
        assert entry.signal is not None
        await self.registration.give_back(_place(entry, entry.signal))

    def lacks(self, entry: Entry, call: Call) -> bool:
        """Whether the call has to be kept before it may leave."""
        return self.exact is not None and self.exact.lacks(entry, call)

    async def keep(self, entry: Entry, call: Call) -> None:
        """Raises `TooLarge`, and what the topic raises."""
        assert self.exact is not None
        await self.exact.keep(entry, call)

    # -- what goes on all the time

    async def keep_up(self) -> None:
        if self.registration is not None:
            await self.registration.keep_up()
        await asyncio.Event().wait()

    async def tidy(self) -> None:
        if self.exact is not None:
            await self.exact.tidy()


def _place(entry: Entry, signal: AnySignal) -> Place:
    """Where it stood at first, if it is on its second way."""
    at = int(signal.occurred_at.timestamp() * 1000)
    if entry.again is not None:
        parked = entry.again.parked
        return Place(parked.topic, parked.partition, parked.offset, at)
    return Place(entry.partition.place.topic, entry.partition.place.partition, entry.offset, at)
