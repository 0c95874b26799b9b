"""Envelopes as a PostgreSQL connector writes them, and one by MariaDB's, made of what each test changes."""

from __future__ import annotations

import json
from typing import Any

from sources.debezium.envelope import Change, Read, read_json

COMMITTED = 1_795_245_652_092_560  # 2026-11-21T06:00:52.092560Z
OPS = {"c": "after", "u": "after", "r": "after", "d": "before"}


def source(table: str = "shop.orders", lsn: int = 26448568, **more: Any) -> dict[str, Any]:
    schema, _, name = table.rpartition(".")
    told = {"version": "3.1.3.Final", "connector": "postgresql", "name": "shop1", "ts_ms": COMMITTED // 1000,
            "ts_us": COMMITTED, "snapshot": "false", "db": "shopdb", "sequence": f'["{lsn}","{lsn}"]',
            "schema": schema, "table": name, "txId": 737, "lsn": lsn, "xmin": None}  # fmt: skip
    return told | more


def binlog(pos: int, file: str = "mysql-bin.000003", **more: Any) -> dict[str, Any]:
    told = {"connector": "mariadb", "name": "mshop1", "ts_ms": COMMITTED // 10**6 * 1000, "snapshot": "false",
            "db": "shopdb", "table": "orders", "gtid": "0-5401-9", "file": file, "pos": pos, "row": 0}  # fmt: skip
    return told | more


def envelope(op: str, row: dict[str, Any], at: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    told = {"before": None, "after": None, "source": at or source(), "op": op, "ts_ms": COMMITTED // 1000 + 200}
    return told | {OPS[op]: row} | more


def reading(value: Any, key: Any = None, headers: tuple[str, ...] = ()) -> Read:
    """As it comes off the topic: bytes."""
    key = {"id": 100} if key is None else key
    return read_json(json.dumps(key).encode(), json.dumps(value).encode(), headers)


def change(value: Any, key: Any = None, headers: tuple[str, ...] = ()) -> Change:
    found = reading(value, key, headers)
    assert isinstance(found, Change), found
    return found


def typed(fields: list[dict[str, Any]], payload: dict[str, Any]) -> dict[str, Any]:
    """With the schema Connect's JSON converter puts around it."""
    row = {"type": "struct", "optional": True, "name": "shop1.shop.orders.Value", "fields": fields}
    parts = [row | {"field": "before"}, row | {"field": "after"}, {"type": "string", "field": "op"}]
    return {"schema": {"type": "struct", "name": "shop1.shop.orders.Envelope", "fields": parts}, "payload": payload}


def cell(value: Any, type: str, name: str | None = None, **parameters: str) -> Any:
    """The row of one column `x`, by its Connect type."""
    field = {"field": "x", "type": type, "optional": True}
    field |= {"name": name} if name else {}
    field |= {"parameters": parameters} if parameters else {}
    after = change(typed([field], envelope("c", {"x": value}))).after
    assert after is not None
    return after
