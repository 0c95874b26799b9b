"""A worker, one sink and its stand-in, as processes on a lane; the sink comes and goes, and its settings change."""

from __future__ import annotations

from typing import Any

import httpx

from schemas.events import ShopEvent
from shoprelay.connections import publisher_of
from shoprelay.publish import Publisher
from shoprelay.settings import Configuration, load
from sinks.fake import StandIn
from streams.topics import Topic
from tests.system.procs import Lane, Process, free_port, until
from tests.system.running import SHOPS

KEPT_KEY = 43 * "A" + "="


class OneSink:
    """`stand_in` is one like that of the process: it says which settings lead there, and which of them are secret."""

    def __init__(self, lane: Lane, name: str, stand_in: StandIn) -> None:
        self.lane, self.name = lane, name
        self.ports = {process: free_port() for process in ("stand-in", "worker", "sink")}
        self.environment = {"KEPT_KEY": KEPT_KEY}
        self._given: dict[str, str] = {}
        for setting, value in stand_in.settings(self.url("stand-in")).items():
            if value in stand_in.secrets:
                self.environment[setting.upper()] = value
            self._given[setting] = f"env:{setting.upper()}" if value in stand_in.secrets else value
        self.sink: Process | None = None
        self._http = httpx.AsyncClient(timeout=10)
        self._publisher: Publisher | None = None

    def url(self, process: str) -> str:
        return f"http://127.0.0.1:{self.ports[process]}"

    # -- coming and going

    async def start(self, **changes: Any) -> None:
        """All but the sink, which is told with these settings later."""
        stand_in = self.lane.shoprelay("stand-in", "sandbox", self.name, "--port", str(self.ports["stand-in"]))
        await self.lane.answers(stand_in, f"{self.url('stand-in')}/_stats")
        self.settings(**changes)
        worker = self._run("worker", "worker")
        await self.lane.answers(worker, f"{self.url('worker')}/readyz")

    def settings(self, **changes: Any) -> None:
        """Whoever starts next has these."""
        config = "\n".join(f"{name} = {_toml(value)}" for name, value in {**self._given, **changes}.items())
        session = "3s" if self.lane.broker is not None else "6s"  # a real broker takes none that is shorter
        self._path = self.lane.settings(f"""
[kafka]
embedded = {_toml(self.lane.broker is not None)}
[worker]
store = "memory"
session = "6s"
tick = "100ms"
http = {{ port = {self.ports["worker"]} }}
{SHOPS}
[sinks.{self.name}]
platform = "{self.name}"
kept_key = "env:KEPT_KEY"
http = {{ port = {self.ports["sink"]} }}
session = "{session}"
drain = "2s"
longest_backoff = "1s"
[sinks.{self.name}.config]
{config}
""")

    def begin(self) -> None:
        self.sink = self._run("sink", "sink", self.name)

    def kill(self) -> None:
        assert self.sink is not None and self.sink.exit_code is None, "there is no sink to kill"
        self.sink.kill()

    def _run(self, name: str, *command: str) -> Process:
        return self.lane.shoprelay(name, *command, "--config", str(self._path), "--log", "json", **self.environment)

    async def close(self) -> None:
        await self._http.aclose()

    # -- telling

    def configuration(self) -> Configuration:
        return load(self._path, self.lane.environment() | self.environment)

    async def tell(self, *events: ShopEvent) -> None:
        """Returns when the broker has them."""
        self._publisher = self._publisher or await publisher_of(self.configuration())
        for event in events:
            self._publisher.publish(event)
        self._publisher.flush()

    async def known(self, events: int) -> None:
        """Until the worker has taken in so many events, and remembers what became of them."""
        group, topics = f"{self.lane.topics.prefix}shoprelay", self.lane.topics

        async def finished(topic: Topic) -> bool:
            ends: dict[int, int] = {}
            for record in await self.lane.records(topic):
                ends[record.partition] = record.offset + 1
            done = await self.lane.committed(group, topic)
            return all(done.get(number, 0) >= end for number, end in ends.items())

        async def everything() -> bool:
            if sum((await self.lane.committed(group, topics.shop_events)).values()) < events:
                return False
            return await finished(topics.customer_events) and await finished(topics.catalog_events)

        await until(everything, 30, f"the worker has finished {events} events")

    # -- seeing

    async def script(self, *steps: dict[str, Any]) -> None:
        answer = await self._http.post(f"{self.url('stand-in')}/_script", json=list(steps))
        assert answer.status_code == 200, answer.text

    async def calls(self, path: str) -> list[dict[str, Any]]:
        """What the stand-in was asked at this address, in its order."""
        answer = await self._http.get(f"{self.url('stand-in')}/_calls")
        return [call for call in answer.json()["calls"] if call["path"] == path]

    async def stats(self) -> dict[str, Any]:
        return dict((await self._http.get(f"{self.url('stand-in')}/_stats")).json())

    async def stored(self) -> dict[str, Any]:
        return dict((await self._http.get(f"{self.url('stand-in')}/_stored")).json())


def _toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool | int) else f'"{value}"'
