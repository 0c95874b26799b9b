"""What an operator may set: one file, `shoprelay.toml`, and a few environment variables over it.

Secrets stand in the file only as `env:NAME` or `file:PATH`. Every problem is found before anything starts, and all of
them are told at once (`Misconfigured`); the command line then exits 2.
"""

from __future__ import annotations

import tomllib
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as made
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, get_args, get_origin

from pydantic import AfterValidator, BaseModel, Field, SecretStr, ValidationError, field_validator, model_validator

import sinks.contract
import sinks.reading
import sources.contract
from shoprelay.hook_settings import Collect, Hooks, known
from shoprelay.parts import Duration, Http, Part
from sinks.contract import Sink
from sinks.reading import Reads
from sources.contract import Source
from streams.security import Security

FILE = "shoprelay.toml"
KEY_BYTES = 32
MAKE_KEY = "`openssl rand -base64 32 | tr '+/' '-_'`"
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
    kept_key: SecretStr | None = Field(None, description="encrypts what a sink has to keep; 32 bytes in base64")
    kept_key_old: SecretStr | None = Field(None, description="the key before, until every process has started anew")

    @field_validator("kept_key", "kept_key_old")
    @classmethod
    def _fits(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and not _is_key(key.get_secret_value()):
            raise ValueError(f"not a key; make one with {MAKE_KEY}")
        return key

    @property
    def kept_keys(self) -> tuple[str, ...]:
        """The one that writes first."""
        return tuple(key.get_secret_value() for key in (self.kept_key, self.kept_key_old) if key is not None)


class SourceSettings(Part):
    """One account of one platform that we ask. Its `config` is the platform's own and is kept apart, as a sink's."""

    platform: str
    shop: str = Field(min_length=1, description="the shop that its events belong to")
    every: Duration | None = Field(None, description="rest between two rounds; longer than the source's own only")
    http: Http = Http()
    longest_backoff: Annotated[Duration, Field(gt=timedelta(0))] = Field(
        timedelta(seconds=60), description="between two attempts while the platform is away"
    )


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]


class Kept(Part):
    """How long the gateway may tell the same answer again; 0 shares it only with those who ask meanwhile."""

    availability: Duration = timedelta(seconds=5)
    options: Duration = Field(timedelta(seconds=1), le=timedelta(seconds=10), description="their tokens end some time")
    customers: Duration = Field(timedelta(0), description="profiles and histories")
    orders: Duration = timedelta(seconds=2)


Key = Annotated[SecretStr, Field(min_length=24)]


class Gateway(Part):
    """What the shop's backend may ask, and whom we ask. Its `config` is the platform's own and is kept apart."""

    sink: str = Field(description="the name of an account under [sinks]: its address and credentials are used")
    keys: tuple[Key, ...] = Field(min_length=1, max_length=20, description="of the shop; all are valid at once")
    listen: Http = Http(port=8070)
    http: Http = Http()
    requests_per_second: float = Field(100.0, gt=0, description="of each key")
    share: float = Field(
        0.75, gt=0, le=1, description="of the platform's limits; the rest is for others at this address"
    )
    timeout: Annotated[Duration, Field(gt=timedelta(0))] = Field(
        timedelta(seconds=5), description="for one answer, waiting for room included"
    )
    max_in_flight: int = Field(64, ge=1, le=1_000, description="calls to each of the platform's endpoints at once")
    largest_body: int = Field(262_144, ge=1_024, le=16_777_216, description="bytes")
    drain: Duration = timedelta(seconds=10)
    cache: Kept = Kept()


class Settings(Part):
    kafka: Kafka = Kafka()
    registry: Registry = Registry()
    topics: TopicSettings = TopicSettings()
    worker: Worker = Worker()
    collect: Collect = Collect()
    shops: dict[str, Shop] = Field(default_factory=dict)
    sinks: dict[Name, SinkSettings] = Field(default_factory=dict)
    sources: dict[Name, SourceSettings] = Field(default_factory=dict)
    gateway: Gateway | None = None

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
    raw = _read(path)
    for name, (part, field) in OVERRIDES.items():
        if (value := environ.get(name)) and isinstance(raw.setdefault(part, {}), dict):
            raw[part][field] = value
    problems: list[str] = []
    given = _resolve(raw, environ, problems)
    told = dict(_configs("sinks", sinks.contract.load, raw, given, problems))
    heard = dict(_configs("sources", sources.contract.load, raw, given, problems))
    reading = _reading(raw, given, problems)
    settings = _validated(Settings, _without_configs(raw), (), given, problems)
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


def _is_key(text: str) -> bool:
    try:
        return len(urlsafe_b64decode(text)) == KEY_BYTES
    except ValueError:
        return False


def _keys_missing(raw: dict[str, Any], configs: Mapping[str, tuple[Sink, BaseModel]]) -> Iterator[str]:
    for name, (sink, _) in configs.items():
        if sink.remembers and not raw["sinks"][name].get("kept_key"):
            why = f"{sink.name} has to keep something, which is encrypted"
            yield f"sinks.{name}.kept_key: required, and not set: {why}; make a key with {MAKE_KEY}"


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
    if isinstance(gateway := raw.get("gateway"), dict):
        raw = {**raw, "gateway": {name: value for name, value in gateway.items() if name != "config"}}
    return _without_configs_of(_without_configs_of(raw, "sinks"), "sources")


def _without_configs_of(raw: dict[str, Any], kind: str) -> dict[str, Any]:
    wanted = raw.get(kind)
    if not isinstance(wanted, dict):
        return raw
    parts = {n: {k: v for k, v in p.items() if k != "config"} if isinstance(p, dict) else p for n, p in wanted.items()}
    return {**raw, kind: parts}


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
        config = _validated(platform.config, part.get("config", {}), (kind, name, "config"), given, problems)
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
    config = _validated(reads.config, part.get("config", {}), ("gateway", "config"), given, problems)
    return None if config is None else (reads, config)
