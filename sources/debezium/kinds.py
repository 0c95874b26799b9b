"""What a column is, as the record's own schema says it: the name of its meaning, its plain type and its scale.

Kafka Connect's schemas (inside JSON) and Avro's (beside the bytes) say the same and are read alike. A record without a
schema has no kinds at all; what can still be read of it, and what would be a guess, is `row`'s to decide.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

CONNECT = "org.apache.kafka.connect.data."
DEBEZIUM = "io.debezium.time."
VARIABLE = "io.debezium.data.VariableScaleDecimal"
DECIMAL = CONNECT + "Decimal"
DEEPEST = 8  # a schema of envelopes is four deep

TICKS = {  # a point in time, counted since 1970 -> how many in a second
    DEBEZIUM + "Timestamp": 10**3,
    DEBEZIUM + "MicroTimestamp": 10**6,
    DEBEZIUM + "NanoTimestamp": 10**9,
    CONNECT + "Timestamp": 10**3,
}
DAYS = frozenset({DEBEZIUM + "Date", CONNECT + "Date"})
ISO = frozenset(DEBEZIUM + name for name in ("ZonedTimestamp", "IsoTimestamp", "IsoDate"))
NO_POINT = frozenset(  # of the day, or a length: no point in time
    [CONNECT + "Time"]
    + [
        DEBEZIUM + name
        for name in (
            "Time", "MicroTime", "NanoTime", "ZonedTime", "IsoTime", "Year", "MicroDuration", "NanoDuration", "Interval"
        )
    ]
)  # fmt: skip
INEXACT = frozenset({"float", "double", "float32", "float64"})
_LOGICAL = {
    "timestamp-millis": DEBEZIUM + "Timestamp",
    "timestamp-micros": DEBEZIUM + "MicroTimestamp",
    "timestamp-nanos": DEBEZIUM + "NanoTimestamp",
    "local-timestamp-millis": DEBEZIUM + "Timestamp",
    "local-timestamp-micros": DEBEZIUM + "MicroTimestamp",
    "date": DEBEZIUM + "Date",
    "time-millis": DEBEZIUM + "Time",
    "time-micros": DEBEZIUM + "MicroTime",
    "decimal": DECIMAL,
}


@dataclass(frozen=True, slots=True)
class Kind:
    """`name` is the full name of the meaning, empty where there is none; `scale` is that of a decimal."""

    name: str = ""
    type: str = ""
    scale: int | None = None


Kinds = Mapping[str, Kind]


def of_key(schema: object) -> Kinds | None:
    """Of the columns of a key, or of a row by itself; None where there is no schema. Total."""
    return dict(_columns(schema, {})) if _fields(schema) is not None else None


def of_row(schema: object) -> Kinds | None:
    """Of the columns of an envelope's rows: those of `after`, else of `before`. Total."""
    names: dict[str, object] = {}
    _learn(schema, names)
    fields = _fields(schema)
    if fields is None:
        return None
    found = {name: each for each in fields if (name := _name(each)) in ("after", "before")}
    for name in ("after", "before"):
        kinds = dict(_columns(found[name], names)) if name in found else {}
        if kinds:
            return kinds
    return None


def _fields(schema: object, depth: int = 0) -> list[object] | None:
    """Of Connect's `struct`, or of Avro's `record`, which may stand one level deeper, in a union or a `type`."""
    if depth > DEEPEST:
        return None
    if isinstance(schema, list):
        return next((found for each in schema if (found := _fields(each, depth + 1)) is not None), None)
    if not isinstance(schema, Mapping):
        return None
    fields = schema.get("fields")
    if isinstance(fields, list):
        return fields
    inner = schema.get("type")
    return _fields(inner, depth + 1) if isinstance(inner, list | Mapping) else None


def _name(field: object) -> str:
    if not isinstance(field, Mapping):
        return ""
    name = field.get("field", field.get("name"))
    return name if isinstance(name, str) else ""


def _columns(schema: object, names: Mapping[str, object]) -> Iterator[tuple[str, Kind]]:
    for field in _fields(_resolved(schema, names)) or ():
        if name := _name(field):
            yield name.lower(), _kind(field)


def _kind(field: object) -> Kind:
    """Connect says it on the field itself, Avro inside its `type`."""
    assert isinstance(field, Mapping)
    told = field
    if "field" not in field:
        told = _inner(field.get("type"))
    kind = told.get("type")
    parameters = told.get("parameters", told.get("connect.parameters"))
    scale = told.get("scale", parameters.get("scale") if isinstance(parameters, Mapping) else None)
    name = told.get("connect.name") or (told.get("name") if "field" in field else None)
    if not name and isinstance(logical := told.get("logicalType"), str):
        name = _LOGICAL.get(logical)
    if not name and str(told.get("name", "")).rpartition(".")[2] == "VariableScaleDecimal":
        name = VARIABLE
    return Kind(name if isinstance(name, str) else "", kind if isinstance(kind, str) else "", _whole(scale))


def _inner(told: object) -> Mapping[str, object]:
    """The branch of a union that is not null."""
    if isinstance(told, list):
        told = next((each for each in told if each != "null"), None)
    if isinstance(told, str):
        return {"type": VARIABLE if told.rpartition(".")[2] == "VariableScaleDecimal" else told, "name": told}
    if isinstance(told, Mapping):
        return told
    return {}


def _whole(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    try:
        return int(value) if len(str(value)) <= 4 else None
    except ValueError:
        return None


# -- Avro writes a record once and names it afterwards


def _learn(schema: object, names: dict[str, object], space: str = "", depth: int = 0) -> None:
    if depth > DEEPEST:
        return
    if isinstance(schema, list):
        for each in schema:
            _learn(each, names, space, depth + 1)
    elif isinstance(schema, Mapping):
        given = schema.get("namespace")
        space = given if isinstance(given, str) else space
        name = schema.get("name")
        if schema.get("type") == "record" and isinstance(name, str):
            names[name if "." in name else f"{space}.{name}"] = names[name] = schema
        for inside in ("fields", "type"):
            if isinstance(schema.get(inside), list | Mapping):
                _learn(schema[inside], names, space, depth + 1)


def _resolved(field: object, names: Mapping[str, object]) -> object:
    told = field.get("type") if isinstance(field, Mapping) else None
    if isinstance(told, list):
        told = next((each for each in told if each != "null"), None)
    return names.get(told, field) if isinstance(told, str) else field
