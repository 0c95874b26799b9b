"""What a target is, and what holds for whatever any of them makes an event of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from schemas.events import ShopEvent
from schemas.language import CLASSES
from schemas.layout import load, parse
from schemas.quantities import Unwritable
from schemas.writing import compile_writer
from streams.domain.policy import Policy
from streams.domain.validate import problem_of

_write = compile_writer(parse(load("shop_event.avsc")), CLASSES)


@dataclass(frozen=True, slots=True)
class Target:
    """`one` raises where an input ends as it must not. `is_lines`: inputs are changed line by line, as JSON.
    `compiled` are functions that no import makes, to be watched as well."""

    one: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]
    is_lines: bool = True
    compiled: tuple[Any, ...] = ()


def ends(event: ShopEvent) -> None:
    """Refused at the front door or by the log, with a reason, or fit for it."""
    assert isinstance(event, ShopEvent)
    assert event.occurred_at.tzinfo is not None
    if (problem := problem_of(event, Policy())) is not None:
        assert problem.field and problem.problem and problem.remedy
        return
    out: list[bytes] = []
    try:
        _write(event, out.append)
    except Unwritable as wrong:  # who files it refuses it with these
        assert wrong.field and wrong.problem
