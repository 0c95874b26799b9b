"""Fencing: one writer per changelog partition, even when an old owner wakes up and does not know that it is one.

Before a worker restores a partition it *claims* it: it appends a claim record to the changelog and waits for the
broker's ack.
The claim's own offset is the owner's token: the broker hands tokens out in log order, so they only grow, and no clock
or group
generation is needed. Every record the owner writes carries its token in a header. From this follows:

* **Read up to the claim, ignore older tokens behind it.** Whatever a former owner wrote before the claim has been read
  by the new
  owner; whatever it writes afterwards carries a smaller token and is skipped by every reader (`Fold`).
* **Offsets tell when a stranger wrote.** A sole writer's batches follow each other without a gap. A gap is read at
  once:
  a foreign claim in it means that we are the former owner, and the process ends with nothing applied; a stale record
  means that the former owner is still alive, and its keys are written again with our values, so that compaction,
  which keeps the last record of a key whoever wrote it, keeps ours.

What this leaves to the operator: `min.compaction.lag.ms` of a changelog must be longer than a restore takes, so that a
stale record is repaired before it can take the place of a good one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

CLAIM_KEY = b"\x00shoprelay-claim"
"""No state key may begin with the zero byte."""
HEADER = "t"
NO_TOKEN = b"\x00" * 8

Headers = list[tuple[str, bytes]]
Items = Iterable[tuple[bytes, bytes | None]]


def token_of_offset(offset: int) -> bytes:
    """Eight bytes, big-endian, so that tokens compare as bytes."""
    return offset.to_bytes(8, "big")


def headers_of(token: bytes) -> Headers:
    return [(HEADER, token)]


def token_of_record(record: Any) -> bytes:
    """The token a consumer record was written under; a claim's is its own offset, an unmarked record has the
    smallest.
    """
    if record.key == CLAIM_KEY:
        return token_of_offset(record.offset)
    for name, value in record.headers:
        if name == HEADER:
            return bytes(value)
    return NO_TOKEN


class Fold:
    """Reads a changelog partition in log order and lets through what its owner of the time wrote.

    `token` is the largest seen so far; pass the stored one to go on from a stored position.
    """

    __slots__ = ("stale", "token")

    def __init__(self, token: bytes = NO_TOKEN) -> None:
        self.token = token
        self.stale: set[bytes] = set()
        """Keys whose last record so far was written by a former owner: to be written again."""

    def accept(self, records: Sequence[Any]) -> dict[bytes, bytes | None]:
        """Last valid value per key of these consumer records; None is a deletion. Claims and stale records are left
        out.
        """
        token, stale, out = self.token, self.stale, {}
        for r in records:
            h = r.headers
            mark = h[0][1] if h and h[0][0] == HEADER else token_of_record(r)
            if mark < token:
                if r.key != CLAIM_KEY:
                    stale.add(r.key)
                continue
            token = mark
            if r.key != CLAIM_KEY:
                out[r.key] = r.value
                if stale:
                    stale.discard(r.key)
        self.token = token
        return out
