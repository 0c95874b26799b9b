"""The sections of `shoprelay.toml`: one model for each, with what an operator may set there and what it is for."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from shoprelay.database_settings import Database, disjoint
from shoprelay.hook_settings import Collect, Hooks, known
from shoprelay.parts import Duration, Http, Part
from shoprelay.pixel_settings import Pixel
from streams.security import Security

KEY_BYTES = 32
MAKE_KEY = "`openssl rand -base64 32 | tr '+/' '-_'`"


def is_key(text: str) -> bool:
    try:
        return len(urlsafe_b64decode(text)) == KEY_BYTES
    except ValueError:
        return False


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
    cart_merge: Literal["unite", "replace"] = Field(
        "unite", description="a guest who logs in and has a cart already: the shop unites them, or keeps the newer one"
    )
    hooks: Annotated[Hooks, AfterValidator(known)] = Field({}, description="webhooks of its systems, by system")
    pixel: Pixel | None = Field(None, description="the script on its pages; without it they have none")
    cdc: Database | None = Field(None, description="its database, as Debezium tells it; a change needs a restart")

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
        if key is not None and not is_key(key.get_secret_value()):
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
        if "default" in shops and shops["default"].pixel:
            raise ValueError("[shops.default] has a pixel; it is of one shop: write [shops.NAME.pixel]")
        if "default" in shops and shops["default"].cdc:
            raise ValueError("[shops.default] has a database; it is of one shop: write [shops.NAME.cdc]")
        disjoint({name: shop.cdc for name, shop in shops.items() if shop.cdc is not None})
        return shops

    @property
    def databases(self) -> dict[str, Database]:
        """By shop."""
        return {name: shop.cdc for name, shop in self.shops.items() if shop.cdc is not None}
