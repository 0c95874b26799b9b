"""Say, remember, ack: wherever the process dies, the same is said under the same ids, and known in the end."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from schemas.events import CustomerErased, CustomerEvent, IdentityLinked, ShopEvent
from schemas.signals import Signal
from schemas.values import CustomerRef
from streams.domain.customer import Customer
from streams.domain.fold import deadline_event
from streams.domain.identity import key_of, links_of
from streams.domain.policy import Policy
from streams.worker import rowlog
from streams.worker.app import Codecs
from streams.worker.fold import Fold
from streams.worker.metrics import WorkerMetrics
from streams.worker.refusal import Refusal
from streams.worker.stored import NEVER, due_at, load, milliseconds, store
from tests.domain.story import (
    ADA,
    ADA_BY_MAIL,
    ADA_ON_COOKIE,
    BOB,
    COOKIE,
    HOUR,
    MINUTE,
    NOON,
    ONE_STAGE,
    added,
    fulfilled,
    logged_in,
    ordered,
    told,
    updated,
    viewed,
)
from tests.worker.world import (
    CUSTOMER_EVENTS,
    CUSTOMER_SIGNALS,
    REFUSED,
    Died,
    Logs,
    Seams,
    Table,
    Written,
    home,
    samples,
)

EVE = CustomerRef(customer_id="eve")
ADAS, BOBS, COOKIES, EVES = (key_of("shop", ref).encode() for ref in (ADA, BOB, COOKIE, EVE))
P = home(ADAS)  # Ada and Bob live in one partition, the cookie in another
assert home(BOBS) == P and home(COOKIES) != P


def entries(*facts: ShopEvent) -> list[CustomerEvent]:
    """What ingest appends for these facts."""
    return [
        entry
        for fact in facts
        for entry in (
            CustomerEvent(key=key_of(fact.shop, fact.customer), at=fact.occurred_at, fact=fact),
            *links_of(fact, fact.occurred_at),
        )
    ]


@dataclass(slots=True)
class Process:
    """A worker's fold on logs and tables that outlive it. It commits after every `commit_every`th chunk."""

    codecs: Codecs
    metrics: WorkerMetrics
    seams: Seams = field(default_factory=Seams)
    logs: Logs = field(default_factory=Logs)
    table: Table = field(default_factory=Table)
    policy: dict[str, Policy] = field(default_factory=dict)
    chunk_records: int = 100
    commit_every: int = 1
    committed: dict[int, int] = field(default_factory=dict)
    due: list[tuple[int, bytes, int]] = field(default_factory=list)
    rows_topic: str | None = None

    def __post_init__(self) -> None:
        self.logs.seams = self.table.seams = self.seams

    def tell(self, *told_entries: CustomerEvent) -> None:
        for entry in told_entries:
            key = entry.key.encode()
            self.logs.put(CUSTOMER_EVENTS, home(key), key, self.codecs.customer_events.encode(entry))

    def fold(self) -> Fold:
        refuse = Refusal(self.codecs.refused, self.logs, REFUSED, 4, lambda: 0, self.metrics)
        return Fold(
            self.codecs.customer_events, self.codecs.signals, self.table, self.logs, refuse,
            lambda shop: self.policy.get(shop, ONE_STAGE), lambda *due: self.due.append(due), home,
            CUSTOMER_SIGNALS, CUSTOMER_EVENTS, self.metrics, self.rows_topic,
        )  # fmt: skip

    async def run(self) -> None:
        """From the last commit until nothing is left to read. Raises `Died`."""
        fold, acked, chunks = self.fold(), dict(self.committed), 0
        while chunk := self._next(acked):
            partition = chunk[0].partition
            await fold.chunk(partition, chunk)
            self.seams.here()  # remembered, not acked
            acked[partition] = chunk[-1].offset + 1
            chunks += 1
            if chunks % self.commit_every == 0:
                self.committed.update(acked)
        self.committed.update(acked)

    def _next(self, acked: dict[int, int]) -> Sequence[Written]:
        for partition, log in sorted(self.logs.topics[CUSTOMER_EVENTS].items()):
            if (position := acked.get(partition, 0)) < len(log):
                return log[position : position + self.chunk_records]
        return ()

    def said(self) -> dict[bytes, list[bytes]]:
        """Per customer, in order, every signal's bytes the first time they were said."""
        found: dict[bytes, list[bytes]] = {}
        for record in self.logs.read(CUSTOMER_SIGNALS):
            assert record.key is not None and record.value is not None
            if record.value not in found.setdefault(record.key, []):
                found[record.key].append(record.value)
        return found

    def signals(self) -> list[Signal]:
        return [self.codecs.signals.decode(value) for value in self.logs.values(CUSTOMER_SIGNALS)]

    def states(self) -> dict[bytes, Customer]:
        """What is known in the end; a repeated append shifts offsets, and nothing else."""
        return {
            key: replace(state, offset=None)
            for kept in self.table.kept.values()
            for key, value in kept.items()
            if (state := load(value)) is not None
        }


