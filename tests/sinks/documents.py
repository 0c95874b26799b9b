"""A document, wrong in one place."""

from __future__ import annotations

from copy import deepcopy
from typing import Any


def changed(document: dict[str, Any], way: str, value: Any) -> dict[str, Any]:
    """The document with another value at `way`; `...` takes it out."""
    other = deepcopy(document)
    *steps, last = way.split(".")
    spot: Any = other
    for step in steps:
        spot = spot[int(step) if isinstance(spot, list) else step]
    if value is ...:
        del spot[last]
    else:
        spot[last] = value
    return other
