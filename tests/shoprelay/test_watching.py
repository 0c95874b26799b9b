"""What is deployed for watching asks only for metrics that exist, by labels they have, and leads to the runbook."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from shoprelay.cdc.metrics import CdcMetrics
from shoprelay.collector.metrics import CollectorMetrics
from shoprelay.gateway.metrics import GatewayMetrics
from streams.delivery.metrics import DeliveryMetrics
from streams.polling.metrics import PollingMetrics
from streams.worker.metrics import EngineMetrics, WorkerMetrics
from streams.worker.row_metrics import RowMetrics
from tests.shoprelay.test_metrics_catalogue import catalogue

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
ADDED = {"instance", "job", "le"}  # by Prometheus, and by histograms


def alerts() -> dict[str, str]:
    """The text of each alert by its name."""
    text = (PROMETHEUS / "alerts.yml").read_text()
    return dict(re.findall(r"- alert: (\w+)\n(.*?)(?=\n\n|\Z)", text, re.DOTALL))


def labels() -> dict[str, set[str]]:
    """Of every series there is, by its name."""
    worker, sink = CollectorRegistry(), CollectorRegistry()
    kinds = (
        WorkerMetrics(worker), EngineMetrics(worker), DeliveryMetrics(sink, "klaviyo"),
        PollingMetrics(CollectorRegistry(), "joor"), GatewayMetrics(CollectorRegistry()),
        CollectorMetrics(CollectorRegistry(), lambda: 0), RowMetrics(worker), CdcMetrics(CollectorRegistry()),
    )  # fmt: skip
    of = {name: {*given, *ADDED} for name, given in catalogue(*kinds).items()}
    return of | {f"{name}_{part}": given for name, given in of.items() for part in ("bucket", "sum", "count")
                 if name.endswith(("_seconds", "_items"))}  # fmt: skip


def wrong_with(expression: str) -> list[str]:
    """Names and labels in it that no series has."""
    there = labels()
    named = re.findall(r"\b(shoprelay_\w+)(?:\{([^}]*)\})?", expression)
    wrong = [name for name, _ in named if name not in there]
    for name, matchers in named:
        wrong += [f"{name}{{{label}}}" for label in re.findall(r"(\w+)\s*[=!]", matchers)
                  if label not in there.get(name, {label})]  # fmt: skip
    every = set[str]().union(*(there.get(name, set()) for name, _ in named))
    for group in re.findall(r"\b(?:by|on|without|ignoring) \(([^)]*)\)", expression):
        wrong += [label for label in re.findall(r"\w+", group) if label not in every]
    return wrong


def anchors() -> set[str]:
    return {re.sub(r"[^\w-]", "", title.lower().replace(" ", "-")) for title in re.findall(r"^#+ (.+)$", RUNBOOK, re.M)}


def test_what_this_test_finds() -> None:
    assert wrong_with('sum by (sink) (shoprelay_sink_held{reason="brake"}) > shoprelay_call_seconds_bucket') == []
    assert wrong_with('sum by (shop) (shoprelay_sink_held{why="brake"}) + shoprelay_gone') == [
        "shoprelay_gone", "shoprelay_sink_held{why}", "shop",
    ]  # fmt: skip


def test_alerts_ask_for_what_is_measured() -> None:
    assert len(alerts()) == (PROMETHEUS / "alerts.yml").read_text().count("- alert:") > 7
    for name, text in alerts().items():
        assert "shoprelay_" in text, name
        assert wrong_with(text) == [], name


def test_every_alert_says_how_urgent_it_is_and_leads_to_its_part_of_the_runbook() -> None:
    for name, text in alerts().items():
        assert re.search(r"severity: (page|ticket)\b", text), name
        assert "summary: " in text, name
        assert re.findall(r"runbook: docs/runbook.md#(\S+)", text) == [name.lower()], name
        assert name.lower() in anchors(), name


def test_the_runbook_names_every_alert_and_no_other() -> None:
    part = RUNBOOK[RUNBOOK.index("\n## Alerts") : RUNBOOK.index("\n## Parked calls")]
    assert re.findall(r"^### (\w+)$", part, re.MULTILINE) == list(alerts())


def test_every_alert_is_tried_both_ways() -> None:
    tried = (PROMETHEUS / "alerts_test.yml").read_text()
    for name in alerts():
        answers = re.findall(rf"alertname: {name}\b.*?exp_alerts: *(\[\])?", tried, re.DOTALL)
        assert set(answers) == {"", "[]"}, name


def test_the_dashboard_shows_what_is_measured() -> None:
    panels = json.loads((ROOT / "deploy" / "grafana" / "dashboard.json").read_text())["panels"]
    source = (ROOT / "deploy" / "grafana" / "datasource.yml").read_text()
    assert len({panel["id"] for panel in panels}) == len(panels) > 7
    for panel in panels:
        assert f"uid: {panel['datasource']['uid']}," in source, panel["title"]
        for target in panel["targets"]:
            assert "shoprelay_" in target["expr"], panel["title"]
            shown = ", ".join(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            assert wrong_with(f"{target['expr']} by ({shown})") == [], panel["title"]


def test_prometheus_takes_the_alerts_and_they_fire_when_they_should() -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed; on Debian: apt-get install prometheus")
    for command in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]):
        tried = subprocess.run(["promtool", *command], cwd=PROMETHEUS, capture_output=True, text=True)
        assert tried.returncode == 0, tried.stdout + tried.stderr


def test_prometheus_reads_the_alerts_where_compose_puts_them() -> None:
    assert "rule_files: [alerts.yml]" in (PROMETHEUS / "prometheus.yml").read_text()
    mounted = "./deploy/prometheus/alerts.yml:/etc/prometheus/alerts.yml:ro"
    assert mounted in (ROOT / "docker-compose.yml").read_text()
