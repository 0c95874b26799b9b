"""How far history was told, and the next part of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from schemas.records import Parked
from sinks.contract import Call, Kind, Sink
from streams.delivery.history import Snapshot

Items = Callable[[Kind, bytes, bytes], Sequence[Mapping[str, Any]]]
MARK = b"history "  # no framed signal begins like this
LOOKS = 500  # keys without an item after which others get to run


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Everything was told up to here, of one connection: of `kind` the keys of the partitions before `partition`, and
    there those up to `key`; of that one only `of_key` items, when it is set. `done`: of all kinds everything."""

    connection: str
    kind: str = ""
    partition: int = 0
    key: bytes = b""
    of_key: int | None = None
    done: bool = False


class Item(NamedTuple):
    """`at` counts the items of one key; `last` is the last of them."""

    key: bytes
    at: int
    last: bool
    item: Mapping[str, Any]


class Part(NamedTuple):
    """`seen` is the last key that was looked at, `ended` whether it was the last one there is."""

    items: tuple[Item, ...]
    seen: bytes
    ended: bool


def next_part(snapshot: Snapshot, kind: Kind, told: Told, most: int, items_of: Items) -> Part:
    """At most `most` items: whole keys, as many as there is room for. Ends early, without items, after `LOOKS` keys."""
    part: list[Item] = []
    seen = told.key
    for looked, (key, value) in enumerate(snapshot.after(told.key, including=told.of_key is not None)):
        found = items_of(kind, key, value)
        first = (told.of_key or 0) if key == told.key else 0
        new = [Item(key, at, at + 1 == len(found), item) for at, item in enumerate(found) if at >= first]
        if part and len(part) + len(new) > most:
            return Part(tuple(part), seen, False)
        part += new[: most - len(part)]
        if len(new) > most:
            return Part(tuple(part), seen, False)
        seen = key
        if len(part) >= most or (looked + 1 >= LOOKS and not part):
            return Part(tuple(part), seen, False)
    return Part(tuple(part), seen, True)


def after(told: Told, items: Sequence[Item]) -> Told:
    """How far it is told once these have been accepted."""
    last = items[-1]
    return msgspec.structs.replace(told, key=last.key, of_key=None if last.last else last.at + 1)


def looked_at(told: Told, number: int, key: bytes | None = None) -> Told:
    """The same kind, at a partition, past a key; there is nothing to tell before that."""
    if number == told.partition and key is None:
        return told
    return Told(connection=told.connection, kind=told.kind, partition=number, key=key or b"")


# -- one item that was refused


class Alone(msgspec.Struct, frozen=True):
    """What stands in place of a signal in the parked record of one item."""

    kind: str
    item: Mapping[str, Any]


def framed(kind: Kind, item: Item) -> bytes:
    return MARK + msgspec.json.encode(Alone(kind.name, item.item))


def call_alone(sink: Sink, config: Any, parked: Parked) -> Call | None:
    """The call of one item on its second way, the same as it was; `None` for what is no item of history."""
    if sink.mass is None or not parked.signal.startswith(MARK):
        return None
    alone = msgspec.json.decode(parked.signal[len(MARK) :], type=Alone)
    kind = next((kind for kind in sink.mass.kinds(config) if kind.name == alone.kind), None)
    return None if kind is None else sink.mass.join(kind, [alone.item], config)
