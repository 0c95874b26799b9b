"""A broker, a platform and processes, all in memory and in virtual time. Processes can die at any line that matters."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError
from aiokafka.partitioner import murmur2
from prometheus_client import CollectorRegistry

from schemas.events import CustomerEvent
from schemas.records import Parked
from schemas.signals import CatalogSignal, Signal
from shoprelay.certificate.hands import Written
from sinks.contract import Answer, Call, Sink
from streams.delivery import memory
from streams.delivery.entries import End
from streams.delivery.feed import Fetched, Owner, Progress
from streams.delivery.history import Of, Snapshot
from streams.delivery.kept import Kept
from streams.delivery.metrics import DeliveryMetrics
from streams.delivery.park import Parking
from streams.delivery.runner import Delivery
from streams.delivery.say import Speaker
from streams.delivery.settings import DeliverySettings
from streams.delivery.token import borrowing, registered
from streams.domain.history import Orders
from tests.delivery.moved import MovedClock
from tests.delivery.said import Plain, PlainParked, encode, parked_of
from tests.delivery.sink import SINK, Config

OK = Answer(200, {}, b"{}")
CATALOG = "catalog-signals"
KEPT_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
SETTINGS = DeliverySettings(
    bootstrap="", group="acme", parked_topic="parked-acme", redrive_topic="redrive-acme", partitions=4
)


class Log:
    """The topics of signals and of what is asked for again, their commits, and the parked topic."""

    def __init__(self, partitions: int = 4) -> None:
        self.partitions: list[list[Written]] = [[] for _ in range(partitions)]
        self.again: list[list[Written]] = [[] for _ in range(partitions)]
        self.catalog: list[list[Written]] = [[] for _ in range(partitions)]
        self.progress: dict[TopicPartition, Progress] = {}
        self.shelf: list[tuple[int, bytes, bytes | None]] = []
        self.parked: list[Parked] = []  # every record ever parked, first to last
        self.kept: list[tuple[int, bytes, bytes | None]] = []
        self.known: dict[Of, list[dict[bytes, bytes]]] = {
            "customers": [{} for _ in range(partitions)],
            "products": [{} for _ in range(partitions)],
        }
        self.events: list[list[CustomerEvent]] = [[] for _ in range(partitions)]
        self.away = False

    @property
    def committed(self) -> dict[int, int]:
        """Offsets of the signals' partitions."""
        return {tp.partition: told.offset for tp, told in self.progress.items() if tp.topic == SETTINGS.topic}

    @property
    def still_parked(self) -> dict[str, Parked]:
        """What the compacted topic comes to, by id."""
        left = {key.decode(): value for _, key, value in self.shelf}
        return {key: parked_of(value) for key, value in left.items() if value is not None}

    def records(self, place: TopicPartition) -> list[Written]:
        return self.topics[place.topic][place.partition]

    @property
    def topics(self) -> dict[str, list[list[Written]]]:
        return {SETTINGS.topic: self.partitions, CATALOG: self.catalog, SETTINGS.redrive_topic: self.again}

    def ask(self, *parked: Parked, action: str = "redrive") -> None:
        """As `shoprelay parked redrive` and `drop` do."""
        for each in parked:
            self.write_again(each.partition, each.customer_key.encode(), encode(each), action)

    def write_again(self, number: int, key: bytes, value: bytes, action: str = "redrive") -> None:
        partition = self.again[number]
        headers = (("action", action.encode()),)
        partition.append(Written(number, len(partition), 1_000 + len(partition), key, value, headers))

    def say(self, *signals: Signal) -> None:
        for said in signals:
            self.put(said.customer.key.encode(), encode(said))

    def describe(self, *signals: CatalogSignal) -> None:
        for said in signals:
            self.put(f"{said.shop}/p:{said.payload.product.product_id}".encode(), encode(said), CATALOG)

    def put(self, key: bytes, value: bytes, topic: str = SETTINGS.topic) -> int:
        """Returns the partition."""
        number = self.number_of(key)
        partition = self.topics[topic][number]
        partition.append(Written(number, len(partition), 1_000 + len(partition), key, value))
        return number

    def number_of(self, key: bytes) -> int:
        return int(murmur2(key) & 0x7FFFFFFF) % len(self.partitions)

    def know(self, of: Of, key: str, value: bytes | None) -> None:
        """The worker's changelog, as compaction leaves it."""
        values = self.known[of][self.number_of(key.encode())]
        if value is None:
            values.pop(key.encode(), None)
        else:
            values[key.encode()] = value

    def happen(self, *events: CustomerEvent) -> None:
        """The customers' log, as ingest and fold write it."""
        for event in events:
            self.events[self.number_of(event.key.encode())].append(event)

    @property
    def still_kept(self) -> dict[tuple[int, bytes], bytes]:
        """What the compacted topic of what is kept comes to."""
        left = {(number, key): value for number, key, value in self.kept}
        return {place: value for place, value in left.items() if value is not None}

    @property
    def lag(self) -> int:
        return sum(
            len(records) - self.progress.get(TopicPartition(topic, n), Progress(0)).offset
            for topic, partitions in self.topics.items()
            for n, records in enumerate(partitions)
        )


