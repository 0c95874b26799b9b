"""Sources: documents of shops to events, CPU a document, beside reading the same JSON and doing nothing with it.

    python -m bench normalize [--seconds 0.5] [--turns 5]

The documents are the cases that stand in each source's folder and become events. Of the database it is an order of two
lines: three changes in JSON with Debezium's fields, read, mapped by the reference preset and put together; what counts
there is the changed row. `floor` decodes the same bytes with the same decoder. One process, turns alternating.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sources.webhooks
from bench import results
from bench.machine import Watch, environment
from sources import pixel
from sources.debezium import join, tables
from sources.debezium.envelope import Change, read_json
from sources.debezium.state import Rules
from sources.debezium.telling import told
from sources.webhooks import contract
from sources.webhooks.contract import ShopSettings, Source
from sources.webhooks.document import decoded

RECEIVED = datetime(2026, 11, 25, 12, tzinfo=UTC)
Work = Callable[[], int]  # one pass over the documents; how many events came of it


def cases(folder: Path) -> list[tuple[Mapping[str, str], bytes, ShopSettings]]:
    found = []
    for path in sorted(folder.glob("cases/*.json")):
        case = json.loads(path.read_text())
        if case.get("events"):
            headers = {name.lower(): value for name, value in case.get("headers", {}).items()}
            settings = ShopSettings(shop="mugs", **case.get("settings", {}))
            found.append((headers, json.dumps(case["body"]).encode(), settings))
    return found


def by_source(source: Source, folder: Path) -> tuple[int, Work, Work]:
    """How many documents, the work, and its floor."""
    documents = cases(folder)

    def work() -> int:
        events = 0
        for headers, body, settings in documents:
            answer = source.normalize(headers, decoded(body), settings, RECEIVED)
            events += len(answer) if isinstance(answer, tuple) else 0
        return events

    def floor() -> int:
        for _, body, _ in documents:
            decoded(body)
        return 0

    return len(documents), work, floor


# -- the database


def row(table: str, place: int, key: Any, after: Any) -> tuple[bytes, bytes]:
    at = {"ts_us": 1_795_245_652_092_560, "schema": "shop", "table": table, "lsn": place, "snapshot": "false",
          "sequence": f'["{place}","{place}"]'}  # fmt: skip
    envelope = {"before": None, "after": after, "source": at, "op": "c", "ts_ms": 1_795_245_652_292}
    return json.dumps(key).encode(), json.dumps(envelope).encode()


def of_database() -> tuple[int, Work, Work]:
    order = {"id": 1001, "number": "M-1001", "customer_id": 7, "email": "ada@mugs.example", "status": "placed",
             "currency": "EUR", "total": "45.00", "placed_at": "2026-11-21T07:20:51Z", "line_count": 2}  # fmt: skip
    line = {"order_id": 1001, "product_id": 41, "sku": "MUG-1", "quantity": "1.0", "unit_price": "15.00"}
    records = [row("orders", 1, {"id": 1001}, order)]
    records += [row("order_lines", 1 + n, {"id": n}, line | {"id": n}) for n in (1, 2)]
    reference, rules = tables.read({"preset": "reference"}), Rules(shop="mugs")

    def work() -> int:
        state, events = None, 0
        for key, value in records:
            change = read_json(key, value)
            assert isinstance(change, Change)
            for piece in told(change, reference).pieces:
                step = join.take(state, piece, RECEIVED, rules)
                state, events = step.state, events + len(step.events)
        return events

    def floor() -> int:
        for key, value in records:
            decoded(key)
            decoded(value)
        return 0

    return len(records), work, floor


def sources_of() -> dict[str, tuple[int, Work, Work]]:
    webhooks = Path(next(iter(sources.webhooks.__path__)))
    found = {name: by_source(contract.load(name), webhooks / name) for name in contract.names()}
    found["pixel"] = by_source(pixel.SOURCE, webhooks.parent / "pixel")
    return found | {"debezium (reference)": of_database()}


def micros(documents: int, work: Work, seconds: float) -> tuple[float, int]:
    """CPU microseconds a document, and the events of one pass."""
    until, passes, events = time.monotonic() + seconds, 0, 0
    began = time.process_time()
    while time.monotonic() < until:
        events = work()
        passes += 1
    return 1e6 * (time.process_time() - began) / (passes * documents), events


def main(arguments: list[str]) -> None:
    asked = argparse.ArgumentParser(prog="python -m bench normalize")
    asked.add_argument("--seconds", type=float, default=0.5)
    asked.add_argument("--turns", type=int, default=5)
    given = asked.parse_args(arguments)
    watch, since, rows = Watch(()), time.monotonic(), []
    for name, (documents, work, floor) in sources_of().items():
        took, least, events = list[float](), list[float](), 0
        for _ in range(given.turns):
            least.append(micros(documents, floor, given.seconds / 5)[0])
            each, events = micros(documents, work, given.seconds)
            took.append(each)
        each = results.median(took)
        rows.append((
            name, documents, events, results.spread(took, ",.1f"), results.spread(least, ",.1f"),
            f"{each / results.median(least):.1f}", f"{1e6 / each:,.0f}", f"{1e6 / each * events / documents:,.0f}",
        ))  # fmt: skip
    head = (
        "source",
        "documents",
        "events of them",
        "CPU µs a document",
        "floor µs",
        "times",
        "documents/s",
        "events/s",
    )
    results.append(
        "normalize", f"documents of shops to events, {given.turns} turns of {given.seconds} s each",
        environment("msgspec"), results.table(head, rows),
        f"Others used {watch.others(time.monotonic() - since):.1f} of the cores.",
    )  # fmt: skip
