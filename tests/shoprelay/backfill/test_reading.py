"""Rows of files: each once, with its line, and the same from any spot on."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoprelay.backfill.reading import MAX_QUOTED, MAX_ROW, START, Read, Source, Spot, Unusable
from sources.backfill.format import Format, Row, Unreadable

CSV = Format(name="c", kind="csv", says="a and b", tell=lambda rows, telling: (), columns=(("a", "A"), ("b",)))
LINES = Format(name="l", kind="lines", says="lines", tell=lambda rows, telling: ())
DOCUMENTS = Format(name="d", kind="documents", says="documents", tell=lambda rows, telling: ())


def reads(path: Path, format: Format, start: Spot = START) -> list[Read]:
    with Source(path) as source:
        return list(source.rows(format, start))


def written(folder: Path, content: bytes, name: str = "file") -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


def said(read: list[Read]) -> list[tuple[int, object]]:
    return [(each.row.line, each.row.said if isinstance(each.row, Row) else each.row.problem) for each in read]


def test_a_row_over_several_lines_stands_where_it_begins(tmp_path: Path) -> None:
    file = written(tmp_path, b'\xef\xbb\xbfa,b\r\n1,"two\nlines, and ""more"""\r\n\r\n3,4\r\n')

    assert said(reads(file, CSV)) == [(2, {"a": "1", "b": 'two\nlines, and "more"'}), (5, {"a": "3", "b": "4"})]


def test_a_column_may_have_another_name(tmp_path: Path) -> None:
    assert said(reads(written(tmp_path, b"A,b,c\n1,2,3\n"), CSV)) == [(2, {"a": "1", "b": "2", "c": "3"})]


def test_a_file_of_another_format_names_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="file: has no column a or A; --format c reads a and b"):
        reads(written(tmp_path, b"x,b\n1,2\n"), CSV)
    with pytest.raises(Unusable):
        reads(written(tmp_path, b""), CSV)


def test_a_quote_that_is_never_closed_costs_its_own_line_only(tmp_path: Path) -> None:
    many = b"".join(b"%d,x\n" % n for n in range(MAX_QUOTED + 50))
    found = reads(written(tmp_path, b'a,b\n"1,2\n' + many), CSV)

    assert isinstance(found[0].row, Unreadable) and "not closed" in found[0].row.problem
    assert [each.row.line for each in found] == list(range(2, MAX_QUOTED + 53))


def test_what_is_not_utf_8_is_read_as_spreadsheets_write_it(tmp_path: Path) -> None:
    assert said(reads(written(tmp_path, "a,b\n£,ü\n".encode("cp1252")), CSV)) == [(2, {"a": "£", "b": "ü"})]


def test_too_many_fields_and_too_long_lines_are_refused_and_the_next_is_read(tmp_path: Path) -> None:
    long = b"x" * (MAX_ROW + 100)
    found = said(reads(written(tmp_path, b"a,b\n1,2,3\n" + long + b",1\n3,4\n"), CSV))

    assert found == [(2, "has 3 fields, the head has 2"), (3, "is longer than 1 MiB"), (4, {"a": "3", "b": "4"})]


CELL = st.text(alphabet='ab,"\n é', max_size=8)


@settings(deadline=None)
@given(rows=st.lists(st.tuples(CELL, CELL), max_size=12), ends=st.sampled_from(["\n", "\r\n"]))
def test_from_every_spot_on_the_same_rows_come(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], ends: str
) -> None:
    quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
    content = ends.join(["a,b", *quoted]).encode() + ends.encode()
    for name in ("f.csv", "f.csv.gz"):
        file = written(tmp_path_factory.mktemp("rows"), content, name)
        whole = reads(file, CSV)
        assert [each.row.said for each in whole if isinstance(each.row, Row)] == [
            {"a": one, "b": other} for one, other in rows
        ]
        for n, read in enumerate(whole, 1):
            assert reads(file, CSV, read.after) == whole[n:]