Scripted = Answer | Callable[[], "Scripted"] | tuple[float, "Scripted"] | None


class Platform:
    """Answers by script: `answers[call key]` is used up from the front, then `otherwise`. An answer may be an `Answer`,
    `(seconds, answer)` for a late one, a function that gives one, or `None` for silence."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Scripted]] = defaultdict(list)
        self.otherwise: Scripted = OK
        self.sent: list[tuple[float, Call]] = []
        self.accepted: list[str] = []  # keys, in the order of the first acceptance
        self.busy: Counter[str] = Counter()
        self.overlaps = 0
        self.most_in_flight = 0

    async def receive(self, call: Call) -> Answer:
        self.sent.append((asyncio.get_running_loop().time(), call))
        customer = call.key.split("-")[0]
        self.overlaps += self.busy[customer] > 0
        self.busy[customer] += 1
        self.most_in_flight = max(self.most_in_flight, self.busy.total())
        try:
            queue = self.answers.get(call.key)
            answer = await self._resolve(queue.pop(0) if queue else self.otherwise)
        finally:
            self.busy[customer] -= 1
        if 200 <= answer.status < 300 and call.key not in self.accepted:
            self.accepted.append(call.key)
        return answer

    async def _resolve(self, scripted: Scripted) -> Answer:
        while not isinstance(scripted, Answer):
            if scripted is None:
                await asyncio.Event().wait()
            elif isinstance(scripted, tuple):
                await asyncio.sleep(scripted[0])
                scripted = scripted[1]
            else:
                scripted = scripted()
        return scripted

    def told(self) -> list[str]:
        return [call.key for _, call in self.sent]


@dataclass
class Death:
    """Where a process dies: the `nth` time it comes by `point`."""

    point: str = ""
    nth: int = 1
    happened: asyncio.Event = field(default_factory=asyncio.Event)

    async def at(self, point: str) -> None:
        if self.happened.is_set() or (point == self.point and self._count()):
            self.happened.set()
            await asyncio.Event().wait()  # the dead do nothing

    def _count(self) -> bool:
        self.nth -= 1
        return self.nth == 0


class Hands:
    """Transport, shelf and feed of one process."""

    def __init__(self, world: World, death: Death, topics: Collection[str] = (SETTINGS.topic,)) -> None:
        self._world = world
        self._topics = (*topics, SETTINGS.redrive_topic)
        self._log = world.log
        self._death = death
        self._positions: dict[TopicPartition, int] = {}
        self._generation = 0
        self._idle = 0.05
        self.gone = False
        self.owner: Owner | None = None

    async def send(self, call: Call) -> Answer:
        await self._death.at("before send")
        answer = await self._world.platform.receive(call)
        await self._death.at("before answer")
        return answer

    async def put(self, partition: int, key: bytes, value: bytes | None) -> None:
        await self._death.at("before park")
        if self._log.away:
            raise ConnectionError("the broker is away")
        self._log.shelf.append((partition, key, value))
        if value is not None:
            self._log.parked.append(parked_of(value))
        await self._death.at("after park")

    async def again(self, partition: int, key: bytes, value: bytes, parked_id: str) -> None:
        await self._death.at("before release")
        if self._log.away:
            raise ConnectionError("the broker is away")
        self._log.write_again(partition, key, value)
        await self._death.at("after release")

    async def read(self, partitions: Collection[int]) -> AsyncIterator[tuple[int, bytes, bytes | None]]:
        if self._log.away:
            raise KafkaConnectionError
        for record in list(self._log.shelf):
            if record[0] in partitions:
                yield record

    async def open(self, owner: Owner) -> None:
        self.owner = owner
        await self._world.rebalance(joining=self)

    async def assign(self, numbers: Iterable[int]) -> None:
        self._generation += 1
        places = [TopicPartition(topic, n) for n in numbers for topic in self._topics]
        self._positions = {place: self._log.progress.get(place, Progress(0)).offset for place in places}
        assert self.owner is not None
        await self.owner.assigned(frozenset(self._positions))

    async def revoke(self) -> None:
        self._generation += 1
        assert self.owner is not None
        if self._positions:
            await self.owner.revoked(frozenset(self._positions))
        self._positions = {}

    async def recall(self, places: Collection[TopicPartition]) -> Mapping[TopicPartition, Progress]:
        return {place: told for place, told in self._log.progress.items() if place in places}

    async def fetch(self, places: Collection[TopicPartition], seconds: float, most: int) -> Fetched:
        await self._death.at("fetch")
        generation, log = self._generation, self._log
        wanted = [place for place in places if place in self._positions]
        if log.away or not any(len(log.records(place)) > self._positions[place] for place in wanted):
            self._idle = min(1.05 * self._idle, 2.0)  # the longer nothing happens, the less often it is looked at
            await asyncio.sleep((seconds or 0.1) * max(1.0, self._idle * 10))
        else:
            self._idle = 0.05
        if log.away or generation != self._generation:
            return Fetched({}, {})
        records: dict[TopicPartition, list[Written]] = {}
        for place in wanted:
            position = self._positions.get(place, 0)
            records[place] = log.records(place)[position : position + most]
            self._positions[place] = position + len(records[place])
            most -= len(records[place])
        now = asyncio.get_running_loop().time()
        ends = {place: End(at, len(log.records(place)), now) for place, at in self._positions.items()}
        return Fetched(records, ends)

    async def commit(self, progress: Mapping[TopicPartition, Progress]) -> bool:
        await self._death.at("before commit")
        if self._log.away or not set(progress) <= set(self._positions):
            return False
        for place, told in progress.items():
            assert told.offset >= self._log.progress.get(place, Progress(0)).offset, "a commit went backwards"
        self._log.progress.update(progress)
        self._world.check_commits()
        await self._death.at("after commit")
        return True

    async def close(self) -> None:
        await self._death.at("close")
        if self in self._world.members:
            await self._world.rebalance(leaving=self)


class Notes:
    """The topic of what is kept, for one process."""

    def __init__(self, log: Log, death: Death) -> None:
        self._log = log
        self._death = death

    async def put(self, partition: int, key: bytes, value: bytes | None) -> None:
        name = "keep" if value is not None else "forget"
        await self._death.at(f"before {name}")
        if self._log.away:
            raise KafkaConnectionError
        self._log.kept.append((partition, key, value))
        await self._death.at(f"after {name}")

    async def read(self, partitions: Collection[int]) -> AsyncIterator[tuple[int, bytes, bytes | None]]:
        await self._death.at("read kept")
        if self._log.away:
            raise KafkaConnectionError
        for record in list(self._log.kept):
            if record[0] in partitions:
                yield record


class Past:
    """The changelogs of the worker and the customers' log, for one process."""

    def __init__(self, log: Log, death: Death) -> None:
        self._log = log
        self._death = death

    async def latest(self, of: Of, number: int) -> Snapshot:
        await self._death.at("read history")
        if self._log.away:
            raise KafkaConnectionError
        snapshot = Snapshot()
        values: Mapping[bytes, bytes | None] = self._log.known[of][number] if of != "orders" else self._orders(number)
        for key, value in values.items():
            snapshot.learn(key, value)
        return snapshot

    def _orders(self, number: int) -> Mapping[bytes, bytes | None]:
        orders = Orders()
        for event in self._log.events[number]:
            orders.learn(event)
        return orders.news()

    async def close(self) -> None: ...


