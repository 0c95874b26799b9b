"""What an operator may set: one file, `shoprelay.toml`, and a few environment variables over it.

Secrets stand in the file only as `env:NAME` or `file:PATH`. Every problem is found before anything starts, and all of
them are told at once (`Misconfigured`); the command line then exits 2.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, get_args, get_origin

from pydantic import AfterValidator, BaseModel, Field, SecretStr, ValidationError, field_validator, model_validator

import sinks.contract
from shoprelay.hook_settings import Collect, Hooks, known
from shoprelay.parts import Duration, Http, Part
from sinks.contract import Sink
from streams.security import Security

FILE = "shoprelay.toml"
OVERRIDES = {  # environment variable -> place in the file
    "SHOPRELAY_KAFKA": ("kafka", "bootstrap"),
    "SHOPRELAY_REGISTRY": ("registry", "url"),
    "SHOPRELAY_TOPIC_PREFIX": ("topics", "prefix"),
    "SHOPRELAY_STATE_DIR": ("worker", "state_dir"),
}


class Misconfigured(Exception):
    """`problems` are sentences: where, what, and what to do. No value of a secret is ever among them."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


Model = TypeVar("Model", bound=BaseModel)


class Kafka(Part):
    bootstrap: str = Field("", description="host:port[,host:port]; empty is for `shoprelay demo` only")
    embedded: bool = Field(False, description="set for Shoprelay's embedded broker, whose groups need patience")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    username: str | None = None
    password: SecretStr | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        self.security()
        return self

    def security(self) -> Security:
        return Security(
            protocol=self.security_protocol,
            mechanism=self.sasl_mechanism or "PLAIN",
            username=self.username,
            password=self.password.get_secret_value() if self.password else None,
            ca_file=self.ca_file,
            cert_file=self.cert_file,
            key_file=self.key_file,
        )


class Registry(Part):
    url: str = Field("", description="any registry with the Confluent API")
    username: str | None = None
    password: SecretStr | None = None


class TopicSettings(Part):
    prefix: str = Field("", pattern=r"^[a-zA-Z0-9._-]*$")
    partitions: int = Field(12, ge=1, le=1024, description="of all customer topics; cannot be changed later")


class Worker(Part):
    store: Literal["memory", "rocksdb"] = "rocksdb"
    state_dir: Path = Path(".shoprelay/state")
    http: Http = Http()
    session: Duration = timedelta(seconds=10)
    tick: Annotated[Duration, Field(gt=timedelta(0))] = Field(
        timedelta(seconds=0.5), description="how often deadlines are looked at"
    )


class Shop(Part):
    """When a cart counts as abandoned in one shop. `[shops.default]` is for every shop that is not named."""

    stages: tuple[Duration, ...] = (timedelta(hours=1), timedelta(hours=24), timedelta(hours=72))
    grace: Duration = Field(timedelta(seconds=5), description="how long a late source may take before a deadline fires")
    expires_after: Duration = Field(timedelta(hours=3), description="how long after it fell due a reminder may leave")
    purchase_statuses: tuple[str, ...] = Field((), description="order statuses that are a purchase; none given: all")
    forget_after: Duration = Field(timedelta(days=400), description="state of an inactive customer goes after this")
    hooks: Annotated[Hooks, AfterValidator(known)] = Field({}, description="webhooks of its systems, by system")

    @field_validator("stages")
    @classmethod
    def _rise(cls, stages: tuple[timedelta, ...]) -> tuple[timedelta, ...]:
        """Each is measured from the last change of the cart."""
        if list(stages) != sorted(set(stages)) or timedelta(0) in stages:
            raise ValueError("must rise from above zero, each measured from the last change of the cart: 1h, 24h, 72h")
        return stages


