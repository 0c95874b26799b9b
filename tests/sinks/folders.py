"""Every sink there is, found by its folder, with its example's settings and its cases."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from types import ModuleType, UnionType
from typing import Any, get_args

import msgspec
from pydantic import BaseModel, SecretStr

import sinks
from schemas.signals import Signal
from sinks.contract import Call, Sink, load

ROOT = Path(sinks.__path__[0])
NAMES = sorted(folder.parent.name for folder in ROOT.glob("*/sink.py"))
SECRET = "pk_the-secret-of-the-example"


def example(name: str) -> dict[str, Any]:
    """The settings in `example.toml`, with a secret in the place of each reference to one."""
    document = tomllib.loads((ROOT / name / "example.toml").read_text())
    settings: dict[str, Any] = document["sinks"][name]["config"]
    return {field: SECRET if is_secret(load(name), field) else value for field, value in settings.items()}


def is_secret(sink: Sink, field: str) -> bool:
    kind = sink.config.model_fields[field].annotation
    return SecretStr in (get_args(kind) if isinstance(kind, UnionType) else (kind,))


def config(name: str, **changes: Any) -> BaseModel:
    return load(name).config(**{**example(name), **changes})


def fake(name: str) -> ModuleType:
    return import_module(f"sinks.{name}.fake")


@dataclass(frozen=True)
class Case:
    sink: str
    path: Path
    signal: Signal
    changes: dict[str, Any]
    config: BaseModel
    calls: list[dict[str, Any]] | None
    unaddressable: bool
    cannot_say: str | None

    def __str__(self) -> str:
        return f"{self.sink}/{self.path.stem}"


def case(name: str, path: Path) -> Case:
    document = json.loads(path.read_text(), parse_float=Decimal)
    unknown = set(document) - {"config", "signal", "calls", "unaddressable", "cannot_say"}
    assert not unknown, f"{path}: {unknown}"
    changes = document.get("config", {})
    return Case(
        sink=name,
        path=path,
        signal=msgspec.convert(document["signal"], Signal),
        changes=changes,
        config=config(name, **changes),
        calls=document.get("calls"),
        unaddressable=document.get("unaddressable", False),
        cannot_say=document.get("cannot_say"),
    )


def cases(name: str) -> list[Case]:
    return [case(name, path) for path in sorted((ROOT / name / "cases").glob("*.json"))]


CASES = [each for name in NAMES for each in cases(name)]


def said(signal: Signal, settings: BaseModel, name: str) -> tuple[Call, ...]:
    return load(name).calls[type(signal.payload)](signal, settings)


def body(call: Call) -> Any:
    """Numbers as they were written, digit by digit."""
    return json.loads(call.body, parse_float=Decimal)


def shown(call: Call) -> dict[str, Any]:
    """A call as cases write it: the endpoint only where it is not the default one."""
    told = {"says": call.says, "method": call.method, "path": call.path, "key": call.key, "body": body(call)}
    return told if call.endpoint == "default" else told | {"endpoint": call.endpoint}
