"""What the engine tells stands in its topics before the engine may forget it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge
from typer.testing import CliRunner

from shoprelay.cdc import engine
from shoprelay.cdc.engine import Seen, missing
from shoprelay.cdc.process import Feeding
from shoprelay.cli import app
from shoprelay.publish import NotPublished
from tests.worker.world import samples

ORDERS = "cdc.mugs.shop.orders"


@dataclass
class Appended:
    """The appender, as the process sees it. What `lost` says is what the broker did not take."""

    lost: str = ""
    waiting: list[tuple[str, bytes | None]] = field(default_factory=list)
    acked: list[tuple[str, bytes | None]] = field(default_factory=list)

    def append(self, topic: str, key: bytes | None, value: bytes | None) -> None:
        self.waiting.append((topic, value))

    def flush(self) -> None:
        if self.lost:
            raise NotPublished(self.lost)
        self.acked += self.waiting
        self.waiting.clear()


@dataclass
class Batches:
    """An engine that tells these batches, and moves on after each that was taken."""

    hears: Callable[[Any], None]
    batches: list[list[Seen]]
    moved_on: int = 0

    def run(self) -> None:
        for batch in self.batches:
            self.hears(batch)
            self.moved_on += 1


def feeding(appended: Appended, registry: CollectorRegistry) -> Feeding:
    told = Counter("told_total", "", ["topic"], registry=registry)
    return Feeding(appended, frozenset({ORDERS}), told, Gauge("heard", "", registry=registry))  # type: ignore[arg-type]


def test_it_moves_on_after_the_broker_has_it_and_what_nobody_reads_is_left_out() -> None:
    appended, registry = Appended(), CollectorRegistry()
    feeds = feeding(appended, registry)
    batches = Batches(feeds.hear, [
        [Seen("__debezium-heartbeat.cdc.mugs", b"{}", b"{}")],
        [Seen(ORDERS, b"1", b"{}"), Seen("cdc.mugs.transaction", b"{}", b"{}"), Seen(ORDERS, b"1", None)],
    ])  # fmt: skip
    assert not feeds.readiness().ready
    feeds.run(batches)  # type: ignore[arg-type]

    assert (batches.moved_on, appended.acked) == (2, [(ORDERS, b"{}"), (ORDERS, None)])
    assert samples(registry, "told_total") == {(ORDERS,): 2}
    assert feeds.ended.is_set() and not feeds.readiness().ready


def test_heard_it_is_ready() -> None:
    feeds = feeding(Appended(), CollectorRegistry())
    feeds.hear([Seen("__debezium-heartbeat.cdc.mugs", b"{}", b"{}")])

    assert feeds.readiness().ready


def test_what_the_broker_does_not_take_ends_the_engine_at_its_place() -> None:
    feeds = feeding(Appended(lost="no leader"), CollectorRegistry())
    batches = Batches(feeds.hear, [[Seen(ORDERS, b"1", b"{}")]])
    feeds.run(batches)  # type: ignore[arg-type]

    assert batches.moved_on == 0
    assert feeds.readiness().why == "the broker did not take a record: no leader"


def test_of_what_java_says_only_the_name_is_told() -> None:
    class Broken:
        def run(self) -> None:
            raise RuntimeError("password authentication failed for hunter2")

    feeds = feeding(Appended(), CollectorRegistry())
    feeds.run(Broken())  # type: ignore[arg-type]

    assert feeds.readiness().why == "the engine ended: RuntimeError"


def test_what_the_machine_lacks_is_said_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "find_spec", lambda _: None)
    monkeypatch.setattr(engine.shutil, "which", lambda _: None)

    assert [problem.split(";")[0] for problem in missing()] == [
        "Debezium's engine is not installed",
        "there is no java on the PATH",
    ]


def test_a_shop_without_a_connector_is_told_what_to_write(tmp_path: Any) -> None:
    settings = tmp_path / "shoprelay.toml"
    settings.write_text('[kafka]\nbootstrap = "127.0.0.1:1"\n[registry]\nurl = "http://127.0.0.1:1"\n')
    result = CliRunner().invoke(app, ["cdc", "mugs", "--config", str(settings)])

    assert result.exit_code == 2
    assert "shops.mugs.cdc.connector" in result.output
