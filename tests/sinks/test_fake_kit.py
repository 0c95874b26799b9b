"""The kit for stand-ins: records without secrets, budgets by a moved clock, misbehaviour by script."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from sinks.contract import Limit
from sinks.fake import Received, Reply, application, way_to
from sinks.windows import Windows

NOON = 1_795_262_400.0


class Parrot:
    """Takes everything in and counts it."""

    secrets: tuple[str, ...] = ("s3cret",)

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def answer(self, request: Received) -> Reply:
        self.heard.append(request.body)
        return Reply(200, "accepted", b'{"ok":true}')

    def stored(self) -> dict[str, Any]:
        return {"heard": len(self.heard)}

    def settings(self, base: str) -> dict[str, str]:
        return {"base_url": base, "api_key": "s3cret"}


@pytest.fixture
def parrot() -> Parrot:
    return Parrot()


@pytest.fixture
async def client(parrot: Parrot) -> AsyncIterator[TestClient[Any, Any]]:
    server = TestServer(application(parrot, clock=lambda: NOON))
    async with TestClient(server) as client:
        yield client


async def calls(client: TestClient[Any, Any], since: int = 0) -> dict[str, Any]:
    document: dict[str, Any] = await (await client.get(f"/_calls?since={since}")).json()
    return document


async def test_every_call_is_recorded_with_its_secrets_masked(client: TestClient[Any, Any]) -> None:
    await client.post("/in/s3cret", json={"a": 1}, headers={"Authorization": "Bearer s3cret"})

    (call,) = (await calls(client))["calls"]

    assert (call["at"], call["method"], call["path"], call["body"]) == (NOON, "POST", "/in/***", {"a": 1})
    assert (call["headers"]["authorization"], call["status"], call["verdict"]) == ("Bearer ***", 200, "accepted")
    assert "s3cret" not in str(await calls(client))


async def test_secrets_in_bodies_are_masked_too(client: TestClient[Any, Any]) -> None:
    await client.post("/token", json={"grant": "once", "secret": "s3cret"})
    await client.post("/token", data="grant=once&secret=s3cret")

    bodies = [call["body"] for call in (await calls(client))["calls"]]

    assert bodies == [{"grant": "once", "secret": "***"}, "grant=once&secret=***"]


async def test_a_body_that_is_not_json_is_recorded_as_it_came(client: TestClient[Any, Any]) -> None:
    await client.post("/", data=b"{not json")

    assert (await calls(client))["calls"][0]["body"] == "{not json"


async def test_reading_on_from_where_one_stopped(client: TestClient[Any, Any]) -> None:
    await client.post("/a")
    upto = (await calls(client))["next"]
    await client.post("/b")

    assert [call["path"] for call in (await calls(client, since=upto))["calls"]] == ["/b"]
    assert (await client.get("/_calls?since=yesterday")).status == 400


async def test_forgetting_keeps_what_is_stored(client: TestClient[Any, Any]) -> None:
    await client.post("/a")

    assert (await client.delete("/_calls")).status == 204
    assert (await calls(client))["calls"] == []
    assert (await (await client.get("/_stats")).json())["received"] == 0
    assert (await (await client.get("/_stored")).json()) == {"heard": 1}


async def test_the_script_is_followed_by_path_and_count(client: TestClient[Any, Any], parrot: Parrot) -> None:
    script = [{"status": 500, "times": 2, "path": "/a"}, {"status": 429, "after": 1, "headers": {"Retry-After": "3"}}]
    await client.post("/_script", json=script)

    answers = [await client.post(path) for path in ("/a", "/b", "/a", "/b", "/a")]

    assert [answer.status for answer in answers] == [500, 200, 500, 429, 200]
    assert answers[3].headers["Retry-After"] == "3"
    stats = await (await client.get("/_stats")).json()
    assert stats["statuses"] == {"200": 2, "500": 2, "429": 1}
    assert stats["verdicts"] == {"accepted": 2, "scripted": 3}
    assert stats["script_steps_left"] == 0
    assert len(parrot.heard) == 2


@pytest.mark.parametrize(("when", "heard"), [("before", 0), ("after", 1)])
async def test_the_connection_breaks_before_or_after_the_call_is_taken_in(
    client: TestClient[Any, Any], parrot: Parrot, when: str, heard: int
) -> None:
    await client.post("/_script", json=[{"close": when, "times": 10}])

    with pytest.raises(aiohttp.ClientError):
        await client.post("/a", data=b"1")

    assert len(set(parrot.heard)) == heard


async def test_nonsense_is_not_http(client: TestClient[Any, Any], parrot: Parrot) -> None:
    await client.post("/_script", json=[{"nonsense": True, "times": 10}])

    with pytest.raises(aiohttp.ClientError):
        await client.post("/a")

    assert parrot.heard == []


async def test_hanging_answers_nothing(client: TestClient[Any, Any], parrot: Parrot) -> None:
    await client.post("/_script", json=[{"hang": 0.2, "times": 10}])

    with pytest.raises(asyncio.TimeoutError):
        await client.post("/a", timeout=aiohttp.ClientTimeout(total=0.02))

    assert parrot.heard == []


async def test_a_late_answer_is_taken_in_at_once(client: TestClient[Any, Any], parrot: Parrot) -> None:
    await client.post("/_script", json=[{"delay_ms": 1}])

    assert (await client.post("/a")).status == 200
    assert len(parrot.heard) == 1


@pytest.mark.parametrize(
    "script", [[{}], [{"status": 500, "hang": 1}], [{"status": 99}], [{"colour": 1}], {"status": 500}]
)
async def test_a_script_that_cannot_be_followed_is_refused(client: TestClient[Any, Any], script: Any) -> None:
    assert (await client.post("/_script", json=script)).status == 400


async def test_a_script_can_be_taken_back(client: TestClient[Any, Any]) -> None:
    await client.post("/_script", json=[{"status": 500, "times": 9}])

    assert await (await client.delete("/_script")).json() == {"steps": 0}
    assert (await client.post("/a")).status == 200


def test_the_way_to_a_stand_in_keeps_its_secret_out_of_the_file() -> None:
    exports, _, file = way_to("parrot", Parrot(), "http://127.0.0.1:8081").partition("\n\n")

    assert exports == "export PARROT_API_KEY=s3cret"
    assert tomllib.loads(file)["sinks"]["parrot"] == {
        "platform": "parrot",
        "config": {"base_url": "http://127.0.0.1:8081", "api_key": "env:PARROT_API_KEY"},
    }


def test_all_windows_of_an_endpoint_must_have_room() -> None:
    windows = Windows((Limit("a", 2, 1), Limit("a", 3, 60)))

    assert [windows.take("a", NOON) for _ in range(3)] == [0, 0, 1]
    assert windows.take("a", NOON + 1) == 0
    assert windows.take("a", NOON + 2.5) == 57.5
    assert windows.take("a", NOON + 60) == 0
    assert windows.take("b", NOON) == 0


def test_a_refused_call_is_not_counted() -> None:
    windows = Windows((Limit("a", 1, 60),))

    assert windows.take("a", NOON) == 0
    assert windows.take("a", NOON + 10) == 50
    assert windows.take("a", NOON + 60) == 0
