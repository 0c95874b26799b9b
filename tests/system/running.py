"""A running Shoprelay on a lane: worker, Klaviyo sink and its strict stand-in, and what can be seen of them outside."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from schemas.codec import Codec
from schemas.events import CartItemAdded, OrderPlaced, SessionActive, ShopEvent, ShopPayload
from schemas.records import Refused
from schemas.signals import Signal
from schemas.values import CustomerRef, LineItem, Order
from shoprelay.connections import SUBJECTS, codec_of, publisher_of, registry_of
from shoprelay.publish import Publisher
from shoprelay.settings import Configuration, load
from streams.topics import Topic
from tests.system.procs import Lane, Process, free_port, open_lane, until

SANDBOX_KEY = "pk_sandbox"
READY_SECONDS = 30.0
ARRIVE_SECONDS = 30.0  # a group on the embedded broker may take its time to settle
SHOPS = """
[shops.default]
stages = ["1h"]
grace = "100ms"
expires_after = "3h"
"""


@dataclass(frozen=True, slots=True)
class Call:
    """One call the stand-in recorded. `print` is equal for equal bodies alone: every key and value of it."""

    number: int
    path: str
    says: str
    unique_id: str
    customer: str
    body: dict[str, Any]
    print: str
    status: int | None
    verdict: str

    @property
    def properties(self) -> dict[str, Any]:
        return dict(self.body["data"]["attributes"]["properties"])


def _calls(shown: dict[str, Any]) -> Iterator[Call]:
    """What was told one by one, and what was told together as if it had been one by one."""
    path, body = shown["path"], shown["body"]
    attributes = body["data"]["attributes"] if isinstance(body, dict) and "data" in body else {}
    if path == "/api/event-bulk-create-jobs" and "events-bulk-create" in attributes:
        for entry in attributes["events-bulk-create"]["data"]:
            for event in entry["attributes"]["events"]["data"]:
                alone = {
                    "type": "event",
                    "attributes": event["attributes"] | {"profile": entry["attributes"]["profile"]},
                }
                yield _call(shown, "/api/events", {"data": alone})
    elif path == "/api/profile-bulk-import-jobs" and "profiles" in attributes:
        for profile in attributes["profiles"]["data"]:
            yield _call(shown, "/api/profile-import", {"data": profile})
    elif attributes:
        yield _call(shown, path, body)


def _call(shown: dict[str, Any], path: str, body: dict[str, Any]) -> Call:
    told = body["data"]["attributes"]
    is_event = path == "/api/events"
    who = told["profile"]["data"]["attributes"] if is_event else told
    return Call(
        number=shown["number"],
        path=path,
        says=told["metric"]["data"]["attributes"]["name"] if is_event else path,
        unique_id=told["unique_id"] if is_event else "",
        customer=who.get("external_id") or who.get("anonymous_id") or "",
        body=body,
        print=hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest(),
        status=shown["status"],
        verdict=shown["verdict"],
    )


@dataclass
class Running:
    """Processes by name; `environment` goes to each of them. Made by `start`, which has everything ready."""

    lane: Lane
    environment: dict[str, str] = field(default_factory=lambda: {"KLAVIYO_KEY": SANDBOX_KEY})
    ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, Process] = field(default_factory=dict)
    _http: httpx.AsyncClient = field(default_factory=lambda: httpx.AsyncClient(timeout=10))
    _publisher: Publisher | None = None
    _calls: list[Call] = field(default_factory=list)
    _taken: set[tuple[str, str, str]] = field(default_factory=set)
    _next: int = 0  # number of the first call not fetched from the stand-in yet

    # -- coming and going

    @classmethod
    async def start(
        cls, folder: Path, shops: str = SHOPS, wait: bool = True, databases: tuple[str, ...] = (),
        kafka: str | None = None, registry: str = "",
    ) -> Running:  # fmt: skip
        """On the broker of this run, or on this one. Without `wait` only broker, registry and stand-in are there."""
        broker = kafka or os.environ.get("SHOPRELAY_TEST_KAFKA")
        running = cls(await open_lane(folder, broker, ("klaviyo",), databases, registry))
        for name in ("klaviyo", "worker", "second", "sink"):
            running.ports[name] = free_port()
        stand_in = running.lane.shoprelay("klaviyo", "sandbox", "klaviyo", "--port", str(running.ports["klaviyo"]))
        await running.lane.answers(stand_in, f"{running.url('klaviyo')}/_stats")
        running.write_settings(shops)
        if wait:
            await running.started("worker", "sink")
        return running

    def write_settings(self, shops: str) -> None:
        embedded = str(self.lane.broker is not None).lower()
        for worker in ("worker", "second"):
            self.lane.settings(
                f"""
