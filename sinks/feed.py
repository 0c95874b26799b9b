"""A catalog as a file that a platform fetches: what its folder's `feed.py` declares as `FEED`. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.signals import StockChanged
from schemas.values import Product
from sinks.body import Fields, as_json

Stocked = tuple[Product, Sequence[StockChanged]]


class LeftOut(Exception):
    """This product is not in the feed. Name the field, never its value."""


@dataclass(frozen=True, slots=True)
class Feed:
    """`entries(product, stocks, config, variants=…)` are what one product is in the feed; it may raise `LeftOut`.
    `most_bytes` is the largest file the platform takes."""

    entries: Callable[..., tuple[Fields, ...]]
    most_bytes: int


@dataclass(slots=True)
class Written:
    """`body` is a JSON list, in the order of the products. `left_out` counts products by the reason."""

    body: bytes
    entries: int
    left_out: Counter[str] = field(default_factory=Counter)


def written(feed: Feed, products: Iterable[Stocked], config: Any, *, variants: bool) -> Written:
    left_out: Counter[str] = Counter()
    lines: list[bytes] = []
    for product, stocks in products:
        try:
            lines += [as_json(entry) for entry in feed.entries(product, stocks, config, variants=variants)]
        except LeftOut as reason:
            left_out[str(reason)] += 1
    body = b"[\n" + b",\n".join(lines) + b"\n]\n" if lines else b"[]\n"
    return Written(body, len(lines), left_out)
