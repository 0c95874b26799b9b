"""The `lane` of system tests: the embedded broker, or the real Kafka named by SHOPRELAY_TEST_KAFKA."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.system.procs import Lane, open_lane


@pytest.fixture
async def lane(tmp_path: Path) -> AsyncIterator[Lane]:
    opened = await open_lane(tmp_path, os.environ.get("SHOPRELAY_TEST_KAFKA"))
    yield opened
    await opened.close()
