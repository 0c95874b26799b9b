"""A lent token: one at a time, renewed once, and a renewal that fails speaks for the call."""

import asyncio
import json
from dataclasses import replace
from typing import Any

from sinks.contract import Answer, Call, Token
from streams.delivery.token import Borrowed
from tests.delivery.moved import MovedClock, moved_clock, pass_time, until
from tests.delivery.said import ordered
from tests.delivery.sink import SINK
from tests.delivery.world import OK, World


def read(answer: Answer) -> tuple[str, float] | None:
    told = answer.document
    return (told["access_token"], told["expires_in"]) if isinstance(told, dict) and "access_token" in told else None


TOKEN = Token(
    ask=lambda config: Call(
        "Token", "POST", "https://id.acme.example/token", b"grant_type=client_credentials", "token"
    ),
    read=read,
    headers=lambda token: {"authorization": f"Bearer {token}"},
)
CALL = Call("Order", "POST", "/orders", b"{}", "order-1")


class Acme:
    """Lends numbered tokens, and takes only the newest one."""

    def __init__(self, life: float = 100.0) -> None:
        self.life = life
        self.lent = 0
        self.asking = 0
        self.most_asking = 0
        self.answers: list[Answer] = []  # to the asking, before it lends again
        self.revoked = False
        self.told: list[str] = []

    async def send(self, call: Call) -> Answer:
        if call.path.endswith("/token"):
            return await self._lend()
        bearer = dict(call.headers).get("authorization", "")
        if self.revoked or bearer != f"Bearer {self.lent}":
            return Answer(401)
        self.told.append(call.key)
        return OK

    async def _lend(self) -> Answer:
        self.asking += 1
        self.most_asking = max(self.most_asking, self.asking)
        await asyncio.sleep(1)
        self.asking -= 1
        if self.answers:
            return self.answers.pop(0)
        self.lent += 1
        return Answer(200, {}, json.dumps({"access_token": str(self.lent), "expires_in": self.life}).encode())

    async def close(self) -> None: ...


def borrowed(acme: Acme) -> Borrowed:
    return Borrowed(acme, TOKEN, None, MovedClock())


@moved_clock
async def test_many_calls_at_once_wait_for_one_token() -> None:
    acme = Acme()
    transport = borrowed(acme)

    answers = await asyncio.gather(*(transport.send(CALL) for _ in range(50)))

    assert {answer.status for answer in answers} == {200}
    assert (acme.lent, acme.most_asking) == (1, 1)


@moved_clock
async def test_it_is_renewed_before_it_ends_and_not_sooner() -> None:
    acme = Acme(life=100.0)
    transport = borrowed(acme)
    await transport.send(CALL)

    await pass_time(85)
    await transport.send(CALL)
    assert acme.lent == 1

    await pass_time(10)
    await transport.send(CALL)
    assert acme.lent == 2


@moved_clock
async def test_a_refused_token_is_renewed_once_by_whoever_comes_first() -> None:
    acme = Acme()
    transport = borrowed(acme)
    await transport.send(CALL)
    acme.lent = 7  # somebody else's renewal has ended ours

    answers = await asyncio.gather(*(transport.send(CALL) for _ in range(20)))

    assert {answer.status for answer in answers} == {200}
    assert (acme.lent, acme.most_asking) == (8, 1)


@moved_clock
async def test_a_platform_that_refuses_every_token_is_asked_once_more_and_no_further() -> None:
    acme = Acme()
    acme.revoked = True

    assert (await borrowed(acme).send(CALL)).status == 401
    assert acme.lent == 2


@moved_clock
async def test_a_renewal_that_fails_answers_for_the_call() -> None:
    acme = Acme()
    transport = borrowed(acme)
    acme.answers = [Answer(401), Answer(503), Answer(0, fault="connect"), Answer(200, {}, b"<html>")]

    answers = [await transport.send(CALL) for _ in range(4)]

    assert [(answer.status, answer.fault) for answer in answers[:3]] == [(401, None), (503, None), (0, "connect")]
    assert answers[3].fault == "protocol", "200 without a token delivers nothing"
    assert (await transport.send(CALL)).status == 200


@moved_clock
async def test_a_wrong_secret_holds_the_sink_and_a_right_one_lets_it_go_on() -> None:
    world, acme = World(), Acme()
    acme.answers = [Answer(401)] * 3

    def through_acme(process: Any) -> None:
        process.delivery._courier._transport = borrowed(acme)

    process = world.start(replace(SINK, token=TOKEN))
    through_acme(process)
    world.log.say(ordered("ada"))
    await until(lambda: process.delivery.health().state == "held")
    assert not process.delivery.health().ready

    await until(world.done)
    assert acme.told == ["ada-ordered-1"]
    assert process.delivery.health().ready


@moved_clock
async def test_an_asking_that_is_refused_holds_the_sink_and_parks_nothing() -> None:
    world, acme = World(), Acme()
    acme.answers = [Answer(400, {}, b'{"error":"invalid_client"}')] * 6
    process = world.start(replace(SINK, token=TOKEN))
    process.delivery._courier._transport = borrowed(acme)
    world.log.say(*(ordered(f"c{n}") for n in range(5)))
    await until(lambda: process.delivery.health().reason == "misconfigured")
    await until(world.done)

    assert world.log.parked == []
    assert len(acme.told) == 5
    assert process.delivery.health().ready
