"""From a writer's layout and one of our classes: a function that reads such bytes into such an object.

Compiled once per schema id, as source text, because reading field by field through an interpreter of schemas is what
costs (docs/decisions say how much). Avro's resolution happens here, ahead of the data: fields we do not know are
skipped, fields we miss take the class's default, and a branch we cannot read fails only when it comes.
"""

from collections.abc import Callable, Mapping
from typing import Any

from schemas.layout import MISSING, Amount, Choice, Fixed, Many, Plain, Record, Table, Type, Union, named
from schemas.quantities import Unreadable, amount_reader, raw_length, raw_long, raw_moment, read_moment
from schemas.resolution import counterpart, pairs

Read = Callable[[bytes, int], tuple[Any, int]]
MOMENT = Plain("long", "timestamp-millis")
OPTIONAL_TEXT = Union((Plain("null"), Plain("string")))


def compile_reader(writer: Type, reader: Type, classes: Mapping[str, type]) -> Read:
    """`classes` holds our class for each record name. The function takes bytes and a position, gives object and end.

    It raises Unreadable, IndexError where the bytes end too early, UnicodeDecodeError for a text that is none.
    """
    source = _Source(classes)
    name = source.function(writer, reader, named(writer).rpartition(".")[2])
    return source.build()[name]  # type: ignore[no-any-return]


def _fail(reason: str, field: str, problem: str) -> Any:
    raise Unreadable(reason, field, problem)


