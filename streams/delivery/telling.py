"""How far history was told, and the next part of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from schemas.records import Parked
from sinks.contract import Call, CannotSay, Kind, Sink, Unaddressable
from streams.delivery.history import Of, Snapshot, known
from streams.delivery.mistakes import where
from streams.domain.state_codec import UnknownStateVersion

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


class Unsaid(NamedTuple):
    """What stands in place of all items of a key that a mapping of ours cannot say: why, with nothing of a customer,
    and what is known there."""

    why: str
    value: bytes


Items = Callable[[Kind, bytes, bytes], Sequence[Mapping[str, Any]] | Unsaid]


class Item(NamedTuple):
    """`at` counts the items of one key; `last` is the last of them."""

    key: bytes
    at: int
    last: bool
    item: Mapping[str, Any]


class Part(NamedTuple):
    """`seen` is the last key that was looked at, `ended` whether it was the last one there is. `unsaid` is why the only
    item there is cannot be said."""

    items: tuple[Item, ...]
    seen: bytes
    ended: bool
    unsaid: Unsaid | None = None


def next_part(snapshot: Snapshot, kind: Kind, told: Told, most: int, items_of: Items) -> Part:
    """At most `most` items: whole keys, as many as there is room for. Ends early, without items, after `LOOKS` keys."""
    part: list[Item] = []
    seen = told.key
    for looked, (key, value) in enumerate(snapshot.after(told.key, including=told.of_key is not None)):
        found = items_of(kind, key, value)
        if isinstance(found, Unsaid):
            return Part(tuple(part), seen, False) if part else Part((Item(key, 0, True, {}),), seen, False, found)
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


# -- one item that was refused, or could not be said


class Alone(msgspec.Struct, frozen=True, omit_defaults=True):
    """What stands in place of a signal in the parked record of one item; of what could not be said, what is known."""

    kind: str
    item: Mapping[str, Any] | None = None
    value: bytes = b""


def framed(kind: Kind, item: Item, unsaid: Unsaid | None = None) -> bytes:
    alone = Alone(kind.name, item.item) if unsaid is None else Alone(kind.name, value=unsaid.value)
    return MARK + msgspec.json.encode(alone)


def calls_alone(sink: Sink, config: Any, parked: Parked) -> tuple[Call, ...] | None:
    """The call of one item on its second way, the same as it was; of what could not be said, one with all that it comes
    to now. `None` for what is no item of history. Raises what the mapping does."""
    if sink.mass is None or not parked.signal.startswith(MARK):
        return None
    alone = msgspec.json.decode(parked.signal[len(MARK) :], type=Alone)
    kind = next((kind for kind in sink.mass.kinds(config) if kind.name == alone.kind), None)
    if kind is None:
        return None
    items = [alone.item] if alone.item is not None else items_of(kind, alone.value, config)
    return (sink.mass.join(kind, items, config),) if items else ()


def items_or_why_not(kind: Kind, value: bytes, config: Any) -> Sequence[Mapping[str, Any]] | Unsaid:
    """A mistake about one customer must not stop the others. Raises `UnknownStateVersion`: a newer release can read
    it."""
    try:
        return items_of(kind, value, config)
    except UnknownStateVersion:
        raise
    except Unaddressable:
        return ()
    except CannotSay as reason:
        return Unsaid(str(reason), value)
    except Exception as error:  # its message may hold a customer's data: not told
        return Unsaid(where(error), value)


def items_of(kind: Kind, value: bytes, config: Any) -> Sequence[Mapping[str, Any]]:
    """Raises what the mapping does."""
    of: Of = kind.of
    found = known(of, value)
    return () if found is None else kind.items(found, config)
