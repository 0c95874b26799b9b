"""What a source that is asked must be, tried with every folder there is: docs/add-a-source.md."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import SecretStr, ValidationError

import sources
from shoprelay.certificate.purity import _impure
from shoprelay.parts import duration
from sources.contract import Source, load

ROOT = Path(next(iter(sources.__path__)))
NAMES = sorted(path.parent.name for path in ROOT.glob("*/source.py"))
FILES = ("README.md", "config.py", "example.toml", "source.py")

each_source = pytest.mark.parametrize("name", NAMES)


def example(name: str) -> dict[str, Any]:
    return dict(tomllib.loads((ROOT / name / "example.toml").read_text())["sources"][name])


def secrets(source: Source) -> set[str]:
    fields = source.config.model_fields
    return {field for field, about in fields.items() if SecretStr in {about.annotation, *get_args(about.annotation)}}


@each_source
def test_it_has_its_files_and_says_what_is_heard(name: str) -> None:
    source = load(name)

    assert [file for file in FILES if not (ROOT / name / file).is_file()] == []
    assert source.name == name and source.hears and "\n" not in source.hears
    assert "checked 20" in (ROOT / name / "README.md").read_text()


@each_source
def test_its_example_sets_everything_and_shows_the_defaults(name: str) -> None:
    source, given = load(name), example(name)
    shown, fields = given["config"], source.config.model_fields

    assert shown.keys() == fields.keys()
    assert given["platform"] == name and given["shop"] and duration(given["every"]) == source.every
    for field, about in fields.items():
        if field in secrets(source):
            assert shown[field].startswith(("env:", "file:")), field
        elif not about.is_required():
            assert shown[field] == about.get_default(call_default_factory=True), field


@each_source
def test_its_settings_are_strict_say_what_they_are_for_and_print_no_secret(name: str) -> None:
    source, shown = load(name), example(name)["config"]
    given = {**shown, **dict.fromkeys(secrets(source), "the-secret")}
    config = source.config(**given)

    assert secrets(source) and [f for f, about in source.config.model_fields.items() if not about.description] == []
    assert "the-secret" not in repr(config) + str(config) + config.model_dump_json()
    with pytest.raises(ValidationError):
        source.config(**given, colour_of_the_moon="blue")
    with pytest.raises(ValidationError):
        setattr(config, next(iter(given)), "other")


@each_source
def test_what_asks_and_reads_is_pure(name: str) -> None:
    """No clock, no randomness, no I/O, no float: a round that is asked again becomes the same events."""
    modules = [path for path in (ROOT / name).glob("*.py") if path.name != "config.py"]
    found = [f"{path.name}: {what}" for path in modules for node in ast.walk(ast.parse(path.read_text()))
             for what in _impure(node)]  # fmt: skip

    assert found == []


def test_a_source_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(LookupError, match=", ".join(NAMES)):
        load("nobody")
