"""The mass load: everything known when the account is connected, told once, in order, beside what is live.

A part leaves only after the one before it was accepted and that was written down; so a death repeats at most the part
in flight, and neither leaves one out nor changes their order.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
import structlog
from aiokafka.errors import KafkaError

from schemas.registry import RegistryError
from sinks.contract import Answer, Call, Kind, Mass, Sink, Verdict
from streams.delivery.aside import Aside
from streams.delivery.asking import LOOK_AGAIN_SECONDS, WAITING, Asking
from streams.delivery.clock import Clock
from streams.delivery.history import History, shop_of
from streams.delivery.hold import FIRST_PROBE_SECONDS, Hold
from streams.delivery.kept import Kept
from streams.delivery.metrics import DeliveryMetrics
from streams.delivery.pace import Random, jittered
from streams.delivery.park import CANNOT_SAY, REJECTED
from streams.delivery.registration import LOOK_SECONDS, OWNED
from streams.delivery.settings import DeliverySettings
from streams.delivery.telling import Item, Told, Unsaid, after, items_or_why_not, looked_at, next_part
from streams.delivery.turns import Turns
from streams.domain.state_codec import UnknownStateVersion

log = structlog.get_logger("shoprelay.delivery")
MASS = b"mass"
SOON = 0.01  # seconds: between two looks at a gate that is about to open
NOBODY = "-"  # no connection has this name
Park = Callable[[Aside], Awaitable[None]]


class Left(Exception):
    """The shop is connected no longer, or anew."""


class Stopped(Exception):
    """Somebody else goes on."""


class MassLoad:
    """Of the process that owns partition 0 of the signals, between `begin` and `end`. `connection` names what it
    belongs to, `None` while nothing may be told. `park` puts one item aside, durably. `successes` counts what got
    through."""

    def __init__(
        self,
        sink: Sink,
        config: Any,
        settings: DeliverySettings,
        *,
        kept: Kept,
        history: History,
        asking: Asking,
        turns: Turns,
        hold: Hold,
        park: Park,
        connection: Callable[[], str | None],
        successes: Callable[[], int],
        metrics: DeliveryMetrics,
        clock: Clock,
        random: Random,
        failed: Callable[[BaseException], None],
    ) -> None:
        assert sink.mass is not None
        self._mass: Mass = sink.mass
        self._sink = sink
        self._config = config
        self._settings = settings
        self._kept = kept
        self._history = history
        self._asking = asking
        self._turns = turns
        self._hold = hold
        self._park = park
        self._connection = connection
        self._successes = successes
        self._metrics = metrics
        self._clock = clock
        self._random = random
        self._failed = failed
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self._sending = False
        self._parked_in_a_row = 0
        self._told = Told(connection="")
        self.state = ""  # for a person

    # -- coming and going

    def begin(self, kept: bytes | None) -> None:
        """`kept` is how far it was told, as this partition's last owner kept it."""
        self._stop = asyncio.Event()
        self._told = msgspec.json.decode(kept, type=Told) if kept else Told(connection=NOBODY)
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(self._ended)

    async def end(self, seconds: float) -> None:
        """Nothing of it leaves any more when this returns. A part in flight has so long to be accepted."""
        task, self._task = self._task, None
        if task is None:
            return
        self._stop.set()
        if self._sending:
            await asyncio.wait([task], timeout=seconds)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await self._history.close()
        self.state = ""

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)

    # -- from kind to kind

    async def _run(self) -> None:
        with contextlib.suppress(Stopped):
            while True:
                connection = self._connection()
                done = self._told.done and self._told.connection == connection
                self.state = "done" if done else ""
                if connection is None or done:
                    await self._pause(LOOK_SECONDS)
                    continue
                if self._told.connection != connection:
                    self._told = Told(connection=connection)
                try:
                    await self._tell()
                except Left:
                    log.warning("history is not told any further: the shop has left", sink=self._sink.name)
                except (KafkaError, RegistryError, UnknownStateVersion) as away:
                    log.warning("cannot read history; trying again", error=type(away).__name__)
                    await self._pause(LOOK_SECONDS)

    async def _tell(self) -> None:
        kinds = self._mass.kinds(self._config)
        names = [kind.name for kind in kinds]
        for kind in kinds[names.index(self._told.kind) if self._told.kind in names else 0 :]:
            if self._told.kind != kind.name:  # durably: a death must not go back to the kind before
                await self._remember(Told(connection=self._told.connection, kind=kind.name))
            self._metrics.mass_tells(kind.name, True)
            try:
                for number in range(self._told.partition, self._settings.partitions):
                    self._told = looked_at(self._told, number)
                    self.state = f"{kind.name}, partition {number + 1} of {self._settings.partitions}"
                    await self._partition(kind)
            finally:
                self._metrics.mass_tells(kind.name, False)
        await self._remember(Told(connection=self._told.connection, done=True))
        await self._history.close()

    async def _partition(self, kind: Kind) -> None:
        number = self._told.partition
        while True:
            snapshot = await self._history.latest(kind.of, number)
            part = next_part(snapshot, kind, self._told, self._mass.part_items(self._config), self._items)
            if part.unsaid is not None:
                await self._unsaid(kind, part.items[0], part.unsaid)
            elif part.items:
                await self._accepted(kind, part.items)
            elif part.ended:
                return
            else:
                self._told = looked_at(self._told, number, part.seen)
                await asyncio.sleep(0)

    def _items(self, kind: Kind, key: bytes, value: bytes) -> Sequence[Mapping[str, Any]] | Unsaid:
        if self._settings.shops and shop_of(key) not in self._settings.shops:
            return ()
        return items_or_why_not(kind, value, self._config)

    async def _unsaid(self, kind: Kind, item: Item, unsaid: Unsaid) -> None:
        """Parked like one that was refused; too many in a row are our mistake, and wait for its repair."""
        log.error("an item of history cannot be said", sink=self._sink.name, kind=kind.name, error=unsaid.why)
        if self._brake:
            self._metrics.mass_held(True)
            await self._pause(self._hold.longest)
            return
        self._sending = True
        try:
            await self._aside(Aside(kind, item, CANNOT_SAY, unsaid=unsaid))
        finally:
            self._sending = False

    @property
    def _brake(self) -> bool:
        return self._parked_in_a_row >= self._settings.brake.in_a_row

    async def _aside(self, aside: Aside) -> None:
        self._parked_in_a_row += 1
        await self._lasting(partial(self._park, aside))
        await self._remember(after(self._told, (aside.item,)))

    # -- one part

    async def _accepted(self, kind: Kind, items: Sequence[Item]) -> None:
        """What is refused as a whole is halved until the bad item stands alone."""
        call = self._mass.join(kind, [each.item for each in items], self._config)
        answer = await self._taken(call, alone=len(items) == 1)
        if answer is not None and len(items) > 1:
            half = len(items) // 2
            await self._accepted(kind, items[:half])
            await self._accepted(kind, items[half:])
            return
        self._sending = True
        try:
            if answer is None:
                self._parked_in_a_row = 0
                self._metrics.mass_told(kind.name, len(items))
                await self._remember(after(self._told, items))
            else:
                log.error("an item of history was refused, and is parked", sink=self._sink.name, kind=kind.name)
                await self._aside(Aside(kind, items[0], REJECTED, call, answer))
        finally:
            self._sending = False

    async def _taken(self, call: Call, *, alone: bool) -> Answer | None:
        """`None` once the platform has taken it; its answer when it never will. The same bytes until then."""
        failures, blamed, seen, began = 0, 0, self._successes(), self._clock.monotonic()
        while True:
            await self._turn(call)
            verdict, answer = await self._sent(call)
            if verdict is Verdict.DELIVERED:
                self._metrics.mass_held(False)
                return None
            failures += 1
            if verdict is Verdict.UNAVAILABLE:
                blamed, seen = blamed + (self._successes() > seen), self._successes()
                if self._is_poison(blamed, began):
                    return answer
            brake = alone and self._brake
            if verdict is Verdict.REJECTED and not brake:
                return answer
            if verdict in (Verdict.MISCONFIGURED, Verdict.REJECTED):
                await self._look_into(verdict, answer, failures)
            else:
                await self._pause(jittered(self._settings.backoff, failures, self._random))

    def _is_poison(self, blamed: int, began: float) -> bool:
        """It keeps failing while what is live gets through."""
        limit = self._settings.give_up_after
        return blamed >= limit.attempts and self._clock.monotonic() - began >= limit.seconds

    async def _look_into(self, verdict: Verdict, answer: Answer, failures: int) -> None:
        """Ours to repair: tried again at a bounded pace. What is live goes on: it has a hold of its own."""
        if failures == 1:
            log.error(
                "the platform takes no history", sink=self._sink.name, verdict=verdict.value, status=answer.status
            )
        self._metrics.mass_held(True)
        await self._pause(min(FIRST_PROBE_SECONDS * 2.0 ** min(failures - 1, 16), self._hold.longest))

    async def _turn(self, call: Call) -> None:
        """Until a call of history may leave. Raises `Left` and `Stopped`."""
        gate = self._turns.gate(call.endpoint)
        while True:
            if self._connection() != self._told.connection:
                raise Left
            now = self._clock.monotonic()
            opens = gate.opens_at(now, call.cost, history=True)
            if self._hold.reason is None and opens <= now and not self._stop.is_set():
                return
            await self._pause(min(max(opens - now, SOON), LOOK_AGAIN_SECONDS))

    async def _sent(self, call: Call) -> tuple[Verdict, Answer]:
        self._sending = True
        try:
            verdict, answer = await self._asking.exchange(call)
            verdict, answer = await self._asking.followed(call, verdict, answer)
        finally:
            self._sending = False
        if verdict not in WAITING:
            self._metrics.calls(call.says, verdict)
        return verdict, answer

    async def _remember(self, told: Told) -> None:
        await self._lasting(lambda: self._kept.put(OWNED, MASS, msgspec.json.encode(told)))
        self._told = told

    async def _lasting(self, act: Callable[[], Awaitable[None]]) -> None:
        failures = 0
        while True:
            try:
                return await act()
            except Exception as error:
                failures += 1
                if failures == 1:
                    log.error("cannot write down how far history is told", error=type(error).__name__)
                await asyncio.sleep(jittered(self._settings.backoff, failures, self._random))

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)
        if self._stop.is_set():
            raise Stopped
