"""One made-up object for every kind of fact a class can hold, all fields set: what `schemas/published/` keeps for ever.

The same every time: values come from the field's name and type alone.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import inspect

MOMENT = datetime(2026, 3, 29, 1, 30, 0, 123000, tzinfo=UTC)


def samples(cls: type[msgspec.Struct]) -> Iterator[tuple[str, msgspec.Struct]]:
    """Pairs of a branch, such as `ShopEvent.CartReplaced`, and an object; one pair for a class without branches."""
    info = inspect.type_info(cls)
    assert isinstance(info, inspect.StructType)
    for branch, made in _structs(info):
        yield branch or cls.__name__, made


def rendering(value: Any) -> Any:
    """A value as JSON can hold it, every field written out whether it is a default or not."""
    if isinstance(value, msgspec.Struct):
        tag = value.__struct_config__.tag
        fields = {name: rendering(getattr(value, name)) for name in value.__struct_fields__}
        return fields if tag is None else {"-type": tag, **fields}
    if isinstance(value, tuple):
        return [rendering(each) for each in value]
    return dict(sorted(value.items())) if isinstance(value, dict) else msgspec.to_builtins(value)


def _structs(info: inspect.StructType) -> Iterator[tuple[str, Any]]:
    """Every form of a class: its fields filled once for each branch of the one field that is a union of records."""
    fixed: dict[str, Any] = {}
    forms: tuple[str, list[inspect.StructType]] | None = None
    for field in info.fields:
        branches = _branches(field.type)
        if branches is None:
            fixed[field.name] = _value(field.type, field.name)
        else:
            forms = (field.name, branches)
    if forms is None:
        yield "", info.cls(**fixed)
        return
    name, structs = forms
    for struct in structs:
        for inner, made in _structs(struct):
            yield f"{struct.cls.__name__}{f'.{inner}' if inner else ''}", info.cls(**fixed, **{name: made})


def _branches(kind: inspect.Type) -> list[inspect.StructType] | None:
    if isinstance(kind, inspect.StructType):
        return [kind] if any(_branches(field.type) for field in kind.fields) else None
    if isinstance(kind, inspect.UnionType):
        structs = [each for each in kind.types if isinstance(each, inspect.StructType)]
        return structs if len(structs) > 1 else None
    return None


def _value(kind: inspect.Type, name: str) -> Any:
    match kind:
        case inspect.UnionType():
            return _value(next(each for each in kind.types if not isinstance(each, inspect.NoneType)), name)
        case inspect.StructType():
            return next(_structs(kind))[1]
        case inspect.VarTupleType():
            return (_value(kind.item_type, name),)
        case inspect.DictType():
            return {f"{name} a": _value(kind.value_type, name), f"{name} b": "ü €"}
        case inspect.LiteralType():
            return kind.values[-1]
        case inspect.StrType():
            return f"a {name}"
        case inspect.BytesType():
            return b"\x00\xff " + name.encode()
        case inspect.BoolType():
            return True
        case inspect.IntType():
            return len(name) + 1000
        case inspect.DecimalType():
            return Decimal(len(name)) + Decimal("1234567.0625")
        case inspect.DateTimeType():
            return MOMENT
    raise TypeError(f"{name}: no sample for {kind}")
