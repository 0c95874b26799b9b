"""What is asked for on the command line, checked before anything starts."""

from __future__ import annotations

from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

from shoprelay.backfill.command import Asked
from shoprelay.backfill.formats import FORMATS
from shoprelay.parked.commands import rate_of
from shoprelay.terminal import fail
from sources.backfill.columns import moment
from streams.domain.currencies import CURRENCIES


def history_of(
    format: str, shop: str, currency: str | None, time_zone: str, until: str | None, rate: str | None, **given: Any
) -> Asked:
    """Or exits 2, naming all that is wrong. `given` needs no looking at."""
    problems = []
    if format not in FORMATS:
        problems.append(f"--format {format}: there is no such format; there are: {', '.join(FORMATS)}")
    if not shop.strip() or "/" in shop:
        problems.append("--shop: use a short name of letters, digits, dots and dashes")
    if currency is not None and currency not in CURRENCIES:
        problems.append(f"--currency {currency}: write the ISO 4217 code in capitals, for example EUR")
    try:
        zone = ZoneInfo(time_zone)
    except (KeyError, ValueError, OSError):
        problems.append(f"--time-zone {time_zone}: there is no such zone; write one like Europe/London")
    before = moment(until, UTC) if until else None
    if until and before is None:
        problems.append(f"--until {until}: not a time; write 2026-11-21 or 2026-11-21T12:00 (UTC)")
    if problems:
        fail(problems)
    chosen = FORMATS[format]
    return Asked(chosen, shop, currency or chosen.currency, zone, until=before, rate=rate_of(rate), **given)
