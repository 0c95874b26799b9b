"""When a cart counts as abandoned, per shop, as the settings file says now: a change needs no restart.

A file that has become wrong is logged once, and what was right before stays in force.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import structlog

from shoprelay.filed import Misconfigured
from shoprelay.sections import Shop
from shoprelay.settings import Configuration, load
from streams.domain.policy import Policy

log = structlog.get_logger("shoprelay.policies")
LOOK_EVERY_MS = 1_000


def policy_of(shop: Shop) -> Policy:
    """An order from a database is late by as long as its rows settle."""
    return Policy(
        stages=shop.stages,
        grace=shop.grace + (shop.cdc.settle if shop.cdc else timedelta(0)),
        expires_after=shop.expires_after,
        purchase_statuses=frozenset(status.lower() for status in shop.purchase_statuses) or None,
        ttl=shop.forget_after,
        cart_merge=shop.cart_merge,
    )


class Policies:
    """`policies(shop)`; looks at the file's modification time at most once a second of `now` (milliseconds)."""

    def __init__(self, configuration: Configuration, path: Path | None, now: Callable[[], int]) -> None:
        self._path, self._now = path, now
        self._looked, self._stamp = now(), self._modified()
        self._take(configuration)

    def __call__(self, shop: str) -> Policy:
        if self._now() - self._looked >= LOOK_EVERY_MS:
            self._look()
        return self._by_shop.get(shop, self._default)

    def _take(self, configuration: Configuration) -> None:
        shops = configuration.settings.shops
        self._by_shop = {name: policy_of(shop) for name, shop in shops.items()}
        self._default = self._by_shop.get("default") or policy_of(Shop())

    def _look(self) -> None:
        self._looked = self._now()
        stamp = self._modified()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._take(load(self._path, os.environ))
            log.info("the settings changed; the shops' policies are in force")
        except Misconfigured as bad:
            log.error("the changed settings are wrong; the earlier policies stay in force", problems=bad.problems)

    def _modified(self) -> int | None:
        try:
            return self._path.stat().st_mtime_ns if self._path else None
        except FileNotFoundError:
            return None
