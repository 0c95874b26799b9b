"""A shop whose database is captured: tables of the reference schema, a connector as users set it up, what it wrote.

    async def test_something(shops):
        shop = await shops("postgres")            # a database, a slot and topics of its own
        await shop.capture()                      # deploy/cdc/shop-postgres.json with the lane's hosts, until it runs
        shop.sql("INSERT INTO shop.customers (id) VALUES (1)")
        await shop.until(lambda: shop.changes("customers"), "the customer is told")

`control("kill", "connect")`, and `stop`, `start`, `restart`, do so with a server of the lane.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from sources.debezium.envelope import Change
from tests.cdc.databases import Database, Kind, Session
from tests.cdc.heard import Feed, Heard, changes
from tests.system.procs import until

CONNECTORS = Path(__file__).parents[2] / "deploy/cdc"
SECONDS = 60.0
JSON = "org.apache.kafka.connect.json.JsonConverter"


def as_json(schemas: bool) -> dict[str, str]:
    """What makes of the connector's Avro JSON, with schemas around it or without."""
    options = {"": JSON, ".schemas.enable": str(schemas).lower()}
    return {f"{side}.converter{option}": value for side in ("key", "value") for option, value in options.items()}


async def control(command: str, server: str) -> None:
    """start, stop, kill or restart; of postgres, mariadb, connect, registry, kafka. Returns when that is done."""
    done = await asyncio.to_thread(
        subprocess.run, [os.environ["SHOPRELAY_CDC_CONTROL"], command, server], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@dataclass
class Connector:
    """One connector of Kafka Connect, by its REST interface, which says 409 and drops calls while it settles."""

    name: str
    url: str = field(default_factory=lambda: os.environ["SHOPRELAY_CONNECT"])

    async def put(self, config: dict[str, str]) -> None:
        """Made, or changed; returns when it runs with that."""

        async def taken() -> bool:
            answer = await self._ask("PUT", "/config", config)
            assert answer is None or answer.status_code in (200, 201, 404, 409, 500, 503), answer.text
            return answer is not None and answer.status_code in (200, 201)

        await until(taken, SECONDS, f"Connect takes {self.name}")
        await self.runs()

    async def runs(self) -> None:
        async def running() -> bool:
            states = await self.states()
            assert "FAILED" not in states, await self._trace()
            return len(states) > 1 and set(states) == {"RUNNING"}

        await until(running, SECONDS, f"{self.name} runs")

    async def states(self) -> list[str]:
        """Of the connector and its tasks."""
        answer = await self._ask("GET", "/status")
        if answer is None or answer.status_code != 200:
            return []
        told = answer.json()
        return [told["connector"]["state"], *(task["state"] for task in told["tasks"])]

    async def restart(self) -> None:
        """With its tasks; what it was at may be told again."""
        await self._done("POST", "/restart?includeTasks=true")
        await self.runs()

    async def revive(self) -> None:
        """As an operator does, where a task has failed because a server went away."""
        if "FAILED" in await self.states():
            await self._done("POST", "/restart?includeTasks=true&onlyFailed=true")

    async def stop(self) -> None:
        """Its tasks are gone, it stays known."""
        await self._done("PUT", "/stop")
        await until(self._is_stopped, SECONDS, f"{self.name} has stopped")

    async def forget(self) -> None:
        """What a stopped connector has read already: it begins with a snapshot again."""
        await self._done("DELETE", "/offsets")

    async def resume(self) -> None:
        await self._done("PUT", "/resume")
        await self.runs()

    async def delete(self) -> None:
        await self._done("DELETE", "", also=404)

    async def _is_stopped(self) -> bool:
        return await self.states() == ["STOPPED"]

    async def _done(self, method: str, path: str, also: int = 200) -> None:
        async def done() -> bool:
            answer = await self._ask(method, path)
            return answer is not None and (answer.is_success or answer.status_code == also)

        await until(done, SECONDS, f"{method} {self.name}{path}")

    async def _trace(self) -> str:
        answer = await self._ask("GET", "/status")
        return "" if answer is None else answer.text

    async def _ask(self, method: str, path: str, body: dict[str, str] | None = None) -> httpx.Response | None:
        async with httpx.AsyncClient(timeout=30) as client:
            try:
                return await client.request(method, f"{self.url}/connectors/{self.name}{path}", json=body)
            except httpx.TransportError:
                return None


@dataclass
class Shop:
    """Everything of one test's shop. `name` is the shop's in Shoprelay: its topics are `cdc.<name>.…`."""

    name: str
    database: Database
    connector: Connector
    feed: Feed
    feeds: list[Feed] = field(default_factory=list)

    @classmethod
    def open(cls, kind: Kind) -> Shop:
        name = f"t{secrets.token_hex(4)}"
        database = Database(kind, name, os.environ[f"SHOPRELAY_{kind.upper()}"])
        database.create(os.environ["CDC_PASSWORD"])
        feed = Feed(os.environ["SHOPRELAY_KAFKA"], os.environ["SHOPRELAY_REGISTRY"], f"cdc.{name}")
        return cls(name, database, Connector(name), feed)

    @property
    def prefix(self) -> str:
        return f"cdc.{self.name}"

    @property
    def registry(self) -> str:
        return os.environ["SHOPRELAY_REGISTRY"]

    def topic(self, table: str) -> str:
        return f"{self.prefix}.{self.database.schema}.{table}"

    def sql(self, text: str) -> str:
        return self.database.sql(text)

    def session(self) -> Session:
        return self.database.session()

    async def capture(self, more: dict[str, str] | None = None) -> None:
        """The connector as users get it, with this lane's places, and `more`; returns when the snapshot is over."""
        await self.connector.put(self.config() | (more or {}))
        await self.streams()

    async def streams(self) -> None:
        await until(lambda: self.database.streams, SECONDS, "the connector reads the database's log")

    def config(self) -> dict[str, str]:
        config: dict[str, Any] = json.loads((CONNECTORS / f"shop-{self.database.kind}.json").read_text())
        host, _, port = self.database.place.rpartition(":")
        config |= {"topic.prefix": self.prefix, "database.hostname": host, "database.port": port}
        if self.database.kind == "postgres":
            config |= {"database.dbname": self.database.name, "slot.name": f"cdc_{self.name}"}
        else:
            history = "schema.history.internal.kafka"
            config |= {"database.include.list": self.database.name, "database.server.id": str(int(self.name[1:], 16))}
            config[f"{history}.bootstrap.servers"] = os.environ["SHOPRELAY_KAFKA"]
            config[f"{history}.topic"] = f"cdc-history.{self.name}"
        registry = self.registry.replace("/apis/ccompat/v7", "/apis/registry/v2")
        return config | {name: registry for name in config if name.endswith(".registry.url")}

    async def until(self, condition: Callable[[], object], what: str, *, reviving: bool = False) -> list[Heard]:
        """Reads on until the condition, which looks at `heard` or `changes`, is true; all that was heard."""

        async def so() -> bool:
            if reviving:
                await self.connector.revive()
            await self.feed.catch_up()
            return bool(condition())

        await until(so, SECONDS, what)
        return self.heard

    def another_feed(self, isolation: str) -> Feed:
        self.feeds.append(Feed(self.feed.kafka, self.feed.url, self.prefix, isolation))
        return self.feeds[-1]

    @property
    def heard(self) -> list[Heard]:
        return self.feed.heard

    def changes(self, table: str = "") -> list[Change]:
        return changes(self.heard, table)

    async def close(self) -> list[str]:
        """Everything of it is removed but its topics, which it names."""
        try:
            await self.connector.delete()
            await until(lambda: not self.database.in_use, SECONDS, "the connector let go of the database")
            await asyncio.to_thread(self.database.drop)
            return list(await asyncio.to_thread(self.feed.topics))
        finally:
            for feed in (self.feed, *self.feeds):
                await feed.close()
