"""Whose orders and carts the rows of databases are, by a hash of each name, to forget them with the person. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from streams.worker.rowlog import Belongs, Erased, RowEntry, TimePassed

MOST = 500  # of a person; what is older than that is forgotten in its own time


class Person(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    owners: tuple[str, ...] = ()
    touched: datetime


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Person).decode


def told(
    person: Person | None, entry: RowEntry, now: datetime, keep: timedelta
) -> tuple[Person | None, tuple[str, ...]]:
    """What is known of a person after it, and what is to be forgotten. The same person comes back if nothing is new."""
    match entry:
        case Belongs(owner=owner):
            owners = person.owners if person else ()
            if owner in owners:
                return person, ()
            return Person(owners=(*owners, owner)[-MOST:], touched=now), ()
        case Erased():
            return None, person.owners if person else ()
        case TimePassed(at=at) if person is not None and at >= person.touched + keep:
            return None, ()
    return person, ()


def encode(person: Person) -> bytes:
    return _encode(person)


def decode(stored: bytes) -> Person:
    return _decode(stored)
