"""What is chosen, what comes along, in which order it goes, and what is refused."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoprelay.parked.rows import Row
from shoprelay.parked.selection import Family, Line, Selection, Wanted, beginning, newest, select
from tests.shoprelay.parked.made import NOON, id_of, row

BOB = "mugs/c:bob"
ORDER = row("order", offset=3, minutes=9, opens="order 17", status=422)
SHIPPED = row("shipped", offset=5, minutes=5, behind="order 17", opens="parcel 1", reason="behind: order 17")
ARRIVED = row("arrived", offset=8, minutes=6, behind="parcel 1", reason="behind: parcel 1")
VIEWED = row("viewed", offset=1, minutes=1, reason="gave_up")
BOBS = row("bobs", BOB, offset=2, minutes=7)
SHELF = [BOBS, ARRIVED, SHIPPED, VIEWED, ORDER]


def names(rows: Selection | list[Row]) -> list[str]:
    known = {id_of(name): name for name in ("order", "shipped", "arrived", "viewed", "bobs", "twin")}
    return [known[each.parked_id] for each in (rows.rows if isinstance(rows, Selection) else rows)]


def test_everything_goes_in_the_order_of_each_customers_signals() -> None:
    assert names(select(SHELF, Wanted())) == ["viewed", "order", "shipped", "arrived", "bobs"]


def test_whoever_waits_behind_a_chosen_call_comes_along_and_goes_after_it() -> None:
    found = select(SHELF, Wanted(ids=(id_of("order"),)))

    assert names(found) == ["order", "shipped", "arrived"]
    assert found.along == {id_of("shipped"), id_of("arrived")}
    assert not found.stranded


def test_nobody_of_another_customer_comes_along() -> None:
    twin = row("twin", BOB, offset=9, behind="order 17")

    assert names(select([*SHELF, twin], Wanted(ids=(id_of("order"),)))) == ["order", "shipped", "arrived"]


def test_a_dependant_without_what_it_waits_behind_is_stranded() -> None:
    found = select(SHELF, Wanted(ids=(id_of("shipped"),)))

    assert found.stranded == ((SHIPPED, ORDER),)


def test_it_may_go_with_what_it_waits_behind_and_then_all_who_wait_go() -> None:
    found = select(SHELF, Wanted(ids=(id_of("arrived"),)), with_openers=True)

    assert names(found) == ["order", "shipped", "arrived"]
    assert not found.stranded


def test_a_dependant_whose_opener_is_parked_no_longer_goes_alone() -> None:
    found = select([SHIPPED, ARRIVED], Wanted(ids=(id_of("shipped"),)))

    assert names(found) == ["shipped", "arrived"] and not found.stranded


def test_calls_of_one_signal_go_by_who_waits_behind_whom() -> None:
    first = row("order", offset=3, place=9, opens="order 17")
    second = row("shipped", offset=3, place=1, behind="order 17")

    assert names(select([second, first], Wanted())) == ["order", "shipped"]


def test_a_circle_is_walked_once() -> None:
    one = row("order", offset=1, opens="a", behind="b")
    other = row("shipped", offset=2, opens="b", behind="a")

    assert names(select([one, other], Wanted(ids=(id_of("order"),)), with_openers=True)) == ["order", "shipped"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(reason="gave"), ["viewed"]),
        (Wanted(customer=BOB), ["bobs"]),
        (Wanted(since=NOON + timedelta(minutes=7)), ["order", "bobs"]),
        (Wanted(reason="rej", customer=BOB), ["bobs"]),
        (Wanted(ids=(id_of("bobs")[:9], id_of("viewed"))), ["bobs", "viewed"]),
        (Wanted(customer="nobody"), []),
    ],
)
def test_filters_hold_together_and_the_newest_is_looked_at_first(wanted: Wanted, found: list[str]) -> None:
    assert names(newest(SHELF, wanted)) == found


def test_a_limit_takes_who_waited_longest_and_does_not_count_who_comes_along() -> None:
    assert names(select(SHELF, Wanted(limit=1))) == ["viewed"]
    assert names(select(SHELF, Wanted(limit=2))) == ["viewed", "bobs"]
    assert names(select(SHELF, Wanted(limit=3))) == ["viewed", "order", "shipped", "arrived", "bobs"]


def test_a_whole_id_is_one_even_where_another_begins_with_it() -> None:
    short, long = row("order", parked_id="abc"), row("twin", parked_id="abcd")

    assert beginning([short, long], "abc") == [short]
    assert beginning([short, long], "ab") == [short, long]
    assert beginning([short, long], "x") == []


# -- laws


@st.composite
def shelves(draw: st.DrawFn) -> list[Row]:
    """Orders, some parked, and what waits behind them, in any state of things that parking leaves behind."""
    rows = []
    for n in range(draw(st.integers(0, 14))):
        customer = draw(st.sampled_from(["a", "b"]))
        behind = draw(st.sampled_from([None, *(f"o{m}" for m in range(n))]))
        opens = f"o{n}" if draw(st.booleans()) else None
        minutes, place = draw(st.integers(0, 60)), draw(st.integers(0, 999))
        rows.append(row(f"r{n}", customer, offset=n // 2, minutes=minutes, place=place, opens=opens, behind=behind))
    return draw(st.permutations(rows))


@given(shelves(), st.data(), st.booleans())
@settings(deadline=None)
def test_nobody_who_waits_is_left_behind_or_goes_first(shelf: list[Row], data: st.DataObject, openers: bool) -> None:
    ids = tuple(data.draw(st.lists(st.sampled_from([r.parked_id for r in shelf]), unique=True)) if shelf else ())
    limit = data.draw(st.one_of(st.none(), st.integers(1, 9)))
    found = select(shelf, Wanted(ids=ids, limit=limit), with_openers=openers)
    family, at = Family(shelf), {each.parked_id: n for n, each in enumerate(found.rows)}

    assert len(at) == len(found.rows)
    for each in found.rows:
        assert all(at[each.parked_id] < at[later.parked_id] for later in family.dependants(each))
        for ahead in family.openers(each):
            stranded = {stays.parked_id for _, stays in found.stranded}
            assert ahead.parked_id in at or (not openers and ahead.parked_id in stranded)
    for customer in ("a", "b"):
        offsets = [each.offset for each in found.rows if each.customer_key == customer]
        assert offsets == sorted(offsets)


@given(shelves(), st.data())
@settings(deadline=None)
def test_read_in_any_order_they_leave_in_theirs(shelf: list[Row], data: st.DataObject) -> None:
    going = select(shelf, Wanted()).rows
    gone = set(data.draw(st.lists(st.sampled_from([r.parked_id for r in shelf]))) if shelf else ())
    line, left = Line(going), []
    for each in shelf:
        if each.parked_id not in gone:
            left += line.arrived(each, each.parked_id.encode())
    left += line.rest()

    assert all(value == each.parked_id.encode() for each, value in left)
    for customer in ("a", "b"):
        should = [each for each in going if each.customer_key == customer and each.parked_id not in gone]
        assert [each for each, _ in left if each.customer_key == customer] == should
