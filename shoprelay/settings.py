"""What an operator may set: one file, `shoprelay.toml`, and a few environment variables over it.

Secrets stand in the file only as `env:NAME` or `file:PATH`. Every problem is found before anything starts, and all of
them are told at once (`Misconfigured`); the command line then exits 2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as made
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

import sinks.contract
import sinks.reading
import sources.contract
from shoprelay.filed import FILE, Misconfigured, read, resolve, validated, without_configs
from shoprelay.sections import MAKE_KEY, Gateway, Settings, SinkSettings, SourceSettings
from sinks.contract import Sink
from sinks.reading import Reads
from sources.contract import Source

OVERRIDES = {  # environment variable -> place in the file
    "SHOPRELAY_KAFKA": ("kafka", "bootstrap"),
    "SHOPRELAY_REGISTRY": ("registry", "url"),
    "SHOPRELAY_TOPIC_PREFIX": ("topics", "prefix"),
    "SHOPRELAY_STATE_DIR": ("worker", "state_dir"),
}


@dataclass(frozen=True, slots=True)
class Account:
    """A configured sink, ready to run."""

    name: str
    sink: Sink
    settings: SinkSettings
    config: BaseModel


@dataclass(frozen=True, slots=True)
class Asked:
    """A configured source that we ask, ready to run."""

    name: str
    source: Source
    settings: SourceSettings
    config: BaseModel

    @property
    def every(self) -> timedelta:
        return self.settings.every or self.source.every


@dataclass(frozen=True, slots=True)
class Front:
    """A configured gateway, ready to run: whom it asks, and how."""

    settings: Gateway
    account: Account
    reads: Reads
    config: BaseModel


@dataclass(frozen=True, slots=True)
class Configuration:
    settings: Settings
    accounts: Mapping[str, Account]
    path: Path | None = None
    asked: Mapping[str, Asked] = made(default_factory=dict)
    front: Front | None = None


def load(path: Path | None, environ: Mapping[str, str]) -> Configuration:
    """The whole configuration, valid, or `Misconfigured` with everything that is wrong with it."""
    raw = read(path)
    for name, (part, field) in OVERRIDES.items():
        if (value := environ.get(name)) and isinstance(raw.setdefault(part, {}), dict):
            raw[part][field] = value
    problems: list[str] = []
    given = resolve(raw, environ, problems)
    told = dict(_configs("sinks", sinks.contract.load, raw, given, problems))
    heard = dict(_configs("sources", sources.contract.load, raw, given, problems))
    reading = _reading(raw, given, problems)
    settings = validated(Settings, without_configs(raw), (), given, problems)
    problems += _keys_missing(raw, told)
    if settings is not None:
        problems += _too_often(settings, heard)
    if problems or settings is None:
        raise Misconfigured(problems)
    accounts = {n: Account(n, sink, settings.sinks[n], config) for n, (sink, config) in told.items()}
    asked = {n: Asked(n, source, settings.sources[n], config) for n, (source, config) in heard.items()}
    front = None
    if settings.gateway is not None and reading is not None:
        front = Front(settings.gateway, accounts[settings.gateway.sink], *reading)
    return Configuration(settings, accounts, path or (Path(FILE) if Path(FILE).exists() else None), asked, front)


def _too_often(settings: Settings, heard: Mapping[str, tuple[Source, BaseModel]]) -> Iterator[str]:
    for name, (source, _) in heard.items():
        part = settings.sources.get(name)
        if part is not None and part.every is not None and part.every < source.every:
            yield f"sources.{name}.every: may be longer than {source.every.total_seconds():g}s, never shorter"


def _keys_missing(raw: dict[str, Any], configs: Mapping[str, tuple[Sink, BaseModel]]) -> Iterator[str]:
    for name, (sink, _) in configs.items():
        if sink.remembers and not raw["sinks"][name].get("kept_key"):
            why = f"{sink.name} has to keep something, which is encrypted"
            yield f"sinks.{name}.kept_key: required, and not set: {why}; make a key with {MAKE_KEY}"


Platform = TypeVar("Platform", Sink, Source)


def _configs(
    kind: str, load: Callable[[str], Platform], raw: dict[str, Any], given: set[tuple[str, ...]], problems: list[str]
) -> Iterator[tuple[str, tuple[Platform, BaseModel]]]:
    wanted = raw.get(kind)
    for name, part in wanted.items() if isinstance(wanted, dict) else ():
        if not isinstance(part, dict) or not isinstance(part.get("platform"), str):
            continue
        try:
            platform = load(part["platform"])
        except LookupError as unknown:
            problems.append(f"{kind}.{name}.platform: {unknown}")
            continue
        config = validated(platform.config, part.get("config", {}), (kind, name, "config"), given, problems)
        if config is not None:
            yield name, (platform, config)


def _reading(raw: dict[str, Any], given: set[tuple[str, ...]], problems: list[str]) -> tuple[Reads, BaseModel] | None:
    """How the gateway's account is asked."""
    part = raw.get("gateway")
    if not isinstance(part, dict) or not isinstance(name := part.get("sink"), str):
        return None
    wanted = raw.get("sinks")
    accounts = wanted if isinstance(wanted, dict) else {}
    if name not in accounts:
        problems.append(f"gateway.sink: no {name!r} under [sinks]; there are: {', '.join(sorted(accounts)) or 'none'}")
        return None
    try:
        reads = sinks.reading.load(str(accounts[name].get("platform")) if isinstance(accounts[name], dict) else "")
    except LookupError as unable:
        problems.append(f"gateway.sink: {unable}")
        return None
    config = validated(reads.config, part.get("config", {}), ("gateway", "config"), given, problems)
    return None if config is None else (reads, config)
