"""What the shapes of the stand-in cannot say: sizes, depths and times. Sources: README.md beside this."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

STRING_BYTES, PROPERTIES, LIST_ITEMS, DEPTH = 100_000, 400, 4_000, 10
REQUEST_BYTES, PROFILE_BYTES = 5_000_000, 100_000
METADATA_BYTES = 100_000
EVENTS, PROFILES, SUBSCRIBERS, UNSUBSCRIBERS, RECORDS = 1_000, 10_000, 1_000, 100, 100  # at most, in one request

_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")


class Invalid(Exception):
    """A rule is broken. `pointer` leads to the spot in the body, as JSON:API wants it; `parameter` names what is
    wrong in the address."""

    status, code = 400, "invalid"

    def __init__(self, detail: str, pointer: str | None = None, parameter: str | None = None) -> None:
        super().__init__(detail)
        self.pointer = pointer
        self.parameter = parameter
        self.meta: dict[str, str] = {}


class Missing(Invalid):
    """It speaks of what is not there."""

    status, code = 404, "not_found"


class Conflict(Invalid):
    """It is there already. The code for a catalog's things is not documented; ours is only not to be relied on."""

    status, code = 409, "conflict"


class DuplicateProfile(Conflict):
    """Its names lead to two profiles; `profile` is one of them."""

    code = "duplicate_profile"

    def __init__(self, profile: str, pointer: str) -> None:
        super().__init__("A profile already exists with one of these identifiers.", pointer)
        self.meta = {"duplicate_profile_id": profile}


def rfc3339(text: str) -> datetime:
    """Raises `ValueError`."""
    if not _RFC3339.fullmatch(text):
        raise ValueError("must be a date and time with offset, as in RFC 3339")
    return datetime.fromisoformat(text)


def checked_time(text: str) -> str:
    rfc3339(text)
    return text


def event_time(given: str | None, now: float, pointer: str) -> datetime:
    """After 1990 and at most a year ahead."""
    present = datetime.fromtimestamp(now, UTC)
    if given is None:
        return present
    at = rfc3339(given)
    if at.year <= 1990 or at > present + timedelta(days=365):
        raise Invalid("The time must be after 1990 and at most a year ahead.", pointer)
    return at


def check_size(body: bytes, limit: int) -> None:
    if len(body) > limit:
        raise Invalid(f"The payload must not be larger than {limit} bytes.", "/data")


def check_items(items: list[Any], limit: int, pointer: str) -> None:
    if len(items) > limit:
        raise Invalid(f"At most {limit} items in a request.", pointer)


def check_event(attributes: dict[str, Any], pointer: str) -> None:
    if len(attributes["properties"]) > PROPERTIES:
        raise Invalid(f"At most {PROPERTIES} properties.", f"{pointer}/properties")
    check_value(attributes, pointer)


def check_value(value: Any, pointer: str, depth: int = 0) -> None:
    if depth > DEPTH:
        raise Invalid(f"At most {DEPTH} levels.", pointer)
    if isinstance(value, str) and len(value) * 4 > STRING_BYTES and len(value.encode()) > STRING_BYTES:
        raise Invalid("A string must not be larger than 100 KB.", pointer)
    if isinstance(value, list) and len(value) > LIST_ITEMS:
        raise Invalid(f"At most {LIST_ITEMS} items.", pointer)
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in inside:
        check_value(inner, f"{pointer}/{name}", depth + 1)
