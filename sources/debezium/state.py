"""What is remembered of one order, cart, customer or product, to tell what is new of it and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from schemas.values import LineItem, Product
from sources.debezium.envelope import Position
from sources.debezium.pieces import CartRow, OrderRow

SOURCE = "debezium"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """`settle`: so long nothing may have come before rows without a count are taken as whole. `wait`: so long a part
    may be missing. `forget`: so long a state is kept after its last row. A snapshot reads table after table, so rows
    that only it has shown have patience of their own."""

    shop: str
    settle: timedelta = timedelta(seconds=2)
    wait: timedelta = timedelta(seconds=60)
    snapshot_settle: timedelta = timedelta(minutes=1)
    snapshot_wait: timedelta = timedelta(hours=24)
    forget: timedelta = timedelta(days=90)

    def patience(self, *, live: bool) -> tuple[timedelta, timedelta]:
        """How long to settle, and how long to wait."""
        return (self.settle, self.wait) if live else (self.snapshot_settle, self.snapshot_wait)


class Seen(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """The last change of one row. Positions order the changes of a row; where they start anew (another server, another
    connector) they go back, and the later commit counts."""

    at: datetime
    position: Position

    def is_before(self, at: datetime, position: Position) -> bool:
        return position > self.position or at > self.at


class State(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """`seen` holds every row, deleted ones too. `said` is a print of what was said last, by name; `ids` under which id;
    `once` are the ids of what is said once. `since` and `changed`: the first and the last row that is not told yet."""

    owner: str
    touched: datetime
    seen: dict[str, Seen] = {}
    head: OrderRow | CartRow | None = None
    lines: dict[str, LineItem] = {}
    product: Product | None = None
    gone: bool = False
    live: bool = False
    placed: bool = False
    missing: bool = False
    since: datetime | None = None
    changed: datetime | None = None
    said: dict[str, str] = {}
    ids: dict[str, str] = {}
    once: tuple[str, ...] = ()

    @property
    def newest(self) -> datetime:
        return max(seen.at for seen in self.seen.values())
