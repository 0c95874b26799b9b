"""A process that asks one platform: settings, clients and metrics put around `streams.polling`."""

from __future__ import annotations

import asyncio
import random
import signal

import structlog
import uvloop

from shoprelay.connections import SUBJECTS, codec_of, names_of, prepared, registry_of
from shoprelay.http import Readiness, new_registry, serve
from shoprelay.settings import Asked, Configuration
from streams.delivery.clock import SystemClock
from streams.delivery.settings import Backoff
from streams.polling.asking import transport_of
from streams.polling.kafka import KafkaHands
from streams.polling.metrics import PollingMetrics
from streams.polling.poller import Poller
from streams.polling.settings import PollingSettings
from streams.security import aiokafka_options

log = structlog.get_logger("shoprelay")
EVENTS = next(subject for subject in SUBJECTS if subject[0] == "shop-events")
REFUSED = next(subject for subject in SUBJECTS if subject[0] == "refused")


def run_poll(configuration: Configuration, asked: Asked) -> int:
    """Runs until SIGTERM or SIGINT; returns the exit code."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_poll(configuration, asked))


async def _poll(configuration: Configuration, asked: Asked) -> int:
    stop, metrics, registry = asyncio.Event(), new_registry(), registry_of(configuration)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    events, refused = codec_of(registry, configuration, *EVENTS), codec_of(registry, configuration, *REFUSED)
    settings, clock = _polling_settings(configuration, asked), SystemClock()
    hands = KafkaHands(settings, events, refused)
    transport = transport_of(asked.source, asked.config, clock)
    poller = Poller(
        asked.source, asked.config, settings, hands=hands, transport=transport,
        metrics=PollingMetrics(metrics, asked.name), clock=clock, random=random.random,
    )  # fmt: skip
    http = asked.settings.http
    try:
        async with serve(http.host, http.port, metrics, lambda: _readiness(poller)) as address:
            log.info("poller starting", source=asked.name, http=address)
            await prepared([events, refused])
            await poller.run(stop)
    finally:
        for each in (transport, hands, registry):
            await each.close()
    return 0


def _readiness(poller: Poller) -> Readiness:
    now = poller.health()
    detail = {"state": now.state, "finished": now.finished.isoformat() if now.finished else None}
    return Readiness(now.ready, "" if now.ready else now.reason or now.state, detail)


def _polling_settings(configuration: Configuration, asked: Asked) -> PollingSettings:
    names = names_of(configuration)
    return PollingSettings(
        account=asked.name,
        shop=asked.settings.shop,
        every_seconds=asked.every.total_seconds(),
        bootstrap=configuration.settings.kafka.bootstrap,
        events_topic=names.shop_events.name,
        positions_topic=names.positions.name,
        refused_topic=names.refused.name,
        partitions=names.partitions,
        backoff=Backoff(cap_seconds=asked.settings.longest_backoff.total_seconds()),
        security=aiokafka_options(configuration.settings.kafka.security()),
    )
