"""Whatever the classes can hold survives the way to bytes and back, and fastavro, which is not ours, agrees."""

import contextlib
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import fastavro
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import inspect

from schemas import quantities
from schemas.events import CatalogEvent, CustomerEvent, ShopEvent
from schemas.language import CLASSES, FILES
from schemas.layout import load, parse
from schemas.quantities import Unreadable
from schemas.reading import compile_reader
from schemas.records import Parked, Refused
from schemas.samples import samples
from schemas.signals import CatalogSignal, Signal
from schemas.writing import compile_writer
from tests.thorough import examples

pytestmark = pytest.mark.thorough

relaxed = settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
milliseconds = st.integers(-62_135_596_800_000, 253_402_300_799_999)
moments = milliseconds.map(lambda n: datetime.fromtimestamp(n // 1000, UTC).replace(microsecond=n % 1000 * 1000))
# fastavro gives the lowest number of a length (-128, -32768, …) a byte it does not need; we write it as Java does.
LOWEST = {-(2 ** (8 * size - 1)) for size in range(1, 10)}
whole = st.integers(1 - 10**20, 10**20 - 1).filter(lambda n: n not in LOWEST)
amounts = whole.map(lambda n: Decimal(f"{n}E-4"))
LEAVES: dict[type, st.SearchStrategy[Any]] = {
    inspect.StrType: st.text(max_size=20),
    inspect.BytesType: st.binary(max_size=20),
    inspect.BoolType: st.booleans(),
    inspect.IntType: st.integers(-(2**63), 2**63 - 1),
    inspect.DecimalType: amounts,
    inspect.DateTimeType: moments,
    inspect.NoneType: st.none(),
}


def values(kind: inspect.Type) -> st.SearchStrategy[Any]:
    match kind:
        case inspect.StructType():
            return structs(kind.cls)
        case inspect.UnionType():
            return st.one_of(*map(values, kind.types))
        case inspect.VarTupleType():
            return st.lists(values(kind.item_type), max_size=3).map(tuple)
        case inspect.DictType():
            return st.dictionaries(st.text(max_size=5), values(kind.value_type), max_size=3)
        case inspect.LiteralType():
            return st.sampled_from(kind.values)
    return LEAVES[type(kind)]


@cache
def structs(cls: type) -> st.SearchStrategy[Any]:
    info = inspect.type_info(cls)
    assert isinstance(info, inspect.StructType)
    required = {f.name: values(f.type) for f in info.fields if f.required}
    optional = {f.name: values(f.type) for f in info.fields if not f.required}
    return st.fixed_dictionaries(required, optional=optional).map(lambda found: cls(**found))


@cache
def both_ways(file: str) -> tuple[Callable[[Any], bytes], Callable[[bytes], Any]]:
    tree = parse(load(file))
    write, read = compile_writer(tree, CLASSES), compile_reader(tree, tree, CLASSES)

    def encode(obj: Any) -> bytes:
        out: list[bytes] = []
        write(obj, out.append)
        return b"".join(out)

    def decode(data: bytes) -> Any:
        obj, end = read(data, 0)
        assert end == len(data)
        return obj

    return encode, decode


@cache
def fastavros(file: str) -> Any:
    return fastavro.parse_schema(json.loads(load(file)))


def fastavro_bytes(file: str, obj: Any) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavros(file), plain(obj))
    return out.getvalue()


def plain(value: Any) -> Any:
    """Dicts with every field set, because fastavro cannot write a decimal's default inside a union."""
    if isinstance(value, msgspec.Struct):
        filled = {name: plain(getattr(value, name)) for name in value.__struct_fields__}
        tag = value.__struct_config__.tag
        return filled if tag is None else {"-type": tag, **filled}
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    return dict(sorted(value.items())) if isinstance(value, dict) else value


@relaxed
@given(structs(ShopEvent))
def test_shop_events_come_back_and_fastavro_writes_the_same_bytes(event: ShopEvent) -> None:
    encode, decode = both_ways("shop_event.avsc")
    data = encode(event)
    assert decode(data) == event
    assert encode(decode(data)) == data
    assert fastavro_bytes("shop_event.avsc", event) == data


@relaxed
@given(structs(Signal))
def test_signals_come_back_and_fastavro_writes_the_same_bytes(said: Signal) -> None:
    encode, decode = both_ways("signal.avsc")
    data = encode(said)
    assert decode(data) == said
    assert encode(decode(data)) == data
    assert fastavro_bytes("signal.avsc", said) == data


OTHERS = {
    "customer_event.avsc": CustomerEvent,
    "catalog_event.avsc": CatalogEvent,
    "catalog_signal.avsc": CatalogSignal,
}


@pytest.mark.parametrize("file", [*OTHERS, "refused.avsc", "parked.avsc"])
@settings(max_examples=examples(25), deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_everything_else_comes_back(file: str, data: st.DataObject) -> None:
    encode, decode = both_ways(file)
    obj = data.draw(structs({**OTHERS, "refused.avsc": Refused, "parked.avsc": Parked}[file]))
    assert decode(encode(obj)) == obj


@pytest.mark.parametrize("file", FILES)
def test_every_branch_is_written_as_fastavro_writes_it(file: str) -> None:
    encode, decode = both_ways(file)
    count = 0
    for count, (branch, obj) in enumerate(samples(FILES[file]), 1):  # noqa: B007
        data = encode(obj)
        assert data == fastavro_bytes(file, obj), branch
        assert decode(data) == obj, branch
    assert count >= {"shop_event.avsc": 28, "customer_event.avsc": 30, "signal.avsc": 22}.get(file, 1)


@settings(max_examples=examples(300), deadline=None)
@given(st.data())
def test_damaged_bytes_give_an_object_or_a_known_error_and_nothing_else(data: st.DataObject) -> None:
    encode, _ = both_ways("shop_event.avsc")
    whole = encode(data.draw(st.sampled_from([obj for _, obj in samples(ShopEvent)])))
    body = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(body[: data.draw(st.integers(0, len(body)))])
    tree = parse(load("shop_event.avsc"))
    with contextlib.suppress(Unreadable, IndexError, UnicodeDecodeError):
        compile_once(tree)(damaged, 0)


@cache
def compile_once(tree: Any) -> Any:
    return compile_reader(tree, tree, CLASSES)


def test_remembered_amounts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantities, "REMEMBERED", 10)
    written, write = quantities.amount_writer(4, 19)
    read, reader = quantities.amount_reader(4, 19)
    for number in range(100):
        data = write(Decimal(number), "amount")
        assert reader(data[1:], "amount") == number
        assert len(written) <= 10 and len(read) <= 10


def test_the_lowest_number_of_a_length_takes_no_byte_too_many() -> None:
    """As `BigInteger.toByteArray` does; fastavro writes a byte more, and we read that, too."""
    _, write = quantities.amount_writer(4, 20)
    _, read = quantities.amount_reader(4, 20)
    for size in range(1, 9):
        amount = Decimal(f"{-(2 ** (8 * size - 1))}E-4")

        assert write(amount, "amount") == bytes([2 * size, 0x80]) + bytes(size - 1)
        assert read(bytes([0xFF, 0x80]) + bytes(size - 1), "amount") == amount
