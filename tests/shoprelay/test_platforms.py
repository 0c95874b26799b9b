"""README's table of platforms is what the declarations say."""

from pathlib import Path

import pytest

from shoprelay import platforms
from shoprelay.certificate.subject import names
from sinks.contract import Limit

README = Path(__file__).parents[2] / "README.md"


def test_the_readme_holds_the_table_that_the_declarations_make() -> None:
    text = README.read_text(encoding="utf-8")

    assert platforms.written_into(text, platforms.rows()) == text, "run: shoprelay platforms --write README.md"


def test_every_platform_has_a_row_that_says_something_in_every_place() -> None:
    rows = platforms.rows()

    assert len(rows) == len(names())
    for row in rows:
        assert all(len(cell) > 2 for cell in row.cells()), row


def test_endpoints_with_the_same_windows_are_told_together() -> None:
    limits = (Limit("a", 3500, 60), Limit("a", 350, 1), Limit("b", 3500, 60), Limit("b", 350, 1), Limit("*", 300, 300))

    assert platforms._limits(limits) == "3,500/min and 350/s (a, b); 300/300 s (all together)"
    assert platforms._limits(()) == "none documented"
    assert platforms._limits([Limit(name, 1, 1) for name in "abcde"]) == "1/s (a, b, c and 2 more)"


def test_a_readme_without_the_marks_is_left_alone() -> None:
    with pytest.raises(ValueError, match="put them where the table belongs"):
        platforms.written_into("# Shoprelay\n", [])
