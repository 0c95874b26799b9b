"""How sinks are found. What each must do stands in `docs/specs/sink.md`, and is tried in `tests/certificate`."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from sinks.contract import Answer, Rule, Verdict, load
from tests.sinks.folders import NAMES


def test_a_sink_is_found_by_its_folder() -> None:
    assert [load(name).name for name in NAMES] == NAMES


def test_a_sink_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(LookupError, match=", ".join(NAMES)):
        load("nobody")


@pytest.mark.parametrize(
    ("body", "refused"),
    [(b'{"code":0}', False), (b'{"code":7}', True), (b'{"code":"0"}', True), (b"{}", False), (b"<html>", False)],
)
def test_a_rule_may_ask_for_anything_else_but_not_for_nothing(body: bytes, refused: bool) -> None:
    rule = Rule(Verdict.REJECTED, frozenset({200}), at="code", equals=0, differs=True)

    assert rule.matches(Answer(200, {}, body)) is refused


@pytest.mark.parametrize("name", NAMES)
def test_an_example_has_the_key_that_encrypts_what_is_kept_where_there_is_something(name: str) -> None:
    text = (Path(__file__).parents[2] / "sinks" / name / "example.toml").read_text()

    assert ("kept_key" in tomllib.loads(text)["sinks"][name]) is load(name).remembers
