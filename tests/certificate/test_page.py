"""`docs/specs/sink.md` and the code have the same behaviours, under the same numbers, in the same words."""

from __future__ import annotations

import re
from pathlib import Path

from shoprelay.certificate.certify import BEHAVIOURS, CHAPTERS

PAGE = Path(__file__).parents[2] / "docs" / "specs" / "sink.md"


def test_the_page_has_every_behaviour_in_its_words() -> None:
    lines = re.findall(r"^- \*\*([\d.]+) (.+?)\.\*\* (.+)$", PAGE.read_text(), re.MULTILINE)

    assert [(b.number, b.title, b.sentence) for b in BEHAVIOURS] == lines


def test_the_page_has_the_chapters() -> None:
    headings = re.findall(r"^## (\d) (.+)$", PAGE.read_text(), re.MULTILINE)

    assert [(str(number), title) for number, (title, _) in CHAPTERS.items()] == headings


def test_every_sentence_says_what_must_be() -> None:
    assert [b.number for b in BEHAVIOURS if "MUST" not in b.sentence] == []
