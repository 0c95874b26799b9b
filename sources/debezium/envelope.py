"""One record of Debezium becomes a `Change`, nothing to tell, or a reason why it is not read. Pure and total.

Read alike: JSON with and without its schema, and what an Avro reader made of a record (then with the writer's schema).
What a `Change` says may be relied on:

- Of a deletion only the key is certain; `before` may hold invented values, where the database logs keys only.
- `after` has every column that is known: one too large to be logged comes from `before`, or is named `unchanged`.
- `position` tells two changes of one key apart, and is the same when the change is told again.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

import msgspec

from sources.debezium import kinds
from sources.debezium.kinds import Kinds
from sources.debezium.row import EPOCH, Row, Unread, is_unavailable

Op = Literal["created", "updated", "deleted", "read"]
Word = Literal["tombstone", "heartbeat", "transaction", "message", "schema-change"]
OPS: dict[object, Op] = {"c": "created", "u": "updated", "d": "deleted", "r": "read"}
Position = tuple[int, ...]
_MOST = 2**63 - 1
NEW_KEY = "__debezium.newkey"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """`at` is when the database did it. `position` grows with every change of one key; `snapshot` is a row as it was
    found, not a change of it. `moved` is a deletion under the old key of a row that goes on under another."""

    op: Op
    table: str
    key: Row
    before: Row | None
    after: Row | None
    at: datetime
    position: Position
    snapshot: bool
    moved: bool = False

    @property
    def place(self) -> str:
        """The position as ids carry it."""
        return ".".join(map(str, self.position))


@dataclass(frozen=True, slots=True)
class Nothing:
    """Understood, and no row changed."""

    word: Word


Read = Change | Nothing | Unread
NO_ENVELOPE = Unread(
    None, "is no change of a row", "take ExtractNewRecordState and other transforms out of the connector"
)
_decoder = msgspec.json.Decoder(float_hook=Decimal)


def read_json(key: bytes | None, value: bytes | None, headers: Collection[str] = ()) -> Read:
    """A record as the JSON converter writes it, with its schemas or without. Of the headers the names are wanted."""
    if not value:
        return Nothing("tombstone")
    try:
        return read(_decoder.decode(key) if key else None, _decoder.decode(value), headers)
    except RecursionError:
        return Unread(None, "is nested too deep", "look at the connector's converters")
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, ArithmeticError):
        return Unread(None, "is not JSON", "let the connector write JSON, or Avro by the registry")


def read(
    key: object, value: object, headers: Collection[str] = (), key_schema: object = None, value_schema: object = None
) -> Read:
    """Both as decoded. The schemas are Avro's; those of Connect stand around key and value themselves."""
    key, own = _unpacked(key)
    value, inside = _unpacked(value)
    if value is None:
        return Nothing("tombstone")
    if not isinstance(value, Mapping):
        return NO_ENVELOPE
    if (other := _no_change(value)) is not None:
        return other
    found = _change(key, kinds.of_key(own or key_schema), value, kinds.of_row(inside or value_schema))
    moved = isinstance(found, Change) and found.op == "deleted" and NEW_KEY in headers
    return replace(found, moved=True) if moved and isinstance(found, Change) else found


def _unpacked(told: object) -> tuple[object, object]:
    """The payload, and Connect's schema of it."""
    if isinstance(told, Mapping) and "payload" in told and set(told) <= {"schema", "payload"}:
        return told["payload"], told.get("schema")
    return told, None


def _no_change(value: Mapping[object, object]) -> Nothing | Unread | None:
    op = value.get("op")
    if op is None:
        if value.get("status") in ("BEGIN", "END") and "id" in value:
            return Nothing("transaction")
        if set(value) <= {"ts_ms", "ts_us", "ts_ns"} and value:
            return Nothing("heartbeat")
        if "ddl" in value or "tableChanges" in value:
            return Nothing("schema-change")
        return NO_ENVELOPE
    if op == "m":
        return Nothing("message")
    if op == "t":
        remedy = "tell each of the rows as deleted by other means; keep skipped.operations=t"
        return Unread("op", "says that a table was emptied, which names none of its rows", remedy)
    if not isinstance(op, str) or op not in OPS:
        return Unread("op", "is none that is known", "report it with the connector's version")
    return None