[kafka]
embedded = {embedded}
[worker]
store = "memory"
session = "6s"
tick = "100ms"
http = {{ port = {self.ports[worker]} }}
{shops}
[sinks.klaviyo]
platform = "klaviyo"
http = {{ port = {self.ports["sink"]} }}
session = "6s"
drain = "2s"
[sinks.klaviyo.config]
base_url = "{self.url("klaviyo")}"
api_key = "env:KLAVIYO_KEY"
""",
                f"{worker}.toml",
            )

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def settings(self, name: str = "worker") -> Path:
        return self.lane.folder / f"{name}.toml"

    def configuration(self) -> Configuration:
        return load(self.settings(), self.lane.environment() | self.environment)

    def begin(self, name: str, module: str = "shoprelay.cli", **environment: str) -> Process:
        """Starts `worker`, `second` (another worker) or `sink`; `module` stands in for the command line."""
        command = ["sink", "klaviyo"] if name == "sink" else ["worker"]
        given = ["--config", str(self.settings("second" if name == "second" else "worker")), "--log", "json"]
        environment = self.environment | {"SHOPRELAY_STATE_DIR": str(self.lane.folder / name)} | environment
        self.processes[name] = self.lane.python(name, module, *command, *given, **environment)
        return self.processes[name]

    async def ready(self, name: str, seconds: float = READY_SECONDS) -> None:
        await self.lane.answers(self.processes[name], f"{self.url(name)}/readyz", seconds)

    async def started(self, *names: str, **environment: str) -> None:
        """Started, for the first time or again, and ready."""
        for name in names:
            self.begin(name, **environment)
        for name in names:
            await self.ready(name)

    async def readiness(self, name: str) -> tuple[int, dict[str, Any]]:
        """Status and body of `/readyz`; (0, {}) while nobody listens."""
        try:
            answer = await self._http.get(f"{self.url(name)}/readyz")
        except httpx.TransportError:
            return 0, {}
        return answer.status_code, answer.json()

    async def close(self) -> None:
        await self._http.aclose()
        await self.lane.close()

    # -- telling

    async def publisher(self) -> Publisher:
        if self._publisher is None:
            self._publisher = await publisher_of(self.configuration())
        return self._publisher

    async def tell(self, *events: ShopEvent) -> None:
        """Returns when the broker has them."""
        publisher = await self.publisher()
        for event in events:
            publisher.publish(event)
        publisher.flush()

    async def tell_bytes(self, key: str, *values: bytes) -> None:
        publisher = await self.publisher()
        for value in values:
            publisher.raw(key.encode(), value)
        publisher.flush()

    # -- seeing

    async def script(self, *steps: dict[str, Any]) -> None:
        """What the stand-in does wrong from now on; nothing given: nothing."""
        answer = await self._http.post(f"{self.url('klaviyo')}/_script", json=list(steps))
        assert answer.status_code == 200, answer.text

    async def calls(self, customer: str | None = None, says: str | None = None) -> list[Call]:
        """What the stand-in recorded, refused and repeated calls too, in the order of their arrival."""
        answer = await self._http.get(f"{self.url('klaviyo')}/_calls", params={"since": self._next})
        for shown in answer.json()["calls"]:
            self._calls += map(self._judged, _calls(shown))
        self._next = answer.json()["next"]
        return [c for c in self._calls if customer in (None, c.customer) and says in (None, c.says)]

    def _judged(self, call: Call) -> Call:
        """Of many in one request the stand-in says the same of all: that it took them. Which of them it had, stands in
        what it took before."""
        if not call.unique_id or call.verdict != "accepted":
            return call
        key = call.customer, call.says, call.unique_id
        if key in self._taken:
            return replace(call, verdict="duplicate")
        self._taken.add(key)
        return call

    async def stored(self, customer: str | None = None, says: str | None = None) -> list[Call]:
        return [call for call in await self.calls(customer, says) if call.verdict == "accepted"]

    async def stored_for(self, customers: set[str], says: str, seconds: float = ARRIVE_SECONDS) -> None:
        """Waits until each of these customers has such a call, or fails naming those without."""
        missing = set(customers)

        async def none_missing() -> bool:
            missing.difference_update(call.customer for call in await self.stored(says=says))
            return not missing

        try:
            await until(none_missing, seconds)
        except AssertionError:
            raise AssertionError(f"no {says} call for {len(missing)}: {sorted(missing)[:10]}") from None

    async def metric(self, name: str, process: str, **labels: str) -> float:
        """The sum of every sample of this name with these labels."""
        text = (await self._http.get(f"{self.url(process)}/metrics")).text
        samples = [s for family in text_string_to_metric_families(text) for s in family.samples if s.name == name]
        return sum(s.value for s in samples if labels.items() <= s.labels.items())

    async def refused(self) -> list[Refused]:
        return [each for _, each in await self.decoded(self.lane.topics.refused, 5)]

    async def signals(self) -> list[tuple[bytes, Signal]]:
        """The record's bytes and the signal, by partition and offset."""
        return await self.decoded(self.lane.topics.customer_signals, 3)

    async def decoded(self, topic: Topic, subject: int) -> list[tuple[bytes, Any]]:
        configuration = self.configuration()
        registry = registry_of(configuration)
        try:
            codec: Codec[Any] = codec_of(registry, configuration, *SUBJECTS[subject])
            await codec.prepare()
            values = [record.value or b"" for record in await self.lane.records(topic)]
            return [(value, codec.decode(value)) for value in values]
        finally:
            await registry.close()


