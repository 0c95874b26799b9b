"""What stands in a column: times and amounts as exports write them. Pure; `None` where it is none."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from decimal import Decimal, InvalidOperation

from sources.webhooks.document import MOST_DIGITS, rounded

_FORMS = ("%Y-%m-%d %H:%M:%S %z", "%m/%d/%Y %H:%M", "%m/%d/%y %H:%M", "%Y-%m-%d %H:%M:%S UTC")


def moment(said: str, zone: tzinfo) -> datetime | None:
    """In UTC. One that names no offset is a time on the clock of `zone`; 12/1/2010 is the first of December."""
    if not said:
        return None
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        maybe = next(filter(None, (_as(said, form) for form in _FORMS)), None)
        if maybe is None:
            return None
        found = maybe
    try:
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except (OverflowError, ValueError):
        return None


def _as(said: str, form: str) -> datetime | None:
    try:
        return datetime.strptime(said, form)
    except ValueError:
        return None


def amount(said: str) -> Decimal | None:
    """Exactly as written, with a point; beyond four places it is rounded. More digits than a log holds are none."""
    try:
        found = Decimal(said)
    except InvalidOperation:
        return None
    return rounded(found) if found.is_finite() and found.adjusted() <= MOST_DIGITS else None
