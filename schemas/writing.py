"""From one of our layouts and its class: a function that writes such an object as Avro bytes.

Compiled as source text for the same reason as reading. Equal objects give equal bytes: amounts are written with the
schema's scale, maps in the order of their keys.
"""

from collections.abc import Callable, Mapping
from typing import Any

from schemas.layout import Amount, Choice, Many, Plain, Record, Table, Type, Union, named
from schemas.quantities import Unwritable, amount_writer, write_moment, zigzag

Write = Callable[[Any, Callable[[bytes], Any]], None]
SHORT = 4096


def compile_writer(layout: Type, classes: Mapping[str, type]) -> Write:
    """A function `(object, append)`. Raises Unwritable, and TypeError and the like for objects of wrong types."""
    source = _Source(classes)
    name = source.function(layout)
    exec(compile("\n".join(source.lines), "<schemas.writing>", "exec"), source.names)
    return source.names[name]  # type: ignore[no-any-return]


def _stranger(value: object, field: str) -> Any:
    raise Unwritable(field, f"a {type(value).__name__} has no place in this union")


class _Source:
    def __init__(self, classes: Mapping[str, type]) -> None:
        self.classes = classes
        self.lines: list[str] = []
        self.done: dict[Type, str] = {}
        self.count = 0
        self.names: dict[str, Any] = {
            "long": zigzag,
            "moment": write_moment,
            "stranger": _stranger,
            "length": [zigzag(n) for n in range(SHORT)],
            # the branch "not null" and the length behind it, in one piece
            "some": [b"\x02" + zigzag(n) for n in range(SHORT)],
        }

    def fresh(self, prefix: str, value: Any = None) -> str:
        self.count += 1
        name = f"{prefix}{self.count}"
        if value is not None:
            self.names[name] = value
        return name

    def function(self, kind: Type) -> str:
        known = self.done.get(kind)
        if known is not None:
            return known
        name = self.done[kind] = self.fresh("write")
        body: list[str] = []
        if isinstance(kind, Record):
            short = kind.name.rpartition(".")[2]
            for field in kind.fields:
                body.append(f" x = o.{field.name}")
                self.value(field.type, "x", body, " ", f"{short}.{field.name}")
            body.append(" return")
        else:
            self.value(kind, "o", body, " ", named(kind))
        self.lines += [f"def {name}(o, a):", *body]
        return name

    def value(self, kind: Type, of: str, out: list[str], pad: str, path: str) -> None:
        """Source that appends the value in the variable `of`."""
        if isinstance(kind, Union):
            self.union(kind, of, out, pad, path)
        elif isinstance(kind, Record):
            out.append(f"{pad}{self.function(kind)}({of}, a)")
        elif isinstance(kind, Many | Table):
            self.block(kind, of, out, pad, path)
        elif isinstance(kind, Choice):
            symbols = self.fresh("symbols", {symbol: zigzag(k) for k, symbol in enumerate(kind.symbols)})
            out.append(f"{pad}a({symbols}[{of}])")
        elif isinstance(kind, Amount):
            self.amount(kind, of, out, pad, path)
        elif isinstance(kind, Plain):
            self.plain(kind, of, out, pad, path)
        else:
            raise TypeError(f"{path}: {named(kind)} has no place in our classes")

    def amount(self, kind: Amount, of: str, out: list[str], pad: str, path: str) -> None:
        known, write = amount_writer(kind.scale, kind.precision)
        get, miss = self.fresh("known", known.get), self.fresh("amount", write)
        out += [f"{pad}b = {get}({of})", f"{pad}a({miss}({of}, {path!r}) if b is None else b)"]

    def plain(self, kind: Plain, of: str, out: list[str], pad: str, path: str, head: str = "length") -> None:
        """`head` is the table of lengths to use: with or without the union branch in front."""
        if kind.kind in ("string", "bytes"):
            before = "" if head == "length" else "b'\\x02' + "
            data = f"{of}.encode()" if kind.kind == "string" else of
            out += [f"{pad}b = {data}", f"{pad}n = len(b)"]
            out += [f"{pad}a({head}[n] if n < {SHORT} else {before}long(n))", f"{pad}a(b)"]
        elif kind.kind in ("int", "long"):
            made = f"moment({of}, {path!r})" if kind.logical == "timestamp-millis" else f"long({of})"
            out.append(f"{pad}a({made})")
        elif kind.kind == "boolean":
            out.append(f"{pad}a(b'\\x01' if {of} else b'\\x00')")
        elif kind.kind != "null":
            raise TypeError(f"{path}: {named(kind)} has no place in our classes")

    def union(self, kind: Union, of: str, out: list[str], pad: str, path: str) -> None:
        first, *others = kind.branches
        if first == Plain("null") and len(others) == 1:
            out += [f"{pad}if {of} is None: a(b'\\x00')", f"{pad}else:"]
            if isinstance(others[0], Plain) and others[0].kind in ("string", "bytes"):
                self.plain(others[0], of, out, pad + " ", path, head="some")
            else:
                out.append(f"{pad} a(b'\\x02')")
                self.value(others[0], of, out, pad + " ", path)
            return
        entries = []
        for k, branch in enumerate(kind.branches):
            if not isinstance(branch, Record):
                raise TypeError(f"{path}: a union holds records, or null and one type")
            made = self.fresh("Class", self.classes[branch.name])
            entries.append(f"{made}: ({zigzag(k)!r}, {self.function(branch)})")
        table = self.fresh("branches")
        self.lines.append(f"{table} = {{{', '.join(entries)}}}")
        out.append(f"{pad}f = {table}.get(type({of})) or stranger({of}, {path!r})")
        out += [f"{pad}a(f[0])", f"{pad}f[1]({of}, a)"]

    def block(self, kind: Many | Table, of: str, out: list[str], pad: str, path: str) -> None:
        """Arrays and maps as one block, then the empty one that ends them."""
        item = self.fresh("item")
        out += [f"{pad}if {of}:", f"{pad} a(long(len({of})))"]
        if isinstance(kind, Many):
            out.append(f"{pad} for {item} in {of}:")
        else:
            key = self.fresh("key")
            out.append(f"{pad} for {key}, {item} in sorted({of}.items()):")
            self.plain(Plain("string"), key, out, pad + "  ", path)
        self.value(kind.items if isinstance(kind, Many) else kind.values, item, out, pad + "  ", f"{path}[]")
        out.append(f"{pad}a(b'\\x00')")
