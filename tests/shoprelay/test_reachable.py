"""`shoprelay check SINK`: what it asks, and what it makes of the answer."""

from dataclasses import replace
from typing import Any

import pytest

from shoprelay.reachable import reach
from shoprelay.sections import SinkSettings
from shoprelay.settings import Account
from sinks.contract import Answer, Call, Sink, Token
from tests.delivery.sink import SINK, Config

SECRET = "very-secret-key"
PING = replace(SINK, check=lambda config: Call("Account", "GET", "/account", b"", "check"))


class Wire:
    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[Call] = []

    async def send(self, call: Call) -> Answer:
        self.asked.append(call)
        return self.answers.pop(0)

    async def close(self) -> None: ...


def account(sink: Sink = PING) -> Account:
    return Account("acme", sink, SinkSettings(platform="acme"), Config(api_key=SECRET))


@pytest.mark.parametrize(
    ("answer", "fine", "words"),
    [
        (Answer(200), True, "takes us in (Account: answered 200)"),
        (Answer(429), True, "asks for patience"),
        (Answer(401), False, "check the secret"),
        (Answer(503), False, "does not answer as it should"),
        (Answer(0, fault="connect"), False, "no answer: connect"),
        (Answer(400), False, "refuses the call"),
    ],
)
async def test_each_answer_is_put_into_words(answer: Answer, fine: bool, words: str) -> None:
    wire = Wire(answer)

    found = await reach(account(), wire)

    assert (found.fine, found.asked) == (fine, True)
    assert words in found.said
    assert SECRET not in found.said
    assert [call.method for call in wire.asked] == ["GET"]


async def test_a_platform_without_a_harmless_call_is_not_asked() -> None:
    wire = Wire()

    found = await reach(account(SINK), wire)

    assert (found.fine, found.asked, wire.asked) == (True, False, [])


def token(**more: Any) -> Token:
    return Token(
        ask=lambda config: Call("Token", "POST", "/token", b"", "token"),
        read=lambda answer: ("lent", 60.0),
        headers=lambda lent: {"authorization": lent},
        **more,
    )


async def test_a_lent_token_is_asked_for_first() -> None:
    wire = Wire(Answer(200), Answer(200))

    assert (await reach(account(replace(PING, token=token())), wire)).fine
    assert [call.says for call in wire.asked] == ["Token", "Account"]
    assert wire.asked[1].headers == (("authorization", "lent"),)


async def test_a_secret_that_gets_no_token_is_said_to_be_wrong() -> None:
    found = await reach(account(replace(PING, token=token())), Wire(Answer(401)))

    assert not found.fine
    assert "check the secret" in found.said


async def test_nobody_is_registered_by_a_check() -> None:
    wire = Wire()

    found = await reach(account(replace(PING, token=token(once=True))), wire)

    assert (found.fine, found.asked, wire.asked) == (True, False, [])
