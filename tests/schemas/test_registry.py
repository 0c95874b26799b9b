"""The client against the embedded registry, and against answers that no registry should give."""

import asyncio
import base64
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web

from schemas.embedded_registry import application
from schemas.registry import (
    Incompatible,
    InvalidSchema,
    NotRegistered,
    Registry,
    RegistryDenied,
    RegistryUnavailable,
)
from schemas.shelf import Shelf
from tests.schemas.conftest import Running


def schema(*fields: str, name: str = "Told", default: bool = True) -> str:
    made = [{"name": field, "type": "string", **({"default": ""} if default else {})} for field in fields]
    return json.dumps({"type": "record", "name": name, "fields": made})


# -- what is kept


async def test_an_id_belongs_to_the_schema_whatever_its_subject_and_spacing(registry: Registry) -> None:
    first = await registry.register("a-value", schema("x"))
    assert await registry.register("b-value", schema("x")) == first
    assert await registry.register("a-value", json.dumps(json.loads(schema("x")), indent=4)) == first
    assert await registry.register("a-value", schema("x", "y")) != first
    assert await registry.versions("a-value") == [1, 2]
    assert await registry.subjects() == ["a-value", "b-value"]
    assert await registry.lookup("b-value", schema("x")) == first


async def test_versions_and_schemas_by_id(registry: Registry) -> None:
    await registry.register("a", schema("x"))
    second = await registry.register("a", schema("x", "y"))
    latest = await registry.version("a")
    assert (latest.subject, latest.version, latest.id) == ("a", 2, second)
    assert latest == await registry.version("a", 2)
    writer = await registry.writer(second)
    assert (json.loads(writer.schema), writer.kind) == (json.loads(schema("x", "y")), "AVRO")


async def test_subjects_with_a_slash_stay_one_subject(registry: Registry) -> None:
    await registry.register("team/a b", schema("x"))
    assert await registry.subjects() == ["team/a b"]
    assert await registry.versions("team/a b") == [1]


async def test_what_is_not_there_is_said_so(registry: Registry) -> None:
    await registry.register("a", schema("x"))
    for asked in (
        registry.writer(77),
        registry.version("a", 9),
        registry.version("none"),
        registry.versions("none"),
        registry.lookup("a", schema("z")),
        registry.lookup("none", schema("z")),
    ):
        with pytest.raises(NotRegistered):
            await asked


async def test_incompatible_and_invalid_schemas_are_refused(registry: Registry) -> None:
    await registry.register("a", schema("x"))
    worse = schema("x", "needed", default=False)
    with pytest.raises(Incompatible, match=r"Told\.needed: is new and has no default"):
        await registry.register("a", worse)
    assert await registry.problems("a", worse) == ["Told.needed: is new and has no default"]
    assert await registry.problems("a", schema("x", "y")) == []
    assert await registry.problems("none", worse) == []
    with pytest.raises(InvalidSchema):
        await registry.register("a", '{"type": "nothing"}')
    assert await registry.versions("a") == [1]


async def test_levels_of_compatibility(registry: Registry) -> None:
    assert await registry.level() == "BACKWARD_TRANSITIVE"
    assert await registry.level("a") == "BACKWARD_TRANSITIVE"
    await registry.set_level("NONE", "a")
    assert await registry.level("a") == "NONE"
    assert await registry.level("b") == "BACKWARD_TRANSITIVE"
    await registry.register("a", schema("x"))
    await registry.register("a", schema("x", name="SomethingElse"))
    with pytest.raises(InvalidSchema, match="Invalid compatibility level"):
        await registry.set_level("SIDEWAYS")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("level", "then", "now", "accepted"),
    [
        ("BACKWARD", schema("x"), schema("x", "y"), True),
        ("BACKWARD", schema("x"), schema("x", "y", default=False), False),
        ("FORWARD", schema("x", default=False), schema("y", default=False), False),
        ("FORWARD", schema("x"), schema("y", default=False), True),
        ("FULL", schema("x"), schema("x", "y", default=False), False),
        ("FULL_TRANSITIVE", schema("x"), schema("y"), True),
        ("NONE", schema("x"), '"string"', True),
    ],
)
async def test_each_level_looks_its_own_way(
    registry: Registry, level: Any, then: str, now: str, accepted: bool
) -> None:
    await registry.set_level(level)
    await registry.register("a", then)
    assert (await registry.problems("a", now) == []) is accepted


async def test_only_transitive_levels_look_further_back_than_the_last(registry: Registry) -> None:
    first, second = schema("x", "y", default=False), schema("x", default=False)
    third = schema("x", "z", default=True).replace('"z", "type": "string"', '"y", "type": "bytes"')
    bad = third.replace('"bytes"', '"long"').replace('"default": ""}]', '"default": 1}]')
    await registry.register("a", first)
    await registry.register("a", second)
    with pytest.raises(Incompatible, match=r"Told\.y"):
        await registry.register("a", bad)
    await registry.set_level("BACKWARD", "a")
    await registry.register("a", bad)


