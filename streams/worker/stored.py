"""How a customer's state lies in the table: when it is due next, then the state itself.

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


def store(state: Customer) -> bytes:
    due = next_deadline(state)
    return _DUE.pack(NEVER if due is None else milliseconds(due)) + encode(state)


def load(stored: bytes | None) -> Customer | None:
    return None if stored is None else decode(stored[_DUE.size :])


def due_at(stored: bytes) -> int:
    """Milliseconds since the epoch, or `NEVER`."""
    due: int = _DUE.unpack_from(stored)[0]
    return due