def test_lines_keep_their_numbers_plain_and_packed(tmp_path: Path) -> None:
    for name in ("f.jsonl", "f.jsonl.gz"):
        file = written(tmp_path, b'{"a":1}\n\n{"a":2}', name)
        whole = reads(file, LINES)
        assert said(whole) == [(1, b'{"a":1}\n'), (3, b'{"a":2}')]
        assert reads(file, LINES, whole[0].after) == whole[1:]


ALIKE = {
    "a list": b'[{"n": 1.10},\n {"n": 2},\n {"n": 3}]',
    "one under the other": b'{\n"n": 1.10}\n{\n"n": 2}\n{"n":3}',
    "one on each line": b'{"n": 1.10}\n{"n": 2}\n{"n": 3}\n',
    "a page": b'{"orders": [{"n": 1.10}, {"n": 2}, {"n": 3}]}',
    "a page on each line": b'{"orders": [{"n": 1.10}, {"n": 2}]}\n{"orders": [{"n": 3}]}\n',
    "one in a wrapper": b'{\n"order": {"n": 1.10}}\n{"order": {"n": 2}}\n{"order": {"n": 3}}',
}


@pytest.mark.parametrize("content", ALIKE.values(), ids=ALIKE.keys())
def test_documents_are_found_however_they_are_put_together(tmp_path: Path, content: bytes) -> None:
    file = written(tmp_path, content)
    whole = reads(file, DOCUMENTS)

    assert [str(each.row.said["n"]) for each in whole if isinstance(each.row, Row)] == ["1.10", "2", "3"]
    for read in whole:
        rest = reads(file, DOCUMENTS, read.after)
        assert rest == whole[len(whole) - len(rest) :], "nothing that lies behind a spot is left out"


def test_a_long_list_is_read_across_chunks(tmp_path: Path) -> None:
    file = written(tmp_path, b"[" + b",\n".join(b'{"n": "%s"}' % (b"%06d" % n * 100) for n in range(3_000)) + b"]")
    found = reads(file, DOCUMENTS)

    assert [each.row.line for each in found] == list(range(1, 3_001))
    assert all(isinstance(each.row, Row) for each in found)


def test_a_broken_document_costs_its_line_or_what_follows_it(tmp_path: Path) -> None:
    lines = reads(written(tmp_path, b'{"n": 1}\n{"n": \n{"n": 3}\n'), DOCUMENTS)
    assert [type(each.row).__name__ for each in lines] == ["Row", "Unreadable", "Row"]
    listed = reads(written(tmp_path, b'[{"n": 1},\n{"n": oops},\n{"n": 3}]'), DOCUMENTS)
    assert [type(each.row).__name__ for each in listed] == ["Row", "Unreadable"]
    assert listed[1].row.line == 2


def test_half_a_character_is_refused_and_a_whole_one_is_not(tmp_path: Path) -> None:
    half, whole = b'{"n": "\\ud83d"}', b'{"n": "\\ud83d\\ude00"}'
    for content in (b"\n".join((half, whole)), b"[%b,\n%b]" % (half, whole), b"\n".join((whole, half, whole))):
        found = reads(written(tmp_path, content), DOCUMENTS)
        assert [each.row.said["n"] for each in found if isinstance(each.row, Row)][-1] == "😀"
        assert sum(isinstance(each.row, Unreadable) for each in found) == 1


@pytest.mark.parametrize("number", ["1e9999999999999999999", "9" * 5_000])
def test_a_number_that_nobody_can_hold_is_refused(tmp_path: Path, number: str) -> None:
    bad = b'{"n": %s}' % number.encode()
    lines = reads(written(tmp_path, b"%b\n%b\n%b" % (b'{"n": 1}', bad, b'{"n": 3}')), DOCUMENTS)
    assert [type(each.row).__name__ for each in lines] == ["Row", "Unreadable", "Row"]
    listed = reads(written(tmp_path, b'[{"n": 1},\n%b]' % bad), DOCUMENTS)
    assert [type(each.row).__name__ for each in listed] == ["Row", "Unreadable"]


def test_places_rise_behind_a_line_that_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path, b'{"n": 1}\n{"n": \n[{"n": 3}, {"n": 4}]\n')
    places = [each.after.line for each in reads(file, DOCUMENTS)]

    assert places == [1, 2, 2, 3], "of several documents on a line only the last leads beyond it"
