"""An outbox: a row's id on the first line, the shop's own JSON on the second; as a row, and as the router sends it."""

from __future__ import annotations

import json
from collections.abc import Iterator

from sources.debezium.envelope import Change, read
from sources.debezium.outbox import routed_document, row_document
from sources.debezium.row import Unread
from sources.debezium.tables import Outbox, OutboxColumns
from sources.webhooks import contract
from sources.webhooks.contract import Refusal, ShopSettings
from sources.webhooks.document import decoded
from tests.fuzz.target import Target, ends
from tests.fuzz.webhooks import cases_of, line
from tests.sources.debezium.samples import envelope, source
from tests.sources.webhooks.test_cases import RECEIVED

OUTBOX = Outbox(table="outbox", columns=OutboxColumns(id="id", payload="payload"))
normalize = contract.load("generic").normalize


def one(data: bytes) -> None:
    row_id, value, *_ = (*data.split(b"\n"), b"", b"")
    text = value.decode(errors="replace")
    row = {"id": row_id.decode(errors="replace"), "payload": text}
    found = read({"id": 1}, envelope("c", row, source("shop.outbox")))
    assert isinstance(found, Change)
    told = row_document(found, OUTBOX)
    assert told is not None, "nothing is told of it, and nobody says why"
    _ends(told)
    if (routed := routed_document(value, [("id", row_id)])) is not None:
        _ends(routed)
    else:
        assert _is_deletion(value), "nothing is told of it, and nobody says why"


def _is_deletion(value: bytes) -> bool:
    """As the converters write it: nothing, or a null."""
    told = decoded(value) if value else None
    return told is None or (isinstance(told, dict) and told.get("payload", ...) is None)


def _ends(document: object) -> None:
    if isinstance(document, Unread):
        assert document.problem and document.remedy
        return
    told = normalize({}, document, ShopSettings(shop="mugs"), RECEIVED)
    if isinstance(told, Refusal):
        assert told.problem and told.remedy
        return
    assert told
    for event in told:
        ends(event)


def seeds() -> Iterator[bytes]:
    for n, case in enumerate(cases_of("generic")):
        body = case["body"]
        yield b"%d\n" % n + line(body)
        yield b"%d\n" % n + line({"schema": None, "payload": json.dumps(body)})


TARGETS = {"outbox": Target(one, seeds)}
