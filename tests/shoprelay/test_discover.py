"""`shoprelay discover`: what a platform says of itself is printed, and used by nobody."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web
from typer.testing import CliRunner

from shoprelay.cli import app
from sinks.waymore import fake

SETTINGS = """
[sinks.waymore]
platform = "waymore"
kept_key = "env:KEPT_KEY"
[sinks.waymore.config]
username = "ada"
password = "env:WAYMORE_PASSWORD"
domain = "https://mugs.example"
[sinks.klaviyo]
platform = "klaviyo"
[sinks.klaviyo.config]
api_key = "env:KLAVIYO_API_KEY"
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("WAYMORE_PASSWORD", "secret")
    monkeypatch.setenv("KEPT_KEY", "A" * 43 + "=")
    monkeypatch.setenv("KLAVIYO_API_KEY", "pk_0123456789abcdef")
    file = tmp_path / "shoprelay.toml"
    file.write_text(SETTINGS)
    return str(file)


@pytest.fixture
def stand_in() -> Iterator[str]:
    """WayMore's, served beside the command, which has a loop of its own."""
    loop, ready, found = asyncio.new_event_loop(), threading.Event(), []
    runner = web.AppRunner(fake.app(), access_log=None)

    async def serve() -> None:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        found.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
        ready.set()

    def run() -> None:
        loop.run_until_complete(serve())
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(10)
    yield found[0]
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


def discover(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["discover", *arguments])
    return result.exit_code, result.output


def test_it_prints_the_settings_that_lead_there(settings: str, stand_in: str) -> None:
    code, said = discover("waymore", "--at", f"{stand_in}/api/endpoints/get", "-c", settings)

    assert code == 0
    assert said.splitlines() == [
        "[sinks.waymore.config]",
        f'auth_url = "{stand_in}/api/authenticate"',
        f'data_url = "{stand_in}/api/data"',
        f'event_url = "{stand_in}/api/event"',
    ]


def test_it_says_what_is_so_already(settings: str, stand_in: str, tmp_path: Path) -> None:
    known = tmp_path / "known.toml"
    known.write_text(SETTINGS.replace("domain =", f'data_url = "{stand_in}/api/data"\ndomain ='))

    _, said = discover("waymore", "--at", f"{stand_in}/api/endpoints/get", "-c", str(known))

    assert f'data_url = "{stand_in}/api/data"  # as it is' in said


@pytest.mark.parametrize("way", ["/api/elsewhere", "/_stats"])
def test_without_an_answer_the_settings_stay(settings: str, stand_in: str, way: str) -> None:
    code, said = discover("waymore", "--at", stand_in + way, "-c", settings)

    assert code == 1
    assert "no address in the answer" in said and "secret" not in said


def test_a_platform_that_cannot_say_is_named(settings: str) -> None:
    code, said = discover("klaviyo", "-c", settings)

    assert code == 2
    assert "klaviyo cannot be asked where it is" in said
