"""What every webhook source is: who signed it, what it is about, and what it means.

A source is a folder with a `SOURCE`. `normalize` is pure: headers, the document, the shop's settings and when it came
in, events or a refusal out; no clock, nothing read, nothing written, and it never raises on any JSON at all.
"""

from __future__ import annotations

import hmac
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import ClassVar

from schemas.events import ShopEvent

Headers = Mapping[str, str]
"""Names in lower case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopSettings:
    """What the operator says of one shop and system. `statuses` translates order statuses, in lower case, before they
    are told; one that is not in it stays as it is. `currency` is for documents that name none."""

    shop: str
    currency: str | None = None
    statuses: Mapping[str, str] = field(default_factory=dict)

    def status(self, theirs: str) -> str:
        return self.statuses.get(theirs.lower(), theirs)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a delivery is no event: the dotted path, the problem and the remedy, none with a value of the document."""

    reason: ClassVar[str] = "not-understood"

    field: str | None
    problem: str
    remedy: str


Told = tuple[ShopEvent, ...] | Refusal
Normalize = Callable[[Headers, object, ShopSettings, datetime], Told]
NOTHING: tuple[ShopEvent, ...] = ()
"""Understood, and no event of ours says it."""


@dataclass(frozen=True, slots=True)
class Signature:
    """HMAC-SHA256 over the raw bytes, in base64 in this header."""

    header: str

    def is_right(self, headers: Headers, body: bytes, secrets: Iterable[bytes]) -> bool:
        """Whether any of the secrets made it. Every secret is tried, and each comparison takes the same time."""
        try:
            given = b64decode(headers.get(self.header, "").encode(), validate=True)
        except (NotBase64, UnicodeEncodeError):
            return False
        right = False
        for secret in secrets:
            right |= hmac.compare_digest(hmac.digest(secret, body, sha256().name), given)
        return right


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One system. `delivery` is the header that names a delivery; `entity` finds, cheaply, what the document is about,
    so that what concerns one order stays in order; `ping` recognises a call that only asks whether we are there."""

    name: str
    signature: Signature
    delivery: str
    entity: Callable[[Headers, object], str | None]
    normalize: Normalize
    ping: Callable[[Headers, bytes], bool] = lambda headers, body: False


def names() -> tuple[str, ...]:
    """Every system there is: the folders beside this file."""
    here = Path(__file__).parent
    return tuple(sorted(path.parent.name for path in here.glob("*/normalize.py")))


def load(name: str) -> Source:
    """LookupError, naming those there are, when there is no such system."""
    if name not in names():
        raise LookupError(f"there is no system '{name}'; there are: {', '.join(names())}")
    source = import_module(f"sources.webhooks.{name}").SOURCE
    assert isinstance(source, Source)
    return source