class _Source:
    """Collects one function per pair of types, and the constants they use.

    A foreign schema reaches the source text only as quoted literals and numbers.
    """

    def __init__(self, classes: Mapping[str, type]) -> None:
        self.classes = classes
        self.lines: list[str] = []
        self.done: dict[tuple[Type, Type | None], str] = {}
        self.names: dict[str, Any] = {
            "long": raw_long,
            "length": raw_length,
            "raw_moment": raw_moment,
            "moment": read_moment,
            "fail": _fail,
        }
        self.count = 0

    def build(self) -> dict[str, Any]:
        exec(compile("\n".join(self.lines), "<schemas.reading>", "exec"), self.names)
        return self.names

    def fresh(self, prefix: str, value: Any = None) -> str:
        self.count += 1
        name = f"{prefix}{self.count}"
        if value is not None:
            self.names[name] = value
        return name

    def function(self, writer: Type, reader: Type | None, path: str) -> str:
        """The name of a function `(d, i) -> (value, i)` for this pair; without a reader it only skips."""
        known = self.done.get((writer, reader))
        if known is not None:
            return known
        name = self.done[writer, reader] = self.fresh("read")
        body: list[str] = []
        record = counterpart(writer, reader) if reader is not None and isinstance(writer, Record) else None
        if isinstance(writer, Record) and isinstance(record, Record):
            self.record(writer, record, body)
        elif isinstance(writer, Record) and reader is None:
            for field in writer.fields:
                self.value(field.type, None, "x", body, " ", f"{path}.{field.name}")
            body.append(" return None, i")
        else:
            self.value(writer, reader, "x", body, " ", path)
            body.append(" return x, i" if reader is not None else " return None, i")
        self.lines += [f"def {name}(d, i):", *body]
        return name

    def record(self, writer: Record, reader: Record, body: list[str]) -> None:
        short = reader.name.rpartition(".")[2]
        sources = {id(source): field for field, source in pairs(writer, reader) if source is not None}
        arguments: list[str] = []
        for field, source in pairs(writer, reader):
            if source is None and field.default is MISSING:
                problem = "the writer's schema lacks this field, and it has no default"
                body.append(f" fail('incompatible-schema', {f'{short}.{field.name}'!r}, {problem!r})")
        for number, source in enumerate(writer.fields):
            target = sources.get(id(source))
            self.value(source.type, target.type if target else None, f"v{number}", body, " ", f"{short}.{source.name}")
            if target:
                arguments.append(f"{target.name}=v{number}")
        made = self.fresh("Class", self.classes[reader.name])
        body.append(f" return {made}({', '.join(arguments)}), i")

    def value(self, writer: Type, reader: Type | None, to: str, out: list[str], pad: str, path: str) -> None:
        """Source that reads one value at `i` into the variable `to`."""
        if isinstance(writer, Union):
            self.union(writer, reader, to, out, pad, path)
            return
        found = None if reader is None else counterpart(writer, reader)
        if reader is not None and found is None:
            reason, problem = "incompatible-schema", f"written as {named(writer)}, read as {named(reader)}"
            if isinstance(reader, Union):
                reason, problem = "unknown-branch", f"{named(writer)} is not known to this version"
            out.append(f"{pad}{to} = fail({reason!r}, {path!r}, {problem!r})")
        elif isinstance(writer, Record):
            out.append(f"{pad}{to}, i = {self.function(writer, found, path)}(d, i)")
        elif isinstance(writer, Many | Table):
            self.blocks(writer, found, to, out, pad, path)
        elif isinstance(writer, Choice):
            self.choice(writer, found, to, out, pad, path)
        elif isinstance(writer, Amount):
            known, read = amount_reader(writer.scale, writer.precision)
            get, miss = self.fresh("known", known.get), self.fresh("amount", read)
            self.sized(out, pad)
            if found is not None:
                out += [f"{pad}b = d[i:j]", f"{pad}{to} = {get}(b)"]
                out.append(f"{pad}if {to} is None: {to} = {miss}(b, {path!r})")
            out.append(f"{pad}i = j")
        else:
            self.plain(writer, found, to, out, pad, path)

    def plain(self, writer: Plain | Fixed, found: Type | None, to: str, out: list[str], pad: str, path: str) -> None:
        kind = "fixed" if isinstance(writer, Fixed) else writer.kind
        if kind in ("string", "bytes"):
            text = isinstance(found, Plain) and found.kind == "string"
            self.sized(out, pad)
            out += [f"{pad}{to} = d[i:j]{'.decode()' if text else ''}"] if found is not None else []
            out.append(f"{pad}i = j")
        elif kind in ("int", "long"):
            if found == MOMENT:
                out += [f"{pad}n, i = raw_moment(d, i)", f"{pad}{to} = moment(n, {path!r})"]
            else:
                out += [f"{pad}n = d[i]; i += 1", f"{pad}if n & 128: n, i = long(d, i - 1)"]
                out.append(f"{pad}{to} = (n >> 1) ^ -(n & 1)")
        elif kind == "boolean":
            out += [f"{pad}{to} = d[i] != 0", f"{pad}i += 1"]
        elif kind == "null":
            out.append(f"{pad}{to} = None")
        elif found is None:
            size = writer.size if isinstance(writer, Fixed) else {"float": 4, "double": 8}[kind]
            out.append(f"{pad}i += {size}")
        else:
            problem = f"a {kind} has no place in our classes"
            out.append(f"{pad}{to} = fail('incompatible-schema', {path!r}, {problem!r})")

    def sized(self, out: list[str], pad: str) -> None:
        # 129: more than one byte, or a negative length; a slice that ends too early is noticed at the end of the data
        out += [f"{pad}n = d[i]; i += 1", f"{pad}if n & 129: n, i = length(d, i - 1)", f"{pad}j = i + (n >> 1)"]

    def union(self, writer: Union, reader: Type | None, to: str, out: list[str], pad: str, path: str) -> None:
        if writer == OPTIONAL_TEXT == reader:
            # the commonest of all; written out with fewer steps it saves a seventh of an event's time
            out += [f"{pad}n = d[i]", f"{pad}if n == 2:", f"{pad} n = d[i + 1]"]
            out += [f"{pad} if n & 129: n, i = length(d, i + 1)", f"{pad} else: i += 2", f"{pad} j = i + (n >> 1)"]
            out += [f"{pad} {to} = d[i:j].decode()", f"{pad} i = j"]
            out += [f"{pad}elif n: fail('bad-branch', {path!r}, 'no such branch in the union')"]
            out += [f"{pad}else:", f"{pad} {to} = None", f"{pad} i += 1"]
            return
        out.append(f"{pad}n = d[i]; i += 1")
        wrong = f"fail('bad-branch', {path!r}, 'no such branch in the writer\\'s union')"
        if len(writer.branches) > 3:
            entries = [f"{2 * k}: {self.function(each, reader, path)}" for k, each in enumerate(writer.branches)]
            made = self.fresh("branches")
            self.lines.append(f"{made} = {{{', '.join(entries)}}}")
            out += [
                f"{pad}if n & 128: n, i = long(d, i - 1)",
                f"{pad}f = {made}.get(n)",
                f"{pad}if f is None: {wrong}",
                f"{pad}{to}, i = f(d, i)",
            ]
            return
        for k, branch in enumerate(writer.branches):
            out.append(f"{pad}{'elif' if k else 'if'} n == {2 * k}:")
            self.value(branch, reader, to, out, pad + " ", path)
        out.append(f"{pad}else: {to} = {wrong}")

    def choice(self, writer: Choice, found: Type | None, to: str, out: list[str], pad: str, path: str) -> None:
        symbols: dict[int, str | None] = {}
        if isinstance(found, Choice):
            for k, symbol in enumerate(writer.symbols):
                symbols[2 * k] = symbol if symbol in found.symbols else found.default
        table = self.fresh("symbols", symbols.get)
        out += [f"{pad}n = d[i]; i += 1", f"{pad}if n & 128: n, i = long(d, i - 1)"]
        if found is not None:
            wrong = f"fail('unknown-symbol', {path!r}, 'a symbol this enum does not have')"
            out += [f"{pad}{to} = {table}(n)", f"{pad}if {to} is None: {wrong}"]

    def blocks(self, writer: Many | Table, found: Type | None, to: str, out: list[str], pad: str, path: str) -> None:
        """Arrays and maps: blocks of items, each with its count; a negative count is followed by the size in bytes."""
        many = isinstance(writer, Many)
        item = self.fresh("item")
        out += [f"{pad}{to} = {'[]' if many else '{}'}", f"{pad}while True:"]
        inner = pad + " "
        out += [f"{inner}n = d[i]; i += 1", f"{inner}if not n: break", f"{inner}if n & 128: n, i = long(d, i - 1)"]
        out += [f"{inner}if n & 1: b, i = long(d, i)", f"{inner}for _ in range(n + 1 >> 1):"]
        if isinstance(writer, Many):
            items = found.items if isinstance(found, Many) else None
            self.value(writer.items, items, item, out, inner + " ", f"{path}[]")
            out += [f"{inner} {to}.append({item})"] if found is not None else []
            out += [f"{pad}{to} = tuple({to})"] if found is not None else []
        else:
            key = self.fresh("key")
            values = found.values if isinstance(found, Table) else None
            self.plain(Plain("string"), Plain("string"), key, out, inner + " ", path)
            self.value(writer.values, values, item, out, inner + " ", f"{path}[]")
            out += [f"{inner} {to}[{key}] = {item}"] if found is not None else []
