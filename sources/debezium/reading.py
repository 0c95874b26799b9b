"""One row being read as one thing of the table map: columns by their roles, and what the row becomes a piece of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sources.debezium.envelope import Change
from sources.debezium.pieces import Content, Piece
from sources.debezium.row import Row, Unfit

WHOLE_ROWS = "log whole rows (REPLICA IDENTITY FULL, binlog_row_image=FULL), or name the column in the primary key"


def ids_of(change: Change) -> Row:
    """What of a deleted row may be believed: its key, and ids that stand beside it."""
    before = change.before or Row()
    kinds = (
        None
        if change.key.kinds is None and before.kinds is None
        else {**(before.kinds or {}), **(change.key.kinds or {})}
    )
    return Row({**before.cells, **change.key.cells}, kinds)


@dataclass(frozen=True, slots=True)
class Reading:
    """One row being read as one thing. Columns that are not mapped are not known."""

    change: Change
    row: Row
    role: str
    currency: str | None

    @property
    def is_gone(self) -> bool:
        return self.change.op == "deleted"

    def text(self, column: str | None) -> str | None:
        return self.row.text(column) if column else None

    def entity(self, column: str | None) -> str | None:
        return self.row.entity(column) if column else None

    def amount(self, column: str | None) -> Decimal | None:
        return self.row.amount(column) if column else None

    def moment(self, column: str | None) -> datetime | None:
        return self.row.moment(column) if column else None

    def needs(self, column: str) -> str:
        return self.row.needs(column, WHOLE_ROWS) if self.is_gone else self.row.needs(column)

    def needs_amount(self, column: str) -> Decimal:
        if (value := self.row.amount(column)) is None:
            raise Unfit(column, "is missing", "name the right column in the table map")
        return value

    def money_of(self, column: str | None) -> str:
        if (code := self.text(column) or self.currency) is None:
            raise Unfit(column or "currency", "is missing", "set currency in the table map")
        return code.upper()

    def piece(self, owner: str, name: str, content: Content) -> Piece:
        change = self.change
        return Piece(
            owner=owner,
            row=f"{self.role}:{name}",
            at=change.at,
            position=change.position,
            snapshot=change.snapshot,
            content=content,
        )

    def unchanged(self, columns: Any) -> tuple[str, ...]:
        """Roles whose columns the database did not tell again."""
        return tuple(role for role, column in vars(columns).items() if column in self.row.unchanged)
