"""Replay: the recorded gaps scaled onto the present, as new facts in each run."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console

from schemas.events import SessionActive, ShopEvent
from schemas.values import CustomerRef
from shoprelay import replay
from shoprelay.publish import NotPublished
from shoprelay.replay import replay_file, scaled
from shoprelay.sections import Settings
from shoprelay.settings import Configuration

THEN = datetime(2022, 10, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ROWS = """event_time,event_type,product_id,price,user_id,user_session
2022-10-01 00:00:00 UTC,view,mug,12.50,ada,s1
2022-10-01 00:00:10 UTC,cart,mug,12.50,ada,s1
2022-10-01 00:00:10 UTC,cart,mug,not a price,ada,s1
2022-10-01 00:01:00 UTC,purchase,mug,12.50,ada,s1
"""


def recorded(*seconds: float) -> list[ShopEvent]:
    return [
        ShopEvent(
            event_id=f"e{n}", shop="mugs", occurred_at=THEN + timedelta(seconds=at),
            customer=CustomerRef(customer_id="ada"), payload=SessionActive(),
        )
        for n, at in enumerate(seconds)
    ]  # fmt: skip


@pytest.mark.parametrize("speed", [0.5, 1.0, 60.0])
def test_gaps_shrink_by_the_speed_and_the_first_is_now(speed: float) -> None:
    played = list(scaled(recorded(0, 30, 90), NOW, speed, "run"))

    assert played[0].occurred_at == NOW
    gaps = [later.occurred_at - sooner.occurred_at for sooner, later in pairwise(played)]
    assert gaps == [timedelta(seconds=30 / speed), timedelta(seconds=60 / speed)]


def test_nothing_but_time_and_id_changes() -> None:
    before = recorded(0, 30)
    after = list(scaled(before, NOW, 1.0, "run"))

    assert [
        replace(e, event_id=b.event_id, occurred_at=b.occurred_at) for b, e in zip(before, after, strict=True)
    ] == before


def test_each_run_tells_new_facts_and_the_same_run_the_same() -> None:
    def ids(run: str) -> list[str]:
        return [event.event_id for event in scaled(recorded(0, 30), NOW, 1.0, run)]

    assert ids("a") == ids("a") == ["e0@a", "e1@a"]
    assert not set(ids("a")) & set(ids("b"))


# -- a whole file


class Publisher:
    """Takes everything; refuses the event number `refuses`."""

    def __init__(self) -> None:
        self.published: list[ShopEvent] = []
        self.refuses: int | None = None
        self.unacked = ""

    def publish(self, event: ShopEvent) -> None:
        if len(self.published) == self.refuses:
            raise NotPublished("the message is too large")
        self.published.append(event)

    def flush(self) -> None:
        if self.unacked:
            raise NotPublished(self.unacked)


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch) -> Publisher:
    made = Publisher()

    async def publisher_of(_: Configuration) -> Publisher:
        return made

    monkeypatch.setattr(replay, "publisher_of", publisher_of)
    return made


def play(folder: Path, text: str = ROWS, format: str = "rees46", speed: float = 1e6) -> tuple[int, str]:
    file, shown = folder / "clicks.csv", StringIO()
    file.write_text(text)
    out = Console(file=shown, width=200)
    code = asyncio.run(replay_file(out, Configuration(Settings(), {}), file, format=format, shop="mugs", speed=speed))
    return code, shown.getvalue()


def test_a_file_is_told_in_order_as_what_happens_now(alone: Path, publisher: Publisher) -> None:
    code, shown = play(alone)

    assert code == 0 and "row 3: price" in shown
    kinds = [type(event.payload).__name__ for event in publisher.published]
    assert kinds == ["ProductViewed", "CartItemAdded", "OrderPlaced"]
    assert {(event.shop, event.priority) for event in publisher.published} == {("mugs", "live")}
    assert all(datetime.now(UTC) - event.occurred_at < timedelta(minutes=1) for event in publisher.published)


def test_a_file_without_events_cannot_be_used(alone: Path, publisher: Publisher) -> None:
    assert play(alone, ROWS.splitlines()[0] + "\n")[0] == 2


def test_an_unknown_format_names_those_there_are(alone: Path, publisher: Publisher) -> None:
    code, shown = play(alone, format="csv")

    assert code == 2 and "rees46" in shown


def test_what_the_broker_did_not_ack_is_no_success(alone: Path, publisher: Publisher) -> None:
    publisher.unacked = "2 records were not acked in 30 s"
    code, shown = play(alone)

    assert code == 1 and "2 records were not acked" in shown


def test_what_the_broker_refuses_at_once_is_no_success(alone: Path, publisher: Publisher) -> None:
    publisher.refuses = 1
    code, shown = play(alone)

    assert code == 1 and "the message is too large" in shown
