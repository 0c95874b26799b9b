"""The shop's keys, several valid at once, each with its own pace; and the platform's secrets, which never leave."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

from streams.delivery.clock import Clock

MASK = b"***"
SHORTEST = 8  # characters: a shorter secret would be found in innocent places


class Keys:
    """`per_second` requests of each key, and as many at once after a pause."""

    def __init__(self, keys: Iterable[str], per_second: float, clock: Clock) -> None:
        self._digests = [_digest(key) for key in keys]
        self._per_second, self._clock = per_second, clock
        self._left = [per_second] * len(self._digests)
        self._at = [clock.monotonic()] * len(self._digests)

    def number(self, authorization: str | None) -> int | None:
        """Which key this is; `None` when it is none. Takes as long for a wrong key as for a right one."""
        kind, _, key = (authorization or "").partition(" ")
        given, found = _digest(key.strip()), None
        for number, digest in enumerate(self._digests):
            if hmac.compare_digest(given, digest):
                found = number
        return found if kind.lower() == "bearer" else None

    def wait(self, number: int) -> float:
        """0 when a request of this key may go on, and it is counted; else the seconds until one may."""
        now = self._clock.monotonic()
        left = min(self._per_second, self._left[number] + (now - self._at[number]) * self._per_second)
        self._at[number] = now
        self._left[number] = left - 1 if left >= 1 else left
        return 0.0 if left >= 1 else (1 - left) / self._per_second


class Secrets:
    """What must not leave: the token lent last, the one before it, and what the account was configured with."""

    def __init__(self, configured: Iterable[str] = ()) -> None:
        self._configured = [secret.encode() for secret in configured if len(secret) >= SHORTEST]
        self._lent: list[bytes] = []

    def note(self, headers: Iterable[tuple[str, str]]) -> None:
        """Looks at the headers of a call that is about to be sent."""
        for name, value in headers:
            secret = value.rpartition(" ")[2].encode()
            if name.lower() == "authorization" and len(secret) >= SHORTEST and secret not in self._lent:
                self._lent = [secret, *self._lent[:1]]

    def masked(self, body: bytes) -> bytes:
        for secret in (*self._lent, *self._configured):
            if secret in body:
                body = body.replace(secret, MASK)
        return body


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode(errors="replace")).digest()
