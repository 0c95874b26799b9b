"""Reading what NewStore answers, whatever it is. Pure."""

from __future__ import annotations

from typing import Any

from sinks.contract import Answer


def ok(answer: Answer) -> bool:
    return 200 <= answer.status < 300


def member(document: Any, name: str) -> Any:
    """`None` where there is none, or no object to have it."""
    return document.get(name) if isinstance(document, dict) else None


def name_at(answer: Answer, place: str) -> str | None:
    """An id that can stand in a path."""
    found = answer.at(place)
    return found if isinstance(found, str) and found.strip(".") else None
