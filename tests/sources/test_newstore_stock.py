"""NewStore's stock: an export from where the last one ended, told whole before that is remembered."""

from __future__ import annotations

import io
import json
import tomllib
import zipfile
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

import sources.newstore
from schemas.events import ShopEvent, StockChanged
from shoprelay.settings import load
from sinks.contract import Answer, Call
from sinks.fake import Received
from sinks.newstore.fakeread import ReadSide
from sources.contract import Unreadable, Visit
from sources.newstore.config import NewStoreStockConfig
from sources.newstore.rows import NoExport, rows_of, told
from sources.newstore.source import SOURCE, begin
from streams.polling.asking import lending
from tests.delivery.moved import NOON, MovedClock, moved_clock, pass_time, until
from tests.polling.asked import Kafka, Running
from tests.shoprelay.gateway.newstore import CLIENT, SECRET, TOKEN_PATH, StandIn

BASE = "http://newstore.example"
CONFIG = NewStoreStockConfig(
    tenant="acme", client_id=CLIENT, client_secret=SecretStr(SECRET), url=BASE, token_url=BASE + TOKEN_PATH
)
VISIT = Visit("mugs", NOON)


class Wire:
    """To the stand-in and back. `answers` come first; `None` among them lets a call pass."""

    def __init__(self, stand_in: StandIn, clock: Any) -> None:
        self.stand_in, self._clock = stand_in, clock
        self.answers: list[Answer | None] = []
        self.calls: list[Call] = []

    async def send(self, call: Call) -> Answer:
        self.calls.append(call)
        if call.says != "Token" and self.answers and (answer := self.answers.pop(0)) is not None:
            return answer
        headers = {name.lower(): value for name, value in call.headers} | {"host": "newstore.example"}
        path = call.path.removeprefix(BASE)
        reply = self.stand_in.answer(Received(self._clock.monotonic(), call.method, path, headers, call.body))
        return Answer(reply.status, reply.headers, reply.body)

    async def close(self) -> None: ...

    def said(self, *words: str) -> list[Call]:
        return [call for call in self.calls if call.says in words]


class World:
    def __init__(self, **how: Any) -> None:
        clock = MovedClock()
        self.newstore = StandIn(clock.monotonic, **how)
        self.reads: ReadSide = self.newstore.reads
        for product, place, atp in (("mug", "BER", 5), ("mug", "HAM", 0), ("cup", "BER", 1)):
            self.reads.stock(product, place, atp)
        self.wire, self.kafka = Wire(self.newstore, clock), Kafka()
        self._clock = clock

    def start(self) -> Running:
        transport = lending(self.wire, SOURCE.lent, CONFIG, self._clock)
        return Running(SOURCE, CONFIG, self.kafka, transport)

    def stock(self) -> list[tuple[str, str | None, Decimal]]:
        events = [event.payload for event in self.kafka.events]
        return [(e.product_id, e.location, e.quantity) for e in events if isinstance(e, StockChanged)]

    def remembered(self, upto: int) -> Callable[[], bool]:
        return lambda: self.kafka.positions[-1:] == [json.dumps({"last_updated_at": upto}).replace(" ", "").encode()]


@pytest.mark.parametrize("zipped", [False, True])
def test_the_first_export_is_everything_and_the_next_only_what_changed(zipped: bool) -> None:
    @moved_clock
    async def story() -> None:
        world = World(zipped=zipped)
        running = world.start()
        await until(world.remembered(3))
        assert world.stock() == [("mug", "BER", 5), ("mug", "HAM", 0), ("cup", "BER", 1)]

        world.reads.stock("mug", "HAM", 7)
        await until(world.remembered(4))
        assert world.stock()[3:] == [("mug", "HAM", 7)]
        bodies = [json.loads(call.body) for call in world.wire.said("Begin Export")]
        assert bodies[:2] == [{}, {"last_updated_at": 3}]
        await running.end()

    story()


@moved_clock
async def test_the_link_is_read_without_the_token() -> None:
    world = World()
    running = world.start()
    await until(world.remembered(3))

    (link,) = world.wire.said("Read Export")
    assert (link.path, link.bare) == (f"{BASE}/exports/export-1", True)
    assert "Authorization" not in dict(link.headers)
    assert all("Authorization" in dict(call.headers) for call in world.wire.said("Begin Export", "Follow Export"))
    await running.end()


@moved_clock
async def test_an_export_that_fails_is_made_again() -> None:
    world = World()
    world.reads.fail_exports = 2
    running = world.start()
    await until(world.remembered(3))

    assert [json.loads(call.body) for call in world.wire.said("Begin Export")] == [{}, {}, {}]
    assert len(world.stock()) == 3
    await running.end()


@moved_clock
async def test_an_export_that_never_ends_is_given_up_for_another() -> None:
    world = World()
    world.wire.answers = [None, *[Answer(200, {}, b'{"state":"processing"}')] * 721]
    running = world.start()
    await until(world.remembered(3))

    assert len(world.wire.said("Begin Export")) == 2
    await running.end()


@pytest.mark.parametrize("dies", ["before publish", "after publish", "before remember", "after remember"])
def test_whatever_dies_nothing_is_lost_and_a_repeat_has_the_same_id(dies: str) -> None:
    @moved_clock
    async def story() -> None:
        world = World()
        world.kafka.dies = dies
        await world.start().died()
        before = len(world.kafka.positions)
        running = world.start()
        await until(world.remembered(3))

        assert set(world.kafka.told) == {"newstore:mug:BER:1", "newstore:mug:HAM:2", "newstore:cup:BER:3"}
        assert before == (1 if dies == "after remember" else 0)
        await running.end()

    story()


