"""Import files: a zip of JSON whose bytes depend on nothing but what is in it. Pure.

Stored, not deflated: what deflating makes differs between machines."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from sinks.body import Fields, as_json
from sinks.newstore.answers import member

_BEGINNING = (1980, 1, 1, 0, 0, 0)  # a zip wants a time: the first there is

Head = Fields
Item = Mapping[str, Any]


def packed(parts: Iterable[tuple[Head, Iterable[Item]]]) -> bytes:
    """A file for each head, in the order in which they first come; of items of the same name the last one stays."""
    files: dict[bytes, tuple[Head, dict[str, Item]]] = {}
    for head, items in parts:
        _, kept = files.setdefault(as_json(head), (head, {}))
        for item in items:
            kept.pop(name_of(item), None)
            kept[name_of(item)] = item
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for nth, (head, kept) in enumerate(files.values(), 1):
            about = zipfile.ZipInfo(f"{nth:04}.json", _BEGINNING)
            about.create_system = 3
            archive.writestr(about, as_json({"head": head, "items": list(kept.values())}))
    return written.getvalue()


def unpacked(body: bytes) -> list[tuple[Head, list[Item]]]:
    """Numbers as they were written. Raises `ValueError` where it is no such zip."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            texts = [archive.read(name) for name in sorted(archive.namelist())]
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as broken:
        raise ValueError("not a zip file") from broken
    found = []
    for text in texts:
        document = json.loads(text, parse_float=Decimal)
        head, items = member(document, "head"), member(document, "items")
        if not isinstance(head, dict) or not isinstance(items, list):
            raise ValueError("a file of an import has a head and items")
        found.append((head, items))
    return found


def name_of(item: Item) -> str:
    """What the platform tells one item from another by: the product, of stock at a location."""
    return f"{member(item, 'product_id')}\n{member(item, 'fulfillment_node_id') or ''}"
