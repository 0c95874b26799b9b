"""Logs: one JSON object a line where nobody watches, no sentence a hundred times, and never a secret."""

from __future__ import annotations

import json
import logging
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import structlog

from shoprelay import logs
from shoprelay.settings import load


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_is_a_sentence_with_fields(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    structlog.get_logger("shoprelay.here").warning("the registry is away; waiting", schema_id=7)

    (line,) = lines(capsys)
    assert (line["event"], line["schema_id"], line["level"]) == ("the registry is away; waiting", 7, "warning")
    assert line["logger"] == "shoprelay.here"
    assert datetime.fromisoformat(line["timestamp"]).tzinfo is not None


def test_libraries_speak_in_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    logging.getLogger("aiokafka.consumer").error("no leader for %s", "shop-events")
    logging.getLogger("aiokafka.consumer").info("heartbeat")

    (line,) = lines(capsys)
    assert (line["event"], line["logger"], line["level"]) == ("no leader for shop-events", "aiokafka.consumer", "error")


def test_an_exception_is_one_line_with_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    try:
        raise ValueError("broken")
    except ValueError:
        structlog.get_logger("shoprelay").exception("it went wrong")

    (line,) = lines(capsys)
    assert "ValueError: broken" in line["exception"] and "test_logs.py" in line["exception"]


def test_nobody_watching_means_json(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("auto")
    structlog.get_logger("shoprelay").info("started")

    assert lines(capsys)[0]["event"] == "started"


def test_for_people_it_is_no_json(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("console")
    structlog.get_logger("shoprelay").info("started", port=8080)
    told = capsys.readouterr().err

    assert "started" in told and "8080" in told and "{" not in told


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic clock of the filter; its one entry may be changed."""
    now = [0.0]
    monkeypatch.setattr("shoprelay.logs.time.monotonic", lambda: now[0])
    return now


def record(message: Any, *arguments: Any) -> logging.LogRecord:
    return logging.LogRecord("aiokafka", logging.ERROR, __file__, 1, message, arguments, None)


def test_the_same_sentence_is_said_so_often_and_again_when_its_time_is_over(moved: list[float]) -> None:
    at_most = logs.AtMost(2, 10.0)

    assert [at_most.filter(record("no leader for %s", n)) for n in range(4)] == [True, True, False, False]
    moved[0] = 10.1
    assert at_most.filter(record("no leader for %s", 5))


def test_one_sentence_does_not_silence_another(moved: list[float]) -> None:
    at_most = logs.AtMost(1, 10.0)

    assert [at_most.filter(record({"event": said, "offset": n})) for n, said in enumerate("aabb")] == [
        True, False, True, False,
    ]  # fmt: skip


def test_what_the_filter_remembers_is_bounded(moved: list[float]) -> None:
    at_most = logs.AtMost(1, 10.0)
    for n in range(5_000):
        at_most.filter(record(f"sentence {n}"))

    assert len(at_most._seen) <= 501


def test_a_secret_that_is_logged_by_mistake_prints_as_dots(alone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (alone / "shoprelay.toml").write_text(
        '[kafka]\nbootstrap = "127.0.0.1:1"\nusername = "me"\npassword = "env:PW"\n'
        '[sinks.news]\nplatform = "klaviyo"\n[sinks.news.config]\napi_key = "env:KEY"\n'
    )
    configuration = load(None, {"PW": "hunter2", "KEY": "pk_secret"})
    logs.configure("json")
    structlog.get_logger("shoprelay").error(
        "settings", whole=configuration, kafka=configuration.settings.kafka, of=configuration.accounts["news"].config
    )
    told = capsys.readouterr().err

    assert "***" in told and "hunter2" not in told and "pk_secret" not in told
