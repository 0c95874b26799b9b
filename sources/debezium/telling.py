"""A change of any table becomes pieces, by the table map. Pure and total.

Rows of tables that are not mapped say nothing. A deletion is known by its ids alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sources.debezium import entities, orders
from sources.debezium.envelope import Change
from sources.debezium.pieces import Piece
from sources.debezium.reading import Reading, ids_of
from sources.debezium.row import Unfit, Unread
from sources.debezium.tables import Table, TableMap


@dataclass(frozen=True, slots=True)
class Told:
    """What a change says, what of it could not be read, and which columns came as doubles."""

    pieces: tuple[Piece, ...] = ()
    problems: tuple[Unread, ...] = ()
    doubles: tuple[str, ...] = ()


def told(change: Change, tables: TableMap) -> Told:
    """Total. A table that is several things at once is read as each of them. What an outbox says is `outbox`'s."""
    pieces: list[Piece] = []
    problems: list[Unread] = []
    doubles: set[str] = set()
    for role, table in tables.tables():
        if role == "outbox" or not table.is_it(change.table):
            continue
        try:
            if not _is_ours(change, table):
                continue
            read = Reading(change, change.after or ids_of(change), role, tables.currency)
            found = [tell(read, table) for tell in _READ[role]]
        except Unfit as unfit:
            problems.append(unfit.why)
            continue
        pieces += [piece for piece in found if piece]
        doubles |= _doubles(change, table)
    return Told(tuple(pieces), tuple(problems), tuple(sorted(doubles)))


def _is_ours(change: Change, table: Table) -> bool:
    """Of a deletion the values are not known, and what was never told is not missed."""
    after = change.after
    return after is None or all(after.text(name) in values for name, values in table.only.items())


def _doubles(change: Change, table: Table) -> set[str]:
    after = change.after
    names = vars(table.columns).values()
    return {f"{change.table}.{name}" for name in names if name and after is not None and after.inexact(name)}


_READ: dict[str, tuple[Callable[[Reading, Any], Piece | None], ...]] = {
    "customers": (entities.customer,),
    "carts": (orders.cart,),
    "cart_lines": (orders.cart_line, orders.left_cart),
    "orders": (orders.order,),
    "order_lines": (orders.order_line, orders.left_order),
    "refunds": (orders.refund,),
    "fulfilments": (orders.fulfilment,),
    "products": (entities.product,),
    "stock": (entities.stock,),
}
