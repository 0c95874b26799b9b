"""The script as pages get it: small, the same each time, and the source without what is for its readers."""

import gzip
import re
from pathlib import Path

from sources.pixel.script import SOURCE, script, stripped, version

PAGE = Path(__file__).parents[3] / "docs" / "connect-your-shop.md"


def test_it_is_as_small_as_the_docs_say() -> None:
    assert len(script()) < 5_000
    stated = re.search(r"under ([\d,]+) bytes, ([\d,]+) with gzip", PAGE.read_text())
    assert stated is not None
    plain, packed = (int(number.replace(",", "")) for number in stated.groups())
    assert len(script()) < plain <= 5_000
    assert len(gzip.compress(script(), 6, mtime=0)) < packed


def test_only_whole_lines_are_left_out() -> None:
    assert stripped('// a\n\n  b = "//c"; // d\n   // e\n\tf\n') == '  b = "//c"; // d\n\tf\n'
    kept = [line for line in SOURCE.read_text().splitlines() if line.strip() and not line.strip().startswith("//")]
    assert script().decode().splitlines() == kept


def test_it_needs_nobody_and_holds_nothing_that_stripping_could_break() -> None:
    text = SOURCE.read_text()
    assert "`" not in text and "/*" not in text and "eval" not in text and "innerHTML" not in text
    assert re.findall(r"https?://[^/\s\"]+", text) == []
    assert len(version()) == 16


def test_the_stub_in_the_docs_knows_every_word_the_script_does() -> None:
    words = re.search(r'"([a-z ]+)"\.split\(" "\)', PAGE.read_text())
    says = re.search(r"var says = \{(.*?)\n  \};", SOURCE.read_text(), re.DOTALL)
    assert words is not None and says is not None
    assert set(words[1].split()) == set(re.findall(r"^    (\w+): ", says[1], re.MULTILINE))
