"""Whatever a file holds: no format raises, every line has an end, and places rise."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shoprelay.backfill.formats import FORMATS
from shoprelay.backfill.grouping import groups
from shoprelay.backfill.reading import Source, Unusable
from shoprelay.backfill.run import found_in
from sources.backfill.format import Counted, Fact, Found, Unreadable
from streams.domain.policy import Policy
from tests.shoprelay.backfill.history import TELLING

SAID = st.sampled_from(
    ["", " ", "1", "-1", "0", "1e9", "NaN", "Infinity", "1_000", "C1", "ada@example.com", "2010-12-01 08:26:00", "\x00",
     "12/1/2010 8:26", "9999-12-31 23:59:59 -1200", "0001-01-01", "'1", "paid", "yes", "cart", "purchase", "ü\n", '"']
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | SAID,
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["id", "line_items", "total_price", "total", "email", "billing", "variants", "title", "type", "payload",
             "event_id", "occurred_at", "customer", "item", "created_at", "currency", "orders", "name", "regular_price"]
        ), inner, max_size=6,
    ),
    max_leaves=12,
)  # fmt: skip
relaxed = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def read(folder: pytest.TempPathFactory, format: str, content: bytes) -> list[Found]:
    path = folder.mktemp("garbage") / "file"
    path.write_bytes(content)
    found: list[Found] = []
    last = 0
    with Source(path) as source:
        for group in groups(source.rows(FORMATS[format]), FORMATS[format]):
            assert group.after.line >= last
            last = group.after.line
            found += found_in(group, FORMATS[format], TELLING, Policy())
    assert all(isinstance(each, Fact | Unreadable | Counted) for each in found)
    return found


@pytest.mark.parametrize("format", [name for name, each in FORMATS.items() if each.kind == "csv"])
def test_a_csv_of_nonsense(tmp_path_factory: pytest.TempPathFactory, format: str) -> None:
    head = [names[0] for names in FORMATS[format].columns] + ["Id", "Customer ID", "Paid at", "Currency"]

    @relaxed
    @given(rows=st.lists(st.lists(SAID, min_size=len(head), max_size=len(head)), min_size=1, max_size=6))
    def holds(rows: list[list[str]]) -> None:
        text = io.StringIO()
        csv.writer(text).writerows([head, *rows])
        found = read(tmp_path_factory, format, text.getvalue().encode())
        assert found

    holds()


@pytest.mark.parametrize("format", [name for name, each in FORMATS.items() if each.kind != "csv"])
def test_json_of_nonsense(tmp_path_factory: pytest.TempPathFactory, format: str) -> None:
    @relaxed
    @given(documents=st.lists(JSON, min_size=1, max_size=5), on_lines=st.booleans())
    def holds(documents: list[Any], on_lines: bool) -> None:
        lines = [json.dumps(each) for each in documents]
        content = "\n".join(lines) if on_lines else f"[{','.join(lines)}]"
        read(tmp_path_factory, format, content.encode())

    holds()


@pytest.mark.parametrize("format", FORMATS)
def test_bytes(tmp_path_factory: pytest.TempPathFactory, format: str) -> None:
    head = ",".join(names[0] for names in FORMATS[format].columns).encode()

    @relaxed
    @given(st.binary(max_size=200))
    def holds(content: bytes) -> None:
        read(tmp_path_factory, format, head + b"\n" + content)
        try:
            read(tmp_path_factory, format, content)
        except Unusable:
            assert FORMATS[format].kind == "csv"
        except (EOFError, OSError):
            assert content.startswith(b"\x1f\x8b")

    holds()
