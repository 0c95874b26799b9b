"""The stand-ins of several platforms in one process, each on a port of its own: `klaviyo=21001 june=21002 …`."""

from __future__ import annotations

import asyncio
import signal
import sys
from importlib import import_module

from aiohttp import web


async def serve(ports: dict[str, int]) -> None:
    """On loopback, until SIGTERM."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    runners = []
    try:
        for name, port in ports.items():
            runner = web.AppRunner(import_module(f"sinks.{name}.fake").app(), access_log=None, shutdown_timeout=1)
            await runner.setup()
            runners.append(runner)
            await web.TCPSite(runner, "127.0.0.1", port).start()
        await stopped.wait()
    finally:
        await asyncio.gather(*(runner.cleanup() for runner in runners))


if __name__ == "__main__":
    asyncio.run(serve({name: int(port) for name, _, port in (each.partition("=") for each in sys.argv[1:])}))
