"""Rows that belong together are told together, and an order with a torn line not at all."""

from __future__ import annotations

from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from shoprelay.backfill import grouping
from shoprelay.backfill.grouping import Group, groups
from shoprelay.backfill.reading import Read, Spot
from sources.backfill.format import Format, Row, Unreadable

BY_NAME = Format(name="f", kind="csv", says="", tell=lambda rows, telling: (), group=lambda row: str(row.said))
ALONE = Format(name="f", kind="csv", says="", tell=lambda rows, telling: ())


def reads(names: str) -> list[Read]:
    """A letter is a row of that order; `!` cannot be read."""
    return [
        Read(Unreadable(n, "", "torn", "") if name == "!" else Row(n, name), Spot(n)) for n, name in enumerate(names, 1)
    ]


def grouped(names: str, format: Format = BY_NAME) -> list[Group]:
    return list(groups(reads(names), format))


@given(st.text(alphabet="abc", max_size=30))
def test_consecutive_rows_of_one_name_are_a_group(names: str) -> None:
    found = grouped(names)

    assert ["".join(str(row.said) for row in group.rows) for group in found] == [
        "".join(same) for _, same in groupby(names)
    ]
    assert [group.after.line for group in found] == [group.rows[-1].line for group in found]


@given(st.text(alphabet="ab!", max_size=30))
def test_every_row_is_in_one_group_and_places_rise(names: str) -> None:
    found = grouped(names)

    lines = [row.line for group in found for row in group.rows] + [
        each.line for group in found for each in group.refused
    ]
    assert sorted(lines) == list(range(1, len(names) + 1))
    places = [group.after.line for group in found]
    assert places == sorted(places) and (not places or places[-1] == len(names))


def test_an_order_with_a_torn_line_in_it_is_refused_whole() -> None:
    torn, other = grouped("aa!ab")

    assert (torn.rows, [each.line for each in torn.refused]) == ([], [1, 2, 4, 3])
    assert len(other.rows) == 1


def test_a_torn_line_between_orders_costs_neither() -> None:
    first, second = grouped("aa!b")

    assert (len(first.rows), len(first.refused), first.after, len(second.rows)) == (2, 1, Spot(3), 1)
    assert [len(group.rows) for group in grouped("!a!")] == [0, 1]


def test_an_order_whose_lines_lie_apart_is_refused_the_second_time() -> None:
    once = Format(
        name="f", kind="csv", says="", tell=lambda rows, telling: (), group=lambda row: str(row.said), once=True
    )
    first, other, again = grouped("aaba", once)

    assert (len(first.rows), len(other.rows), again.rows) == (2, 1, [])
    assert [each.problem for each in again.refused] == ["belongs to an order that was told further up"]
    assert [len(group.rows) for group in grouped("aaba")] == [2, 1, 1]


def test_rows_without_a_name_are_alone() -> None:
    unnamed = Format(name="f", kind="csv", says="", tell=lambda rows, telling: (), group=lambda row: "")

    assert (
        [len(group.rows) for group in grouped("aa", unnamed)] == [1, 1] == [len(g.rows) for g in grouped("aa", ALONE)]
    )


def test_an_order_without_end_is_refused_and_not_kept() -> None:
    many = "a" * (grouping.MAX_TOGETHER + 10)
    endless, other = grouped(many + "b")

    assert endless.rows == [] and len(endless.refused) == grouping.MAX_TOGETHER
    assert "more than 5000" in endless.refused[0].problem
    assert [row.said for row in other.rows] == ["b"]
