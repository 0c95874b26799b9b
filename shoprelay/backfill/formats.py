"""The formats there are, by name."""

from __future__ import annotations

from sources.backfill import canonical, rees46, uci
from sources.backfill.format import Format

FORMATS: dict[str, Format] = {each.name: each for each in (canonical.FORMAT, uci.FORMAT, rees46.FORMAT)}
