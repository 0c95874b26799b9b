"""How long to wait: full jitter, and what an answer asks for. Pure; randomness and time come in."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from streams.delivery.settings import Backoff

Random = Callable[[], float]  # uniform in [0, 1)
EPOCH_FLOOR = 1_000_000_000  # a reset header above this is a time, below it a number of seconds
_PREFIXES = ("ratelimit-", "x-ratelimit-", "x-rate-limit-")
_NAMES = tuple((f"{prefix}limit", f"{prefix}remaining", f"{prefix}reset") for prefix in _PREFIXES)
_ALL_NAMES = frozenset(name for names in _NAMES for name in names)


@dataclass(frozen=True, slots=True)
class Quota:
    """What a platform says of its window: how much in all, how much is left, and in how many seconds it begins anew."""

    limit: float | None = None
    remaining: float | None = None
    reset: float | None = None


NO_QUOTA = Quota()


def jittered(backoff: Backoff, failures: int, random: Random) -> float:
    """Seconds before the next attempt after `failures` failures in a row (1 or more)."""
    return random() * min(backoff.cap_seconds, backoff.base_seconds * 2.0 ** min(failures, 32))


def asked_for(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds the platform asks us to wait, never negative; `None` when it does not say. Header names are lower-case.

    `Retry-After` counts first, in both its forms (RFC 9110 10.2.3); a date is compared with the answer's own `Date`
    when there is one, so that a platform's wrong clock does no harm.
    """
    if (told := headers.get("retry-after")) is not None:
        seconds = _number(told)
        if seconds is None and (until := _date(told)) is not None:
            seconds = (until - (_date(headers.get("date", "")) or now)).total_seconds()
        if seconds is not None:
            return max(0.0, seconds)
    return quota(headers, now).reset


def quota(headers: Mapping[str, str], now: datetime) -> Quota:
    """What the `RateLimit-*` headers say (draft-ietf-httpapi-ratelimit-headers before -07, and the `X-` forms before
    it): the first number counts, `100, 100;w=60` is 100. Header names are lower-case."""
    if _ALL_NAMES.isdisjoint(headers):  # most answers
        return NO_QUOTA
    for names in _NAMES:
        if any(name in headers for name in names):
            limit, remaining, reset = (_number(re.split("[,;]", headers.get(name, ""))[0]) for name in names)
            if reset is not None:
                reset = max(0.0, reset - now.timestamp() if reset > EPOCH_FLOOR else reset)
            return Quota(limit, remaining, reset)
    return NO_QUOTA


def _number(text: str) -> float | None:
    try:
        number = float(text.strip())
    except ValueError:
        return None
    return number if number < float("inf") and number == number else None


def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
