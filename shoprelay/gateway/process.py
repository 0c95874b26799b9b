"""The gateway process: settings, the account's transport and metrics put around the door."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import structlog
import uvloop
from aiohttp import web
from msgspec import structs
from prometheus_client import CollectorRegistry
from pydantic import BaseModel, SecretStr

from shoprelay.garbage import leave_alone_what_stays
from shoprelay.gateway.app import Door
from shoprelay.gateway.keys import Keys, Secrets
from shoprelay.gateway.limits import Lines
from shoprelay.gateway.metrics import GatewayMetrics
from shoprelay.gateway.upstream import TOKEN, Limited, Platform
from shoprelay.http import Readiness, new_registry, serve
from shoprelay.settings import Front
from sinks.contract import Token
from streams.delivery.clock import Clock, SystemClock
from streams.delivery.http import HttpTransport, Transport
from streams.delivery.token import borrowing

log = structlog.get_logger("shoprelay.gateway")
ANSWER_BYTES = 16 * 1024 * 1024  # 500 profiles, or 2,000 pairs, with room
ENDPOINTS = 8  # of a platform, at most, that have calls under way at once
QUIET = logging.getLogger("shoprelay.gateway.requests")  # aiohttp would write requests it cannot read into the log
QUIET.setLevel(logging.CRITICAL + 1)


@dataclass(frozen=True, slots=True)
class Gateway:
    platform: Platform
    app: web.Application


def build(
    front: Front, registry: CollectorRegistry, inner: Transport | None = None, clock: Clock | None = None
) -> Gateway:
    """`inner` takes the place of the network, without token and limits."""
    clock, settings, sink = clock or SystemClock(), front.settings, front.account.sink
    config = front.account.config
    metrics, secrets = GatewayMetrics(registry), Secrets(_secrets(config))
    fixed = _fixed_headers(sink.headers(config))
    secrets.note(fixed.items())
    limits = (*front.reads.limits, *(limit for limit in sink.limits if limit.endpoint == "*"))
    lines = Lines(limits, settings.share, settings.max_in_flight, clock)
    inner = inner or HttpTransport(
        sink.base_url(config), lambda: fixed, ANSWER_BYTES, settings.max_in_flight * ENDPOINTS
    )
    limited = Limited(inner, sink.rules, lines, secrets, metrics, clock)
    transport = borrowing(limited, _own_endpoint(sink.token), config, clock)
    platform = Platform(
        front.reads, front.config, transport, limited, lines, metrics, clock, settings.timeout.total_seconds()
    )
    keys = Keys((key.get_secret_value() for key in settings.keys), settings.requests_per_second, clock)
    kept = {name: seconds.total_seconds() for name, seconds in dict(settings.cache).items()}
    return Gateway(platform, Door(platform, keys, secrets, metrics, clock, kept, settings.largest_body).application())


def run_gateway(front: Front) -> int:
    """Runs until SIGTERM or SIGINT; returns the exit code."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_gateway(front))


async def _gateway(front: Front) -> int:
    stop, registry, settings = asyncio.Event(), new_registry(), front.settings
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    gateway = build(front, registry)

    def readiness() -> Readiness:
        return Readiness(False, "stopping") if stop.is_set() else gateway.platform.readiness()

    async with serve(settings.http.host, settings.http.port, registry, readiness) as http:
        drain = settings.drain.total_seconds()
        runner = web.AppRunner(gateway.app, access_log=None, logger=QUIET, shutdown_timeout=drain)
        await runner.setup()
        try:
            await web.TCPSite(runner, settings.listen.host, settings.listen.port).start()
            listen = f"http://{settings.listen.host}:{runner.addresses[0][1]}"
            log.info("gateway starting", sink=front.account.name, listen=listen, http=http)
            leave_alone_what_stays()
            await stop.wait()
        finally:
            await runner.cleanup()  # answers what it has taken in, and takes in nothing more
            await gateway.platform.close()
    log.info("gateway stopped", sink=front.account.name)
    return 0


def _own_endpoint(token: Token | None) -> Token | None:
    """Calls for a token are told apart from the questions."""
    if token is None:
        return None
    ask = token.ask
    return replace(token, ask=lambda config: structs.replace(ask(config), endpoint=TOKEN))


def _fixed_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Of the account; what is sent and what is wanted back each call says for itself."""
    return {name: value for name, value in headers.items() if name.lower() not in ("accept", "content-type")}


def _secrets(config: BaseModel) -> Iterator[str]:
    for name in type(config).model_fields:
        if isinstance(value := getattr(config, name), SecretStr):
            yield value.get_secret_value()