@moved_clock
async def test_when_nothing_changed_there_is_nothing_to_read() -> None:
    world = World()
    world.wire.answers = [None, Answer(200, {}, b'{"state":"finished","link":"","last_updated_at":9}')]
    running = world.start()
    await until(world.remembered(9))

    assert (world.kafka.events, world.wire.said("Read Export")) == ([], [])
    await running.end()


@pytest.mark.parametrize(
    "answers",
    [
        [Answer(200, {}, b"{}")],
        [None, Answer(200, {}, b"[]")],
        [None, Answer(200, {}, b'{"state":"finished","link":"http://x/y"}')],
        [None, None, None, Answer(200, {}, b"<html>")],
    ],
)
def test_an_answer_that_is_none_is_asked_for_again_and_turns_it_not_ready(answers: list[Answer | None]) -> None:
    @moved_clock
    async def story() -> None:
        world = World()
        world.wire.answers = list(answers)
        running = world.start()
        if answers[-1] is not None and answers[-1].body == b"<html>":
            world.wire.answers = [None, Answer(200, {}, b'{"state":"processing"}'), None, Answer(200, {}, b"<html>")]
        await until(lambda: running.state == "held")
        assert not world.kafka.positions
        await until(world.remembered(3))
        await running.end()

    story()


@moved_clock
async def test_rounds_are_five_minutes_apart() -> None:
    world = World()
    running = world.start()
    await until(world.remembered(3))
    begun = len(world.wire.said("Begin Export"))
    await pass_time(290)
    assert len(world.wire.said("Begin Export")) == begun
    await pass_time(30)
    assert len(world.wire.said("Begin Export")) == begun + 1
    await running.end()
    assert SOURCE.every == timedelta(minutes=5)


# -- rows


ROW = {"product_id": "mug", "fulfillment_node_id": "BER", "atp": 5, "revision": 7}


@pytest.mark.parametrize(
    ("known_as", "names"), [("product", (None, None)), ("variant", ("mug", None)), ("sku", (None, "mug"))]
)
def test_what_newstore_calls_a_product_is_a_setting(known_as: Any, names: tuple[str | None, str | None]) -> None:
    event = told(ROW, VISIT, 9, CONFIG.model_copy(update={"product_is": known_as}))

    assert isinstance(event, ShopEvent) and isinstance(event.payload, StockChanged)
    assert (event.payload.variant_id, event.payload.sku) == names
    assert (event.payload.product_id, event.payload.quantity, event.payload.location) == ("mug", 5, "BER")
    assert (event.event_id, event.shop, event.source) == ("newstore:mug:BER:7", "mugs", "newstore")


def test_names_that_look_like_two_are_not_mixed_up() -> None:
    one = told({**ROW, "product_id": "a:b", "fulfillment_node_id": "c"}, VISIT, 9, CONFIG)
    two = told({**ROW, "product_id": "a", "fulfillment_node_id": "b:c"}, VISIT, 9, CONFIG)

    assert isinstance(one, ShopEvent) and isinstance(two, ShopEvent) and one.event_id != two.event_id


def test_a_row_without_a_revision_has_that_of_the_export() -> None:
    event = told({**ROW, "revision": None}, VISIT, 9, CONFIG)

    assert isinstance(event, ShopEvent) and event.event_id == "newstore:mug:BER:at-9"


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({**ROW, "product_id": ""}, "product_id"),
        ({**ROW, "fulfillment_node_id": None}, "fulfillment_node_id"),
        ({**ROW, "atp": None}, "atp"),
        ({**ROW, "atp": True}, "atp"),
        ({**ROW, "atp": 1.5}, "atp"),
        ("mug", "product_id"),
    ],
)
def test_a_row_that_is_none_is_put_aside_with_its_bytes(row: Any, field: str) -> None:
    aside = told(row, VISIT, 9, CONFIG)

    assert isinstance(aside, Unreadable)
    assert (aside.field, aside.reason, json.loads(aside.row)) == (field, "stock_shape", row)


def zipped(*parts: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number, part in enumerate(parts):
            archive.writestr(f"{number}.json", part)
    return packed.getvalue()


def test_every_part_of_a_zip_file_is_read() -> None:
    assert rows_of(zipped(b"[1,2]", b'{"items":[3]}')) == [1, 2, 3]
    assert rows_of(b"[]") == []


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"items":1}', b"PK\x03\x04 broken", zipped(b"[1]", b"x")])
def test_a_file_that_is_none_is_not_half_read(body: bytes) -> None:
    with pytest.raises(NoExport):
        rows_of(body)


def test_a_zip_file_is_not_unpacked_into_all_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sources.newstore.rows.MOST_BYTES", 1_000)
    with pytest.raises(NoExport, match="larger"):
        rows_of(zipped(b"[" + b" " * 1_000 + b"]"))


@pytest.mark.parametrize("position", [b"", b"nonsense", b"{}", b'{"last_updated_at":"x"}', b"[]"])
def test_a_position_that_cannot_be_read_begins_with_everything(position: bytes) -> None:
    assert begin(Visit("mugs", NOON, position), CONFIG).body == b"{}"


def test_the_example_is_valid_and_shows_every_setting(tmp_path: Path) -> None:
    example = Path(next(iter(sources.newstore.__path__))) / "example.toml"
    (asked,) = load(example, {"NEWSTORE_SECRET": "the-secret"}).asked.values()
    shown = tomllib.loads(example.read_text())["sources"]["newstore"]["config"]

    assert asked.source is SOURCE
    assert set(shown) == set(NewStoreStockConfig.model_fields)
    required = {name for name, field in NewStoreStockConfig.model_fields.items() if field.is_required()}
    made = NewStoreStockConfig.model_validate({name: shown[name] for name in required})
    assert made.model_dump(exclude=required) == {name: shown[name] for name in set(shown) - required}
