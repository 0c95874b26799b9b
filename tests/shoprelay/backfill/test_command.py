"""`shoprelay backfill` on the command line: mistakes are sentences and exit 2, a dry run names nobody."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from shoprelay import cli
from tests.shoprelay.backfill.history import december, invoice

SINK = """
[sinks.news]
platform = "klaviyo"
[sinks.news.config]
api_key = "env:NEWS_KEY"
"""
ADA = """\
{"event_id": "c-1", "type": "CustomerUpdated", "occurred_at": "2024-05-01T10:00:00Z", \
"customer": {"customer_id": "17", "email": "ada@example.com"}, \
"payload": {"profile": {"first_name": "Augusta", "address": {"city": "Horsley", "country_code": "GB"}}}}
"""


@pytest.fixture(autouse=True)
def settings(alone: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NEWS_KEY", "pk_secret")
    (alone / "shoprelay.toml").write_text(SINK)
    return alone


def run(file: str, *more: str, format: str = "uci") -> Result:
    return CliRunner().invoke(cli.app, ("backfill", file, "--format", format, "--shop", "mugs", *more))


def test_every_mistake_is_named_at_once() -> None:
    Path("f.csv").write_text(december(1))
    said = run("f.csv", "--currency", "Euro", "--time-zone", "Mars/Base", "--until", "soon", format="xml")

    assert said.exit_code == 2
    for word in ("--format xml", "jsonl, shopify-orders", "--currency Euro", "--time-zone Mars/Base", "--until soon"):
        assert word in said.stderr
    assert run("f.csv", "--rate", "fast").exit_code == 2
    assert run("gone.csv").exit_code == 2


def test_it_needs_kafka_and_a_dry_run_does_not() -> None:
    Path("f.csv").write_text(december(2))
    said = run("f.csv")
    assert said.exit_code == 2 and "kafka.bootstrap: required" in said.stderr

    dry = run("f.csv", "--dry-run")
    assert dry.exit_code == 0, dry.output
    for word in ("5  lines read", "2  OrderPlaced", "ordered 12.40 GBP", "Placed Order: POST /api/events", "2 facts"):
        assert word in dry.stdout
    assert not Path(".shoprelay").exists()


def test_a_dry_run_names_nobody_unless_it_is_asked_to() -> None:
    Path("f.jsonl").write_text(ADA)
    covered = run("f.jsonl", "--dry-run", format="jsonl")
    shown = run("f.jsonl", "--dry-run", "--show-personal", format="jsonl")

    assert "news: Profile: POST /api/profile-import" in covered.stdout
    for name in ("ada@example.com", "Augusta", "Horsley", '"GB"'):
        assert name not in covered.stdout and name in shown.stdout
    assert "pk_secret" not in shown.output


def test_a_dry_run_leaves_a_report_of_what_would_be_refused() -> None:
    Path("f.csv").write_text(december(1) + invoice("536999", ("x", "1.00")))
    said = run("f.csv", "--dry-run", "--samples", "0")

    assert "1  lines refused" in said.stdout and "1 × Quantity is no number" in said.stdout
    (report,) = Path(".shoprelay/backfill").iterdir()
    assert report.read_text().splitlines()[1] == "4,Quantity,is no number,write a number with a point"


def test_several_files_are_added_up_and_packed_ones_are_read() -> None:
    Path("a.csv").write_text(december(1))
    Path("b.csv.gz").write_bytes(gzip.compress(december(2).encode()))
    arguments = ("backfill", "a.csv", "b.csv.gz", "--format", "uci", "--shop", "mugs", "--dry-run", "--samples", "0")
    said = CliRunner().invoke(cli.app, arguments)

    assert said.exit_code == 0 and "2  files" in said.stdout and "3  OrderPlaced" in said.stdout
    assert "ordered 18.60 GBP" in said.stdout


def test_a_file_that_cannot_be_used_says_so() -> None:
    Path("f.csv").write_text("a,b\n1,2\n")
    said = run("f.csv", "--dry-run")
    assert said.exit_code == 2 and "has no column InvoiceNo or Invoice" in said.stdout

    Path("cut.csv.gz").write_bytes(gzip.compress(december(50).encode())[:-20])
    cut = run("cut.csv.gz", "--dry-run")
    assert cut.exit_code == 2 and "cannot be read to its end" in cut.stdout
