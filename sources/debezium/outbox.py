"""An outbox: a table into which the shop writes our own JSON, in the transaction that changes its own tables.

Its rows are documents as `/v1/hooks/<shop>/generic` takes them; the row's id is the event's where the document has
none. Read from the table itself, or from the topics into which Debezium's EventRouter puts what stands in it. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from sources.debezium.envelope import Change
from sources.debezium.row import Unfit, Unread
from sources.debezium.tables import Outbox

NOT_JSON = "write our JSON into it, as /v1/schema.json says"
_decoder = msgspec.json.Decoder(float_hook=Decimal)


def row_document(change: Change, table: Outbox) -> object | Unread | None:
    """What a row says; None where it says nothing: rows are written once, and taken away by whoever tidies up."""
    row = change.after
    if row is None or change.op not in ("created", "read"):
        return None
    try:
        told = row.text(table.columns.payload)
        return _with_id(_written(told, table.columns.payload), row.needs(table.columns.id))
    except Unfit as unfit:
        return unfit.why


def routed_document(value: bytes | None, headers: Iterable[tuple[str, bytes]]) -> object | Unread | None:
    """What the EventRouter made of a row. It puts the row's id into a header."""
    if not value:
        return None
    named = dict(headers).get("id", b"").decode("utf-8", "replace").strip('"')
    try:
        told = _decoded(value, None)
        if isinstance(told, Mapping) and set(told) == {"schema", "payload"}:
            told = told["payload"]
        if isinstance(told, str):  # the column as text, and a converter that writes texts as JSON
            told = _written(told, None)
        return _with_id(told, named)
    except Unfit as unfit:
        return unfit.why


def _decoded(told: str | bytes | None, column: str | None) -> Any:
    try:
        return _decoder.decode(told or "")
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, ArithmeticError, RecursionError):
        raise Unfit(column or "payload", "is no JSON", NOT_JSON) from None


def _written(told: str | None, column: str | None) -> Any:
    """What somebody wrote into the column: a null there is no deletion, and no event either."""
    if (document := _decoded(told, column)) is None:
        raise Unfit(column or "payload", "is no event", NOT_JSON)
    return document


def _with_id(told: object, row_id: str) -> object:
    """Only where it is one event: several of one row cannot share its id."""
    if isinstance(told, dict) and "events" not in told and row_id:
        return {"event_id": row_id, **told}
    return told
