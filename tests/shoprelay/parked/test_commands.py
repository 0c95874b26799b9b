"""The parked commands: every mistake on the command line is a sentence and exit 2, before Kafka is asked anything."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from shoprelay import cli
from shoprelay.parked import commands
from streams.topics import TopicsUnavailable

GOOD = """
[kafka]
bootstrap = "127.0.0.1:1"
[registry]
url = "http://127.0.0.1:1"
[sinks.news]
platform = "klaviyo"
[sinks.news.config]
api_key = "env:NEWS_KEY"
"""
COMMANDS = (("list", "news"), ("show", "news", "ab"), ("redrive", "news"), ("drop", "news", "ab", "--yes"))
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEWS_KEY", "pk_secret")
    path = tmp_path / "shoprelay.toml"
    path.write_text(GOOD)
    return path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, ("parked", *arguments))


def said(result: Result) -> str:
    return " ".join(result.output.split())


def test_each_explains_itself() -> None:
    assert {name for name in ("list", "show", "redrive", "drop") if name not in run("--help").output} == set()
    for command in COMMANDS:
        assert run(command[0], "--help").exit_code == 0


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c[0])
def test_a_sink_nobody_has_set_names_those_there_are(command: tuple[str, ...]) -> None:
    result = run(command[0], "nws", *command[2:])

    assert result.exit_code == 2
    assert "sinks.nws: not in the settings; there are: news" in said(result)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c[0])
def test_wrong_settings_are_told(settings: Path, command: tuple[str, ...]) -> None:
    settings.write_text(GOOD.replace("bootstrap", "bootstrp"))
    result = run(*command)

    assert result.exit_code == 2 and "kafka.bootstrp: no such setting" in said(result)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("list", "news", "--since", "soon"), "--since soon: neither a duration nor a time"),
        (("redrive", "news", "--rate", "fast"), "--rate fast: not a rate; write 50/s or 600/min"),
        (("redrive", "news", "--rate", "0/s"), "--rate 0/s: not a rate"),
        (("redrive", "news", "--wait", "long"), "--wait: 'long' is not a duration"),
        (("drop", "news", "--yes"), "drop: which? name ids"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments: tuple[str, ...], says: str) -> None:
    result = run(*arguments)

    assert result.exit_code == 2 and says in said(result)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c[0])
def test_a_kafka_that_is_away_is_said_so(monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]) -> None:
    async def away(*_: object) -> None:
        raise TopicsUnavailable("parked-news: there is no such topic; run `shoprelay topics create`")

    monkeypatch.setattr("shoprelay.parked.reading.ParkedTopic.index", away)
    result = run(*command)

    assert result.exit_code == 2 and "there is no such topic; run `shoprelay topics create`" in said(result)


def test_whoever_stops_it_learns_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("shoprelay.parked.reading.ParkedTopic.index", stopped)
    result = run("redrive", "news")

    assert result.exit_code == 1
    assert "stopped; run the same command again to go on: what is done already is not done twice" in said(result)


@pytest.mark.parametrize(
    ("since", "at"),
    [
        ("2h", NOW - timedelta(hours=2)),
        ("1d12h", NOW - timedelta(days=1.5)),
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
        ("2026-11-20T08:00Z", datetime(2026, 11, 20, 8, tzinfo=UTC)),
        ("2026-11-20T10:00+02:00", datetime(2026, 11, 20, 8, tzinfo=UTC)),
    ],
)
def test_since_is_a_duration_or_a_time(since: str, at: datetime) -> None:
    assert commands.moment_of(since, NOW) == at


@pytest.mark.parametrize(
    ("rate", "per_second"), [(None, None), ("50", 50), ("50/s", 50), ("90/min", 1.5), ("90/m", 1.5)]
)
def test_a_rate_is_per_second_unless_it_says_otherwise(rate: str | None, per_second: float | None) -> None:
    assert commands.rate_of(rate) == per_second
