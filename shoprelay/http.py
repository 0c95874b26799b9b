"""`/metrics`, `/healthz` and `/readyz` of every process.

Healthy means the event loop answers. Ready means the process does what it is there for: the snapshot it is asked for
says so, and the answer carries the reason when it does not.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog
from aiohttp import web
from prometheus_client import GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR, CollectorRegistry
from prometheus_client.exposition import choose_encoder

log = structlog.get_logger("shoprelay.http")


@dataclass(frozen=True, slots=True)
class Readiness:
    """`why` is a short sentence when not ready; `detail` whatever explains it further (no personal data)."""

    ready: bool
    why: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


def new_registry() -> CollectorRegistry:
    """For the metrics of this process; Python's own are in it."""
    registry = CollectorRegistry()
    for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
        registry.register(collector)
    return registry


@asynccontextmanager
async def serve(
    host: str, port: int, registry: CollectorRegistry, readiness: Callable[[], Readiness]
) -> AsyncIterator[str]:
    """Serves while the block runs; yields the base URL, which carries the port that was taken when 0 was asked for."""

    async def metrics(request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(registry), headers={"Content-Type": content_type})

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readyz(_: web.Request) -> web.Response:
        now = readiness()
        body = {"ready": now.ready, "why": now.why, **now.detail}
        return web.json_response(body, status=200 if now.ready else 503)

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/healthz", healthz), web.get("/readyz", readyz)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