class Process:
    def __init__(self, world: World, settings: DeliverySettings, sink: Sink, death: Death) -> None:
        self.death = death
        self.hands = Hands(world, death, settings.topics)
        self.registry = CollectorRegistry()
        self.stop = asyncio.Event()
        world.processes.append(self)
        self.kept = Kept(Notes(world.log, death), world.kept_keys) if sink.remembers else None
        self.registration = registered(self.hands, sink, world.config, self.kept, settings.backoff, MovedClock())
        self.delivery = Delivery(
            sink, settings, feed=self.hands,
            transport=borrowing(self.hands, sink.token, world.config, MovedClock(), self.registration),
            speaker=Speaker(sink, world.config, world.codec, Plain(CatalogSignal), CATALOG, settings.shops),
            parking=Parking(self.hands, PlainParked(), sink.name, settings.account),
            metrics=DeliveryMetrics(self.registry, sink.name), clock=MovedClock(), random=world.random.random,
            kept=self.kept, registration=self.registration, history=Past(world.log, death),
        )  # fmt: skip
        self.running = asyncio.create_task(self.delivery.run(self.stop))
        self.running.add_done_callback(self._ended)

    def _ended(self, running: asyncio.Task[int]) -> None:
        self.hands.gone = True

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, {"sink": "acme", **labels}) or 0.0

    async def end(self) -> int:
        """As SIGTERM does; the exit code."""
        self.stop.set()
        return await self.running


