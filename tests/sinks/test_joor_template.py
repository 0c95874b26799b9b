"""`shoprelay joor template`: customers that are not in the shop, as JOOR's Data Services take them."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from shoprelay.cli import app
from sinks.joor.template import COLUMNS, Unreadable, template

ADA = (
    '{"customer_name": "Ada\'s \\"Boutique\\", London", "customer_code": "C-9", "discount": 10.50, '
    '"payment_method": "Net 30"}'
)


def test_every_column_is_there_and_numbers_keep_their_digits() -> None:
    text, rows = template([ADA, "", '{"customer_name": "Bob"}'], COLUMNS)

    head, ada, bob, end = text.split("\r\n")
    assert head == ",".join(COLUMNS) and rows == 2 and end == ""
    assert ada.startswith('"Ada\'s ""Boutique"", London",C-9,') and ada.endswith("Net 30,,,10.50")
    assert bob == "Bob" + "," * (len(COLUMNS) - 1)


def test_the_columns_may_be_joors_own() -> None:
    text, _ = template(['{"Name": "Bob", "Rep": 7}'], ("Rep", "Name"))

    assert text == "Rep,Name\r\n7,Bob\r\n"


def test_everything_that_is_wrong_is_told_at_once_and_no_value_is_repeated() -> None:
    with pytest.raises(Unreadable) as told:
        template(
            ['{"colour": "blue", "customer_name": ["Eve"]}', "{", "[]", '{"customer_code": "%s"}' % ("9" * 51)], COLUMNS
        )

    problems = told.value.problems
    assert [problem.partition(":")[0] for problem in problems] == [
        "line 1", "line 1", "line 1", "line 2", "line 3", "line 4", "line 4",
    ]  # fmt: skip
    assert "Eve" not in str(told.value) and "999" not in str(told.value)


def test_the_command_writes_the_file_or_says_why_not(tmp_path: Path) -> None:
    given, out = tmp_path / "customers.jsonl", tmp_path / "template.csv"
    given.write_text(ADA + "\n")
    done = CliRunner().invoke(app, ["joor", "template", str(given), "--out", str(out)])
    assert (done.exit_code, done.output) == (0, f"✓ {out}: 1 customers\n")
    assert out.read_bytes().count(b"\r\n") == 2

    given.write_text("{")
    refused = CliRunner().invoke(app, ["joor", "template", str(given), "--out", str(tmp_path / "none.csv")])
    assert refused.exit_code == 2 and not (tmp_path / "none.csv").exists()
