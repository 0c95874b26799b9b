"""Files of history. Of a CSV each line is a JSON list of its cells; a line that is none stands in the file as it is."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from schemas.events import OrderPlaced, OrderRefunded, ShopEvent
from schemas.samples import rendering, samples
from shoprelay.backfill.formats import FORMATS
from shoprelay.backfill.grouping import MAX_TOGETHER, Group, groups
from shoprelay.backfill.reading import Source, Unusable
from shoprelay.backfill.run import found_in
from sources.backfill.format import Counted, Fact, Format, Found, Unreadable
from sources.backfill.uci import MOST_LINES
from streams.domain.policy import Policy
from tests.fuzz.target import Target, ends
from tests.shoprelay.backfill.history import HEAD, TELLING, invoice
from tests.sources.test_bodies import ORDER
from tests.sources.test_canonical_lines import line
from tests.sources.test_rees46 import row
from tests.sources.test_shopify_exports import ORDERS
from tests.sources.webhooks.test_any_json import cases

CUSTOMERS = (
    "Customer ID,First Name,Last Name,Email,Accepts Email Marketing,Phone,Tags,Zip\n"
    "'7,Ada,King,ada@example.com,yes,'+49 1,\"a, b\",'01067\n"
)


def asks(format: Format) -> Callable[[bytes], None]:
    path = Path(tempfile.mkdtemp(prefix="fuzz-")) / "file"

    def one(data: bytes) -> None:
        if data.startswith(b"\x1f\x8b"):
            return  # a damaged archive ends the command with a sentence of its own
        path.write_bytes(_csv(data) if format.kind == "csv" else data)
        last = 0
        try:
            with Source(path) as source:
                for group in groups(source.rows(format), format):
                    assert group.after.line >= last, "the places where it may go on do not rise"
                    last = group.after.line
                    _ends(group, format)
        except Unusable as wrong:
            assert format.kind == "csv" and str(wrong)

    return one


def _csv(data: bytes) -> bytes:
    lines = []
    for each in data.split(b"\n"):
        try:
            cells = msgspec.json.decode(each, type=list[Any])
            text = io.StringIO()
            csv.writer(text, lineterminator="").writerow(["" if cell is None else str(cell) for cell in cells])
            lines.append(text.getvalue().encode())
        except (msgspec.MsgspecError, ValueError, RecursionError, csv.Error):
            lines.append(each)
    return b"\n".join(lines)


def _ends(group: Group, format: Format) -> None:
    """Each row as part of a fact, refused with a reason, or counted."""
    found = list(found_in(group, format, TELLING, Policy()))
    for each in found:
        if isinstance(each, Unreadable):
            assert each.problem and each.remedy
        elif isinstance(each, Fact):
            ends(each.event)
    said = list(format.tell(group.rows, TELLING)) if group.rows else []
    if format.group is None:
        assert {row.line for row in group.rows} <= {each.line for each in said}, "a line that came to nothing"
    assert _rows(said) >= len(group.rows), "a line that came to nothing"


def _rows(said: list[Found]) -> int:
    """How many rows these stand for, before the front door refuses what they tell."""
    rows = 0
    for each in said:
        payload = each.event.payload if isinstance(each, Fact) else None
        lines = payload.order.lines if isinstance(payload, OrderPlaced) else ()
        lines = payload.lines if isinstance(payload, OrderRefunded) else lines
        shortened = len(lines) >= MOST_LINES
        rows += each.lines if isinstance(each, Counted) else MAX_TOGETHER if shortened else max(len(lines), 1)
    return rows


# -- seeds


def _cells(text: str) -> bytes:
    return b"\n".join(json.dumps(cells).encode() for cells in csv.reader(io.StringIO(text)))


def _clicks() -> str:
    rows = [row(kind, second=n) for n, kind in enumerate(["view", "cart", "remove_from_cart", "purchase", "purchase"])]
    rows.append(row("purchase", "578", second=4))
    return "\n".join(",".join(each) for each in ([*rows[0]], *([*each.values()] for each in rows)))


def _documents(system: str) -> Iterator[bytes]:
    bodies = [json.dumps(case["body"]).encode() for case in cases(system)]
    yield from bodies
    yield b"\n".join(bodies[:3])
    yield json.dumps({"orders": [ORDER, ORDER]}).encode()
    yield json.dumps([ORDER, {}], indent=1).encode()


def seeds(name: str) -> Iterator[bytes]:
    match name:
        case "uci":
            told = invoice("1", ("2", "2.55"), ("-1", "1.10")), invoice("C1", ("-2", "2.55")), invoice("2", ("1", "0"))
            yield _cells(HEAD + "".join(told))
        case "rees46":
            yield _cells(_clicks())
        case "shopify-orders":
            yield _cells(ORDERS)
        case "shopify-customers":
            yield _cells(CUSTOMERS)
        case "jsonl":
            yield line() + b"\n" + line(type="OrderCancelled", payload={"order_id": "17"})
            yield from (json.dumps(rendering(each) | {"shop": None}).encode() for _, each in samples(ShopEvent))
        case system:
            yield from _documents(system)


TARGETS = {
    f"backfill-{name}": Target(asks(each), lambda name=name: seeds(name))  # type: ignore[misc]
    for name, each in FORMATS.items()
}
