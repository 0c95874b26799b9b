"""How a state lies in its table: when it is due next, then the state itself.

The due time stands in front so that a million customers can be looked through for deadlines without decoding one.
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta

from streams.domain.customer import Customer
from streams.domain.fold import next_deadline
from streams.domain.state_codec import decode, encode

_DUE = struct.Struct(">q")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NEVER = 2**63 - 1


def milliseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(milliseconds=1)


def moment(at: int) -> datetime:
    """Milliseconds since the epoch as a time."""
    return _EPOCH + timedelta(milliseconds=at)


def with_due(due: datetime | None, state: bytes) -> bytes:
    return _DUE.pack(NEVER if due is None else milliseconds(due)) + state


def without_due(stored: bytes) -> bytes:
    return stored[_DUE.size :]


def store(state: Customer) -> bytes:
    return with_due(next_deadline(state), encode(state))


def load(stored: bytes | None) -> Customer | None:
    return None if stored is None else decode(without_due(stored))


def due_at(stored: bytes) -> int:
    """Milliseconds since the epoch, or `NEVER`."""
    due: int = _DUE.unpack_from(stored)[0]
    return due
