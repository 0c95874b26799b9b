"""The log in which rows meet: each entry is a row of something, or that time has passed for it. Keyed by what it is of.

A person has a key here, too, a hash of an account or an address, under which stands what is theirs: so that all of it
can be forgotten when they are erased.

Only the worker writes and reads it. Fields may be added, and are never renamed: it is read for a week.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2b

import msgspec

from schemas.values import CustomerRef
from sources.debezium.pieces import Piece


class RowSeen(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    piece: Piece


class TimePassed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Nothing came any more until `at`; what that means is for the join to say."""

    at: datetime


class Belongs(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Of a person: this order or cart is theirs."""

    owner: str


class Erased(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Of a person: what is theirs is to be forgotten."""


class Forget(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Of an order or a cart: whose it is was erased."""


RowEntry = RowSeen | TimePassed | Belongs | Erased | Forget
PERSON = "person:"
_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[RowEntry] = msgspec.msgpack.Decoder(RowEntry)


def key_of(shop: str, owner: str) -> bytes:
    return f"{shop}/{owner}".encode()


def keys_of(shop: str, who: CustomerRef) -> list[bytes]:
    """Of a person, by each name of theirs that an order may bear."""
    names = [f"c:{who.customer_id}"] if who.customer_id else []
    names += [f"e:{who.email.strip().lower()}"] if who.email else []
    return [key_of(shop, PERSON + blake2b(name.encode(), digest_size=12).hexdigest()) for name in names]


def is_person(key: bytes) -> bool:
    return key.partition(b"/")[2].startswith(PERSON.encode())


def shop_of(key: bytes) -> str:
    return key.decode("utf-8", "replace").partition("/")[0]


def encode(entry: RowEntry) -> bytes:
    return _encoder.encode(entry)


def decode(value: bytes | None) -> RowEntry:
    """Raises msgspec.MsgspecError."""
    return _decoder.decode(value or b"")
