"""Objects to Confluent-framed Avro and back: byte 0, the schema id in four bytes, the body.

Decoding never waits. A schema id that is not known yet is told by `SchemaMissing`; the caller awaits `fetch` and asks
again. Errors:
  SchemaMissing   await `codec.fetch(error.schema_id)`, then decode again
  Undecodable     these bytes will never be read; to be put aside with its reason
  Unwritable      this object does not fit its schema (a bug or an amount out of range)
and from `prepare` and `fetch` those of `schemas.registry`; retrying them is the caller's.
"""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec

from schemas.events import CatalogEvent, CustomerEvent
from schemas.language import CLASSES
from schemas.layout import BadSchema, Record, load, parse
from schemas.quantities import Unreadable, Unwritable, write_moment, zigzag
from schemas.reading import Read, compile_reader
from schemas.registry import NotRegistered, Registry
from schemas.writing import compile_writer

__all__ = [
    "REASONS",
    "Codec",
    "SchemaMissing",
    "Undecodable",
    "Unwritable",
    "splice_catalog_event",
    "splice_customer_event",
]


T = TypeVar("T", bound=msgspec.Struct)

HEAD = 5
UNKNOWN_FOR = 60.0
FOR_EVER = float("inf")

_AGAIN = "serialize the event again with the schema that its id names; the bytes do not fit it"
_DAMAGE = ("truncated", "trailing-bytes", "unknown-symbol", "bad-branch", "bad-number", "bad-length", "bad-text")
REMEDIES: dict[str, str] = {
    **dict.fromkeys(_DAMAGE, _AGAIN),
    "empty": "send the event as the record's value; deletions are events of their own",
    "not-framed": "serialize with a Confluent Avro serializer: byte 0, four bytes schema id, body",
    "unknown-schema": "register the schema in the registry that Shoprelay uses, then send the event again",
    "not-avro": "register the event's schema as AVRO",
    "wrong-record": "send this topic's own record",
    "incompatible-schema": "write with a published version of the schema, or upgrade Shoprelay first",
    "unknown-branch": "upgrade Shoprelay to a version that knows this event, then send the record again",
    "bad-amount": "write amounts as decimal(20, 4)",
    "bad-date": "write times as milliseconds since 1970, UTC",
}
# every reason there is: bounded, fit for a metric's label
REASONS = frozenset(REMEDIES)


class SchemaMissing(Exception):
    """The schema of this id has not been fetched yet."""

    def __init__(self, schema_id: int) -> None:
        super().__init__(f"schema {schema_id} is not known yet: fetch it")
        self.schema_id = schema_id


class Undecodable(Exception):
    """Bytes that will never be read. No text of it holds a value of the record."""

    def __init__(self, reason: str, field: str | None, problem: str, remedy: str | None = None) -> None:
        self.reason, self.field, self.problem = reason, field, problem
        self.remedy = remedy or REMEDIES[reason]
        super().__init__(f"{reason}: {f'{field}: ' if field else ''}{problem}; {self.remedy}")


