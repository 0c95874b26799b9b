"""Products: said, remembered, acked; a death at any seam changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from schemas import signals
from schemas.events import CatalogEvent, CatalogPayload, ProductDeleted, ProductUpserted, StockChanged
from schemas.signals import CatalogSignal
from schemas.values import CustomerRef, Product
from streams.domain import catalog
from streams.worker.app import Codecs
from streams.worker.catalog import Catalog
from streams.worker.metrics import WorkerMetrics
from streams.worker.refusal import Refusal
from tests.domain.story import MINUTE, NOON, told
from tests.worker.world import CATALOG_EVENTS, CATALOG_SIGNALS, REFUSED, Died, Logs, Seams, Table, samples

P = 1
MUG = Product(product_id="mug", title="Blue mug", currency="EUR", price=Decimal("12.50"))
CHEAPER = replace(MUG, price=Decimal("9.90"))


def of_the_mug(payload: CatalogPayload, minute: int = 0, shop: str = "shop") -> CatalogEvent:
    fact = replace(told(payload, NOON + minute * MINUTE, who=CustomerRef()), shop=shop)
    return CatalogEvent(product_id="mug", at=fact.occurred_at, fact=fact)


STORY = (
    of_the_mug(ProductUpserted(product=MUG)),
    of_the_mug(StockChanged(product_id="mug", quantity=Decimal(3)), 1),
    of_the_mug(ProductUpserted(product=CHEAPER), 2),
    of_the_mug(StockChanged(product_id="mug", quantity=Decimal(0)), 3),
)


@dataclass(slots=True)
class Process:
    codecs: Codecs
    metrics: WorkerMetrics
    seams: Seams = field(default_factory=Seams)
    logs: Logs = field(default_factory=Logs)
    table: Table = field(default_factory=Table)
    acked: int = 0

    def __post_init__(self) -> None:
        self.logs.seams = self.table.seams = self.seams

    def tell(self, *entries: CatalogEvent) -> None:
        for entry in entries:
            key = f"{entry.fact.shop}/{entry.product_id}".encode()
            self.logs.put(CATALOG_EVENTS, P, key, self.codecs.catalog_events.encode(entry))

    async def run(self, chunk_records: int = 100) -> None:
        refuse = Refusal(self.codecs.refused, self.logs, REFUSED, 4, lambda: 0, self.metrics)
        shelves = Catalog(
            self.codecs.catalog_events, self.codecs.catalog_signals, self.table, self.logs, refuse, CATALOG_SIGNALS,
            self.metrics,
        )  # fmt: skip
        while chunk := self.logs.topics[CATALOG_EVENTS][P][self.acked :][:chunk_records]:
            await shelves.chunk(P, chunk)
            self.seams.here()
            self.acked += len(chunk)

    def said(self) -> list[CatalogSignal]:
        return [self.codecs.catalog_signals.decode(value) for value in self.logs.values(CATALOG_SIGNALS)]

    def known(self, key: bytes = b"shop/p:mug") -> catalog.ProductState:
        return catalog.decode(self.table.kept[P][key])


@pytest.fixture
def process(codecs: Codecs, metrics: WorkerMetrics) -> Process:
    return Process(codecs, metrics)


async def test_what_changed_is_told_and_known(process: Process) -> None:
    process.tell(*STORY)
    await process.run()

    payloads = [signal.payload for signal in process.said()]
    assert payloads[0] == signals.ProductChanged(product=MUG, new=True)
    assert payloads[2] == signals.ProductChanged(product=CHEAPER)
    assert [p.out_of_stock for p in payloads if isinstance(p, signals.StockChanged)] == [False, True]
    assert process.known().product == CHEAPER
    assert {(r.partition, r.key) for r in process.logs.read(CATALOG_SIGNALS)} == {(P, b"shop/p:mug")}


async def test_a_chunk_loads_and_writes_each_product_once(process: Process) -> None:
    process.tell(*STORY)
    await process.run()

    assert process.table.asked == [b"shop/p:mug"] and len(process.table.written) == 1
    assert process.logs.sends == [(CATALOG_SIGNALS, 4)]


@pytest.mark.parametrize("chunk_records", [1, 3])
async def test_a_death_at_any_seam_changes_neither_what_is_said_nor_what_is_known(
    codecs: Codecs, metrics: WorkerMetrics, chunk_records: int
) -> None:
    undisturbed = Process(codecs, metrics)
    undisturbed.tell(*STORY)
    await undisturbed.run(chunk_records)

    for seam in range(undisturbed.seams.passed):
        process = Process(codecs, metrics, Seams(seam))
        process.tell(*STORY)
        with pytest.raises(Died):
            await process.run(chunk_records)
        await process.run(chunk_records)
        assert process.table.kept == undisturbed.table.kept, f"seam {seam}"
        said = list(dict.fromkeys(process.logs.values(CATALOG_SIGNALS)))
        assert said == undisturbed.logs.values(CATALOG_SIGNALS), f"seam {seam}"


async def test_a_product_told_again_says_nothing(process: Process) -> None:
    process.tell(*STORY[:1], *STORY[:1])
    await process.run()

    assert len(process.said()) == 1


async def test_a_deletion_is_told_and_an_older_description_does_not_undo_it(process: Process) -> None:
    process.tell(of_the_mug(ProductDeleted(product_id="mug"), 5), of_the_mug(ProductUpserted(product=MUG)))
    await process.run()

    assert [signal.payload for signal in process.said()] == [signals.ProductDeleted(product_id="mug")]
    assert process.known().product is None


async def test_the_same_product_of_two_shops_is_two_products(process: Process) -> None:
    process.tell(of_the_mug(ProductUpserted(product=MUG)), of_the_mug(ProductUpserted(product=CHEAPER), shop="other"))
    await process.run()

    assert (process.known().product, process.known(b"other/p:mug").product) == (MUG, CHEAPER)


async def test_a_record_nobody_understands_is_refused_and_its_neighbours_are_kept(
    process: Process, registry: CollectorRegistry
) -> None:
    process.logs.put(
        CATALOG_EVENTS, P, b"shop/p:mug", None
    )  # catalog-events is compacted: somebody may send tombstones
    process.tell(STORY[0])
    await process.run()

    assert process.known().product == MUG
    assert samples(registry, "shoprelay_events_refused_total") == {(CATALOG_EVENTS, "empty"): 1}
    assert samples(registry, "shoprelay_signals_concluded_total") == {("ProductChanged",): 1}


async def test_nothing_understood_writes_nothing(process: Process) -> None:
    process.logs.put(CATALOG_EVENTS, P, b"shop/p:mug", b"nonsense")
    await process.run()

    assert process.table.written == [] and process.said() == []