async def test_what_is_kept_outlives_the_process(registry: Registry, running: Running) -> None:
    first = await registry.register("a", schema("x"))
    await registry.set_level("FULL", "a")
    (running.folder / "registry.new").write_text('{"schemas": ["half')
    await running.stop()
    await running.start()
    fresh = Registry(running.url)
    assert await fresh.register("b", schema("x")) == first
    assert await fresh.level("a") == "FULL"
    await fresh.close()


def test_two_registries_cannot_share_a_folder(tmp_path: Path) -> None:
    held = Shelf(tmp_path)
    with pytest.raises(RuntimeError, match="another embedded registry"):
        Shelf(tmp_path)
    held.close()
    Shelf(tmp_path).close()


# -- the client's own manners


async def test_each_schema_is_fetched_once_however_many_ask(registry: Registry, running: Running) -> None:
    known = await registry.register("a", schema("x"))
    running.asked.clear()
    found = await asyncio.gather(*(registry.writer(known) for _ in range(100)))
    assert len(set(map(id, found))) == 1
    await registry.writer(known)
    assert running.asked == [f"GET /schemas/ids/{known}"]


async def test_one_who_gives_up_does_not_take_the_answer_from_the_others(registry: Registry) -> None:
    known = await registry.register("a", schema("x"))
    impatient = asyncio.create_task(registry.writer(known))
    patient = asyncio.create_task(registry.writer(known))
    await asyncio.sleep(0)
    impatient.cancel()
    assert (await patient).kind == "AVRO"
    assert impatient.cancelled() or impatient.cancelling()


async def test_a_failed_fetch_is_asked_again(running: Running) -> None:
    registry = Registry(running.url)
    await running.stop()
    answers = await asyncio.gather(*(registry.writer(1) for _ in range(5)), return_exceptions=True)
    assert {type(each) for each in answers} == {RegistryUnavailable}
    await running.start()
    known = await registry.register("a", schema("x"))
    assert (await registry.writer(known)).kind == "AVRO"
    await registry.close()


async def test_the_cache_is_bounded(running: Running) -> None:
    registry = Registry(running.url, keep=3)
    for k in range(6):
        await registry.writer(await registry.register("a", schema(*(f"f{n}" for n in range(k + 1)))))
    assert len(registry._writers) == len(registry._ids) == 3
    running.asked.clear()
    await registry.writer(6)
    await registry.writer(1)
    assert running.asked == ["GET /schemas/ids/1"]
    await registry.close()


async def test_a_path_before_the_api_such_as_apicurios_is_kept(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    outer = web.Application()
    outer.add_subapp("/apis/ccompat/v7", application(shelf))
    runner = web.AppRunner(outer, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    registry = Registry(f"http://127.0.0.1:{runner.addresses[0][1]}/apis/ccompat/v7/")
    assert await registry.register("a", schema("x")) == 1
    assert (await registry.version("a")).id == 1
    await registry.close()
    await runner.cleanup()
    shelf.close()


def answering(answer: Callable[[httpx.Request], httpx.Response], **options: Any) -> Registry:
    return Registry("http://registry.test/base", transport=httpx.MockTransport(answer), **options)


async def test_user_and_password_go_with_every_request() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        return httpx.Response(200, json=["a"])

    assert await answering(answer, auth=("me", "secret")).subjects() == ["a"]
    assert seen == ["Basic " + base64.b64encode(b"me:secret").decode()]


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, b"", RegistryDenied),
        (403, b'{"error_code": 40301, "message": "no"}', RegistryDenied),
        (404, b'{"error_code": 40403, "message": "no"}', NotRegistered),
        (404, b'{"error_code": 404, "message": "HTTP 404 Not Found"}', RegistryUnavailable),
        (404, b"<html>nginx</html>", RegistryUnavailable),
        (200, b"<html>hello</html>", RegistryUnavailable),
        (302, b"", RegistryUnavailable),
        (429, b"{}", RegistryUnavailable),
        (500, b'{"error_code": 50001}', RegistryUnavailable),
        (503, b"", RegistryUnavailable),
        (409, b'{"error_code": 409, "message": "differs"}', Incompatible),
        (422, b'{"error_code": 42201}', InvalidSchema),
    ],
)
async def test_every_answer_means_something(status: int, body: bytes, error: type[Exception]) -> None:
    registry = answering(lambda _: httpx.Response(status, content=body))
    with pytest.raises(error):
        await registry.writer(1)


async def test_a_registry_that_hangs_is_away_and_its_password_is_not_told() -> None:
    def hang(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("http://me:secret@registry.test", request=request)

    with pytest.raises(RegistryUnavailable, match="ReadTimeout") as caught:
        await answering(hang).writer(1)
    assert "secret" not in str(caught.value)


# -- as a process


async def test_the_process_says_its_address_first_and_ends_when_told(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "schemas.embedded_registry", "--dir", str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        address = (await asyncio.wait_for(process.stdout.readline(), 20)).decode().strip()
        registry = Registry(address)
        assert await registry.register("a", schema("x")) == 1
        await registry.close()
    finally:
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 20) == 0
