"""The worker process: settings, clients and metrics put around `streams.worker`."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import AsyncExitStack
from typing import Any, NoReturn

import structlog
import uvloop
from prometheus_client import CollectorRegistry

from streams.engine import EngineSettings  # isort: skip  (before faust: it decides how faust is imported)
import faust

from shoprelay.connections import SUBJECTS, codec_of, names_of, prepared, registry_of
from shoprelay.garbage import leave_alone_what_stays
from shoprelay.hooks import Doors
from shoprelay.http import Readiness, new_registry, serve
from shoprelay.policies import Policies
from shoprelay.settings import Configuration
from streams.topics import INSIDE_BYTES
from streams.worker.app import Codecs, Databases, Names, build
from streams.worker.changes import Feed
from streams.worker.envelopes import Envelopes
from streams.worker.metrics import EngineMetrics, WorkerMetrics
from streams.worker.row_metrics import RowMetrics
from streams.worker.webhooks import Hook, Hooks

log = structlog.get_logger("shoprelay")
COMMIT_SECONDS = 0.5
CHUNK_RECORDS = 2_000  # folding them takes about 50 ms


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Worker(faust.Worker):  # type: ignore[misc]  # faust is not typed
    """Faust's worker sets logging up anew; this one puts ours back."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._handlers = logging.getLogger().handlers[:]

    def on_setup_root_logger(self, logger: logging.Logger, level: int) -> None:
        logger.handlers[:] = self._handlers


def run_worker(configuration: Configuration) -> NoReturn:
    """Runs until SIGTERM; leaves the group and exits 0. Anything that cannot go on exits non-zero."""
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    registry, app = new_registry(), [None]
    http = configuration.settings.worker.http
    stack = AsyncExitStack()
    server = serve(http.host, http.port, registry, lambda: _worker_readiness(app[0]))
    log.info("worker starting", http=loop.run_until_complete(stack.enter_async_context(server)))
    schemas = registry_of(configuration)
    codecs = [codec_of(schemas, configuration, *subject) for subject in SUBJECTS]
    loop.run_until_complete(prepared(codecs))
    app[0] = build(
        _engine_settings(configuration, EngineMetrics(registry)),
        _worker_names(configuration),
        Codecs(*codecs),
        Policies(configuration, configuration.path, now_ms),
        now_ms,
        WorkerMetrics(registry),
        configuration.settings.worker.tick.total_seconds(),
        _hooks(Doors(configuration, now_ms)),
        _databases(configuration, Envelopes(schemas), registry),
    )
    leave_alone_what_stays()
    Worker(app[0], loop=loop, loglevel="INFO", redirect_stdouts=False).execute_from_commandline()
    raise SystemExit(0)


def _hooks(doors: Doors) -> Hooks:
    def hook(shop: str, system: str) -> Hook | None:
        door = doors(shop, system)
        return None if door is None else Hook(door.source, door.shop)

    return hook


def _databases(configuration: Configuration, read: Envelopes, metrics: CollectorRegistry) -> Databases | None:
    feeds = tuple(
        Feed(shop, database.topics_of(shop), database.tables, database.rules(shop), frozenset(database.routed))
        for shop, database in configuration.settings.databases.items()
    )
    return Databases(feeds, read, RowMetrics(metrics)) if feeds else None


def _worker_readiness(app: Any) -> Readiness:
    if app is None:
        return Readiness(False, "waiting for the schema registry")
    now = app.engine.progress
    detail = {"state": now.state, "partitions": now.partitions, "restore_eta_seconds": now.restore_eta_seconds}
    return Readiness(now.ready, "" if now.ready else now.doing, detail)


def _engine_settings(configuration: Configuration, metrics: EngineMetrics) -> EngineSettings:
    settings = configuration.settings
    state_dir = settings.worker.state_dir.absolute()
    state_dir.mkdir(parents=True, exist_ok=True)
    session = settings.worker.session.total_seconds()
    return EngineSettings(
        bootstrap=settings.kafka.bootstrap,
        group=f"{settings.topics.prefix}shoprelay",
        state_dir=state_dir,
        store=settings.worker.store,
        session_seconds=session,
        heartbeat_seconds=session / 3.5,
        chunk_records=CHUNK_RECORDS,
        commit_seconds=min(COMMIT_SECONDS, settings.worker.tick.total_seconds()),  # a tick learns from commits
        compression="zstd",
        max_request_bytes=INSIDE_BYTES,
        embedded_broker=settings.kafka.embedded,
        security=settings.kafka.security(),
        hooks=metrics.hooks(),
    )


def _worker_names(configuration: Configuration) -> Names:
    names = names_of(configuration)
    return Names(
        shop_events=names.shop_events.name,
        webhooks=names.webhooks.name,
        customer_events=names.customer_events.name,
        customer_signals=names.customer_signals.name,
        catalog_events=names.catalog_events.name,
        catalog_signals=names.catalog_signals.name,
        customers_changelog=names.customers_changelog.name,
        catalog_changelog=names.catalog_changelog.name,
        row_changes=names.row_changes.name,
        rows_changelog=names.rows_changelog.name,
        refused=names.refused.name,
        partitions=names.partitions,
        refused_partitions=names.refused.partitions,
    )