def ids(codecs: Codecs, said: list[bytes]) -> set[str]:
    return {codecs.signals.decode(value).signal_id for value in said}


def kinds(signals: Iterable[Signal]) -> list[str]:
    return [type(signal.payload).__name__ for signal in signals]


STORY = entries(
    added("mug", NOON, who=COOKIE),
    viewed("plate", NOON + MINUTE, who=COOKIE),
    added("plate", NOON + MINUTE, who=BOB),
    logged_in(NOON + 2 * MINUTE, who=ADA_ON_COOKIE),
    fulfilled(at=NOON + 2 * MINUTE, who=BOB, name="F1"),  # held back until its order comes
    added("plate", NOON + 3 * MINUTE, who=COOKIE),  # forwarded
    ordered(NOON + 4 * MINUTE, who=BOB),
    added("mug", NOON + 2 * HOUR, who=BOB),
    updated(NOON + 3 * HOUR, who=EVE, first_name="Eve"),
    added("mug", NOON + 3 * HOUR, who=EVE),
    told(CustomerErased(), NOON + 4 * HOUR, who=EVE),
)


@pytest.fixture
def process(codecs: Codecs, metrics: WorkerMetrics) -> Process:
    return Process(codecs, metrics)


async def survived(codecs: Codecs, metrics: WorkerMetrics, at: int | None, **shape: Any) -> Process:
    """The story, with a death at seam `at`, and a new process that goes on from the last commit."""
    process = Process(codecs, metrics, Seams(at), **shape)
    process.tell(*STORY)
    try:
        await process.run()
    except Died:
        await process.run()
    return process


@pytest.mark.parametrize("shape", [{}, {"chunk_records": 2}, {"chunk_records": 2, "commit_every": 3}], ids=str)
async def test_a_death_at_any_seam_changes_neither_what_is_said_nor_what_is_known(
    codecs: Codecs, metrics: WorkerMetrics, shape: dict[str, int]
) -> None:
    undisturbed = await survived(codecs, metrics, None, **shape)
    said = undisturbed.said()
    erased = said.pop(EVES)
    assert (len(said[ADAS]), len(said[BOBS]), len(erased)) == (4, 4, 3) and EVES not in undisturbed.states()

    for seam in range(undisturbed.seams.passed):
        process = await survived(codecs, metrics, seam, **shape)
        assert process.states() == undisturbed.states(), f"seam {seam}"
        said_again = process.said()
        # Nothing is known of Eve any more: what comes again is told with the names it brings itself, under the same id.
        assert ids(codecs, said_again.pop(EVES)) == ids(codecs, erased), f"seam {seam}"
        assert said_again == said, f"seam {seam}"


@pytest.mark.parametrize("seam", [0, 1, 2], ids=["before sending", "sent, not acked", "before the table"])
async def test_what_is_not_remembered_is_said_again_byte_by_byte(
    codecs: Codecs, metrics: WorkerMetrics, seam: int
) -> None:
    process = Process(codecs, metrics, Seams(seam))
    process.tell(*entries(added(who=BOB), added("plate", NOON + MINUTE, who=BOB)))
    with pytest.raises(Died):
        await process.run()
    assert process.table.kept[P] == {}
    await process.run()

    said = process.logs.values(CUSTOMER_SIGNALS)
    assert said[-2:] == said[:2]
    assert len(said) == (2 if seam == 0 else 4)


@pytest.mark.parametrize("seam", [3, 4], ids=["remembered, table's ack lost", "remembered, not acked"])
async def test_what_is_remembered_is_not_said_again(codecs: Codecs, metrics: WorkerMetrics, seam: int) -> None:
    process = Process(codecs, metrics, Seams(seam))
    process.tell(*entries(added(who=BOB), added("plate", NOON + MINUTE, who=BOB)))
    with pytest.raises(Died):
        await process.run()
    await process.run()

    assert kinds(process.signals()) == ["CartChanged", "CartChanged"]
    assert len(process.table.written) == 1


