"""What is asked for on the command line, checked before anything starts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from shoprelay.backfill.command import Asked
from shoprelay.backfill.formats import FORMATS
from shoprelay.parked.commands import moment_of, rate_of
from shoprelay.terminal import fail
from streams.domain.currencies import CURRENCIES


def asked_of(
    format: str, shop: str, currency: str | None, time_zone: str, rate: str | None, until: str | None, *, again: bool, ahead: int,
    samples: int, show_personal: bool, folder: Path,
) -> Asked:  # fmt: skip
    """Or exits 2, naming all that is wrong."""
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
    if problems:
        fail(problems)
    chosen = FORMATS[format]
    before = moment_of(until, datetime.now(UTC), "--until") if until else None
    return Asked(
        chosen, shop, currency or chosen.currency, zone, again=again, ahead=ahead, rate=rate_of(rate), until=before, samples=samples,
        show_personal=show_personal, folder=folder,
    )  # fmt: skip
