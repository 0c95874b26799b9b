"""`lane`: the embedded broker, or the real Kafka named by SHOPRELAY_TEST_KAFKA. `system`: Shoprelay running on one,
shared by a module's tests, each with customers of its own."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.system.procs import Lane, open_lane
from tests.system.running import Running


@pytest.fixture
async def lane(tmp_path: Path) -> AsyncIterator[Lane]:
    opened = await open_lane(tmp_path, os.environ.get("SHOPRELAY_TEST_KAFKA"))
    yield opened
    await opened.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """For modules whose tests run with `pytest.mark.asyncio(loop_scope="module")`."""
    running = await Running.start(tmp_path_factory.mktemp("system"))
    yield running
    await running.close()
