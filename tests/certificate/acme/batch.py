"""Events that travel together. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sinks.contract import Answer, Call, Verdict


def join(of: Sequence[Call]) -> Call:
    body = b'{"events":[' + b",".join(call.body for call in of) + b"]}"
    return Call("events", "POST", "/events/batch", body, "batch", endpoint="events-batch")


def read_batch(of: Sequence[Call], answers: Sequence[Answer]) -> tuple[Verdict, ...] | None:
    """Acme says of each event what became of it, in their order."""
    results: Any = answers[-1].at("results")
    if answers[-1].status != 207 or not isinstance(results, list) or len(results) != len(of):
        return None
    return tuple(Verdict.REJECTED if result == "refused" else Verdict.DELIVERED for result in results)
