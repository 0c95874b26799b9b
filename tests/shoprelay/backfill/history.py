"""A small history to be told, and who hears it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from schemas.events import ShopEvent
from shoprelay.backfill.progress import ProgressFile
from shoprelay.backfill.reading import Source
from shoprelay.backfill.run import Run
from sources.backfill import uci
from sources.backfill.format import Format, Telling
from streams.domain.policy import Policy

TELLING = Telling("giftware", "GBP", UTC, datetime(2011, 1, 1, tzinfo=UTC))
HEAD = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"


def invoice(number: str, *lines: tuple[str, str], customer: str = "17850.0", at: str = "2010-12-01 08:26:00") -> str:
    return "".join(f"{number},P{n},Mug,{quantity},{at},{price},{customer},UK\n" for n, (quantity, price) in
                   enumerate(lines))  # fmt: skip


def december(orders: int) -> str:
    return HEAD + "".join(invoice(str(536_000 + n), ("2", "2.55"), ("1", "1.10")) for n in range(orders))


class Died(Exception):
    pass


@dataclass
class Front:
    """The front door. Dies at the publication number `dies_at`; what was published and not acked may be lost."""

    dies_at: int | None = None
    published: list[ShopEvent] = field(default_factory=list)
    acked: int = 0

    def publish(self, event: ShopEvent) -> None:
        if len(self.published) == self.dies_at:
            raise Died
        self.published.append(event)

    def flush(self) -> None:
        self.acked = len(self.published)


def run_of(
    file: Path,
    front: Front,
    folder: Path,
    format: Format = uci.FORMAT,
    stopping: Callable[[], bool] = lambda: False,
    until: datetime | None = None,
) -> Run:
    progress = ProgressFile.of(file, ("here", format.name), folder)
    return Run(Source(file), format, TELLING, Policy(), front, progress, until, stopping=stopping)


def told(run: Run) -> bool:
    run.begin(run.progress.load())
    with run.source:
        return run.tell()
