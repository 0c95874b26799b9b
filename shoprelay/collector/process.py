"""The collector process: settings, clients and metrics put around the hooks."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog
import uvloop
from aiohttp import web

from shoprelay.collector.appender import Appender, NotAppended
from shoprelay.collector.bounds import Rates
from shoprelay.collector.hooks import Hooks
from shoprelay.collector.metrics import CollectorMetrics
from shoprelay.connections import librdkafka_of, names_of
from shoprelay.garbage import leave_alone_what_stays
from shoprelay.hook_settings import Collect
from shoprelay.hooks import Doors
from shoprelay.http import Readiness, new_registry, serve
from shoprelay.settings import Configuration
from sources.webhooks.generic.schema import json_schema

log = structlog.get_logger("shoprelay")


def run_collector(configuration: Configuration) -> int:
    """Runs until SIGTERM or SIGINT; answers what is under way; returns the exit code."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_collect(configuration))


async def _collect(configuration: Configuration) -> int:
    stop, wanted = asyncio.Event(), configuration.settings.collect
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    doors = Doors(configuration, lambda: time.time_ns() // 1_000_000)
    appender = Appender(
        librdkafka_of(configuration.settings.kafka),
        names_of(configuration).webhooks.name,
        within=wanted.ack_within.total_seconds(),
        waiting=wanted.waiting,
    )
    registry = new_registry()
    hooks = Hooks(
        doors,
        appender.append,
        NotAppended,
        Rates(wanted.per_shop, wanted.burst),
        CollectorMetrics(registry, lambda: appender.waiting),
        wanted.max_body,
        wanted.max_depth,
    )

    def readiness() -> Readiness:
        return Readiness(appender.trouble is None, appender.trouble or "", {"waiting": appender.waiting})

    await appender.open()
    async with serve(wanted.http.host, wanted.http.port, registry, readiness) as http:
        async with listening(wanted, hooks, readiness) as address:
            log.info("collector starting", address=address, http=http, hooks=len(doors))
            leave_alone_what_stays()
            await stop.wait()
        await appender.close()
    return 0


@asynccontextmanager
async def listening(wanted: Collect, hooks: Hooks, readiness: Callable[[], Readiness]) -> AsyncIterator[str]:
    """What shops see: the hooks, the schema of our own JSON, and whether deliveries are taken; nothing else."""

    async def readyz(_: web.Request) -> web.Response:
        ready = readiness().ready
        return web.json_response({"ready": ready}, status=200 if ready else 503)

    async def schema(_: web.Request) -> web.Response:
        return web.json_response(json_schema())

    app = web.Application(client_max_size=wanted.max_body + 1)
    app.add_routes(
        [
            web.post("/v1/hooks/{shop}/{system}", hooks.post),
            web.get("/v1/schema.json", schema),
            web.get("/readyz", readyz),
        ]
    )
    patience = wanted.ack_within.total_seconds() + 1
    # the signature is over the bytes as they came; and nothing that grows when unpacked is unpacked
    runner = web.AppRunner(app, access_log=None, auto_decompress=False, shutdown_timeout=patience)
    await runner.setup()
    try:
        await web.TCPSite(runner, wanted.host, wanted.port, backlog=512).start()
        yield f"http://{wanted.host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
