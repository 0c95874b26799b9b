"""A shop in the reference schema: rows as its database has them, and the worker's part played by hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.events import ShopEvent
from sources.debezium import join
from sources.debezium.envelope import Change
from sources.debezium.join import Step
from sources.debezium.pieces import Piece
from sources.debezium.row import Unread
from sources.debezium.state import Rules, State
from sources.debezium.tables import TableMap, read
from sources.debezium.telling import told
from streams.domain.policy import Policy
from streams.domain.validate import problem_of
from tests.sources.debezium.samples import COMMITTED, change, envelope, source

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
REFERENCE = read({"preset": "reference"})
RULES = Rules(shop="mugs")
ORDER = {
    "id": 1001, "number": "M-1001", "customer_id": 7, "email": "ada@mugs.example", "status": "placed",
    "currency": "EUR", "total": "45.00", "cart_id": "c-9",
    "placed_at": "2026-11-21T07:20:51Z", "updated_at": "2026-11-21T07:20:51Z",
}  # fmt: skip


def line(n: int, order: int = 1001, **more: Any) -> dict[str, Any]:
    told = {
        "id": n,
        "order_id": order,
        "product_id": 40 + n,
        "sku": f"MUG-{n}",
        "quantity": "1.0",
        "unit_price": "15.00",
    }
    return told | more


def row(table: str, op: str, row: dict[str, Any], lsn: int, **more: Any) -> Change:
    at = source(f"shop.{table}", lsn, ts_us=COMMITTED + lsn * 1000, ts_ms=(COMMITTED + lsn * 1000) // 1000)
    key = {"id": row["id"]} if "id" in row else {"product_id": row["product_id"]}
    return change(envelope(op, row, at | more), key)


def pieces(*changes: Change, tables: TableMap = REFERENCE) -> list[Piece]:
    found = [told(each, tables) for each in changes]
    assert not any(each.problems for each in found), [each.problems for each in found]
    return [piece for each in found for piece in each.pieces]


@dataclass
class Joining:
    """States by owner, and a clock that only tests move. States are kept as the bytes a table would keep."""

    rules: Rules = RULES
    now: datetime = NOW
    states: dict[str, bytes] = field(default_factory=dict)
    events: list[ShopEvent] = field(default_factory=list)
    missing: list[Unread] = field(default_factory=list)

    def hears(self, *changes: Change, tables: TableMap = REFERENCE) -> Joining:
        return self.takes(pieces(*changes, tables=tables))

    def takes(self, some: Iterable[Piece]) -> Joining:
        for piece in some:
            stored = self.states.get(piece.owner)
            self._is(piece.owner, join.take(join.decode(stored) if stored else None, piece, self.now, self.rules))
        return self

    def waits(self, seconds: float) -> Joining:
        until = self.now + timedelta(seconds=seconds)
        for owner in list(self.states):
            while (state := self._state(owner)) is not None and (at := join.due(state, self.rules)) <= until:
                self._is(owner, join.tick(state, at, self.rules))
        self.now = until
        return self

    def _state(self, owner: str) -> State | None:
        stored = self.states.get(owner)
        return join.decode(stored) if stored else None

    def _is(self, owner: str, step: Step) -> None:
        self.states.pop(owner, None)
        if step.state is not None:
            self.states[owner] = join.encode(step.state)
            assert join.decode(self.states[owner]) == step.state
        self.missing += [step.missing] if step.missing else []
        for event in step.events:
            assert problem_of(event, Policy()) is None, problem_of(event, Policy())
        self.events += step.events

    @property
    def ids(self) -> list[str]:
        return [event.event_id for event in self.events]
