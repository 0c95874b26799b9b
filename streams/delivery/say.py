"""From a fetched record to the calls it means for this sink: decoded when its turn comes, computed once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import structlog
from msgspec import structs

from schemas.codec import Undecodable
from schemas.records import Parked
from schemas.signals import AnySignal, Signal
from sinks.contract import Call, CannotSay, Sink, Unaddressable
from streams.delivery.entries import Entry, Lane
from streams.delivery.mistakes import where
from streams.delivery.park import CANNOT_SAY, UNDECODABLE
from streams.delivery.telling import calls_alone

log = structlog.get_logger("shoprelay.delivery")
Said = TypeVar("Said")
DELIVERED = "delivered"
UNKNOWN = "unknown"  # the label of a signal that could not be read
WITHHELD = "withheld"
UNADDRESSABLE = "unaddressable"
PARKED = "parked"
NOT_TOLD = "not_told"
DROPPED = "dropped"  # a person did not want it sent
SETTLED = "settled"  # asked for again, and not parked any more


class Codec(Protocol):
    """`schemas.codec.Codec` of signals, or of catalog signals."""

    def decode(self, framed: bytes) -> AnySignal:
        """Raises `Undecodable`, or `SchemaMissing` for a schema that was not fetched yet."""

    async def fetch(self, schema_id: int) -> None:
        """Learns a schema, or that there is none. Raises `RegistryError` when that cannot be known now."""


@dataclass(frozen=True, slots=True)
class Finished:
    """Nothing is to be sent; `outcome` says why."""

    outcome: str


@dataclass(frozen=True, slots=True)
class Unsayable:
    """To be parked. `code` is from a bounded set; `detail` is for a person and names no customer."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Speaker:
    """`catalog` reads what comes from `catalog_topic`; nothing is said of shops other than `shops`, if any is named."""

    sink: Sink
    config: Any
    codec: Codec
    catalog: Codec | None = None
    catalog_topic: str = ""
    shops: frozenset[str] = frozenset()

    def prepare(self, entry: Entry) -> Finished | Unsayable | None:
        """Sets `entry.calls`, or says why there are none. Raises `SchemaMissing`."""
        if entry.again is not None:
            calls = self._computed("history", calls_alone, self.sink, self.config, entry.again.parked)
            if isinstance(calls, Finished | Unsayable):
                return calls
            if calls is not None:
                entry.calls = self._as_parked(calls, entry.again.parked)
                return None if calls else Finished(NOT_TOLD)
        try:
            signal = self.signal(entry)
        except Undecodable as broken:
            return Unsayable(UNDECODABLE, f"{broken.reason}: {broken.problem}")
        entry.history = signal.priority == "backfill"
        if not self.hears(signal) or (entry.history and self.sink.mass is not None):
            return Finished(NOT_TOLD)
        table: Mapping[type, Callable[[Any, Any], tuple[Call, ...]]]
        table = self.sink.calls if isinstance(signal, Signal) else self.sink.catalog
        if (says := table.get(type(signal.payload))) is None:
            return Finished(NOT_TOLD)
        said = self._computed(_kind(signal), says, signal, self.config)
        if isinstance(said, Finished | Unsayable):
            return said
        entry.calls = said
        if entry.again is not None:  # what passed before it was parked has passed
            key = entry.again.parked.call_key
            entry.at = next((at for at, call in enumerate(entry.calls) if call.key == key), 0)
            entry.calls = self._as_parked(entry.calls, entry.again.parked)
        return None if entry.at < len(entry.calls) else Finished(DELIVERED if entry.calls else NOT_TOLD)

    def _computed(self, what: str, mapping: Callable[..., Said], *given: Any) -> Said | Finished | Unsayable:
        """A mistake in one mapping must not stop the others."""
        try:
            return mapping(*given)
        except Unaddressable:
            return Finished(UNADDRESSABLE)
        except CannotSay as reason:
            return Unsayable(CANNOT_SAY, str(reason))
        except Exception as error:  # its message may hold a customer's data: not told
            place = where(error)
            log.error("a mapping failed", sink=self.sink.name, signal=what, error=place)
            return Unsayable(CANNOT_SAY, place)

    def _as_parked(self, calls: tuple[Call, ...], parked: Parked) -> tuple[Call, ...]:
        """The parked call itself where repeats must be equal: it may have left, and the platform compares. Where it was
        too large to be parked with its body, there is nothing but what it is now."""
        return tuple(
            structs.replace(call, method=parked.method, path=parked.path, body=parked.body)
            if call.key == parked.call_key and call.endpoint in self.sink.kept and parked.body
            else call
            for call in calls
        )

    def hears(self, signal: AnySignal) -> bool:
        """Whether it is of a shop that this account is told of."""
        return not self.shops or signal.shop in self.shops

    def signal(self, entry: Entry) -> AnySignal:
        """Decoded once. Raises `Undecodable` and `SchemaMissing`."""
        if entry.signal is None:
            entry.signal = self.codec_of(entry).decode(entry.framed)
        return entry.signal

    def codec_of(self, entry: Entry) -> Codec:
        topic = entry.again.parked.topic if entry.again else entry.partition.place.topic
        return self.catalog if self.catalog is not None and topic == self.catalog_topic else self.codec

    def behind(self, lane: Lane) -> Iterator[AnySignal]:
        """What is known behind the lane's first entry. What cannot be decoded cannot be looked at; it is parked when
        its turn comes. Raises `SchemaMissing`."""
        entries = iter(lane.entries)
        next(entries)
        for entry in entries:
            try:
                yield self.signal(entry)
            except Undecodable:
                continue


def _kind(signal: AnySignal) -> str:
    return type(signal.payload).__name__
