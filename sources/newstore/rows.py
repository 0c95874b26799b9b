"""The file of an export → events. Pure. JSON, or zip files of it; a row is told with its own revision."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import msgspec

from schemas.events import ShopEvent, StockChanged
from sources.contract import Unreadable, Visit
from sources.newstore.config import NewStoreStockConfig

SOURCE = "newstore"
MOST_BYTES = 1 << 30  # unpacked: a small file must not fill the memory
REMEDY = "compare it with the stock in NewStore; its export is not what its documents say"


class NoExport(Exception):
    """The file is none. The message says why."""


def rows_of(body: bytes) -> list[Any]:
    """Of all parts of the file. Raises `NoExport`."""
    parts = _unpacked(body) if body[:4] == b"PK\x03\x04" else iter((body,))
    return [row for part in parts for row in _list(part)]


def _unpacked(body: bytes) -> Iterator[bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MOST_BYTES:
                raise NoExport("unpacked it is larger than a gibibyte")
            for entry in archive.infolist():
                if not entry.is_dir():
                    yield archive.read(entry)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError):
        raise NoExport("it is a broken zip file") from None


def _list(part: bytes) -> list[Any]:
    try:
        document = msgspec.json.decode(part)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise NoExport("it is no JSON") from None
    rows = document.get("items") if isinstance(document, dict) else document
    if not isinstance(rows, list):
        raise NoExport("there is no list of rows in it")
    return rows


def told(row: Any, visit: Visit, upto: int, config: NewStoreStockConfig) -> ShopEvent | Unreadable:
    """The same row of the same revision is the same event. `upto` is what the export goes up to: it stands in for a
    revision that is not there."""
    product, node = (_text(row, name) for name in ("product_id", "fulfillment_node_id"))
    quantity = row.get("atp") if isinstance(row, dict) else None
    if product is None or node is None:
        return _unreadable(row, "product_id" if product is None else "fulfillment_node_id", "is missing")
    if isinstance(quantity, bool) or not isinstance(quantity, int):
        return _unreadable(row, "atp", "is no whole number")
    revision = row.get("revision")
    if isinstance(revision, bool) or not isinstance(revision, int):
        revision = f"at-{upto}"
    return ShopEvent(
        event_id=f"newstore:{quote(product, safe='')}:{quote(node, safe='')}:{revision}",
        shop=visit.shop,
        occurred_at=visit.at,
        source=SOURCE,
        payload=StockChanged(
            product_id=product,
            variant_id=product if config.product_is == "variant" else None,
            sku=product if config.product_is == "sku" else None,
            quantity=Decimal(quantity),
            location=node,
        ),
    )


def _text(row: Any, name: str) -> str | None:
    found = row.get(name) if isinstance(row, dict) else None
    return found if isinstance(found, str) and found else None


def _unreadable(row: Any, field: str, problem: str) -> Unreadable:
    key = f"stock of {_text(row, 'product_id') or '?'} at {_text(row, 'fulfillment_node_id') or '?'}"
    return Unreadable(key, msgspec.json.encode(row), "stock_shape", problem, REMEDY, field)
