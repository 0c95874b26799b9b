"""May bytes written with one schema be read with another? Avro's rules of schema resolution, and where we are stricter.

Stricter: a logical type must stay what it is, and a decimal keeps precision and scale (Avro would read the bare number
and be wrong by a power of ten); a named type matches by its full name or an alias, never by its last part alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from schemas.layout import MISSING, Amount, Choice, Field, Fixed, Many, Plain, Record, Table, Type, Union, named

PROMOTIONS = {
    "int": ("long", "float", "double"),
    "long": ("float", "double"),
    "float": ("double",),
    "string": ("bytes",),
    "bytes": ("string",),
}


@dataclass(frozen=True, slots=True)
class Difference:
    """Why data cannot be read. `path` is dotted, with record names for union branches."""

    path: str
    says: str

    def __str__(self) -> str:
        return f"{self.path}: {self.says}"


def alike(writer: Type, reader: Type, *, promote: bool = True) -> bool:
    """Do these two speak of the same thing, at their top level? What they hold is compared elsewhere."""
    if type(writer) is not type(reader):
        return False
    if isinstance(writer, Plain) and isinstance(reader, Plain):
        bare = writer.logical is None and reader.logical is None
        return writer == reader or (promote and bare and reader.kind in PROMOTIONS.get(writer.kind, ()))
    if isinstance(writer, Fixed) and isinstance(reader, Fixed) and writer.size != reader.size:
        return False
    if isinstance(writer, Fixed | Choice | Record) and isinstance(reader, Fixed | Choice | Record):
        return writer.name == reader.name or writer.name in reader.aliases
    return writer == reader if isinstance(writer, Amount) else not isinstance(writer, Union)


def counterpart(writer: Type, reader: Type) -> Type | None:
    """The type that reads what `writer` (not a union) wrote: `reader`, or the first branch of it that fits."""
    branches = reader.branches if isinstance(reader, Union) else (reader,)
    for promote in (False, True):
        for branch in branches:
            if alike(writer, branch, promote=promote):
                return branch
    return None


def differences(writer: Type, reader: Type, path: str = "") -> Iterator[Difference]:
    """Everything that keeps `reader` from reading some record of `writer`; nothing when it reads them all."""
    path = path or (writer.name if isinstance(writer, Record) else "schema")
    if isinstance(writer, Union):
        for branch in writer.branches:
            if counterpart(branch, reader) is None:
                yield Difference(path, f"the branch {named(branch)} has gone")
            else:
                inner = f"{path}.{branch.name.rpartition('.')[2]}" if isinstance(branch, Record) else path
                yield from differences(branch, reader, inner)
        return
    found = counterpart(writer, reader)
    if found is None:
        yield Difference(path, f"was {named(writer)}, is {named(reader)}")
    elif isinstance(writer, Many) and isinstance(found, Many):
        yield from differences(writer.items, found.items, f"{path}[]")
    elif isinstance(writer, Table) and isinstance(found, Table):
        yield from differences(writer.values, found.values, f"{path}[]")
    elif isinstance(writer, Choice) and isinstance(found, Choice):
        gone = [symbol for symbol in writer.symbols if symbol not in found.symbols]
        if gone and found.default is None:
            yield Difference(path, f"the symbols {', '.join(gone)} have gone and the enum has no default")
    elif isinstance(writer, Record) and isinstance(found, Record):
        yield from _fields(writer, found, path)


def _fields(writer: Record, reader: Record, path: str) -> Iterator[Difference]:
    for field, source in pairs(writer, reader):
        if source is not None:
            yield from differences(source.type, field.type, f"{path}.{field.name}")
        elif field.default is MISSING:
            yield Difference(f"{path}.{field.name}", "is new and has no default")


def pairs(writer: Record, reader: Record) -> Iterator[tuple[Field, Field | None]]:
    """Each field of the reader with the writer's field that fills it, by name first and by alias second."""
    written = {field.name: field for field in writer.fields}
    for field in reader.fields:
        names = (field.name, *field.aliases)
        yield field, next((written[name] for name in names if name in written), None)
