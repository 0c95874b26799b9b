"""Categories under load: one question which of them are there already, instead of a create for each. Pure.

Each product says all its categories, so nearly all creates are of what is there. Sources: README.md beside this.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlencode

import msgspec

from sinks.contract import Answer, Batch, Call, Verdict
from sinks.klaviyo.product import compound

PATH = "/api/catalog-categories"
MOST = 50  # ids in one address, so that it stays below 8 KB
MOST_BYTES = 20_000  # of their creates, which hold each name twice
PAGE = 100  # the most there is
_ASKABLE = re.compile(r'[^"\\\x00-\x1f]+')  # how anything else is written in a filter is not documented


class _Attributes(msgspec.Struct):
    external_id: str


class _Data(msgspec.Struct):
    attributes: _Attributes


class _Document(msgspec.Struct):
    data: _Data


_document = msgspec.json.Decoder(_Document)


def join(calls: Sequence[Call]) -> Call:
    ids = ",".join(f'"{name}"' for name in map(_name, calls) if _ASKABLE.fullmatch(name))
    query = {"fields[catalog-category]": "external_id", "filter": f"any(ids,[{ids}])", "page[size]": str(PAGE)}
    path = f"{PATH}?{urlencode(query)}"
    return Call(says="Get Catalog Categories", method="GET", path=path, body=b"", key="", endpoint="catalog-categories")


def read(calls: Sequence[Call], answers: Sequence[Answer]) -> tuple[Verdict, ...] | None:
    """What is there is there. What is not named goes alone, and is created."""
    answer = answers[-1]
    if not 200 <= answer.status < 300:
        return None
    shown = answer.at("data")
    there = {each.get("id") for each in shown if isinstance(each, dict)} if isinstance(shown, list) else set()
    return tuple(Verdict.DELIVERED if _name(call) in there else Verdict.REJECTED for call in calls)


def _name(call: Call) -> str:
    return compound(_document.decode(call.body).data.attributes.external_id)


CATEGORIES = Batch(
    endpoint="create-catalog-category",
    budget="catalog-categories",
    join=join,
    read=read,
    most_items=MOST,
    most_bytes=MOST_BYTES,
    from_items=20,
)
