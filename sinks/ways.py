"""A way: calls one after another, each from the answers before, written as a generator. Pure.

It begins when the first call is answered (`yield None`), yields what is asked next, and returns the verdict. It is
walked again from the start with all answers so far, so the same answers always lead to the same place.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from sinks.contract import Answer, Ask, Verdict

Way = Generator[Ask | None, Answer, Verdict | None]  # `None` leaves the last answer to the rules
Plan = dict[str, Any]


def walked(way: Way, answers: Sequence[Answer]) -> Verdict | Ask | None:
    """Where these answers lead. One that is not good (2xx) is left to the rules of the sink."""
    said = next(way)
    for answer in answers:
        if not 200 <= answer.status < 300:
            return None
        try:
            said = way.send(answer)
        except StopIteration as end:
            verdict: Verdict | None = end.value
            return verdict
    return said
