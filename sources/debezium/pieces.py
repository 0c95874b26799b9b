"""What changed rows say: pieces of an order or a cart, which have to meet, and facts that need no other row.

Every piece names its owner, the order, cart, customer or product it belongs to. Pieces are kept in the state of a join:
fields may be added to them, and are never renamed.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from schemas.events import (
    CustomerErased,
    CustomerRegistered,
    CustomerUpdated,
    OrderFulfilled,
    OrderRefunded,
    ProductDeleted,
    ProductUpserted,
    StockChanged,
)
from schemas.values import CustomerRef, LineItem, Order
from sources.debezium.envelope import Position


class Part(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag=True):
    """Configuration only."""


class OrderRow(Part, frozen=True, kw_only=True):
    """`order` has no lines. `unchanged` are fields of it that the database did not tell again."""

    order: Order
    who: CustomerRef
    cart_id: str | None = None
    is_new: bool = False
    updated_at: datetime | None = None
    paid_at: datetime | None = None
    paid: bool = False
    payment_method: str | None = None
    line_count: int | None = None
    draft: bool = False
    cancelled: bool = False
    fulfilled: bool = False
    unchanged: tuple[str, ...] = ()


class CartRow(Part, frozen=True, kw_only=True):
    who: CustomerRef
    currency: str | None = None
    url: str | None = None
    active: bool = True
    updated_at: datetime | None = None


class LineRow(Part, frozen=True, kw_only=True):
    """`line` is None once it is gone, and where it is a part of another."""

    line_id: str
    line: LineItem | None = None


class Gone(Part, frozen=True, kw_only=True):
    """The row of the order or cart itself was deleted."""


Payload = (
    CustomerRegistered
    | CustomerUpdated
    | CustomerErased
    | OrderRefunded
    | OrderFulfilled
    | ProductUpserted
    | ProductDeleted
    | StockChanged
)


class Fact(Part, frozen=True, kw_only=True):
    """Whole by itself. `name` tells it from others of its owner, `updated_at` is what the row says of its time."""

    name: str
    payload: Payload
    who: CustomerRef = CustomerRef()
    updated_at: datetime | None = None
    unchanged: tuple[str, ...] = ()


Content = OrderRow | CartRow | LineRow | Gone | Fact


class Piece(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """`row` names the row it was read from, `at` and `position` its change."""

    owner: str
    row: str
    at: datetime
    position: Position
    snapshot: bool = False
    content: Content