class Codec(Generic[T]):
    """One subject, one of our schema files, one class. At most `keep` foreign schemas are held; `now` is monotonic
    seconds, used to ask again after a minute for an id the registry did not know."""

    def __init__(
        self,
        registry: Registry,
        subject: str,
        schema_file: str,
        cls: type[T],
        *,
        now: Callable[[], float] = time.monotonic,
        keep: int = 256,
    ) -> None:
        self.registry, self.subject, self.cls = registry, subject, cls
        self.schema = load(schema_file)
        layout = parse(self.schema)
        if not isinstance(layout, Record) or CLASSES.get(layout.name) is not cls:
            raise TypeError(f"{schema_file} does not describe {cls.__name__}")
        self._layout = layout
        self._write = compile_writer(layout, CLASSES)
        self._read = compile_reader(layout, layout, CLASSES)
        self._now, self._keep = now, keep
        self._head = b""
        self._readers: dict[bytes, Read] = {}
        self._refused: dict[bytes, tuple[float, Undecodable]] = {}

    async def prepare(self, *, register: bool = True) -> int:
        """Registers our schema (or only looks it up) and keeps its id, under which `encode` writes.

        Raises RegistryUnavailable, RegistryDenied, Incompatible, and NotRegistered where it is only looked up.
        """
        ask = self.registry.register if register else self.registry.lookup
        schema_id = await ask(self.subject, self.schema)
        self._head = _head(schema_id)
        self._readers[self._head] = self._read
        self._refused.pop(self._head, None)
        return schema_id

    @property
    def head(self) -> bytes:
        """The five bytes in front of everything we write. RuntimeError before `prepare`."""
        if not self._head:
            raise RuntimeError(f"the codec of {self.subject} is not prepared: await codec.prepare() first")
        return self._head

    def encode(self, obj: T) -> bytes:
        """Framed bytes; equal objects give equal bytes. Raises Unwritable with the field's name."""
        out = [self._head or self.head]
        try:
            self._write(obj, out.append)
            return b"".join(out)
        except Unwritable:
            raise
        except (TypeError, ValueError, AttributeError, KeyError, OverflowError) as wrong:
            raise _explain(obj, self.cls, wrong) from None

    def decode(self, data: bytes | memoryview | None) -> T:
        """The object in these framed bytes, whoever wrote them. Raises SchemaMissing and Undecodable."""
        if type(data) is not bytes:
            data = bytes(data or b"")
        read = self._readers.get(data[:HEAD])
        if read is None:
            raise self._unknown(data)
        try:
            obj, end = read(data, HEAD)
        except Unreadable as wrong:
            raise Undecodable(wrong.reason, wrong.field, wrong.problem) from None
        except IndexError:
            raise Undecodable("truncated", None, f"the body ends early, after {len(data) - HEAD} bytes") from None
        except UnicodeDecodeError as wrong:
            # a text cut in the middle of a character is the end of the data, too
            cut = data.endswith(wrong.object) and wrong.reason == "unexpected end of data"
            reason, problem = ("truncated", "the body ends early") if cut else ("bad-text", "a text is not UTF-8")
            raise Undecodable(reason, None, problem) from None
        if end != len(data):
            if end > len(data):
                raise Undecodable("truncated", None, f"the body ends early, after {len(data) - HEAD} bytes")
            raise Undecodable("trailing-bytes", None, f"{len(data) - end} bytes follow the record")
        return obj  # type: ignore[no-any-return]

    def writer_is_ours(self, data: bytes | memoryview) -> bool:
        """Was this written with our schema, byte for byte alike? Then its body may be spliced unread."""
        return self._readers.get(bytes(data[:HEAD])) is self._read

    async def fetch(self, schema_id: int) -> None:
        """Learns the schema of this id; one request however many ask. Raises RegistryUnavailable, RegistryDenied."""
        head = _head(schema_id)
        try:
            writer = await self.registry.writer(schema_id)
        except NotRegistered:
            gone = Undecodable("unknown-schema", None, f"the registry does not know schema {schema_id}")
            self._refuse(head, gone, self._now() + UNKNOWN_FOR)
            return
        if head in self._readers:
            return
        try:
            read = self._reader_of(schema_id, writer.schema, writer.kind)
        except Undecodable as never:
            self._refuse(head, never, FOR_EVER)
            return
        self._readers[head] = read
        self._refused.pop(head, None)
        if len(self._readers) > self._keep:
            del self._readers[next(each for each in self._readers if each != self._head)]

    def _reader_of(self, schema_id: int, schema: str, kind: str) -> Read:
        if kind != "AVRO":
            raise Undecodable("not-avro", None, f"schema {schema_id} is {kind}")
        try:
            layout = parse(schema)
        except BadSchema as wrong:
            raise Undecodable("incompatible-schema", None, f"schema {schema_id}: {wrong}") from None
        if layout == self._layout:
            return self._read
        ours = self._layout
        if not isinstance(layout, Record) or layout.name not in (ours.name, *ours.aliases):
            theirs = layout.name if isinstance(layout, Record) else "no record"
            remedy = f"send {ours.name} to this topic"
            raise Undecodable("wrong-record", None, f"schema {schema_id} is {theirs}, not {ours.name}", remedy)
        return compile_reader(layout, ours, CLASSES)

    def _refuse(self, head: bytes, why: Undecodable, until: float) -> None:
        self._refused[head] = (until, why)
        if len(self._refused) > self._keep:
            del self._refused[next(iter(self._refused))]

    def _unknown(self, data: bytes) -> Exception:
        if not data:
            return Undecodable("empty", None, "the record has no value")
        if data[0] != 0 or len(data) < HEAD:
            return Undecodable("not-framed", None, f"{len(data)} bytes that do not begin with byte 0 and a schema id")
        until, why = self._refused.get(data[:HEAD], (0.0, None))
        if why is not None and self._now() < until:
            return Undecodable(why.reason, why.field, why.problem, why.remedy)
        return SchemaMissing(int.from_bytes(data[1:HEAD], "big"))


def splice_customer_event(
    codec: Codec[CustomerEvent], key: str, at: datetime, shop_event_body: memoryview | bytes
) -> bytes:
    """`codec.encode(CustomerEvent(key, at, fact))` made from the bytes of the fact: a ShopEvent's body without its
    head, written with our schema (`writer_is_ours`)."""
    name = key.encode()
    moment = write_moment(at, "CustomerEvent.at")
    # b"\x00" is the first branch of `fact`
    return b"".join((codec.head, zigzag(len(name)), name, moment, b"\x00", shop_event_body))


def splice_catalog_event(
    codec: Codec[CatalogEvent], product_id: str, at: datetime, shop_event_body: memoryview | bytes
) -> bytes:
    """The same for a product's log, where `fact` is no union."""
    name = product_id.encode()
    return b"".join((codec.head, zigzag(len(name)), name, write_moment(at, "CatalogEvent.at"), shop_event_body))


def _head(schema_id: int) -> bytes:
    return b"\x00" + schema_id.to_bytes(4, "big")


def _explain(obj: Any, cls: type, wrong: Exception) -> Unwritable:
    """Which field was wrong? Asked only after writing has failed, because asking costs as much as writing."""
    if type(obj) is not cls:
        return Unwritable("schema", f"a {type(obj).__name__} where a {cls.__name__} belongs")
    try:
        msgspec.convert(msgspec.to_builtins(obj), cls)
    except (msgspec.ValidationError, TypeError) as found:
        problem, _, path = str(found).partition(" - at `$.")
        return Unwritable(path.rstrip("`") or cls.__name__, problem)
    return Unwritable(cls.__name__, f"a value that Avro cannot hold ({type(wrong).__name__})")