async def test_a_broker_that_refuses_ends_the_chunk_before_anything_is_remembered(process: Process) -> None:
    process.logs.refuses = [OSError("the broker is away")]
    process.tell(*entries(added(who=BOB)))
    with pytest.raises(OSError, match="away"):
        await process.run()

    assert process.table.written == [] and process.due == []


async def test_a_chunk_is_said_at_once_and_each_customer_loaded_and_written_once(process: Process) -> None:
    many = [CustomerRef(customer_id=f"c{n}", email=f"c{n}@example.com") for n in range(200)]
    mine = [who for who in many if home(key_of("shop", who).encode()) == P]
    process.chunk_records = 10_000
    for minute in range(3):
        process.tell(*(e for who in mine for e in entries(added("mug", NOON + minute * MINUTE, who=who))[:1]))
    await process.run()

    assert len(mine) > 20
    assert sorted(process.table.asked) == sorted(key_of("shop", who).encode() for who in mine)
    assert len(process.table.written) == 1 and len(process.table.written[0]) == len(mine)
    assert process.logs.sends == [(CUSTOMER_SIGNALS, 4 * len(mine))]


async def test_signals_leave_in_the_order_of_the_log_in_its_own_partition(process: Process) -> None:
    process.tell(*entries(added("mug", NOON, who=BOB), added("plate", NOON + MINUTE, who=BOB), viewed(who=BOB)))
    await process.run()

    assert {(r.partition, r.key) for r in process.logs.read(CUSTOMER_SIGNALS)} == {(P, BOBS)}
    assert kinds(process.signals()) == ["CartChanged", "CartChanged", "ProductViewed"]


async def test_the_second_chunk_goes_on_from_what_the_first_left(process: Process) -> None:
    process.chunk_records = 1
    process.tell(*entries(added("mug", NOON, who=BOB), added("mug", NOON + MINUTE, who=BOB)))
    await process.run()

    assert [signal.payload.cart.version for signal in process.signals()] == [1, 2]  # type: ignore[union-attr]
    assert len(process.table.written) == 2


async def test_what_a_log_answers_to_another_goes_to_that_ones_partition(process: Process) -> None:
    process.tell(*entries(added("mug", NOON, who=COOKIE), logged_in(NOON + MINUTE)))
    await process.run()

    appended = process.logs.topics[CUSTOMER_EVENTS][P][-1]
    assert appended.key == ADAS
    assert "CartTransferred" in type(process.codecs.customer_events.decode(appended.value).fact).__name__
    assert process.states()[ADAS].carts["default"].lines.keys() == {"mug"}
    assert process.states()[COOKIES].link == ADAS.decode()


async def test_an_erased_customer_is_a_tombstone(process: Process) -> None:
    process.chunk_records = 1
    process.tell(*entries(added("mug", who=BOB), told(CustomerErased(), NOON + MINUTE, who=BOB)))
    await process.run()

    assert process.table.written[-1] == {BOBS: None}
    assert kinds(process.signals()) == ["CartChanged", "CustomerErased"]
    assert [key for _, key, _ in process.due] == [BOBS]  # when the cart came, and not when it went


async def test_a_customer_erased_and_back_in_one_chunk_starts_anew(process: Process) -> None:
    gone, back = told(CustomerErased(), NOON + MINUTE, who=BOB), viewed(at=NOON + HOUR, who=BOB)
    process.tell(*entries(added("mug", who=BOB), gone, back))
    await process.run()

    assert process.states()[BOBS].carts == {} and len(process.states()[BOBS].views) == 1


async def test_a_record_nobody_understands_is_refused_once_and_its_neighbours_are_folded(
    process: Process, registry: CollectorRegistry
) -> None:
    process.tell(*entries(added("mug", NOON, who=BOB)))
    process.logs.put(CUSTOMER_EVENTS, P, BOBS, b"nonsense", (("trace", b"1"),))
    process.tell(*entries(added("plate", NOON, who=BOB)))
    await process.run()
    await process.run()

    (refused,) = (process.codecs.refused.decode(value) for value in process.logs.values(REFUSED))
    assert (refused.topic, refused.partition, refused.offset) == (CUSTOMER_EVENTS, P, 1)
    assert (refused.key, refused.value, refused.headers[0].value) == (BOBS, b"nonsense", b"1")
    assert process.states()[BOBS].carts["default"].version == 2
    assert samples(registry, "shoprelay_events_refused_total") == {(CUSTOMER_EVENTS, "not-framed"): 1}


