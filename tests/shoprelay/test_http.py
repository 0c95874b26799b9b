"""What every process answers: its metrics, that it lives, and whether it does what it is there for."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from prometheus_client import Gauge
from prometheus_client.parser import text_string_to_metric_families

from shoprelay import sink_process
from shoprelay.garbage import YOUNG_OBJECTS, leave_alone_what_stays
from shoprelay.http import Readiness, new_registry, serve
from shoprelay.settings import load
from shoprelay.sink_process import _Watched
from shoprelay.worker_process import _worker_readiness
from streams.delivery.health import Health, State

NEWS = """
[kafka]
bootstrap = "127.0.0.1:9092"
[registry]
url = "http://127.0.0.1:8081"
[sinks.news]
platform = "klaviyo"
http = { host = "127.0.0.1", port = 0 }
[sinks.news.config]
api_key = "env:NEWS_KEY"
"""


class Process:
    """What the served process says of itself now."""

    now = Readiness(False, "waiting for the schema registry")


@pytest.fixture
def process() -> Process:
    return Process()


@pytest.fixture
async def client(process: Process) -> AsyncIterator[httpx.AsyncClient]:
    registry = new_registry()
    Gauge("shoprelay_deadlines_pending", "Something", registry=registry).set(3)
    async with (
        serve("127.0.0.1", 0, registry, lambda: process.now) as url,
        httpx.AsyncClient(base_url=url) as client,
    ):
        yield client


async def test_metrics_are_there_with_pythons_own(client: httpx.AsyncClient) -> None:
    answer = await client.get("/metrics")
    names = {family.name for family in text_string_to_metric_families(answer.text)}

    assert answer.headers["Content-Type"].startswith("text/plain")
    assert {"shoprelay_deadlines_pending", "process_cpu_seconds", "python_info"} <= names


async def test_whoever_asks_for_openmetrics_gets_it(client: httpx.AsyncClient) -> None:
    answer = await client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})

    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


async def test_a_process_that_answers_is_healthy_ready_or_not(client: httpx.AsyncClient) -> None:
    answer = await client.get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_not_ready_says_why_and_what_explains_it(client: httpx.AsyncClient, process: Process) -> None:
    process.now = Readiness(False, "restoring (50 of 200 records)", {"partitions": 12})
    answer = await client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "why": "restoring (50 of 200 records)", "partitions": 12}


async def test_readiness_is_asked_for_each_time(client: httpx.AsyncClient, process: Process) -> None:
    assert (await client.get("/readyz")).status_code == 503
    process.now = Readiness(True)

    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "why": ""})


async def test_nothing_else_is_served(client: httpx.AsyncClient) -> None:
    assert (await client.get("/")).status_code == 404


async def test_the_port_is_free_again_afterwards() -> None:
    async with serve("127.0.0.1", 0, new_registry(), lambda: Readiness(True)) as url:
        port = int(url.rpartition(":")[2])
    async with serve("127.0.0.1", port, new_registry(), lambda: Readiness(True)) as again:
        assert again == url


# -- where the processes take it from


def test_a_worker_is_ready_when_its_engine_is() -> None:
    progress = SimpleNamespace(
        ready=False, doing="restoring (50 of 200 records)", state="restoring", partitions=3, restore_eta_seconds=4.0
    )
    app = SimpleNamespace(engine=SimpleNamespace(progress=progress))

    assert _worker_readiness(None) == Readiness(False, "waiting for the schema registry")
    assert _worker_readiness(app).why == "restoring (50 of 200 records)"
    progress.ready = True
    assert _worker_readiness(app) == Readiness(
        True, "", {"state": "restoring", "partitions": 3, "restore_eta_seconds": 4.0}
    )


@pytest.mark.parametrize(
    ("state", "reason", "ready", "why"),
    [
        ("held", "the key was refused", False, "the key was refused"),
        ("joining", None, False, "joining"),
        ("running", None, True, ""),
    ],
)
def test_a_sink_that_is_held_or_joining_is_not_ready(state: State, reason: str | None, ready: bool, why: str) -> None:
    watched = _Watched()
    assert watched.readiness() == Readiness(False, "waiting for the schema registry")

    watched.watch(lambda: Health(state, reason, quiet_seconds=0.0, lag=7, partitions=3, in_flight=0))
    now = watched.readiness()
    assert (now.ready, now.why, now.detail["state"]) == (ready, why, state)


def test_a_worker_does_not_look_for_garbage_in_what_it_keeps() -> None:
    thresholds = gc.get_threshold()
    try:
        leave_alone_what_stays()

        assert gc.get_freeze_count() > 10_000
        assert gc.get_threshold()[0] == YOUNG_OBJECTS
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)


def test_a_sink_begins_to_deliver_once_what_it_keeps_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, seen = tmp_path / "shoprelay.toml", list[int]()
    path.write_text(NEWS)
    configuration = load(path, {"NEWS_KEY": "pk_secret"})

    async def ready(codecs: object) -> None: ...

    async def deliver(*_: object, **__: object) -> int:
        seen.append(gc.get_threshold()[0])
        return 0

    monkeypatch.setattr(sink_process, "prepared", ready)
    monkeypatch.setattr(sink_process, "run", deliver)
    thresholds = gc.get_threshold()
    try:
        assert sink_process.run_sink(configuration, configuration.accounts["news"]) == 0
        assert seen == [YOUNG_OBJECTS]
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)
