"""Records of Debezium, one on each line as JSON (`key`, `value` and the names of `headers`), through to the events of
what they put together. A line that is no such record is the bytes of a value itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec

from sources.debezium import join
from sources.debezium.envelope import Change, Nothing, read_json
from sources.debezium.join import Step
from sources.debezium.pieces import CartRow, OrderRow, Piece
from sources.debezium.presets import PRESETS
from sources.debezium.row import Unread
from sources.debezium.state import State
from sources.debezium.tables import Table, TableMap, read
from sources.debezium.telling import told
from sources.webhooks.document import decoded
from tests.fuzz.target import Target, ends
from tests.sources.debezium.samples import binlog, envelope, source
from tests.sources.debezium.shop import NOW, ORDER, RULES, line
from tests.sources.debezium.test_telling import CUSTOMER, PRODUCT

SECOND = timedelta(seconds=1)


class Record(msgspec.Struct):
    key: msgspec.Raw = msgspec.Raw(b"")
    value: msgspec.Raw = msgspec.Raw(b"")
    headers: tuple[str, ...] = ()


def records(data: bytes) -> Iterator[Record]:
    for each in data.split(b"\n"):
        try:
            yield msgspec.json.decode(each, type=Record)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            yield Record(msgspec.Raw(b'{"id":1}'), msgspec.Raw(each))


def asks(tables: TableMap) -> Callable[[bytes], None]:
    def one(data: bytes) -> None:
        joining = Joining()
        for record in records(data):
            found = read_json(bytes(record.key), bytes(record.value), record.headers)
            if isinstance(found, Unread):
                assert found.problem and found.remedy
            elif isinstance(found, Nothing):
                assert _is_no_row(bytes(record.value)), found
            else:
                joining.takes(_pieces(found, tables))
        joining.ends()

    return one


def _is_no_row(value: bytes) -> bool:
    """What the connector tells beside rows: no value, a word of its own, or an envelope without an operation."""
    document = decoded(value) if value.strip() else None
    if isinstance(document, dict) and "payload" in document:
        document = document["payload"]
    return document is None or (isinstance(document, dict) and document.get("op") in (None, "m"))


def _pieces(change: Change, tables: TableMap) -> tuple[Piece, ...]:
    found = told(change, tables)
    for problem in found.problems:
        assert problem.problem and problem.remedy
    if not found.pieces and not found.problems:
        mapped = [(role, table) for role, table in tables.tables() if table.is_it(change.table)]
        explained = all(_may_say_nothing(change, role, table) for role, table in mapped)
        assert explained, "nothing is told of it, and nobody says why"
    return found.pieces


def _may_say_nothing(change: Change, role: str, table: Table) -> bool:
    """A row of something else, a deletion that undoes nothing, and a refund of nothing."""
    if change.after is None:
        return role in ("refunds", "fulfilments", "stock") or (change.moved and role in ("customers", "products"))
    if any(change.after.text(name) not in values for name, values in table.only.items()):
        return True
    return role == "refunds" and change.after.amount(table.columns.amount) == 0


@dataclass
class Joining:
    """The worker's part: states kept as bytes, and time that passes to the end of what is waited for."""

    now: datetime = NOW
    states: dict[str, State] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)

    def takes(self, pieces: tuple[Piece, ...]) -> None:
        for piece in pieces:
            self._is(piece.owner, join.take(self.states.get(piece.owner), piece, self.now, RULES))
            if (state := self.states.get(piece.owner)) is not None:
                assert not join.take(state, piece, self.now, RULES).events, "told twice"
        self.now += SECOND

    def ends(self) -> None:
        for owner in list(self.states):
            for _ in range(10):
                state = self.states[owner]
                if (at := join.due(state, RULES)) >= state.touched + RULES.forget:
                    break
                self._is(owner, join.tick(state, max(at, self.now), RULES))
            else:
                raise AssertionError("time passes, and it is due again and again")
            assert owner in self.answered or _says_nothing(self.states[owner]), "nothing came of it, and no reason why"

    def _is(self, owner: str, step: Step) -> None:
        assert step.state is not None
        self.states[owner] = join.decode(join.encode(step.state))
        assert self.states[owner] == step.state
        for event in step.events:
            ends(event)
        if step.events or step.missing:
            self.answered.add(owner)