class World:
    """`finished` decides, for `check_commits`, which records are done with: accepted, parked, or in `settled`."""

    def __init__(self, *, partitions: int = 4, seed: int = 1) -> None:
        self.log = Log(partitions)
        self.platform = Platform()
        self.codec = Plain()
        self.config: Any = Config(api_key="very-secret-key")
        self.kept_keys = [KEPT_KEY]
        self.random = random.Random(seed)
        self.members: list[Hands] = []
        self.processes: list[Process] = []
        self._gathering = asyncio.Lock()
        self.settled: Callable[[Written], bool] = lambda record: True
        self._checked: dict[int, set[int]] = {}  # by partition
        self._below: dict[int, int] = {}

    def start(
        self, sink: Sink = SINK, *, death: Death | None = None, calls: dict[str, Any] | None = None, **settings: Any
    ) -> Process:
        partitions = len(self.log.partitions)
        chosen = replace(SETTINGS, partitions=partitions, **settings)
        return Process(self, chosen, replace(sink, **(calls or {})), death or Death())

    async def kill(self, process: Process) -> None:
        """The process does nothing any more; its partitions go to the others."""
        process.death.happened.set()
        process.running.cancel()
        await asyncio.gather(process.running, return_exceptions=True)
        await self.rebalance(leaving=process.hands)

    async def rebalance(self, *, joining: Hands | None = None, leaving: Hands | None = None) -> None:
        """Eager, as aiokafka does it: everybody gives back everything, then it is dealt out anew. One after the other,
        and to its end whoever asked for it: the group is not the member's."""
        await asyncio.shield(asyncio.ensure_future(self._gather(joining, leaving)))

    async def _gather(self, joining: Hands | None, leaving: Hands | None) -> None:
        async with self._gathering:
            for member in [*self.members]:
                if member is leaving or member.gone:
                    self.members.remove(member)
            for member in self.members:
                await member.revoke()
            if joining is not None and not joining.gone:
                self.members.append(joining)
            for index, member in enumerate(self.members):
                await member.assign(range(index, len(self.log.partitions), len(self.members)))

    def check_commits(self) -> None:
        for place, told in self.log.progress.items():
            if place.topic != SETTINGS.topic:
                continue
            beyond = memory.read(told.offset, told.memory)
            checked = self._checked.setdefault(place.partition, set())
            below = range(min(self._below.get(place.partition, 0), told.offset), told.offset)
            self._below[place.partition] = told.offset
            for offset in {*below, *beyond} - checked:
                assert self.settled(self.log.records(place)[offset]), f"committed past unfinished {place}/{offset}"
                checked.add(offset)

    def done(self) -> bool:
        """Everything is finished and committed, and nobody has ended in the meantime by a mistake of ours."""
        for process in self.processes:
            ended = process.running.done() and not process.running.cancelled()
            assert not ended or process.running.result() == 0, "a process ended with 70"
        return self.log.lag == 0
