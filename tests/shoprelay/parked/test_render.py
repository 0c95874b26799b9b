"""What an operator reads: short and true, and nothing a platform wrote is obeyed by the terminal."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from rich.console import Console

from schemas.signals import Customer, ProductViewed, Signal
from schemas.values import CustomerRef, LineItem
from shoprelay.parked import render
from shoprelay.parked.rows import Row, row_of, telling
from shoprelay.parked.selection import Family
from shoprelay.parked.speech import show
from tests.shoprelay.parked.made import NOON, id_of, parked, row

NOW = NOON + timedelta(minutes=10)


def drawn(rows: list[Row], along: frozenset[str] = frozenset()) -> str:
    out = Console(file=StringIO(), width=80)
    show(out, render.table(rows, telling(each.parked_id for each in rows), NOW, along))
    assert isinstance(out.file, StringIO)
    return out.file.getvalue()


def test_a_line_of_the_table_says_it_all() -> None:
    line = drawn([row("order", says="Placed Order", minutes=9, attempts=3, behind="order 17")]).splitlines()[2]

    assert [cell.strip() for cell in line.split("│")] == [
        id_of("order")[:8], "10 min", "60 s", "Placed Order", "mugs/c:ada", "rejected (400); behind order 17", "3",
    ]  # fmt: skip


def test_where_there_is_no_window_no_line_is_folded() -> None:
    long = row("order", reason="cannot_say: order.lines[0].name is required by this platform")

    assert long.reason in drawn([long])


def test_what_was_not_asked_for_is_marked() -> None:
    assert f"{id_of('order')[:8]}+" in drawn([row("order")], frozenset({id_of("order")}))


def test_no_answer_says_what_happened_instead() -> None:
    assert "timeout" in drawn([row("order", status=None, fault="timeout")])


def test_nothing_anybody_wrote_moves_the_terminal() -> None:
    rude = row("order", "\x1b[2Jmugs/[red]c:smile:[/]", reason="rejected: \x07[/nonsense]")
    text = drawn([rude])

    assert "\x1b" not in text and "\x07" not in text
    assert "�[2Jmugs/[red]c:smile:[/]" in text and "[/nonsense]" in text


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-3, "0 s"), (0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (200_000, "2 d")],
)
def test_ages_are_short(seconds: float, said: str) -> None:
    assert render.age(NOON + timedelta(seconds=seconds), NOON) == said


def test_ids_are_as_short_as_tells_them_apart() -> None:
    assert telling([]) == telling(["a" * 32]) == telling(["a" * 32, "b" * 32]) == 8
    assert telling(["a" * 32, "b" * 32, "b" * 20 + "a" * 12]) == 21


def test_the_summary_counts_by_kind_of_reason() -> None:
    rows = [row(f"{n}", reason=reason) for n, reason in enumerate(["rejected", "behind: order 1", "behind: order 2"])]

    assert render.summary(rows, 3) == "3 parked: 2 behind, 1 rejected"
    assert render.summary(rows, 2) == "3 parked: 2 behind, 1 rejected; the newest 2 are shown, --limit shows more"


def test_a_machine_gets_every_field_of_it() -> None:
    line = json.loads(render.line(row("order", minutes=1, opens="order 17")))

    assert line["parked_id"] == id_of("order") and line["opens"] == "order 17"
    assert line["last_at"] == "2026-11-21T12:01:00+00:00"
    assert "place" not in line


def test_a_refusal_names_both_and_the_way_out() -> None:
    order, shipped = row("order", opens="order 17"), row("shipped", behind="order 17", says="Fulfilled Order")
    said = render.stranded([(shipped, order)] * 7, 8)

    assert said[0] == (
        f"{shipped.parked_id[:8]} (Fulfilled Order) waits behind order 17, which {order.parked_id[:8]} "
        "(Placed Order, rejected) makes known and which stays parked"
    )
    assert said[5] == "and 2 more" and len(said) == 7
    assert "--with-openers" in said[-1] and "nothing was sent" in said[-1]


def told(signal: Signal | str = "3 bytes that cannot be read", **more: object) -> dict[str, str]:
    put = parked("order", opens="order 17", **more)
    mine = row_of(put, 2, 7)
    shelf = [mine, replace(row("shipped"), behind="order 17")]
    return dict(render.everything(put, mine, signal, Family(shelf), 8))


def test_everything_is_shown_and_who_waits() -> None:
    viewed = Signal(
        signal_id="s1", shop="mugs", occurred_at=datetime(2026, 11, 21, tzinfo=UTC), cause="e1",
        customer=Customer(key="mugs/c:ada", ref=CustomerRef(customer_id="ada")),
        payload=ProductViewed(item=LineItem(product_id="MUG", unit_price=Decimal("9.50"))),
    )  # fmt: skip
    said = told(viewed, body=b'{"a":[1]}', answer=b'{"why":"no"}', offset=9)

    assert json.loads(said["\nsignal"])["payload"]["item"]["unit_price"] == "9.50"
    assert said["\nrequest"] == 'POST /api/events\n{\n  "a": [\n    1\n  ]\n}'
    assert said["\nanswer"] == '400\n{\n  "why": "no"\n}'
    assert said["came from"] == "customer-signals, partition 2, offset 9"
    assert said["behind it"] == f"{id_of('shipped')[:8]} Placed Order"
    assert said["sink"] == "news (klaviyo)"


def test_what_cannot_be_read_is_said_and_no_request_is_made_up() -> None:
    said = told(method="", path="", body=b"", says="", status=None)

    assert said["signal id"] == "3 bytes that cannot be read" and said["says"] == "–"
    assert not {"\nsignal", "\nrequest", "\nanswer"} & said.keys()


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"", "(empty)"), (b"<p>\x1b[2J</p>", "<p>�[2J</p>"), (b"\xff\x00", "2 bytes that are no text: ff00")],
)
def test_a_body_is_shown_as_what_it_is(data: bytes, said: str) -> None:
    assert render.body(data) == said


def test_one_whose_opener_is_parked_no_longer_says_so() -> None:
    put = parked("shipped", behind="order 17")
    mine = row_of(put, 0, 0)

    assert dict(render.everything(put, mine, "", Family([mine]), 8))["waits behind"] == "order 17: is parked no longer"
