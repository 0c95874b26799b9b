"""A month of invoices through format and domain: the totals are somebody else's, to the cent, once and twice."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from schemas.events import ShopEvent
from shoprelay.backfill.grouping import groups
from shoprelay.backfill.reading import Source
from shoprelay.backfill.run import found_in
from sources.backfill import uci
from sources.backfill.format import Counted, Fact, Telling
from streams.domain.policy import Policy
from tests.domain.story import World
from tests.real.invoices import Books, agree, days, oracle

pytestmark = pytest.mark.real
TELLING = Telling("giftware", "GBP", UTC, datetime(2011, 1, 1, tzinfo=UTC))


def history(data: Path) -> tuple[list[ShopEvent], int]:
    """The facts, and how many lines led to none."""
    events, passed = [], 0
    for day in days(data):
        with Source(day) as source:
            read = [
                found
                for group in groups(source.rows(uci.FORMAT), uci.FORMAT)
                for found in found_in(group, uci.FORMAT, TELLING, Policy())
            ]
        assert all(isinstance(found, Fact | Counted) for found in read)
        events += [found.event for found in read if isinstance(found, Fact)]
        passed += sum(found.lines for found in read if isinstance(found, Counted))
    return events, passed


def test_a_month_of_invoices_adds_up_to_the_cent_told_once_and_told_twice(real_data: Path) -> None:
    events, passed = history(real_data)
    world, books, expected = World(), Books(), oracle(real_data)
    for _ in range(2):
        world.tell(*events)
        world.pass_time(events[-1].occurred_at + timedelta(hours=2))
    books.take(world.said)

    agree(books, expected)
    guests = books.guests
    assert guests.lines + guests.lines_back + passed == expected["rows_without_customer"]


def test_history_arms_nothing(real_data: Path) -> None:
    events, _ = history(real_data)

    assert {event.priority for event in events} == {"backfill"}
    assert len({event.event_id for event in events}) == len(events)
