"""However often a backfill dies: every fact arrives, and the counts are those of one undisturbed run."""

from __future__ import annotations

import csv
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoprelay.backfill import run as running
from shoprelay.backfill.progress import ProgressFile
from sources.backfill import rees46
from tests.domain.story import World, abandoned
from tests.shoprelay.backfill.history import HEAD, Died, Front, december, invoice, run_of, told


@pytest.fixture(autouse=True)
def saved_after_every_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "SAVE_EVERY", -1.0)
    monkeypatch.setattr(running, "LOOK_EVERY", 1)


def ids(front: Front) -> list[str]:
    return [event.event_id for event in front.published]


@settings(deadline=None, max_examples=40)
@given(deaths=st.lists(st.integers(0, 12), max_size=4))
def test_whenever_it_dies_everything_is_told_and_counted_once(
    tmp_path_factory: pytest.TempPathFactory, deaths: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("history")
    file = folder / "december.csv"
    file.write_text(december(10) + invoice("537000", ("x", "1")) + invoice("537001", ("-5", "0"), customer=""))
    whole = Front()
    assert told(undisturbed := run_of(file, whole, folder / "whole"))

    arrived: set[str] = set()
    for dies_at in deaths:
        front = Front(dies_at)
        with suppress(Died):
            told(run_of(file, front, folder / "often"))
        arrived |= set(ids(front)[: front.acked])
    last = Front()
    assert told(resumed := run_of(file, last, folder / "often"))

    assert arrived | set(ids(last)) == set(ids(whole))
    assert resumed.tally == undisturbed.tally
    assert resumed.progress.report().path.read_text() == undisturbed.progress.report().path.read_text()


def test_stopped_it_goes_on_after_what_was_told(tmp_path: Path) -> None:
    file, looks = tmp_path / "december.csv", count()
    file.write_text(december(10))
    first, second = Front(), Front()

    assert not told(run_of(file, first, tmp_path, stopping=lambda: next(looks) >= 4))
    assert told(run_of(file, second, tmp_path))

    assert ids(first) + ids(second) == [f"order-placed:{536_000 + n}" for n in range(10)]


def test_told_twice_it_tells_the_same(tmp_path: Path) -> None:
    file = tmp_path / "december.csv"
    file.write_text(december(3))
    one, other = Front(), Front()
    told(run_of(file, one, tmp_path / "a"))
    told(run_of(file, other, tmp_path / "b"))

    assert one.published == other.published
    assert {event.priority for event in one.published} == {"backfill"}


def test_a_changed_file_is_another_one(tmp_path: Path) -> None:
    file = tmp_path / "december.csv"
    file.write_text(december(3))
    before = ProgressFile.of(file, ("here",), tmp_path)
    assert ProgressFile.of(file, ("here",), tmp_path) == before != ProgressFile.of(file, ("there",), tmp_path)
    file.write_text(december(4))

    assert ProgressFile.of(file, ("here",), tmp_path) != before


def test_refused_lines_stand_in_the_report_with_their_numbers(tmp_path: Path) -> None:
    file, front = tmp_path / "december.csv", Front()
    bad = invoice("536001", ("2", "cheap"), ("1", "1.00")) + invoice("536002", ("9999999", "1.00"))
    file.write_text(HEAD + bad + invoice("536003", ("1", "1.00")))
    run = run_of(file, front, tmp_path)
    told(run)

    assert ids(front) == ["order-placed:536003"]
    with run.progress.report().path.open() as report:
        rows = [tuple(row.values()) for row in csv.DictReader(report)]
    assert rows == [
        ("2", "UnitPrice", "is no number", "write a number with a point"),
        ("3", "InvoiceNo", "belongs to an invoice with a line that is refused", "correct line 2"),
        ("4", "payload.order.lines[0].quantity", "is 9999999, at most 1000000 are taken", "check the unit"),
    ]
    assert run.tally.lines_refused == 3


def test_a_cart_of_history_is_remembered_and_reminds_nobody(tmp_path: Path) -> None:
    file, front, world = tmp_path / "clicks.csv", Front(), World()
    file.write_text(
        "event_time,event_type,product_id,price,user_id,user_session\n"
        "2022-10-01 00:00:00 UTC,cart,577,2.62,ada,s-1\n2022-10-01 00:00:01 UTC,cart,578,1.00,ada,s-1\n"
    )
    told(run_of(file, front, tmp_path, rees46.FORMAT))
    said = world.tell(*front.published) + world.pass_time(datetime(2022, 10, 20, tzinfo=UTC))

    assert len(front.published) == 2 and {signal.priority for signal in said} == {"backfill"}
    assert not abandoned(said)
    assert [len(state.carts["default"].lines) for state in world.states.values()] == [2]


def test_history_ends_where_live_begins(tmp_path: Path) -> None:
    file, front = tmp_path / "december.csv", Front()
    file.write_text(HEAD + invoice("1", ("1", "1")) + invoice("2", ("1", "1"), at="2010-12-02 00:00:00"))
    run = run_of(file, front, tmp_path, until=datetime(2010, 12, 2, tzinfo=UTC))
    told(run)

    assert ids(front) == ["order-placed:1"]
    assert run.tally.counted == {running.LATER: 1}