def _change(key: object, of_key: Kinds | None, value: Mapping[object, object], of_row: Kinds | None) -> Read:
    source = value.get("source")
    source = source if isinstance(source, Mapping) else {}
    table = _table(source)
    if table is None:
        return Unread("source.table", "is missing", "let the connector write whole envelopes")
    at = _at(source, value)
    if at is None:
        return Unread("source.ts_ms", "is no time", "look at the clocks of database and connector")
    named = _row(key, of_key)
    if named is None or not named.cells:
        remedy = f"give {table} a primary key, or set message.key.columns for it"
        return Unread("key", "names no row", remedy)
    op = OPS[value["op"]]
    before, after = _row(value.get("before"), of_row), _row(value.get("after"), of_row)
    if op != "deleted" and after is None:
        return Unread("after", "is missing", "let the connector write whole envelopes")
    return Change(
        op=op,
        table=table,
        key=named,
        before=before,
        after=None if after is None or op == "deleted" else _filled(after, before),
        at=at,
        position=_position(source, value.get("transaction")),
        snapshot=op == "read" or source.get("snapshot") not in (None, False, "false"),
    )


def _row(told: object, of: Kinds | None) -> Row | None:
    if not isinstance(told, Mapping):
        return None
    cells: dict[str, object] = {}
    missing = set()
    for name, value in told.items():
        if not isinstance(name, str):
            continue
        if is_unavailable(value):
            missing.add(name.lower())
        else:
            cells[name.lower()] = value
    return Row(cells, of, frozenset(missing))


def _filled(after: Row, before: Row | None) -> Row:
    """What the database did not log again, from the row before, where that one has it."""
    known = {name: before.cells[name] for name in after.unchanged if before is not None and before.has(name)}
    return Row({**after.cells, **known}, after.kinds, after.unchanged - known.keys()) if after.unchanged else after


def _table(source: Mapping[object, object]) -> str | None:
    table, space = source.get("table"), source.get("schema") or source.get("db")
    if not isinstance(table, str) or not table:
        return None
    return f"{space}.{table}".lower() if isinstance(space, str) and space else table.lower()


def _at(source: Mapping[object, object], value: Mapping[object, object]) -> datetime | None:
    """When it was committed; a connector that does not know writes 0, and then it is when the connector saw it."""
    for told, name, ticks in ((source, "ts_us", 10**6), (source, "ts_ms", 10**3), (source, "ts_sec", 1),
                              (value, "ts_us", 10**6), (value, "ts_ms", 10**3)):  # fmt: skip
        count = _whole(told.get(name))
        if count and 0 < count <= 7_258_118_400 * ticks:
            return EPOCH + timedelta(milliseconds=count * 1000 // ticks)
    return None


def _position(source: Mapping[object, object], transaction: object) -> Position:
    """PostgreSQL: its place in the log. Places go back where transactions overlap, but never of one row, which only one
    transaction may change at a time. Not its number in the transaction, nor the commit before it: a connector that
    resumes inside one counts anew, and may not have known of a commit before.
    MySQL: file, place, row. Others: what they name their places, as far as it counts up."""
    number = _whole(transaction.get("total_order")) if isinstance(transaction, Mapping) else None
    if (lsn := _whole(source.get("lsn"))) is not None:
        return (lsn,)
    if isinstance(file := source.get("file"), str):
        counted = re.search(r"(\d{1,18})$", file)
        return _whole(counted[1]) or 0 if counted else 0, _whole(source.get("pos")) or 0, _whole(source.get("row")) or 0
    for commit, own in (("commit_lsn", "change_lsn"), ("commit_scn", "scn")):
        if source.get(commit) is not None or source.get(own) is not None:
            serial = _whole(source.get("event_serial_no")) or _whole(source.get("ssn")) or number or 0
            return (*_parts(source.get(commit)), *_parts(source.get(own)), serial)
    milliseconds = _whole(source.get("ts_ms")) or 0
    return (_whole(source.get("ts_us")) or _whole(milliseconds * 1000) or 0, number or 0)


def _parts(told: object) -> tuple[int, int, int]:
    """`00000027:00000758:0003` of SQL Server and Db2 is hexadecimal; Oracle counts."""
    if isinstance(told, str) and re.fullmatch(r"[0-9a-fA-F]{1,16}(:[0-9a-fA-F]{1,16}){2}", told):
        first, second, third = (int(part, 16) & _MOST for part in told.split(":"))
        return first, second, third
    return _whole(told) or 0, 0, 0


def _whole(value: object) -> int | None:
    """A count of at most 63 bits, as number or text."""
    if isinstance(value, str):
        value = int(value) if value.isascii() and value.isdigit() and len(value) <= 20 else None
    if isinstance(value, Decimal):
        value = int(value) if value.is_finite() and abs(value.adjusted()) < 20 else None
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63 else None
