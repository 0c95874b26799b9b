"""The schema files and the classes say the same, field by field; every record and field is explained."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from schemas import layout
from schemas.language import CLASSES, FILES
from schemas.layout import MISSING, Amount, Choice, Many, Plain, Record, Table, Type, Union

ENUMS = {frozenset({"live", "backfill"}): "shoprelay.Priority", frozenset({"email", "sms"}): "shoprelay.Channel"}
PLAIN = {inspect.StrType: "string", inspect.BytesType: "bytes", inspect.BoolType: "boolean", inspect.IntType: "long"}


def expected(kind: inspect.Type) -> Type:
    """The Avro type that belongs to a class's field."""
    match kind:
        case inspect.NoneType():
            return layout.NULL
        case inspect.DecimalType():
            return Amount(precision=20, scale=4)
        case inspect.DateTimeType():
            return Plain("long", "timestamp-millis")
        case inspect.VarTupleType():
            return Many(expected(kind.item_type))
        case inspect.DictType():
            return Table(expected(kind.value_type))
        case inspect.LiteralType():
            name = ENUMS[frozenset(kind.values)]
            symbols = {"shoprelay.Priority": ("live", "backfill"), "shoprelay.Channel": ("email", "sms")}[name]
            return Choice(name, symbols, default=symbols[0])
        case inspect.StructType():
            return record(kind.cls)
        case inspect.UnionType():
            branches = [expected(each) for each in kind.types]
            return Union(tuple(sorted(branches, key=lambda each: each != layout.NULL)))
    return Plain(PLAIN[type(kind)])


def record(cls: type) -> Record:
    info = inspect.type_info(cls)
    assert isinstance(info, inspect.StructType)
    name = next(each for each, known in CLASSES.items() if known is cls)
    if info.tag_field is not None:
        assert info.tag == name, "the tag of a class is its Avro name"
    return Record(name, tuple(layout.Field(f.name, expected(f.type), default(f)) for f in info.fields))


def default(field: inspect.Field) -> Any:
    if field.required:
        return MISSING
    value = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    if isinstance(value, Decimal):
        number = int(value * 10_000)
        return number.to_bytes((number.bit_length() + 8) // 8, "big", signed=True).decode("latin-1")
    if isinstance(value, msgspec.Struct):
        assert value == type(value)(), "a record's default is the record without anything set"
        return {}
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("file", FILES)
def test_file_and_class_agree_in_names_order_types_defaults_and_branches(file: str) -> None:
    assert layout.parse(layout.load(file)) == record(FILES[file])


def test_every_file_belongs_to_a_class() -> None:
    assert {path.name for path in layout.HERE.iterdir()} == set(FILES)


def definitions(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if node.get("type") in ("record", "enum"):
            yield node
        for child in node.values():
            yield from definitions(child)
    elif isinstance(node, list):
        for child in node:
            yield from definitions(child)


def everything() -> list[tuple[str, dict[str, Any]]]:
    return [(file, found) for file in FILES for found in definitions(json.loads(layout.load(file)))]


def flat(node: Any) -> Any:
    """A definition with inner definitions replaced by their names: where a record stands first differs by file."""
    if isinstance(node, dict):
        if node.get("type") in ("record", "enum"):
            return f"{node['namespace']}.{node['name']}"
        return {key: flat(value) for key, value in node.items()}
    return [flat(each) for each in node] if isinstance(node, list) else node


def test_a_record_that_stands_in_several_files_is_the_same_in_all_with_its_documentation() -> None:
    seen: dict[str, tuple[str, Any]] = {}
    for file, found in everything():
        name = f"{found['namespace']}.{found['name']}"
        text = {key: flat(value) for key, value in found.items()}
        first, known = seen.setdefault(name, (file, text))
        assert text == known, f"{name} in {file} differs from {first}"
    assert set(seen) - set(ENUMS.values()) == set(CLASSES)


def test_every_record_and_field_is_documented() -> None:
    for file, found in everything():
        assert found["doc"].endswith("."), (file, found["name"])
        for field in found.get("fields", []):
            assert field["doc"].endswith((".", "}.")), (file, found["name"], field["name"])


def test_the_guide_of_units_stands_on_each_front_page() -> None:
    for file in FILES:
        assert "milliseconds since 1970" in json.loads(layout.load(file))["doc"], file


def test_enums_have_a_default_so_that_new_symbols_do_not_break_old_readers() -> None:
    for _, found in everything():
        if found["type"] == "enum":
            assert found["default"] in found["symbols"]


@pytest.mark.parametrize("text", ["", "{}", "[1]", '"nosuch"', '{"type": "array"}'])
def test_what_is_no_schema_is_refused_as_such(text: str) -> None:
    with pytest.raises(layout.BadSchema):
        layout.parse(text)


def test_recursive_schemas_are_refused() -> None:
    field = {"name": "next", "type": ["null", "Node"]}
    with pytest.raises(layout.BadSchema, match="Node contains itself"):
        layout.parse(json.dumps({"type": "record", "name": "Node", "fields": [field]}))
