"""What became of them, as the topic tells it: the last word counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from shoprelay.parked.tally import Counts, Tally
from tests.shoprelay.parked.made import row

ORDER = row("order", opens="order 17")
SHIPPED = row("shipped", behind="order 17", reason="behind: order 17")
VIEWED = row("viewed")
AGAIN = replace(ORDER, attempts=2, last_at=ORDER.last_at + timedelta(minutes=1))


def tally() -> Tally:
    return Tally([ORDER, SHIPPED, VIEWED])


def test_nothing_is_dealt_with_at_first() -> None:
    assert tally().counts() == Counts(gone=0, again=0, waiting=0, open=3)


def test_a_tombstone_is_gone_and_whoever_goes_last_ends_it() -> None:
    said = tally()
    for each in (ORDER, SHIPPED, VIEWED):
        assert not said.counts().all_gone
        said.heard(each.parked_id, None)

    assert said.counts() == Counts(gone=3, again=0, waiting=0, open=0) and said.counts().all_gone


def test_one_that_is_tried_and_parked_again_keeps_those_behind_it_waiting() -> None:
    said = tally()
    said.heard(ORDER.parked_id, AGAIN)

    assert said.counts() == Counts(gone=0, again=1, waiting=1, open=1)
    assert said.again == [AGAIN]


def test_one_that_is_put_back_because_it_waits_was_not_tried() -> None:
    said = tally()
    said.heard(SHIPPED.parked_id, replace(SHIPPED, last_at=AGAIN.last_at))
    assert said.counts() == Counts(gone=0, again=0, waiting=1, open=2) and said.again == []
    said.heard(ORDER.parked_id, AGAIN)

    assert said.counts() == Counts(gone=0, again=1, waiting=1, open=1) and said.again == [AGAIN]


def test_the_same_record_once_more_says_nothing() -> None:
    said = tally()
    said.heard(ORDER.parked_id, replace(ORDER, place=99))

    assert said.counts().open == 3


def test_the_last_word_counts() -> None:
    said = tally()
    said.heard(ORDER.parked_id, AGAIN)
    said.heard(ORDER.parked_id, None)
    assert said.counts() == Counts(gone=1, again=0, waiting=0, open=2)
    said.heard(ORDER.parked_id, AGAIN)
    assert said.counts() == Counts(gone=0, again=1, waiting=1, open=1)


def test_others_are_none_of_its_business() -> None:
    said = tally()
    said.heard("somebody else's", None)

    assert "somebody else's" not in said and ORDER.parked_id in said
    assert said.counts().open == 3
