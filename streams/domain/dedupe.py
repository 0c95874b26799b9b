"""Told again? A short memory of event ids, kept with the customer: eight bytes each, the oldest forgotten first."""

from hashlib import blake2b

WIDTH = 8


def digest(*parts: str) -> bytes:
    """Eight bytes that stand for `parts`; the parts are kept apart, so ("a", "bc") is not ("ab", "c")."""
    return blake2b("\x1f".join(parts).encode(), digest_size=WIDTH).digest()


def derived_id(*parts: str) -> str:
    """An id that follows from `parts` alone: 32 hexadecimal digits, nothing of the parts can be read from it."""
    return blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()


def known(memory: bytes, entry: bytes) -> bool:
    at = memory.find(entry)
    while at >= 0 and at % WIDTH:
        at = memory.find(entry, at + 1)
    return at >= 0


def remember(memory: bytes, entry: bytes, most: int) -> bytes:
    """`memory` with `entry` at its end, never more than `most` entries."""
    return (memory + entry)[-WIDTH * most :]
