"""`make new-sink`: the form is in order at once, and filled in it is certified, in a copy of the house."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from shoprelay.scaffold.write import Unwritable, write

pytestmark = pytest.mark.thorough

HOUSE = Path(__file__).parents[2]
ROOMS = ("schemas", "sources", "streams", "sinks", "shoprelay")
BIN = Path(sys.executable).parent


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of what the form needs around it."""
    for room in ROOMS:
        shutil.copytree(HOUSE / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(HOUSE / "pyproject.toml", tmp_path)
    return tmp_path


def shoprelay(house: Path, *arguments: str) -> tuple[int, str]:
    """The exit code and what was said, on one line."""
    command = [sys.executable, "-m", "shoprelay.cli", *arguments]
    told = subprocess.run(
        command, cwd=house, env={**os.environ, "PYTHONPATH": str(house), "COLUMNS": "160"}, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    return told.returncode, " ".join((told.stdout + told.stderr).split())


# -- what somebody fills in: a shop system that takes orders, and customers as they change

README = {
    "in a sentence, what Acme is and what it is told.": "A shop system that is told orders and customers.",
    "each call with its method, path, and what it answers when it worked.": "`POST /orders` 201, `POST /people` 200.",
    "how they know us, and where the key comes from.": "A key, as a bearer.",
    "how many calls in which time, for which endpoint; how large a body may be. None documented is an answer too.":
        "Ten a second for orders.",
    "what a second call with the same key does. It decides `dedupe` in `sink.py`.": "It overwrites.",
    "what is unusual about their answers; the usual ones are in `docs/add-a-sink.md`.": "Nothing is.",
    "one line for each signal |": "an order |\n| CustomerChanged | a person |",
    "where the documents are silent or contradict each other, what you chose and why.": "Nowhere.",
    "each page you read, and the day, as: checked YYYY-MM-DD.": "Made up, checked 2026-11-25.",
}  # fmt: skip
PERSON = """

def person(signal: Signal, config: AcmeConfig) -> tuple[Call, ...]:
    about = known(email=_email(signal), first_name=signal.customer.profile.first_name)
    key = f"{signal.signal_id}:person"
    return (Call(says="person", method="POST", path="/people", body=as_json(about), key=key, endpoint="people"),)
"""
TAKES_PEOPLE = """        if request.path == "/people":
            try:
                Person.model_validate_json(request.body)
            except ValidationError:
                return _refused(400, "no such person")
            return Reply(200, "accepted")
        if wait :="""
CASE = {
    "signal": {
        "signal_id": "s2", "shop": "mugs", "occurred_at": "2026-11-21T12:00:00Z", "cause": "e2",
        "customer": {"key": "mugs:42", "ref": {"email": "ada@example.com"}, "profile": {"first_name": "Ada"}},
        "payload": {"-type": "shoprelay.signals.CustomerChanged"},
    },
    "calls": [{
        "says": "person", "method": "POST", "path": "/people", "key": "s2:person", "endpoint": "people",
        "body": {"email": "ada@example.com", "first_name": "Ada"},
    }],
}  # fmt: skip


def edit(path: Path, *changes: tuple[str, str]) -> None:
    text = path.read_text()
    for old, new in changes:
        assert old in text, f"{path.name} does not hold {old!r}"
        text = text.replace(old, new)
    path.write_text(re.sub(r" *# TODO \d: .*\n", "\n", text) if path.suffix == ".py" else text)


def fill(folder: Path) -> None:
    edit(folder / "README.md", *((f"TODO 1: {asked}", answer) for asked, answer in README.items()))
    edit(folder / "example.toml", ("# TODO 2: required; where in Acme this key is shown.", "# Required."))
    edit(folder / "config.py")
    edit(folder / "calls.py", ("\n\ndef _item", f"{PERSON}\n\ndef _item"))
    edit(
        folder / "fake.py",
        ("\n\ndef app(", "\n\nclass Person(Shape):\n    email: Text\n    first_name: str | None = None\n\n\ndef app("),
        ('if request.path != "/orders"', 'if request.path not in ("/orders", "/people")'),
        ("        if wait :=", TAKES_PEOPLE),
    )
    edit(
        folder / "sink.py",
        ('tells=""', 'tells="orders, and customers when they change"'),
        ("        # from schemas import signals\n        # from sinks.acme import calls\n", ""),
        ("# signals.OrderPlaced: calls.order,",
         "signals.OrderPlaced: calls.order,\n        signals.CustomerChanged: calls.person,"),
        ("from sinks.acme.config", "from schemas import signals\nfrom sinks.acme import calls\nfrom sinks.acme.config"),
    )  # fmt: skip
    (folder / "cases" / "customer_changed--ada_has_a_name.json").write_text(json.dumps(CASE))


def test_the_form_is_in_order_at_once_and_filled_in_it_is_certified(house: Path) -> None:
    code, said = shoprelay(house, "new-sink", "acme")
    assert (code, "sinks/acme/sink.py" in said) == (0, True), said

    code, said = shoprelay(house, "certify", "acme")
    assert code == 0, said
    assert "acme is an empty form, and a good one" in said
    steps = re.findall(r"○ step (\d):", said)
    assert steps == sorted(steps)
    assert set(steps) == {"1", "2", "3", "4", "5", "6"}

    fill(house / "sinks" / "acme")
    code, said = shoprelay(house, "certify", "acme")
    assert code == 0, said
    assert "acme is certified" in said


@pytest.mark.parametrize("name", ["acme", "zeta_two", "a_platform_of_thirty_letters_x"])
def test_the_form_is_formatted_and_clean_under_any_name(name: str, tmp_path: Path) -> None:
    shutil.copy(HOUSE / "pyproject.toml", tmp_path)
    folder = write(name, tmp_path / "sinks")[0].parent

    for command in ("check", "format --check"):
        told = subprocess.run(
            [BIN / "ruff", *command.split(), folder], capture_output=True, text=True, timeout=60, check=False
        )
        assert told.returncode == 0, told.stdout


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("Acme", "small letters"),
        ("ac-me", "small letters"),
        ("1acme", "small letters"),
        ("../acme", "small letters"),
        ("class", "small letters"),
        ("a" * 31, "at most 30"),
        ("body", "belongs to the kit"),
    ],
)
def test_a_name_that_cannot_be_is_refused_with_a_remedy(name: str, problem: str) -> None:
    with pytest.raises(Unwritable, match=problem):
        write(name, HOUSE / "sinks")


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    shutil.copy(HOUSE / "pyproject.toml", tmp_path)
    (tmp_path / "sinks" / "acme").mkdir(parents=True)

    with pytest.raises(Unwritable, match="is there already"):
        write("acme", tmp_path / "sinks")


def test_outside_a_checkout_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(Unwritable, match="checkout"):
        write("acme", tmp_path / "sinks")

    assert list(tmp_path.iterdir()) == []


def test_the_steps_of_the_form_are_those_of_the_guide() -> None:
    guide = (HOUSE / "docs" / "add-a-sink.md").read_text()
    steps = re.findall(r"^\*\*(\d)\. ", guide, re.MULTILINE)
    forms = (HOUSE / "shoprelay" / "scaffold" / "form").rglob("*.form")
    todo = {step for form in forms for step in re.findall(r"TODO (\d)", form.read_text())}

    assert steps == ["1", "2", "3", "4", "5", "6", "7"]
    assert todo <= set(steps)
