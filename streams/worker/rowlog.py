"""The log in which rows meet: each entry is a row of something, or that time has passed for it. Keyed by what it is of.

Only the worker writes and reads it. Fields may be added, and are never renamed: it is read for a week.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from sources.debezium.pieces import Piece


class RowSeen(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    piece: Piece


class TimePassed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Nothing came any more until `at`; what that means is for the join to say."""

    at: datetime


RowEntry = RowSeen | TimePassed
_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[RowEntry] = msgspec.msgpack.Decoder(RowEntry)


def key_of(shop: str, owner: str) -> bytes:
    return f"{shop}/{owner}".encode()


def shop_of(key: bytes) -> str:
    return key.decode("utf-8", "replace").partition("/")[0]


def encode(entry: RowEntry) -> bytes:
    return _encoder.encode(entry)


def decode(value: bytes | None) -> RowEntry:
    """Raises msgspec.MsgspecError."""
    return _decoder.decode(value or b"")
