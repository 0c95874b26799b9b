"""A sink process: settings, clients and metrics put around `streams.delivery`."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Any

import structlog
import uvloop

from schemas.records import Parked
from shoprelay.connections import SUBJECTS, codec_of, names_of, prepared, registry_of
from shoprelay.garbage import leave_alone_what_stays
from shoprelay.http import Readiness, new_registry, serve
from shoprelay.settings import Account, Configuration
from streams.delivery.health import Health
from streams.delivery.runner import run
from streams.delivery.settings import Backoff, DeliverySettings, GiveUp
from streams.security import aiokafka_options

log = structlog.get_logger("shoprelay")
CUSTOMER_EVENTS, SIGNALS, CATALOG_SIGNALS = SUBJECTS[1], SUBJECTS[3], SUBJECTS[4]


def run_sink(configuration: Configuration, account: Account) -> int:
    """Runs until SIGTERM or SIGINT; returns the exit code."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_sink(configuration, account))


async def _sink(configuration: Configuration, account: Account) -> int:
    stop, health = asyncio.Event(), _Watched()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    metrics, registry = new_registry(), registry_of(configuration)
    signals = codec_of(registry, configuration, *SIGNALS)
    catalog = codec_of(registry, configuration, *CATALOG_SIGNALS) if account.sink.catalog else None
    events = codec_of(registry, configuration, *CUSTOMER_EVENTS) if account.sink.mass is not None else None
    parked = codec_of(registry, configuration, f"parked-{account.name}", "parked.avsc", Parked)
    http = account.settings.http
    try:
        async with serve(http.host, http.port, metrics, health.readiness) as address:
            log.info("sink starting", sink=account.name, http=address)
            await prepared(codec for codec in (signals, parked, catalog, events) if codec is not None)
            leave_alone_what_stays()
            return await run(
                account.sink,
                account.config,
                _delivery_settings(configuration, account),
                codec=signals,
                catalog=catalog,
                events=events,
                parked=parked,
                registry=metrics,
                stop=stop,
                watch=health.watch,
            )
    finally:
        await registry.close()


class _Watched:
    """Readiness from the delivery's health, once there is one."""

    def __init__(self) -> None:
        self._tell: Callable[[], Health] | None = None

    def watch(self, tell: Callable[[], Health]) -> None:
        self._tell = tell

    def readiness(self) -> Readiness:
        if self._tell is None:
            return Readiness(False, "waiting for the schema registry")
        now = self._tell()
        detail: dict[str, Any] = {
            "state": now.state,
            "lag": now.lag,
            "partitions": now.partitions,
            "in_flight": now.in_flight,
        }
        if now.history:
            detail["history"] = now.history
        if now.state in ("held", "joining"):
            return Readiness(False, now.reason or now.state, detail)
        return Readiness(True, "", detail)


def _delivery_settings(configuration: Configuration, account: Account) -> DeliverySettings:
    names, settings = names_of(configuration), account.settings
    return DeliverySettings(
        bootstrap=configuration.settings.kafka.bootstrap,
        group=f"{names.prefix}shoprelay-sink-{account.name}",
        account=account.name,
        shops=frozenset(settings.shops),
        topic=names.customer_signals.name,
        catalog_topic=names.catalog_signals.name if account.sink.catalog else "",
        parked_topic=names.parked(account.name).name,
        redrive_topic=names.redrive(account.name).name,
        kept_topic=names.kept(account.name).name,
        kept_keys=settings.kept_keys,
        customers_changelog=names.customers_changelog.name,
        products_changelog=names.catalog_changelog.name,
        customer_events=names.customer_events.name,
        partitions=names.partitions,
        max_in_flight=settings.max_in_flight,
        session_seconds=settings.session.total_seconds(),
        drain_seconds=settings.drain.total_seconds(),
        backoff=Backoff(cap_seconds=settings.longest_backoff.total_seconds()),
        give_up_after=GiveUp(seconds=settings.give_up_after.total_seconds()),
        security=aiokafka_options(configuration.settings.kafka.security()),
    )