def _says_nothing(state: State) -> bool:
    """No order yet, an order or cart that went before anything was told of it, and a cart with nothing in it."""
    match state.head:
        case OrderRow(draft=draft):
            return draft or state.gone
        case CartRow(active=active):
            return not active or not state.lines or state.gone
    return state.gone or not state.lines


# -- seeds


def record(op: str, row: dict[str, Any], at: dict[str, Any], key: str = "id") -> bytes:
    told = {"key": {key: row.get(key)}, "value": envelope(op, row, at), "headers": ["__debezium.newkey"] * (op == "d")}
    return json.dumps(told).encode()


def _reference() -> Iterator[bytes]:
    def at(table: str, n: int) -> dict[str, Any]:
        return source(f"shop.{table}", n)

    back = {"id": 5, "order_id": 1001, "amount": "-3.00", "currency": "EUR", "created_at": "2026-11-21T07:30:00Z"}
    cart = {"id": "c-9", "customer_id": 7, "currency": "EUR", "active": True, "updated_at": "2026-11-21T07:10:00Z"}
    stock = {"product_id": 41, "variant_id": None, "quantity": "5", "location": "main"}
    paid = ORDER | {"line_count": 1, "paid_at": "2026-11-21T07:30:00Z", "status": "cancelled"}
    yield b"\n".join([record("c", ORDER, at("orders", 5)), record("c", line(1), at("order_lines", 6)),
                      record("u", paid, at("orders", 7)), record("c", back, at("refunds", 8)),
                      record("c", back | {"tracking_code": "T"}, at("fulfilments", 8)),
                      record("d", line(1), at("order_lines", 9)), record("d", ORDER, at("orders", 10))])  # fmt: skip
    yield b"\n".join([record("c", cart, at("carts", 5)), record("c", line(1) | {"cart_id": "c-9"}, at("cart_lines", 6)),
                      record("d", line(1) | {"cart_id": "c-9"}, at("cart_lines", 7))])  # fmt: skip
    yield b"\n".join([record("c", CUSTOMER, at("customers", 5)), record("u", CUSTOMER, at("customers", 6)),
                      record("d", CUSTOMER, at("customers", 7)), record("r", PRODUCT, at("products", 8)),
                      record("r", stock, at("stock", 9), "product_id"),
                      record("d", PRODUCT, at("products", 9))])  # fmt: skip


def _of_tables(preset: str) -> Iterator[bytes]:
    """A row of every table of a preset that has something in every column."""
    tables = read({"preset": preset})
    lines = []
    for n, (_, table) in enumerate(tables.tables()):
        row: dict[str, Any] = {name: "7" for name in vars(table.columns).values() if name}
        row |= {name: "19.50" for name in row if "total" in name or "amount" in name or "price" in name}
        row |= {name: "2026-11-21T07:30:00Z" for name in row if name.endswith(("_at", "_gmt"))}
        row |= {name: values[0] for name, values in table.only.items()}
        row |= {"status": "wc-completed", "currency": "EUR", "order_currency_code": "EUR", "quote_currency_code": "EUR"}
        lines.append(record("u", row, binlog(n, table=table.table), next(iter(row))))
    yield from lines
    yield b"\n".join(lines)


def _others() -> Iterator[bytes]:
    fields = [{"field": "id", "type": "int32"}, {"field": "total", "type": "bytes", "parameters": {"scale": "2"},
                                                 "name": "org.apache.kafka.connect.data.Decimal"}]  # fmt: skip
    schema = {"type": "struct", "fields": [{"type": "struct", "field": "after", "fields": fields}]}
    value = {"schema": schema, "payload": envelope("c", {**ORDER, "total": "EZQ="}, source("shop.orders"))}
    yield json.dumps({"key": {"schema": None, "payload": {"id": 1001}}, "value": value}).encode()
    for told_of in ({"status": "BEGIN", "id": "1"}, {"ts_ms": 1}, {"ddl": "x"}, {"op": "m"}, {"op": "t"}, None):
        yield json.dumps({"key": None, "value": told_of}).encode()


SEEDS: dict[str, Callable[[], Iterator[bytes]]] = {"reference": _reference}


def seeds(preset: str) -> Iterator[bytes]:
    yield from SEEDS[preset]() if preset in SEEDS else _of_tables(preset)
    yield from _others()


TARGETS = {
    f"changes-{preset}": Target(asks(read({"preset": preset})), lambda preset=preset: seeds(preset))  # type: ignore[misc]
    for preset in PRESETS
}
