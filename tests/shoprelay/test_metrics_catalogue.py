"""`docs/metrics.md` names every metric there is, with its labels, and no other."""

import re
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from shoprelay.cdc.metrics import CdcMetrics
from shoprelay.collector.metrics import CollectorMetrics
from shoprelay.gateway.metrics import GatewayMetrics
from streams.delivery.metrics import DeliveryMetrics, Seconds
from streams.polling.metrics import PollingMetrics
from streams.worker.metrics import EngineMetrics, WorkerMetrics
from streams.worker.row_metrics import RowMetrics

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


def catalogue(*metrics: object) -> dict[str, tuple[str, ...]]:
    found = [m for of in metrics for m in vars(of).values() if isinstance(m, MetricWrapperBase)]
    made = {m.describe()[0].name + ("_total" if m._type == "counter" else ""): tuple(m._labelnames) for m in found}
    return made | {m.name: tuple(m.labels) for of in metrics for m in vars(of).values() if isinstance(m, Seconds)}


def test_the_page_and_the_code_agree() -> None:
    worker = CollectorRegistry()
    made = catalogue(
        WorkerMetrics(worker), EngineMetrics(worker), DeliveryMetrics(CollectorRegistry(), "klaviyo"),
        PollingMetrics(CollectorRegistry(), "joor"), GatewayMetrics(CollectorRegistry()),
        CollectorMetrics(CollectorRegistry(), lambda: 0), RowMetrics(worker), CdcMetrics(CollectorRegistry()),
    )  # fmt: skip
    rows = re.findall(r"^\| `(shoprelay_\w+)` \| ([^|]*) \|", PAGE.read_text(), re.MULTILINE)
    told = {name: tuple(re.findall(r"\w+", labels)) for name, labels in rows}

    assert told == made


def test_every_name_says_its_unit() -> None:
    worker = CollectorRegistry()
    names = catalogue(
        WorkerMetrics(worker), EngineMetrics(worker), DeliveryMetrics(CollectorRegistry(), "klaviyo"),
        PollingMetrics(CollectorRegistry(), "joor"), GatewayMetrics(CollectorRegistry()),
    )  # fmt: skip

    assert [n for n in names if not re.fullmatch(r"shoprelay(_[a-z]+)+", n)] == []