async def test_an_entry_that_changes_nothing_writes_nothing(process: Process) -> None:
    linked = told(IdentityLinked(other=ADA), NOON, who=COOKIE, event_id="link-1")
    again = replace(linked, event_id="link-2")
    process.chunk_records = 1
    for fact in (linked, again):
        process.tell(CustomerEvent(key=COOKIES.decode(), at=NOON, fact=fact))
    await process.run()

    assert [set(written) for written in process.table.written if COOKIES in written] == [{COOKIES}]


async def test_a_chunk_is_folded_under_one_policy_even_if_the_settings_change_meanwhile(process: Process) -> None:
    asked: list[str] = []

    def policies(shop: str) -> Policy:
        asked.append(shop)
        return ONE_STAGE

    process.tell(*entries(added(who=BOB), added("plate", who=BOB), viewed(who=BOB)))
    await dataclasses.replace(process.fold(), policies=policies).chunk(P, process.logs.topics[CUSTOMER_EVENTS][P])

    assert asked == ["shop"]


async def test_each_shop_has_its_own_policy(process: Process) -> None:
    process.policy["patient"] = Policy(stages=(3 * HOUR,))
    hasty = added(who=BOB)
    patient = replace(hasty, shop="patient")
    process.tell(*entries(hasty, patient))
    await process.run()

    due = {key: at for _, key, at in process.due}
    assert due == {BOBS: milliseconds(NOON + HOUR), b"patient/c:bob": milliseconds(NOON + 3 * HOUR)}


async def test_the_deadlines_hear_of_a_customer_only_once_it_is_remembered(
    codecs: Codecs, metrics: WorkerMetrics
) -> None:
    process = Process(codecs, metrics, Seams(3))  # said; written to the table, and its ack lost
    process.tell(*entries(added(who=BOB)))
    with pytest.raises(Died):
        await process.run()

    assert process.due == []


async def test_a_deadline_in_the_log_makes_the_fact_and_is_not_due_again(process: Process) -> None:
    process.tell(*entries(added(who=BOB)))
    await process.run()
    (state,) = process.states().values()
    process.tell(deadline_event(state))
    process.tell(deadline_event(state))  # two workers noticed, or one noticed twice
    await process.run()

    assert kinds(process.signals()) == ["CartChanged", "CartAbandoned"]
    assert process.due[-1][2] > milliseconds(NOON + HOUR)


async def test_what_was_noticed_is_counted(process: Process, registry: CollectorRegistry) -> None:
    event = added(who=BOB)
    process.tell(*entries(event, event, ordered(NOON + MINUTE, who=BOB)))
    await process.run()

    assert samples(registry, "shoprelay_events_folded_total") == {("CartItemAdded",): 2, ("OrderPlaced",): 1}
    assert samples(registry, "shoprelay_fold_notes_total") == {("repeated",): 1}
    assert samples(registry, "shoprelay_signals_concluded_total") == {("CartChanged",): 1, ("OrderPlaced",): 1}


async def test_an_empty_chunk_does_nothing(process: Process) -> None:
    await process.fold().chunk(P, [])

    assert process.logs.sends == [] and process.table.written == []


def test_the_due_time_stands_in_front_of_the_state() -> None:
    armed = Customer(key="shop/c:bob", shop="shop", tidy_at=NOON)
    quiet = Customer(key="shop/c:bob", shop="shop")

    assert due_at(store(armed)) == milliseconds(NOON) and load(store(armed)) == armed
    assert due_at(store(quiet)) == NEVER and load(None) is None


async def test_of_who_is_erased_what_databases_told_is_to_be_forgotten_by_every_name(
    codecs: Codecs, metrics: WorkerMetrics
) -> None:
    process = Process(codecs, metrics)
    process.tell(*entries(added("mug", NOON, who=ADA_BY_MAIL), told(CustomerErased(), NOON + MINUTE, who=ADA_BY_MAIL)))
    await process.run()
    assert process.logs.read("row-changes") == [], "there are no databases"

    process = Process(codecs, metrics)
    process.rows_topic = "row-changes"
    process.tell(*entries(added("mug", NOON, who=ADA_BY_MAIL), told(CustomerErased(), NOON + MINUTE, who=ADA_BY_MAIL)))
    await process.run()
    appended = process.logs.read("row-changes")
    assert {record.key for record in appended} == set(rowlog.keys_of("shop", ADA_BY_MAIL))
    assert {rowlog.decode(record.value) for record in appended} == {rowlog.Erased()}
    assert {record.partition for record in appended} == {home(record.key or b"") for record in appended}