class SinkSettings(Part):
    """One account of one platform. Its `config` is the platform's own (`sinks/<platform>/example.toml`) and is kept
    apart, in `Account.config`, whose secrets do not print."""

    platform: str
    shops: tuple[str, ...] = Field((), description="whose signals this account is told; none named: of every shop")
    http: Http = Http()
    session: Annotated[Duration, Field(gt=timedelta(0))] = Field(
        timedelta(seconds=15), description="after so long without a sign of life the group goes on without this process"
    )
    drain: Duration = timedelta(seconds=10)
    max_in_flight: int | None = Field(None, ge=1, le=10_000)
    longest_backoff: Annotated[Duration, Field(gt=timedelta(0))] = Field(
        timedelta(seconds=60), description="between two attempts while the platform is away"
    )
    give_up_after: Duration = Field(timedelta(minutes=15), description="while others get through; then it is parked")


class Settings(Part):
    kafka: Kafka = Kafka()
    registry: Registry = Registry()
    topics: TopicSettings = TopicSettings()
    worker: Worker = Worker()
    collect: Collect = Collect()
    shops: dict[str, Shop] = Field(default_factory=dict)
    sinks: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")], SinkSettings] = Field(default_factory=dict)

    @field_validator("shops")
    @classmethod
    def _named(cls, shops: dict[str, Shop]) -> dict[str, Shop]:
        if "default" in shops and shops["default"].hooks:
            raise ValueError("[shops.default] has hooks; they are of one shop: write [shops.NAME.hooks.SYSTEM]")
        return shops


@dataclass(frozen=True, slots=True)
class Account:
    """A configured sink, ready to run."""

    name: str
    sink: Sink
    settings: SinkSettings
    config: BaseModel


@dataclass(frozen=True, slots=True)
class Configuration:
    settings: Settings
    accounts: Mapping[str, Account]
    path: Path | None = None


def load(path: Path | None, environ: Mapping[str, str]) -> Configuration:
    """The whole configuration, valid, or `Misconfigured` with everything that is wrong with it."""
    raw = _read(path)
    for name, (part, field) in OVERRIDES.items():
        if (value := environ.get(name)) and isinstance(raw.setdefault(part, {}), dict):
            raw[part][field] = value
    problems: list[str] = []
    given = _resolve(raw, environ, problems)
    configs = dict(_configs(raw, given, problems))
    settings = _validated(Settings, _without_configs(raw), (), given, problems)
    if problems or settings is None:
        raise Misconfigured(problems)
    accounts = {n: Account(n, sink, settings.sinks[n], config) for n, (sink, config) in configs.items()}
    return Configuration(settings, accounts, path or (Path(FILE) if Path(FILE).exists() else None))


def _read(path: Path | None) -> dict[str, Any]:
    source = path or Path(FILE)
    if path is None and not source.exists():
        return {}
    try:
        return tomllib.loads(source.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Misconfigured([f"{source}: there is no such file"]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as broken:
        raise Misconfigured([f"{source}: not valid TOML: {broken}"]) from None


def _resolve(raw: dict[str, Any], environ: Mapping[str, str], problems: list[str]) -> set[tuple[str, ...]]:
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


def _validated(
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


def _without_configs(raw: dict[str, Any]) -> dict[str, Any]:
    wanted = raw.get("sinks")
    if not isinstance(wanted, dict):
        return raw
    parts = {n: {k: v for k, v in p.items() if k != "config"} if isinstance(p, dict) else p for n, p in wanted.items()}
    return {**raw, "sinks": parts}


def _configs(
    raw: dict[str, Any], given: set[tuple[str, ...]], problems: list[str]
) -> Iterator[tuple[str, tuple[Sink, BaseModel]]]:
    wanted = raw.get("sinks")
    for name, part in wanted.items() if isinstance(wanted, dict) else ():
        if not isinstance(part, dict) or not isinstance(part.get("platform"), str):
            continue
        try:
            sink = sinks.contract.load(part["platform"])
        except LookupError as unknown:
            problems.append(f"sinks.{name}.platform: {unknown}")
            continue
        config = _validated(sink.config, part.get("config", {}), ("sinks", name, "config"), given, problems)
        if config is not None:
            yield name, (sink, config)
