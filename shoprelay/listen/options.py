"""What is asked for on the command line, checked before anything starts."""

from __future__ import annotations

from datetime import UTC, datetime

from shoprelay.listen.heard import SORTS, Wanted
from shoprelay.parked.commands import moment_of
from shoprelay.terminal import fail


def wanted_of(
    shop: str | None, customer: str | None, only: list[str] | None, since: str | None, follow: bool
) -> Wanted:
    """Or exits 2. `--only a,b` is `--only a --only b`."""
    sorts = [each.strip() for given in only or SORTS for each in given.split(",")]
    if unknown := [each for each in sorts if each not in SORTS]:
        fail([f"--only {each}: one of {', '.join(SORTS)}" for each in unknown])
    if not follow and since is None:
        fail(["--no-follow: shows nothing without --since; add --since 1h, say"])
    at = moment_of(since, datetime.now(UTC)) if since else None
    return Wanted(shop=shop, customer=customer, only=frozenset(sorts), since=at)
