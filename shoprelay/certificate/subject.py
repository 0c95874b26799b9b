"""What is certified: one platform's folder, its declaration, its stand-in, its example and its cases."""

from __future__ import annotations

import json
import tomllib
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import UnionType
from typing import Any, get_args

import msgspec
from aiohttp import web
from pydantic import BaseModel, SecretStr

from schemas.signals import AnySignal, CatalogSignal, Conclusion, ProductChanged, Signal
from sinks.contract import Call, Sink
from sinks.fake import SERVED, StandIn

BASE = "http://127.0.0.1"
CASE_KEYS = frozenset({"config", "signal", "calls", "unaddressable", "cannot_say"})


class Unusable(Exception):
    """The folder cannot even be read: names the file and what Python says of it."""


@dataclass(frozen=True)
class Case:
    """A file of `cases/`: a signal, settings that differ from the example's, and what must become of it."""

    sink: str
    path: Path
    signal: AnySignal
    changes: dict[str, Any]
    config: BaseModel
    calls: list[dict[str, Any]] | None
    unaddressable: bool
    cannot_say: str | None

    def __str__(self) -> str:
        return f"{self.sink}/{self.path.stem}"


@dataclass(frozen=True)
class Subject:
    """`app` makes a fresh stand-in each time it is called."""

    name: str
    package: str
    folder: Path
    sink: Sink
    app: Callable[[], web.Application]

    @property
    def is_empty_form(self) -> bool:
        """As scaffolded: nothing is told yet."""
        return not self.table

    @property
    def table(self) -> dict[type[Conclusion], Callable[[Any, Any], tuple[Call, ...]]]:
        """Everything that is told, of customers and of products."""
        return {**self.sink.calls, **self.sink.catalog}

    def unbatched(self) -> Subject:
        """The same with every call on its own: how calls travel together is chapter 8's."""
        return replace(self, sink=replace(self.sink, batches=()))

    def stand_in(self) -> StandIn:
        return self.app()[SERVED].stand_in

    def text(self, file: str) -> str:
        """Empty when there is no such file: that is said once, by the behaviour about the files."""
        path = self.folder / file
        return path.read_text() if path.is_file() else ""

    # -- settings

    @cached_property
    def example(self) -> dict[str, Any]:
        """The settings of `example.toml` as they stand there."""
        document = tomllib.loads(self.text("example.toml"))
        settings: dict[str, Any] = document.get("sinks", {}).get(self.name, {}).get("config", {})
        return settings

    @property
    def secret_fields(self) -> list[str]:
        fields = self.sink.config.model_fields
        return [field for field, about in fields.items() if SecretStr in _alternatives(about.annotation)]

    @cached_property
    def secrets(self) -> dict[str, str]:
        """Each secret setting with one that the stand-in knows."""
        known = self.stand_in().settings(BASE)
        return {field: known.get(field, f"the-{field}-of-nobody") for field in self.secret_fields}

    def example_config(self, **changes: Any) -> BaseModel:
        """The example's settings, with the stand-in's secrets in the place of references."""
        secrets = {field: secret for field, secret in self.secrets.items() if field in self.example}
        return self.sink.config(**{**self.example, **secrets, **changes})

    def config(self, base: str = BASE, **changes: Any) -> BaseModel:
        """Settings that lead to the stand-in at `base`."""
        return self.sink.config(**{**self.stand_in().settings(base), **changes})

    # -- cases

    @property
    def case_files(self) -> list[Path]:
        return sorted((self.folder / "cases").glob("*.json"))

    @cached_property
    def cases(self) -> list[Case]:
        return [self.case(path) for path in self.case_files]

    def case(self, path: Path) -> Case:
        document = json.loads(path.read_text(), parse_float=Decimal)
        if unknown := set(document) - CASE_KEYS:
            raise ValueError(f"{path.name}: {', '.join(sorted(unknown))} is unknown; there are {sorted(CASE_KEYS)}")
        changes = document.get("config", {})
        return Case(
            sink=self.name,
            path=path,
            signal=_signal(document["signal"]),
            changes=changes,
            config=self.example_config(**changes),
            calls=document.get("calls"),
            unaddressable=document.get("unaddressable", False),
            cannot_say=document.get("cannot_say"),
        )

    # -- calls

    def said(self, signal: AnySignal, config: BaseModel) -> tuple[Call, ...]:
        return self.table[type(signal.payload)](signal, config)


def load(name: str, package: str = "sinks") -> Subject:
    """`<package>.<name>`. Raises `LookupError` when there is none, `Unusable` when it cannot be read."""
    root = Path(next(iter(import_module(package).__path__)))
    if not (root / name / "sink.py").is_file():
        raise LookupError(f"no sink {name!r}; there are: {', '.join(names(package)) or 'none'}")
    try:
        sink: Sink = import_module(f"{package}.{name}.sink").SINK
        app: Callable[[], web.Application] = import_module(f"{package}.{name}.fake").app
    except Exception as error:  # whatever a half-written file may raise
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(last.filename).name}:{last.lineno}"
        raise Unusable(f"{package}.{name}: {place}: {type(error).__name__}: {error}") from error
    return Subject(name, f"{package}.{name}", root / name, sink, app)


def names(package: str = "sinks") -> list[str]:
    root = Path(next(iter(import_module(package).__path__)))
    return sorted(path.parent.name for path in root.glob("*/sink.py"))


def _alternatives(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if isinstance(kind, UnionType) else (kind,)


def _signal(document: dict[str, Any]) -> AnySignal:
    if "customer" in document:
        return msgspec.convert(document, Signal)
    return msgspec.convert(document, CatalogSignal)


def shown(call: Call) -> dict[str, Any]:
    """A call as cases write it: what is usual is left out."""
    told = {"says": call.says, "method": call.method, "path": call.path, "key": call.key, "body": body(call)}
    unusual = {"endpoint": (call.endpoint, "default"), "cost": (call.cost, 1)}
    unusual |= {"opens": (call.opens, ""), "needs": (call.needs, ""), "headers": (dict(call.headers), {})}
    unusual |= {"bare": (call.bare, False), "then": (_written(call.then) if call.then else "", "")}
    return told | {name: value for name, (value, usual) in unusual.items() if value != usual}


def body(call: Call) -> Any:
    """Numbers as they were written, digit by digit; a body that is not JSON as text."""
    return _written(call.body)


def _written(part: bytes) -> Any:
    try:
        return json.loads(part, parse_float=Decimal)
    except ValueError:
        return part.decode(errors="replace")


def key_of(signal: AnySignal) -> str:
    """Of the log it comes from."""
    if isinstance(signal, Signal):
        return signal.customer.key
    told = signal.payload
    return f"{signal.shop}/p:{told.product.product_id if isinstance(told, ProductChanged) else told.product_id}"
