"""Whether the functions that make calls are pure: read from their text, and from all of `sinks` that they import."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shoprelay.certificate.subject import Subject

IMPURE = frozenset({
    "asyncio", "time", "random", "os", "uuid", "secrets", "socket", "subprocess", "threading", "requests", "httpx",
    "aiohttp", "logging", "structlog",
})  # fmt: skip
NOW = frozenset({"now", "utcnow", "today", "fromtimestamp"})
CALLED = frozenset({"open", "print", "input", "float", "hash", "id"})  # `hash` and `id` differ from run to run
APART = ("config.py", "contract.py")  # what the functions are given, and what they answer with
WAITING = (ast.Await, ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Global)


def impurities(subject: Subject) -> list[str]:
    """Each as `file:line what`."""
    found = []
    for module in _modules(subject):
        for node in ast.walk(ast.parse(module.read_text())):
            found += [f"{module.name}:{getattr(node, 'lineno', 0)} {what}" for what in _impure(node)]
    return found


def _impure(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names):
            yield from (f"imports {alias.name}" for alias in names if alias.name.partition(".")[0] in IMPURE)
        case ast.ImportFrom(str(module)) if module.partition(".")[0] in IMPURE:
            yield f"imports {module}"
        case ast.Attribute(attr=attr) if attr in NOW:
            yield f"asks for the time with {attr}"
        case ast.Call(func=ast.Name(name)) if name in CALLED:
            yield f"calls {name}"
        case _ if isinstance(node, WAITING):
            yield "waits or keeps something"


def _modules(subject: Subject) -> list[Path]:
    """`calls.py`, the functions of both tables, what joins, reads and follows, and everything of the folder and the
    kit that they import."""
    table = [path for function in subject.table.values() for path in _of(subject, function)]
    return _behind(subject, [subject.folder / "calls.py", *table, *_joining(subject)])


def joining_text(subject: Subject) -> str:
    """The text of what joins and reads batches, and follows calls."""
    return "\n".join(module.read_text() for module in _behind(subject, _joining(subject)))


def _joining(subject: Subject) -> list[Path]:
    functions: list[Any] = [function for batch in subject.sink.batches for function in (batch.join, batch.read)]
    if (mass := subject.sink.mass) is not None:
        functions += [mass.kinds, mass.join]
    return [path for each in (*functions, *subject.sink.follow.values()) for path in _of(subject, each)]


def _of(subject: Subject, function: Any) -> list[Path]:
    return _files(subject, getattr(function, "__module__", ""), [])


def _behind(subject: Subject, waiting: list[Path]) -> list[Path]:
    found: list[Path] = []
    while waiting:
        module = waiting.pop()
        if module in found or module.name in APART or not module.is_file():
            continue
        found.append(module)
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                waiting += _files(subject, node.module, [alias.name for alias in node.names])
    return found


def _files(subject: Subject, module: str, names: list[str]) -> list[Path]:
    if module == subject.package or module.startswith(f"{subject.package}."):
        place = subject.folder / module.removeprefix(subject.package).replace(".", "/").lstrip("/")
    elif module == "sinks" or module.startswith("sinks."):
        place = Path(_kit()) / module.removeprefix("sinks").replace(".", "/").lstrip("/")
    else:
        return []
    return [place.with_suffix(".py"), *(place / f"{name}.py" for name in names)]


def _kit() -> str:
    import sinks

    return next(iter(sinks.__path__))
