"""Rows of one order, or of one cart, become its events, in whatever order they arrive. Pure: state, piece and now in.

- What was seen of a row before is not seen again: repeated changes and older ones do nothing.
- An order is told once its own row and its lines are there: with a line count at once, without one when nothing has
  come for `settle`, and never later than `wait`. Whoever interleaves the rows, the event is the same.
- After `wait` without one of its parts it is not told; the reason names the part. If it comes later, it is told then.
- What is told twice has the same id and content; a snapshot taken again tells nothing.

`tick` has to be called when `due` says so, and after a restart before the next `take`: what was said but not remembered
is then said again as it was. `now` is a clock of what has been read: it stands still while rows wait to be read, or
parts would be missing that are only late. A state forgotten after `forget` repeats itself at worst, under known ids.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from schemas.events import ProductUpserted, ShopEvent
from schemas.values import LineItem, Order, Product
from sources.debezium import conclusions
from sources.debezium.pieces import CartRow, Fact, Gone, LineRow, OrderRow, Piece
from sources.debezium.row import Unread
from sources.debezium.state import Rules, Seen, State

_ORDER_FIELDS = frozenset(Order.__struct_fields__)
_PRODUCT_FIELDS = frozenset(Product.__struct_fields__)
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(State)
REMEDY = {
    "order": "read both tables, orders and order_lines, and look whether the connector's task runs",
    "cart": "read both tables, carts and cart_lines, and look whether the connector's task runs",
}


@dataclass(frozen=True, slots=True)
class Step:
    """`state` is what to remember, None when it may be forgotten; `missing` is why something is not told."""

    state: State | None
    events: tuple[ShopEvent, ...] = ()
    missing: Unread | None = None


def take(state: State | None, piece: Piece, now: datetime, rules: Rules) -> Step:
    """One piece more. The same state object comes back when it says nothing new."""
    state = state or State(owner=piece.owner, touched=now)
    last = state.seen.get(piece.row)
    if last is not None and not last.is_before(piece.at, piece.position):
        return Step(state)
    seen = {**state.seen, piece.row: Seen(at=piece.at, position=piece.position)}
    state = replace(state, seen=seen, touched=now, live=state.live or not piece.snapshot)
    match piece.content:
        case Fact() as fact:
            state, events = conclusions.of_fact(*_whole(state, fact), piece, rules)
            return Step(state, events)
        case OrderRow() | CartRow() as row:
            state = replace(state, head=_completed(row, state.head), gone=False)
        case LineRow(line_id=line_id, line=line):
            state = replace(state, lines=_with_line(state.lines, line_id, line))
        case Gone():
            state = replace(state, gone=True)
    return tick(replace(state, changed=now, since=state.since or now), now, rules)


def due(state: State, rules: Rules) -> datetime:
    """When `tick` has something to do at the latest."""
    forgotten = state.touched + rules.forget
    at = _due(state, rules)
    return forgotten if at is None else min(at, forgotten)


def tick(state: State, now: datetime, rules: Rules) -> Step:
    """What the time that has passed comes to; nothing before `due`."""
    at = _due(state, rules)
    if at is None or at > now:
        return Step(None if now >= state.touched + rules.forget else state)
    if (part := _missing(state)) is not None:
        _, wait = rules.patience(live=state.live)
        problem = f"has no row of {part} after {wait // timedelta(seconds=1)} s"
        kind = state.owner.partition(":")[0]
        return Step(replace(state, since=None, missing=True), (), Unread(kind, problem, REMEDY[kind]))
    state, events = conclusions.of_whole(state, rules)
    return Step(replace(state, since=None, changed=None, missing=False), events)


def encode(state: State) -> bytes:
    return _encoder.encode(state)


def decode(stored: bytes) -> State:
    return _decoder.decode(stored)


# -- when


def _due(state: State, rules: Rules) -> datetime | None:
    """None: nothing is waited for."""
    if state.changed is None or (isinstance(state.head, OrderRow) and state.head.draft and not state.placed):
        return None
    settle, wait = rules.patience(live=state.live)
    if _missing(state) is not None:
        return None if state.missing or state.since is None else state.since + wait
    if state.gone or _is_counted(state):
        return state.changed
    return min(state.changed + settle, (state.since or state.changed) + wait)


def _missing(state: State) -> str | None:
    """The table whose row is not there, though it cannot be told without."""
    is_order = state.owner.startswith("order:")
    if state.gone:
        return None
    if state.head is None:
        return ("orders" if is_order else "carts") if state.lines else None
    if isinstance(state.head, OrderRow) and not state.placed and not _has_lines(state.head, state.lines):
        return "order_lines"
    return None


def _has_lines(head: OrderRow, lines: dict[str, LineItem]) -> bool:
    return bool(lines) if head.line_count is None else len(lines) >= head.line_count


def _is_counted(state: State) -> bool:
    """The order says how many lines it has, and they are there: nothing else is waited for before it is told."""
    head = state.head
    return isinstance(head, OrderRow) and not state.placed and head.line_count is not None


# -- rows


def _with_line(lines: dict[str, LineItem], line_id: str, line: LineItem | None) -> dict[str, LineItem]:
    others = {known: value for known, value in lines.items() if known != line_id}
    return others if line is None else {**others, line_id: line}


def _completed(row: OrderRow | CartRow, old: OrderRow | CartRow | None) -> OrderRow | CartRow:
    """What the database did not tell again is as it was."""
    if not isinstance(row, OrderRow) or not isinstance(old, OrderRow):
        return row
    kept = {name: getattr(old.order, name) for name in row.unchanged if name in _ORDER_FIELDS}
    return replace(row, order=replace(row.order, **kept)) if kept else row


def _whole(state: State, fact: Fact) -> tuple[State, Fact]:
    """The same for products, whose descriptions are what databases leave out."""
    if not isinstance(fact.payload, ProductUpserted):
        return state, fact
    product = fact.payload.product
    if state.product is not None:
        kept = {name: getattr(state.product, name) for name in fact.unchanged if name in _PRODUCT_FIELDS}
        product = replace(product, **kept)
    return replace(state, product=product), replace(fact, payload=ProductUpserted(product=product))
