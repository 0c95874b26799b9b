"""An Avro schema as a small tree of values: names resolved, documentation gone, equal when bytes are laid out alike.

Read with fastavro's parser, which checks names, defaults and references. Recursive schemas are refused: no shop event
needs one, and a tree without loops can be compared, resolved and compiled by plain recursion.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fastavro
from fastavro.schema import SchemaParseException, UnknownType

HERE = Path(__file__).parent / "avro"
MISSING: Any = type("Missing", (), {"__repr__": lambda _: "MISSING"})()


class BadSchema(Exception):
    """This text is not an Avro schema we can work with; the message says where."""


@dataclass(frozen=True, slots=True)
class Plain:
    """null, boolean, int, long, float, double, string or bytes; `logical` is its logical type, such as timestamps."""

    kind: str
    logical: str | None = None


@dataclass(frozen=True, slots=True)
class Amount:
    """bytes with the logical type decimal."""

    precision: int
    scale: int


@dataclass(frozen=True, slots=True)
class Fixed:
    name: str
    size: int
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """An enum; `default` stands for symbols that a reader does not know."""

    name: str
    symbols: tuple[str, ...]
    default: str | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Many:
    items: "Type"


@dataclass(frozen=True, slots=True)
class Table:
    """A map; keys are strings."""

    values: "Type"


@dataclass(frozen=True, slots=True)
class Union:
    branches: "tuple[Type, ...]"


@dataclass(frozen=True, slots=True)
class Field:
    """`default` is the JSON value of the schema, or MISSING."""

    name: str
    type: "Type"
    default: Any = field(default=MISSING, hash=False)
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    name: str
    fields: tuple[Field, ...]
    aliases: tuple[str, ...] = ()


Type = Plain | Amount | Fixed | Choice | Many | Table | Union | Record

NULL = Plain("null")


def named(kind: "Type") -> str:
    """What a person calls this type in a message."""
    match kind:
        case Plain():
            return f"{kind.kind} ({kind.logical})" if kind.logical else kind.kind
        case Amount():
            return f"decimal({kind.precision}, {kind.scale})"
        case Fixed() | Choice() | Record():
            return kind.name
        case Many():
            return f"array of {named(kind.items)}"
        case Table():
            return f"map of {named(kind.values)}"
        case Union():
            return "union of " + ", ".join(named(branch) for branch in kind.branches)


def load(name: str) -> str:
    """The text of one of our own schema files, as published: compact JSON with its documentation."""
    return compact((HERE / name).read_text(encoding="utf-8"))


def compact(text: str) -> str:
    return json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)


def parse(text: str) -> Type:
    """The tree of a schema's JSON text. Raises BadSchema."""
    try:
        parsed = fastavro.parse_schema(json.loads(text))
        return _tree(parsed, {}, ())
    except (SchemaParseException, UnknownType) as wrong:
        raise BadSchema(str(wrong)) from None
    except (ValueError, TypeError, KeyError, AttributeError, IndexError) as wrong:
        raise BadSchema(f"not an Avro schema ({type(wrong).__name__}: {wrong})") from None


def _tree(node: Any, known: dict[str, Type], inside: tuple[str, ...]) -> Type:
    if isinstance(node, list):
        return Union(tuple(_tree(branch, known, inside) for branch in node))
    if isinstance(node, str):
        if node in inside:
            raise BadSchema(f"{node} contains itself: recursive schemas are not supported")
        return known[node] if node in known else Plain(node)
    kind = node["type"]
    if kind == "array":
        return Many(_tree(node["items"], known, inside))
    if kind == "map":
        return Table(_tree(node["values"], known, inside))
    if kind in ("record", "error", "enum", "fixed"):
        known[node["name"]] = made = _named(node, known, inside)
        return made
    if not isinstance(kind, str):
        return _tree(kind, known, inside)
    logical = node.get("logicalType")
    if kind == "bytes" and logical == "decimal":
        return Amount(_count(node["precision"]), _count(node.get("scale", 0)))
    return Plain(kind, logical) if kind not in known else known[kind]


def _count(number: Any) -> int:
    """A schema is text from outside, and fastavro does not look at its numbers; readers are compiled from them."""
    if type(number) is not int or number < 0:
        raise BadSchema(f"{type(number).__name__} where a number from 0 belongs")
    return number


def _named(node: dict[str, Any], known: dict[str, Type], inside: tuple[str, ...]) -> Type:
    name: str = node["name"]
    space = name.rpartition(".")[0]
    aliases = tuple(a if "." in a or not space else f"{space}.{a}" for a in node.get("aliases", ()))
    if node["type"] == "enum":
        return Choice(name, tuple(node["symbols"]), node.get("default"), aliases)
    if node["type"] == "fixed":
        return Fixed(name, _count(node["size"]), aliases)
    fields = tuple(
        Field(
            each["name"],
            _tree(each["type"], known, (*inside, name)),
            each.get("default", MISSING),
            tuple(each.get("aliases", ())),
        )
        for each in node["fields"]
    )
    return Record(name, fields, aliases)
