"""An embedded registry in this process, reached without a socket's delay over loopback."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from schemas.embedded_registry import Shelf, application
from schemas.registry import Registry


class Running:
    """A registry on a port of loopback that counts what it was asked, and can go away and come back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        self.port = 0

    async def start(self) -> None:
        self.shelf = Shelf(self.folder)
        app = application(self.shelf)

        async def count(request: web.Request, _: web.StreamResponse) -> None:
            self.asked.append(f"{request.method} {request.path}")

        app.on_response_prepare.append(count)
        self.runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", self.port).start()
        self.port = self.runner.addresses[0][1]

    async def stop(self) -> None:
        await self.runner.cleanup()
        self.shelf.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    server = Running(tmp_path / "registry")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def registry(running: Running) -> AsyncIterator[Registry]:
    client = Registry(running.url)
    yield client
    await client.close()
