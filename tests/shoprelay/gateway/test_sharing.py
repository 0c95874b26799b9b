"""The same question at the same time is one call, and its answer may be told again for some seconds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from shoprelay.gateway import translation
from shoprelay.gateway.cache import OVERHEAD, Answers
from sinks.contract import Answer
from tests.shoprelay.gateway.newstore import CUSTOMER
from tests.shoprelay.gateway.world import AUTH, PAIR, HandClock, Served, served, until


@pytest.fixture
async def shop() -> AsyncIterator[Served]:
    async with served() as here:
        yield here


async def test_who_asks_the_same_meanwhile_waits_for_the_same_call(
    shop: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, understood = translation.question, list[Any]()

    async def question(*asked: Any) -> Any:
        understood.append(await read(*asked))
        return understood[-1]

    monkeypatch.setattr(translation, "question", question)
    shop.world.wire.hold = asyncio.Event()
    asking = [asyncio.create_task(shop.get("/v1/customers?email=ada@example.com")) for _ in range(8)]
    await until(lambda: len(understood) == 8)
    shop.world.wire.hold.set()
    told = await asyncio.gather(*asking)

    assert {answer.status_code for answer in told} == {200}
    assert len({answer.text for answer in told}) == 1
    assert len(shop.world.wire.calls) == 1
    assert shop.world.count("shoprelay_gateway_answers_total", endpoint="customer", source="shared") == 7


async def test_stock_is_told_again_for_five_seconds_with_its_age(shop: Served) -> None:
    first = await shop.get(PAIR)
    shop.world.newstore.reads.stock("mug", "BER", 4)
    shop.world.clock.now += 4.9
    again = await shop.get(PAIR)
    shop.world.clock.now += 0.2
    anew = await shop.get(PAIR)

    assert ("Age" in first.headers, again.headers["Age"], "Age" in anew.headers) == (False, "4", False)
    assert [answer.json()["items"][0]["available"] for answer in (first, again, anew)] == [5, 5, 4]
    assert len(shop.world.wire.calls) == 2
    assert shop.world.count("shoprelay_gateway_answers_total", endpoint="availability", source="kept") == 1


async def test_the_same_pairs_are_the_same_question_whichever_way_they_are_asked(shop: Served) -> None:
    await shop.get(PAIR)
    await shop.post("/v1/availability", {"items": [{"product_id": "mug", "place_id": "BER"}]})

    assert len(shop.world.wire.calls) == 1


@pytest.mark.parametrize(
    ("path", "seconds"),
    [("/v1/customers?email=ada@example.com", 0), (f"/v1/customers/{CUSTOMER}/orders", 0), ("/v1/orders/N-1", 2)],
)
async def test_people_are_not_kept_and_an_order_for_two_seconds(shop: Served, path: str, seconds: int) -> None:
    await shop.get(path)
    shop.world.clock.now += 1.9
    await shop.get(path)
    assert len(shop.world.wire.calls) == (1 if seconds else 2)
    shop.world.clock.now += 0.2
    await shop.get(path)
    assert len(shop.world.wire.calls) == (2 if seconds else 3)


async def test_offers_are_not_kept_beyond_a_second(shop: Served) -> None:
    asked = {"items": [{"product_id": "mug", "quantity": 1}], "near": {"latitude": 52.5, "longitude": 13.4}}
    await shop.post("/v1/pickup-options", asked)
    shop.world.clock.now += 1.0
    await shop.post("/v1/pickup-options", asked)

    assert len(shop.world.wire.calls) == 2


async def test_a_failure_is_not_kept(shop: Served) -> None:
    shop.world.wire.answers = [Answer(500)]

    assert [(await shop.get(PAIR)).status_code for _ in range(2)] == [503, 200]


async def test_a_question_goes_on_when_whoever_asked_first_has_hung_up() -> None:
    answers, asked, ready = Answers(HandClock()), list[int](), asyncio.Event()

    async def ask() -> bytes:
        asked.append(1)
        await ready.wait()
        return b"5"

    first = asyncio.create_task(answers.get("mug", 5, ask))
    await until(lambda: bool(asked))
    second = asyncio.create_task(answers.get("mug", 5, ask))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    ready.set()

    told = await second
    assert (told.body, told.source, asked) == (b"5", "shared", [1])
    assert (await answers.get("mug", 5, ask)).source == "kept"


async def test_a_failure_is_shared_by_those_who_waited_and_nobody_is_left_with_it() -> None:
    answers, ready = Answers(HandClock()), asyncio.Event()

    async def ask() -> bytes:
        await ready.wait()
        raise LookupError("away")

    asking = [asyncio.create_task(answers.get("mug", 5, ask)) for _ in range(3)]
    await asyncio.sleep(0)
    ready.set()

    told = await asyncio.gather(*asking, return_exceptions=True)
    assert [type(each) for each in told] == [LookupError] * 3


async def test_what_is_kept_is_bounded_and_the_oldest_goes_first() -> None:
    answers = Answers(HandClock(), most_bytes=3 * (OVERHEAD + 10))
    asked: list[int] = []

    def asking(number: int) -> Callable[[], Awaitable[bytes]]:
        async def ask() -> bytes:
            asked.append(number)
            return b"0123456789"

        return ask

    for number in (1, 2, 3, 4, 4, 2, 1):
        await answers.get(number, 60, asking(number))

    assert asked == [1, 2, 3, 4, 1]


async def test_every_key_shares_in_one_answer(shop: Served) -> None:
    await shop.client.get(PAIR, headers=AUTH)
    answer = await shop.get(PAIR, "k-0123456789-0123456789-b")

    assert "Age" in answer.headers
