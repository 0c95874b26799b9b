"""The settings as they stand in a file: read, references put in, compared with a model; everything wrong is told."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError

FILE = "shoprelay.toml"


class Misconfigured(Exception):
    """`problems` are sentences: where, what, and what to do. No value of a secret is ever among them."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


Model = TypeVar("Model", bound=BaseModel)


def read(path: Path | None) -> dict[str, Any]:
    source = path or Path(FILE)
    if path is None and not source.exists():
        return {}
    try:
        return tomllib.loads(source.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Misconfigured([f"{source}: there is no such file"]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as broken:
        raise Misconfigured([f"{source}: not valid TOML: {broken}"]) from None


def resolve(raw: dict[str, Any], environ: Mapping[str, str], problems: list[str]) -> set[tuple[str, ...]]:
    """Puts in what `env:` and `file:` stand for; returns the places that were given this way."""
    given: set[tuple[str, ...]] = set()

    def walk(node: Any, place: tuple[str, ...]) -> Any:
        if isinstance(node, dict):
            return {k: walk(v, (*place, k)) for k, v in node.items()}
        if isinstance(node, list):
            return [walk(v, (*place, str(i))) for i, v in enumerate(node)]
        if isinstance(node, str) and node.startswith(("env:", "file:")):
            given.add(place)
            kind, _, name = node.partition(":")
            if kind == "env" and environ.get(name):
                return environ[name]
            if kind == "file" and Path(name).is_file():
                return Path(name).read_text(encoding="utf-8").strip()
            missing = f"environment variable {name} is not set" if kind == "env" else f"file {name} is not there"
            problems.append(f"{'.'.join(place)}: {missing}")
            return "missing"
        return node

    raw.update(walk(raw, ()))
    return given


def validated(
    model: type[Model], raw: Any, place: tuple[str, ...], given: set[tuple[str, ...]], problems: list[str]
) -> Model | None:
    for at in _plain_secrets(model, raw, place):
        if at not in given:
            problems.append(f"{'.'.join(at)}: a secret in plain text; write env:NAME or file:PATH instead")
    try:
        return model.model_validate(raw)
    except ValidationError as invalid:
        problems += [
            f"{'.'.join((*place, *map(str, error['loc'])))}: {_sentence(error)}"
            for error in invalid.errors(include_input=False, include_url=False)
        ]
        return None


def _sentence(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "no such setting"
    if error["type"] == "missing":
        return "required, and not set"
    return str(error["msg"]).removeprefix("Value error, ")


def _plain_secrets(kind: Any, raw: Any, place: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Where the file has a value for a `SecretStr`, however deep in the parts, lists and tables of this model."""
    if kind is SecretStr:
        if isinstance(raw, str):
            yield place
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items() if isinstance(raw, dict) else ():
            yield from _plain_secrets(field.annotation, raw.get(name), (*place, name))
    elif get_origin(kind) is dict:
        for name, value in raw.items() if isinstance(raw, dict) else ():
            yield from _plain_secrets(get_args(kind)[1], value, (*place, name))
    elif get_origin(kind) is tuple:
        for n, value in enumerate(raw) if isinstance(raw, list) else ():
            yield from _plain_secrets(get_args(kind)[0], value, (*place, str(n)))
    else:
        for either in get_args(kind):
            yield from _plain_secrets(either, raw, place)


def without_configs(raw: dict[str, Any]) -> dict[str, Any]:
    if isinstance(gateway := raw.get("gateway"), dict):
        raw = {**raw, "gateway": {name: value for name, value in gateway.items() if name != "config"}}
    return _without_configs_of(_without_configs_of(raw, "sinks"), "sources")


def _without_configs_of(raw: dict[str, Any], kind: str) -> dict[str, Any]:
    wanted = raw.get(kind)
    if not isinstance(wanted, dict):
        return raw
    parts = {n: {k: v for k, v in p.items() if k != "config"} if isinstance(p, dict) else p for n, p in wanted.items()}
    return {**raw, kind: parts}
