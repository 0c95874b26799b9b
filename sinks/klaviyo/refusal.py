"""Which items of a bulk request Klaviyo blames, when it has refused the request as a whole. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from sinks.contract import Answer, Verdict


def pointers(answer: Answer) -> Iterator[str]:
    """The spot of each error, as far as one is told: `/data/attributes/profiles/data/0/attributes/email`."""
    return named(answer.at("errors"))


def named(errors: Any) -> Iterator[str]:
    """The same of a list of errors, wherever it stands."""
    for error in errors if isinstance(errors, list) else ():
        source = error.get("source") if isinstance(error, dict) else None
        pointer = source.get("pointer") if isinstance(source, dict) else None
        if isinstance(pointer, str):
            yield pointer


def spared(items: int, blamed: Collection[int]) -> tuple[Verdict, ...] | None:
    """A refused request was not processed at all: who is blamed is REJECTED, and the others go again at once, without
    an attempt counted: THROTTLED. `None` when nobody is blamed. Each round blames somebody, so the rounds end."""
    if not blamed:
        return None
    return tuple(Verdict.REJECTED if number in blamed else Verdict.THROTTLED for number in range(items))
