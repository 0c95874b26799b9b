"""The command line: every problem at once and exit code 2, and nothing starts before the settings are right."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from shoprelay import cli
from streams import topics

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
WRONG = """
[kafka]
bootstrp = "x"
[topics]
partitions = 0
[shops.default]
stages = ["[/]"]
[sinks.news]
platform = "klaviyo"
[sinks.news.config]
api_key = "pk_in_the_file"
"""
COMMANDS = (
    "worker",
    "sink",
    "retell",
    "poll",
    "gateway",
    "demo",
    "replay",
    "feed",
    "sandbox",
    "new-sink",
    "certify",
    "topics",
    "schemas",
    "parked",
    "platforms",
    "check",
)


@pytest.fixture
def settings(alone: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NEWS_KEY", "pk_secret")
    path = alone / "shoprelay.toml"
    path.write_text(GOOD)
    return path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, arguments)


def said(result: Result) -> str:
    """Both streams, as one line: the terminal's width is no matter."""
    return " ".join(result.output.split())


# -- help


def test_help_lists_every_command_with_a_line() -> None:
    result = run("--help")

    assert result.exit_code == 0
    for command in COMMANDS:
        (line,) = (line for line in result.output.splitlines() if line.strip("│ ").startswith(f"{command} "))
        assert len(line.strip("│ ").removeprefix(command).strip()) > 20, command


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    assert run(command, "--help").exit_code == 0


def test_an_unknown_command_is_refused() -> None:
    assert run("wrker").exit_code == 2


def test_a_stand_in_that_does_not_exist_is_refused() -> None:
    result = run("sandbox", "nope")

    assert result.exit_code == 2
    assert "no sink 'nope'; there are:" in said(result)


# -- settings


def test_good_settings_are_said_to_be_good(settings: Path) -> None:
    result = run("check")

    assert result.exit_code == 0
    assert "shoprelay.toml: valid (news)" in said(result)


def test_check_reads_the_file_it_is_given(settings: Path) -> None:
    other = settings.with_name("other.toml")
    other.write_text("")

    assert "no sinks" in said(run("check", "--config", str(other)))


@pytest.mark.parametrize("command", [("check",), ("worker",), ("sink", "news"), ("topics", "create")], ids=" ".join)
def test_everything_wrong_is_told_at_once_and_nothing_starts(settings: Path, command: tuple[str, ...]) -> None:
    settings.write_text(WRONG)
    result = run(*command)

    assert result.exit_code == 2
    for place in ("kafka.bootstrp", "topics.partitions", "shops.default.stages.0", "sinks.news.config.api_key"):
        assert f"✗ {place}: " in said(result), place
    assert "'[/]' is not a duration" in said(result)
    assert "pk_in_the_file" not in result.output


def test_each_problem_is_one_line_however_long(settings: Path) -> None:
    settings.write_text(WRONG)

    assert len(run("check").output.splitlines()) == 4


@pytest.mark.parametrize("command", [("worker",), ("sink", "news"), ("topics", "check")], ids=" ".join)
def test_a_process_needs_kafka_and_registry(settings: Path, command: tuple[str, ...]) -> None:
    settings.write_text(GOOD.replace("127.0.0.1:1", "").replace("http://", ""))
    result = run(*command)

    assert result.exit_code == 2
    assert "kafka.bootstrap: required" in said(result) and "registry.url: required" in said(result)


def test_the_environment_may_bring_both(settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.write_text("")
    monkeypatch.setenv("SHOPRELAY_KAFKA", "127.0.0.1:1")
    monkeypatch.setenv("SHOPRELAY_REGISTRY", "http://127.0.0.1:1")
    started: list[Any] = []
    monkeypatch.setattr("shoprelay.worker_process.run_worker", started.append)

    assert run("worker").exit_code == 0
    assert started[0].settings.kafka.bootstrap == "127.0.0.1:1"


def test_a_sink_nobody_has_set_names_those_there_are(settings: Path) -> None:
    result = run("sink", "nws")

    assert result.exit_code == 2
    assert "sinks.nws: not in the settings; there are: news" in said(result)


def test_a_sinks_exit_code_is_the_processes(settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shoprelay.sink_process.run_sink", lambda configuration, account: 70)

    assert run("sink", "news").exit_code == 70


def test_a_source_nobody_has_set_names_those_there_are(settings: Path) -> None:
    result = run("poll", "nobody", "--config", str(settings))

    assert result.exit_code == 2
    assert "sources.nobody: not in the settings; there are: none are set" in result.output


def test_an_unknown_form_of_logs_is_refused(settings: Path) -> None:
    result = run("worker", "--log", "xml")

    assert result.exit_code == 2
    assert "--log xml: one of auto, json, console" in said(result)


# -- topics and schemas


def test_topics_that_are_wrong_are_all_told(settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(*_: object, **__: object) -> list[topics.Problem]:
        return [topics.Problem("shop-events", "there is no such topic", "run `shoprelay topics create`"),
                topics.Problem("refused", "has 3 partitions, 12 are expected", "delete it")]  # fmt: skip

    monkeypatch.setattr(topics, "check", check)
    result = run("topics", "check")

    assert result.exit_code == 2
    assert "✗ shop-events: there is no such topic" in said(result) and "✗ refused: has 3" in said(result)


def test_a_kafka_that_does_not_answer_is_said_so(settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def create(*_: object, **__: object) -> list[str]:
        raise topics.TopicsUnavailable("Kafka does not answer: timed out; check kafka.bootstrap")

    monkeypatch.setattr(topics, "create", create)
    result = run("topics", "create")

    assert result.exit_code == 2
    assert "✗ Kafka does not answer" in said(result)


def test_topics_are_created_for_every_sink(settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def create(bootstrap: str, wanted: list[topics.Topic], **_: object) -> list[str]:
        return [topic.name for topic in wanted]

    monkeypatch.setattr(topics, "create", create)
    result = run("topics", "create")

    assert result.exit_code == 0
    assert {"✓ parked-news", "✓ redrive-news", "✓ customer-events"} <= set(result.output.splitlines())


def test_the_published_schemas_can_be_read() -> None:
    assert run("schemas", "check").exit_code == 0


# -- what else is asked for


def test_a_replay_needs_a_file_that_is_there(settings: Path) -> None:
    assert run("replay", "absent.csv", "--shop", "mugs").exit_code == 2


@pytest.mark.parametrize(
    "command", [("replay", "shoprelay.toml", "--shop", "mugs"), ("demo",)], ids=lambda c: str(c[0])
)
def test_time_cannot_stand_still(settings: Path, command: tuple[str, ...]) -> None:
    assert run(*command, "--speed", "0").exit_code == 2


def test_the_demos_exit_code_is_its_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    async def differs(*_: object, **__: object) -> int:
        return 1

    monkeypatch.setattr("shoprelay.demo.play.play", differs)
    assert run("demo").exit_code == 1


def test_help_starts_without_kafkas_libraries() -> None:
    """They take a second to import; whoever asks for help should not wait for them."""
    heavy = ("faust", "aiokafka", "confluent_kafka", "fastavro")
    code = f"import sys, shoprelay.cli; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)
    )

    assert found.stdout.strip() == "[]"
