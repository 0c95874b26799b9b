"""What every test of the worker starts from. Codecs are compiled once: they hold no state that a test could change."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from streams.worker.app import Codecs
from streams.worker.metrics import WorkerMetrics
from tests.worker.world import Desk, codecs_of

_compiled: list[Codecs] = []


@pytest.fixture
async def codecs() -> Codecs:
    """Ready to encode, with schemas registered nowhere but in memory. For foreign schemas take `own_codecs`."""
    if not _compiled:
        _compiled.append(await codecs_of(Desk().client()))
    return _compiled[0]


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
async def own_codecs(desk: Desk) -> Codecs:
    """Of a registry that this test may fill, and send away."""
    return await codecs_of(desk.client())


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> WorkerMetrics:
    return WorkerMetrics(registry)
