"""What every sink must keep, whatever the platform. A new folder is under test as soon as it is there."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from pydantic import ValidationError

from schemas import signals
from sinks.contract import Answer, Verdict, classify, load
from tests.sinks.folders import CASES, NAMES, ROOT, SECRET, Case, config, example, is_secret, said

FILES = ("sink.py", "calls.py", "config.py", "fake.py", "example.toml", "README.md")
HEADINGS = ("Endpoints", "Authentication", "Limits", "Repeats", "Answers", "What is told", "Choices", "Sources")
FAULTS = ("connect", "timeout", "reset", "protocol", "too_large")
IMPURE = {"asyncio", "time", "random", "os", "uuid", "secrets", "socket", "httpx", "aiohttp", "logging", "structlog"}
NOW = {"now", "utcnow", "today", "fromtimestamp"}
TELLING = [case for case in CASES if case.calls]


def modules_behind(path: Path) -> set[Path]:
    """The file and everything of `sinks` it imports, settings and contract apart."""
    found: set[Path] = set()
    waiting = [path]
    while waiting:
        module = waiting.pop()
        if module in found or module.name in ("config.py", "contract.py") or not module.exists():
            continue
        found.add(module)
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sinks"):
                here = ROOT.parent / (node.module or "").replace(".", "/")
                waiting += [here.with_suffix(".py"), *(here / f"{alias.name}.py" for alias in node.names)]
    return found


# -- the folder


@pytest.mark.parametrize("name", NAMES)
def test_the_folder_has_its_files(name: str) -> None:
    assert [file for file in FILES if not (ROOT / name / file).is_file()] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_declaration_is_called_like_its_folder_and_says_what_it_tells(name: str) -> None:
    sink = load(name)

    assert sink.name == name
    assert sink.tells


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_has_its_headings_and_the_day_its_sources_were_read(name: str) -> None:
    readme = (ROOT / name / "README.md").read_text()

    assert [heading for heading in HEADINGS if f"\n## {heading}\n" not in readme] == []
    assert re.search(r"checked \d{4}-\d\d-\d\d", readme, re.IGNORECASE)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_outside_the_folder_names_the_platform_in_an_import(name: str) -> None:
    files = [
        f
        for room in ("schemas", "sources", "streams", "sinks", "shoprelay")
        for f in (ROOT.parent / room).rglob("*.py")
    ]
    outside = [file for file in files if ROOT / name not in file.parents]
    importing = [file for file in outside if re.search(rf"^\s*(from|import) sinks\.{name}\b", file.read_text(), re.M)]

    assert importing == []


def test_a_sink_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(LookupError, match=", ".join(NAMES)):
        load("acme")


# -- settings


@pytest.mark.parametrize("name", NAMES)
def test_the_example_sets_every_setting_and_no_other(name: str) -> None:
    assert set(load(name).config.model_fields) == set(example(name))


@pytest.mark.parametrize("name", NAMES)
def test_the_example_shows_the_defaults(name: str) -> None:
    fields = load(name).config.model_fields
    shown = {field: value for field, value in example(name).items() if not fields[field].is_required()}

    assert shown == {field: fields[field].get_default(call_default_factory=True) for field in shown}


@pytest.mark.parametrize("name", NAMES)
def test_the_example_holds_no_secret(name: str) -> None:
    settings = tomllib.loads((ROOT / name / "example.toml").read_text())["sinks"][name]["config"]
    secrets = [settings[field] for field in settings if is_secret(load(name), field)]

    assert secrets
    assert [value for value in secrets if not value.startswith("env:")] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_says_what_it_is_for(name: str) -> None:
    assert [field for field, about in load(name).config.model_fields.items() if not about.description] == []


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_setting_is_refused_and_a_known_one_stays(name: str) -> None:
    with pytest.raises(ValidationError, match="extra_forbidden"):
        config(name, colour="blue")
    with pytest.raises(ValidationError, match="frozen"):
        settings = config(name)
        setattr(settings, next(iter(example(name))), "else")


@pytest.mark.parametrize("name", NAMES)
def test_no_refusal_of_settings_shows_a_secret(name: str) -> None:
    secrets = [field for field in example(name) if is_secret(load(name), field)]
    bad = dict.fromkeys(secrets, f"{SECRET} with a space")

    with pytest.raises(ValidationError) as refused:
        config(name, **bad)

    assert SECRET not in str(refused.value)


# -- calls


@pytest.mark.parametrize("case", TELLING, ids=str)
def test_the_same_signal_becomes_the_same_bytes_under_the_same_keys(case: Case) -> None:
    assert said(case.signal, case.config, case.sink) == said(case.signal, case.config, case.sink)


@pytest.mark.parametrize("case", TELLING, ids=str)
def test_each_call_has_a_key_of_its_own(case: Case) -> None:
    keys = Counter(call.key for call in said(case.signal, case.config, case.sink))

    assert set(keys.values()) == {1}


@pytest.mark.parametrize("case", TELLING, ids=str)
def test_what_a_platform_hears_has_a_short_name_to_count_it_by(case: Case) -> None:
    for call in said(case.signal, case.config, case.sink):
        assert 0 < len(call.says) < 128
        assert case.signal.signal_id not in call.says


@pytest.mark.parametrize("name", NAMES)
def test_every_budget_belongs_to_an_endpoint_that_is_called(name: str) -> None:
    called = {call.endpoint for case in TELLING if case.sink == name for call in said(case.signal, case.config, name)}
    joined = "".join(module.read_text() for module in modules_behind(ROOT / name / "batches.py"))

    for endpoint in {limit.endpoint for limit in load(name).limits} - called:
        assert f'"{endpoint}"' in joined, endpoint


@pytest.mark.parametrize("name", NAMES)
def test_the_table_holds_signals_only(name: str) -> None:
    known = {kind for kind in vars(signals).values() if isinstance(kind, type) and issubclass(kind, signals.Conclusion)}

    assert set(load(name).calls) <= known - {signals.Conclusion}


@pytest.mark.parametrize("name", NAMES)
def test_what_makes_calls_is_pure(name: str) -> None:
    for module in modules_behind(ROOT / name / "calls.py") | modules_behind(ROOT / name / "batches.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            where = f"{module.name}:{getattr(node, 'lineno', 0)}"
            assert not isinstance(node, ast.Await | ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith | ast.Global), (
                where
            )
            if isinstance(node, ast.Import):
                assert not IMPURE & {alias.name.partition(".")[0] for alias in node.names}, where
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").partition(".")[0] not in IMPURE, where
            if isinstance(node, ast.Attribute):
                assert node.attr not in NOW, where
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"open", "print", "input", "float", "hash", "id"}, where


# -- secrets


@pytest.mark.parametrize("name", NAMES)
def test_a_secret_shows_nowhere_but_on_the_way_out(name: str) -> None:
    settings = config(name)

    assert SECRET not in repr(settings) + str(settings) + settings.model_dump_json()
    assert SECRET in load(name).base_url(settings) + str(load(name).headers(settings))


@pytest.mark.parametrize("case", TELLING, ids=str)
def test_no_call_holds_a_secret(case: Case) -> None:
    for call in said(case.signal, case.config, case.sink):
        assert SECRET not in repr(call)


# -- answers


@pytest.mark.parametrize("name", NAMES)
def test_every_answer_has_a_verdict(name: str) -> None:
    rules = load(name).rules

    assert {classify(Answer(status), rules) for status in range(100, 600)} == set(Verdict)
    for fault in FAULTS:
        assert classify(Answer(0, fault=fault), rules) is Verdict.UNAVAILABLE


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, Verdict.DELIVERED),
        (201, Verdict.DELIVERED),
        (202, Verdict.DELIVERED),
        (204, Verdict.DELIVERED),
        (301, Verdict.MISCONFIGURED),
        (400, Verdict.REJECTED),
        (401, Verdict.MISCONFIGURED),
        (403, Verdict.MISCONFIGURED),
        (404, Verdict.MISCONFIGURED),
        (410, Verdict.MISCONFIGURED),
        (429, Verdict.THROTTLED),
        (500, Verdict.UNAVAILABLE),
        (503, Verdict.UNAVAILABLE),
        (524, Verdict.UNAVAILABLE),
    ],
)
def test_the_usual_answers_mean_the_usual(name: str, status: int, verdict: Verdict) -> None:
    assert verdict is classify(Answer(status), load(name).rules)
