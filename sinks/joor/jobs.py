"""Bulk jobs of v2: how calls join, and how a job is followed until it is finished. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Raw

from sinks.contract import Answer, Ask, Batch, Call, Verdict

WRITE = 5
WAITS = (5.0, 10.0, 20.0, 40.0, 60.0)  # seconds between questions; the last one from then on
PATIENCE = 90  # questions: an hour and a half. How long a job may take is not documented.
MOST, BYTES = 100, 1_000_000  # a request; JOOR names no cap
_encode = msgspec.json.Encoder().encode


def follow(call: Call, answers: Sequence[Answer]) -> Verdict | Ask | None:
    """DELIVERED only when the job is finished. UNAVAILABLE, which tells it again, where nobody knows of it: a
    connection told twice overwrites itself."""
    last = answers[-1]
    if not 200 <= last.status < 300 or _code(last) not in (0, None):
        return None
    if last.at("bulk_connections.bulk_connections_jobs.0.status") == "finished":
        return Verdict.DELIVERED
    job = _job(answers[0].document)
    if job is None or len(answers) > PATIENCE:
        return Verdict.UNAVAILABLE
    path = f"/v2/bulk-connection/{quote(job, safe='')}"
    seconds = WAITS[min(len(answers), len(WAITS)) - 1]
    return Ask(Call("Bulk Connection Job", "GET", path, b"", f"{call.key}:job", "bulk-connection-job"), seconds)


def _code(answer: Answer) -> Any:
    code = answer.at("bulk_connections.response.code")
    return answer.at("response.code") if code is None else code


def _job(found: Any) -> str | None:
    """Wherever the answer to the POST has it: only that to the GET is shown in the documents."""
    if isinstance(found, dict):
        job = found.get("bulk_connections_job_id")
        if isinstance(job, int | str) and not isinstance(job, bool) and str(job):
            return str(job)
        return next((job for each in found.values() if (job := _job(each))), None)
    if isinstance(found, list):
        return next((job for each in found if (job := _job(each))), None)
    return None


# -- together


class _Connections(msgspec.Struct):
    connection: list[Raw]


class _BulkConnections(msgspec.Struct):
    bulk_connections: _Connections


class _Items(msgspec.Struct):
    inventory_item: list[Raw]


class _Inventory(msgspec.Struct):
    inventory_items: _Items


_connections = msgspec.json.Decoder(_BulkConnections)
_inventory = msgspec.json.Decoder(_Inventory)


def join_connections(calls: Sequence[Call]) -> Call:
    rows = [row for call in calls for row in _connections.decode(call.body).bulk_connections.connection]
    body = _encode({"bulk_connections": {"connection": rows}})
    return Call("Bulk Connections", "POST", "/v2/bulk-connection", body, "", "bulk-connections", cost=WRITE)


def read_connections(calls: Sequence[Call], answers: Sequence[Answer]) -> tuple[Verdict, ...] | Ask | None:
    if not 200 <= answers[-1].status < 300:
        return None
    said = follow(Call("", "POST", "", b"", "bulk"), answers)
    return (said,) * len(calls) if isinstance(said, Verdict) else said


def join_inventory(calls: Sequence[Call]) -> Call:
    """One account has one way of counting what is pending, so all calls have the same path."""
    rows = [row for call in calls for row in _inventory.decode(call.body).inventory_items.inventory_item]
    body = _encode({"inventory_items": {"inventory_item": rows}})
    return Call("Bulk Inventories", "POST", calls[0].path, body, "", "bulk-inventories", cost=WRITE)


def read_inventory(calls: Sequence[Call], answers: Sequence[Answer]) -> tuple[Verdict, ...] | None:
    return None


# In which order a request's rows are taken is not documented: one of each customer, one of each product.
CONNECTIONS = Batch(
    "bulk-connection", "bulk-connections", join_connections, read_connections, MOST, BYTES, from_items=2,
    one_per_customer=True,
)  # fmt: skip
INVENTORY = Batch(
    "bulk-inventory", "bulk-inventories", join_inventory, read_inventory, MOST, BYTES, from_items=2,
    one_per_customer=True,
)  # fmt: skip
