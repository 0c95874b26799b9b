"""The worker's metrics: names as agreed, labels from bounded sets, and an exposition that reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import choose_encoder
from prometheus_client.parser import text_string_to_metric_families

from schemas.codec import REASONS
from schemas.events import CustomerEvent, OrderPlaced, OrderStatusChanged, Searched, ShopEvent
from schemas.samples import samples as every
from schemas.signals import CatalogSignal, Signal
from schemas.values import CustomerRef, LineItem, Order
from streams.domain.fold import fold
from streams.domain.policy import Policy
from streams.domain.validate import Problem
from streams.engine import RestoreProgress
from streams.worker.metrics import EngineMetrics, WorkerMetrics
from tests.domain.story import BOB, NOON, told
from tests.worker.world import samples

UNITS = ("seconds", "records", "offset", "ratio", "total", "owned", "pending", "bytes")
HOSTILE = 'ada@example.com"}\n# evil'


@pytest.fixture
def engine(registry: CollectorRegistry) -> EngineMetrics:
    return EngineMetrics(registry)


def families(registry: CollectorRegistry) -> Iterator[Any]:
    yield from text_string_to_metric_families(generate_latest(registry).decode())


def everything_happens(metrics: WorkerMetrics, engine: EngineMetrics) -> None:
    """Every kind of event and signal there is, and every hook."""
    for _, event in every(ShopEvent):
        assert isinstance(event, ShopEvent)
        metrics.heard(event, clamped=True)
    for _, entry in every(CustomerEvent):
        assert isinstance(entry, CustomerEvent)
        metrics.folded(entry, ["repeated"])
    for kind in (Signal, CatalogSignal):
        for _, signal in every(kind):
            assert isinstance(signal, Signal | CatalogSignal)
            metrics.concluded(signal)
    metrics.refused("shop-events", "invalid")
    metrics.pending(3)
    metrics.fired(250)
    hooks = engine.hooks()
    hooks.on_chunk("shop-events", 1, 200, 0.05)
    hooks.on_commit({("shop-events", 1): 201})
    hooks.on_lag("shop-events", 1, 7)
    hooks.on_kafka_error("NotLeaderForPartitionError")
    hooks.on_rebalance({("shop-events", number) for number in range(12)})
    hooks.on_restore_progress(
        RestoreProgress(table="customers", partition=1, done=50, total=200, seconds=1.5, finished=False)
    )


def test_every_name_says_what_it_counts_and_in_which_unit(
    metrics: WorkerMetrics, engine: EngineMetrics, registry: CollectorRegistry
) -> None:
    everything_happens(metrics, engine)
    names = {
        family.name + ("_total" if family.type == "counter" and not family.name.endswith("_total") else "")
        for family in families(registry)
        if not family.name.endswith("_created")
    }

    assert len(names) > 15
    for name in names:
        assert re.fullmatch(r"shoprelay(_[a-z]+)+", name) and name.endswith(UNITS), name
    assert all(family.documentation for family in registry.collect())


def test_both_expositions_can_be_read(
    metrics: WorkerMetrics, engine: EngineMetrics, registry: CollectorRegistry
) -> None:
    everything_happens(metrics, engine)

    assert {"shoprelay_lag_records", "shoprelay_chunk_seconds"} <= {family.name for family in families(registry)}
    encode, _ = choose_encoder("application/openmetrics-text; version=1.0.0")
    assert encode(registry).endswith(b"# EOF\n")


def test_labels_are_kinds_topics_partitions_and_reasons(
    metrics: WorkerMetrics, engine: EngineMetrics, registry: CollectorRegistry
) -> None:
    everything_happens(metrics, engine)
    labels = {name for family in registry.collect() for sample in family.samples for name in sample.labels}

    assert labels == {"event", "note", "signal", "topic", "partition", "reason", "error", "table", "le"}


def test_nothing_a_publisher_wrote_becomes_a_label(metrics: WorkerMetrics, registry: CollectorRegistry) -> None:
    """Free text in every place a publisher has for it."""
    who = CustomerRef(customer_id=HOSTILE, email=HOSTILE)
    order = Order(
        order_id=HOSTILE, currency="EUR", total=Decimal(1), status=HOSTILE, lines=(LineItem(product_id=HOSTILE),)
    )
    state = None
    for payload in (
        Searched(query=HOSTILE), OrderPlaced(order=order), OrderStatusChanged(order_id=HOSTILE, status=HOSTILE),
    ):  # fmt: skip
        fact = replace(told(payload, who=who, event_id=HOSTILE), shop=HOSTILE, source=HOSTILE)
        entry = CustomerEvent(key=HOSTILE, at=NOON, fact=fact)
        metrics.heard(fact, clamped=False)
        state, said, _, notes = fold(state, entry, Policy())
        metrics.folded(entry, notes)
        for signal in said:
            metrics.concluded(signal)

    assert b"ada@example.com" not in generate_latest(registry)


def test_the_reasons_of_refusals_are_a_bounded_set() -> None:
    assert Problem(HOSTILE, HOSTILE, HOSTILE).reason == "invalid"
    assert len(REASONS) < 25 and all(re.fullmatch(r"[a-z-]+", reason) for reason in REASONS)


def test_every_event_is_counted_under_its_own_kind(metrics: WorkerMetrics, registry: CollectorRegistry) -> None:
    for _ in range(3):
        metrics.heard(told(Searched(query="mug"), who=BOB), clamped=False)

    assert samples(registry, "shoprelay_events_heard_total") == {("Searched",): 3}
    assert samples(registry, "shoprelay_events_clamped_total") == {}


@pytest.mark.parametrize(
    ("done", "total", "finished", "ratio"), [(50, 200, False, 0.25), (0, 0, False, 1), (9, 200, True, 1)]
)
def test_a_restore_is_a_ratio(
    engine: EngineMetrics, registry: CollectorRegistry, done: int, total: int, finished: bool, ratio: float
) -> None:
    engine.hooks().on_restore_progress(
        RestoreProgress(table="customers", partition=1, done=done, total=total, seconds=1.5, finished=finished)
    )

    assert samples(registry, "shoprelay_restore_ratio") == {("customers", "1"): ratio}


def test_two_processes_worth_of_metrics_do_not_meet(registry: CollectorRegistry, metrics: WorkerMetrics) -> None:
    other = CollectorRegistry()
    WorkerMetrics(other).pending(5)

    assert samples(registry, "shoprelay_deadlines_pending") == {}


def test_what_is_given_back_is_not_told_any_more(engine: EngineMetrics, registry: CollectorRegistry) -> None:
    hooks = engine.hooks()
    hooks.on_rebalance({("shop-events", 0), ("shop-events", 1)})
    for partition in (0, 1):
        hooks.on_lag("shop-events", partition, 7)
        hooks.on_commit({("shop-events", partition): 201})
        hooks.on_restore_progress(RestoreProgress("customers", partition, 50, 200, 1.5, False))
    hooks.on_rebalance({("shop-events", 1)})
    hooks.on_commit({})

    told = {
        (sample.name, sample.labels["partition"])
        for family in registry.collect()
        for sample in family.samples
        if "partition" in sample.labels
    }
    names = ("shoprelay_lag_records", "shoprelay_committed_offset", "shoprelay_restore_ratio")
    assert told == {(name, "1") for name in names}
