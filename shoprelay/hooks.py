"""Which systems of which shops post to us, as the settings file says now: a change needs no restart.

A file that has become wrong is logged once, and what was right before stays in force. Secrets that come from a file are
read anew with it: to exchange one, write the new file, add it as the second secret, and touch the settings.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from shoprelay.filed import Misconfigured
from shoprelay.hook_settings import Hook
from shoprelay.pixel_settings import Pixel
from shoprelay.settings import Configuration, load
from sources import pixel
from sources.webhooks import contract
from sources.webhooks.contract import ShopSettings, Source

log = structlog.get_logger("shoprelay.hooks")
LOOK_EVERY_MS = 1_000


@dataclass(frozen=True, slots=True)
class Door:
    """One system of one shop. `secrets` do not print."""

    source: Source
    shop: ShopSettings
    secrets: tuple[bytes, ...] = field(repr=False)
    pixel: Pixel | None = None
    """Set where it is a browser that tells: then nothing is signed but names, and the door is another one."""


def doors_of(configuration: Configuration) -> Mapping[tuple[str, str], Door]:
    shops = configuration.settings.shops.items()
    signed = {(name, system): _door(name, system, hook) for name, shop in shops for system, hook in shop.hooks.items()}
    return signed | {
        (name, pixel.SOURCE.name): _pixel(name, shop.pixel) for name, shop in shops if shop.pixel is not None
    }


def _door(shop: str, system: str, hook: Hook) -> Door:
    statuses = {theirs.lower(): ours for theirs, ours in hook.statuses.items()}
    return Door(
        contract.load(system),
        ShopSettings(shop=shop, currency=hook.currency, statuses=statuses),
        tuple(secret.get_secret_value().encode() for secret in hook.secrets),
    )


def _pixel(shop: str, pages: Pixel) -> Door:
    secrets = tuple(secret.get_secret_value().encode() for secret in pages.secrets)
    return Door(pixel.SOURCE, ShopSettings(shop=shop, currency=pages.currency), secrets, pages)


class Doors:
    """`doors(shop, system)`; looks at the file's modification time at most once a second of `now` (milliseconds)."""

    def __init__(self, configuration: Configuration, now: Callable[[], int]) -> None:
        self._path, self._now = configuration.path, now
        self._looked, self._stamp = now(), _modified(self._path)
        self._doors = doors_of(configuration)

    def __call__(self, shop: str, system: str) -> Door | None:
        if self._now() - self._looked >= LOOK_EVERY_MS:
            self._look()
        return self._doors.get((shop, system))

    def __len__(self) -> int:
        return len(self._doors)

    def _look(self) -> None:
        self._looked = self._now()
        stamp = _modified(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._doors = doors_of(load(self._path, os.environ))
            log.info("the settings changed; the shops' webhooks are as they say now", hooks=len(self._doors))
        except Misconfigured as bad:
            log.error("the changed settings are wrong; the earlier webhooks stay in force", problems=bad.problems)


def _modified(path: Path | None) -> int | None:
    try:
        return path.stat().st_mtime_ns if path else None
    except FileNotFoundError:
        return None