def repeats_are_equal(calls: list[Call]) -> int:
    """Asserts that whatever came more than once came with the same bytes; returns how often that was."""
    by_key: dict[tuple[str, str, str], list[Call]] = defaultdict(list)
    for call in calls:
        if call.unique_id:
            by_key[call.customer, call.says, call.unique_id].append(call)
    for key, same in by_key.items():
        assert len({call.print for call in same}) == 1, f"{key} came with different bodies"
    stored = Counter(key for key, same in by_key.items() for call in same if call.verdict == "accepted")
    assert (twice := [key for key, count in stored.items() if count > 1]) == [], f"stored twice: {twice[:3]}"
    return sum(len(same) - 1 for same in by_key.values())


# -- events


def event(customer: str, payload: ShopPayload, event_id: str = "", shop: str = "mugs", **more: Any) -> ShopEvent:
    """Now, unless told otherwise; the id follows from customer and payload, so say it for a second one alike."""
    more.setdefault("occurred_at", datetime.now(UTC))
    more.setdefault("customer", CustomerRef(customer_id=customer))
    return ShopEvent(event_id=event_id or f"{customer}-{type(payload).__name__}", shop=shop, payload=payload, **more)


def seen() -> SessionActive:
    """Leads to one "Active on Site", and to nothing else."""
    return SessionActive(url="https://mugs.example/")


def mug(**more: Any) -> LineItem:
    return LineItem(product_id="MUG", name="Mug", unit_price=Decimal("9.5"), url="https://mugs.example/mug", **more)


def added() -> CartItemAdded:
    return CartItemAdded(cart_id="c", item=mug(), currency="EUR")


def bought(order_id: str) -> OrderPlaced:
    return OrderPlaced(order=Order(order_id=order_id, currency="EUR", total=Decimal("9.5"), lines=(mug(),)))
