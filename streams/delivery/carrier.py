"""The carrier: one turn of a load. Gathers what may travel together, sends it, and takes the answer apart."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple

import structlog

from schemas.codec import SchemaMissing
from sinks.contract import Answer, Ask, Batch, Call, Sink, Verdict
from streams.delivery.asking import Asking
from streams.delivery.clock import Clock
from streams.delivery.entries import Entry, Lane
from streams.delivery.line import IN_A_ROW, Load, alive
from streams.delivery.metrics import DeliveryMetrics
from streams.delivery.mistakes import where

if TYPE_CHECKING:
    from streams.delivery.courier import Courier

log = structlog.get_logger("shoprelay.delivery")
SUSPECT_AFTER = 2  # failures beside others; then it has to fail alone


class Item(NamedTuple):
    """The call at `at` of an entry."""

    entry: Entry
    at: int
    call: Call


class Stop(Exception):
    """The platform takes nothing more just now: what was not sent goes back into line."""


class Carrier:
    def __init__(
        self,
        courier: Courier,
        sink: Sink,
        asking: Asking,
        metrics: DeliveryMetrics,
        clock: Clock,
    ) -> None:
        self._courier = courier
        self._sink = sink
        self._asking = asking
        self._metrics = metrics
        self._clock = clock

    async def turn(self, load: Load) -> None:
        """Ends with each of its lanes where it belongs, as a turn of one lane does."""
        items = self._gathered(load)
        try:
            async with asyncio.timeout(None) as scope:
                for lane in load.lanes:
                    lane.scope = scope
                await self._carry(load.batch, items, set())
        except Stop:
            pass
        except TimeoutError:
            if not any(lane.cut for lane in load.lanes):
                raise
        finally:
            self._unload(load, {item.entry.lane for item in items})

    def _unload(self, load: Load, served: Collection[Lane]) -> None:
        """Who found no room this time is first the next time."""
        courier = self._courier
        courier.turns.unload(load)
        for lane in load.lanes:
            lane.scope = None
            lane.loaded = False
            if lane.entries and lane not in courier.rests and courier.hold.lane is not lane:
                courier.turns.ready(lane, first=lane not in served)

    # -- what travels together

    def _gathered(self, load: Load) -> list[Item]:
        """Of each lane a few calls in a row; more where there is room for them."""
        batch, items, size = load.batch, list[Item](), 0
        each = 1 if batch.one_per_customer else max(IN_A_ROW, batch.most_items // len(load.lanes))
        keys = set[str]()
        for lane in load.lanes:
            for item in self._run(batch, lane, min(each, batch.most_items - len(items))):
                size += len(item.call.body)
                if item.call.key in keys or (items and size > batch.most_bytes):
                    size -= len(item.call.body)
                    break
                keys.add(item.call.key)
                items.append(item)
        return items

    def _run(self, batch: Batch, lane: Lane, most: int) -> Sequence[Item]:
        run: list[Item] = []
        if most <= 0:
            return run
        opened: set[str] = set()
        sequence = lane.shard.sequence
        for entry in lane.entries:
            try:
                if entry.partition.second or self._courier.prepare(entry) is not None or entry.alone:
                    break
            except SchemaMissing:
                break
            assert entry.calls is not None, "an entry that is prepared has calls left"
            for at in range(entry.at, len(entry.calls)):
                call = entry.calls[at]
                if call.endpoint != batch.endpoint:
                    return run
                if call.needs and (call.needs in opened or sequence.blocks(lane.key, call.needs)):
                    return run
                if call.opens:
                    if sequence.blocks(lane.key, call.opens):
                        return run
                    opened.add(call.opens)
                run.append(Item(entry, at, call))
                if len(run) == most:
                    return run
        return run

    # -- sending

    async def _carry(self, batch: Batch, items: Sequence[Item], waiting: set[Lane], *, suspect: bool = False) -> bool:
        """Whether all of it passed. What is refused as a whole is halved; `suspect` is known to hold what was refused.
        Whoever has to wait keeps those behind it in its lane `waiting` too. Raises `Stop`."""
        items = [i for i in items if i.entry.lane not in waiting and not i.entry.done and alive(i.entry.lane)]
        if len(items) < 2:
            for item in items:
                item.entry.alone = True  # its own call tells best what is wrong with it
                waiting.add(item.entry.lane)
            return not items
        if not suspect:
            verdict = await self._send(batch, items, waiting)
            if verdict is not Verdict.REJECTED:
                return True
        if not batch.repeats:  # most likely one of them is a repeat, and others, too: alone they are welcome
            for item in items:
                item.entry.alone = True
            raise Stop
        half = len(items) // 2
        passed = await self._carry(batch, items[:half], waiting)
        await self._carry(batch, items[half:], waiting, suspect=passed)
        return False

    async def _send(self, batch: Batch, items: Sequence[Item], waiting: set[Lane]) -> Verdict | None:
        """REJECTED when all were refused and nobody is named; otherwise everybody has got what is theirs. Raises
        `Stop`."""
        calls = [item.call for item in items]
        verdict, answer = await self._heard(self._asking.exchange(batch.join(calls), len(items)), items)
        answers = [answer]
        while verdict in (Verdict.DELIVERED, Verdict.REJECTED):
            match self._read(batch, calls, answers):
                case None if verdict is Verdict.REJECTED:
                    return verdict
                case None:
                    self._settle(batch, items, [verdict] * len(items), answer, waiting)
                    return None
                case Ask() as ask:
                    verdict, answer = await self._heard(self._asking.asked(ask), items)
                    answers.append(answer)
                case verdicts:
                    self._settle(batch, items, verdicts, answers[0], waiting)
                    return None
        self._put_back(batch, items, verdict)
        raise Stop

    async def _heard(self, asked: Awaitable[tuple[Verdict, Answer]], items: Sequence[Item]) -> tuple[Verdict, Answer]:
        verdict, answer = await asked
        self._courier.guard.settle(items[0].entry.lane, verdict)
        return verdict, answer

    def _read(self, batch: Batch, calls: Sequence[Call], answers: Sequence[Answer]) -> Sequence[Verdict] | Ask | None:
        """A mistake in reading one odd answer must not end the process, which would meet the same answer again: then
        the answer is said of the whole."""
        try:
            said = batch.read(calls, answers)
        except Exception as error:
            log.error("reading a batch's answer failed", sink=self._sink.name, error=where(error))
            return None
        if isinstance(said, tuple) and len(said) != len(calls):
            log.error("a batch's answer was read as of another number of calls", sink=self._sink.name)
            return None
        return said

    # -- what follows

    def _put_back(self, batch: Batch, items: Sequence[Item], verdict: Verdict) -> None:
        """Nothing is known of any of them. They go on one by one where it could be that they arrived and the platform
        minds, or that one of them is what fails the others."""
        gate = self._courier.turns.gate(batch.budget)
        if verdict is Verdict.MISCONFIGURED:
            log.warning("the platform does not take batches; one by one for a while", sink=self._sink.name)
            gate.shut(self._clock.monotonic() + self._courier.hold.longest)
        if verdict is not Verdict.UNAVAILABLE:
            return
        for entry in dict.fromkeys(item.entry for item in items):
            self._failed(batch, entry)
        for lane in dict.fromkeys(item.entry.lane for item in items):
            if not gate.outage:
                self._courier.rests.rest(lane, lane.entries[0].attempts)

    def _failed(self, batch: Batch, entry: Entry) -> None:
        self._courier.failed(entry)
        if not batch.repeats or entry.attempts >= SUSPECT_AFTER:
            entry.alone = True
            entry.attempts = entry.blamed = 0  # what failed it beside others is not held against it

    def _settle(
        self, batch: Batch, items: Sequence[Item], verdicts: Sequence[Verdict], answer: Answer, waiting: set[Lane]
    ) -> None:
        """Who was delivered is done. What a batch says against an item is suspicion: it goes alone next, and only the
        answer to its own call counts, so that a pointer to the wrong place puts nothing good aside."""
        courier = self._courier
        if set(verdicts) == {Verdict.THROTTLED}:  # because of whom, if of nobody? It must not go on like this for ever.
            self._put_back(batch, items, Verdict.UNAVAILABLE)
            raise Stop
        delivered: Counter[str] = Counter()
        wall = self._clock.wall()
        for (entry, at, call), verdict in zip(items, verdicts, strict=True):
            lane = entry.lane
            if verdict is Verdict.DELIVERED:
                if lane not in waiting and entry.at == at:
                    delivered[call.says] += 1
                    courier.advance(entry, wall)
                continue
            waiting.add(lane)
            if verdict is Verdict.MISCONFIGURED:
                courier.guard.misconfigured(lane, answer)
            elif verdict is not Verdict.THROTTLED:
                entry.alone = True
        courier.got_through(delivered.total())
        for says, many in delivered.items():
            self._metrics.calls(says, Verdict.DELIVERED, many)
        if Verdict.MISCONFIGURED in verdicts:  # the sink holds, and the probe may be one of ours
            raise Stop
